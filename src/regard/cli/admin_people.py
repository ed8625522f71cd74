"""admin erase, export, separate: what a person may ask of the shop that keeps their data."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from regard.cli.screen import Folder, Screen, table, verb
from regard.cli.words import Words
from regard.errors import UsageError

if TYPE_CHECKING:
    from regard.events.erasure import Proof

Customer = Annotated[str, typer.Argument(metavar="CUSTOMER", help="The customer's id.", show_default=False)]


PLACES = {
    "events": "accepted events",
    "covered": "events that came twice",
    "rejected": "rows that were not accepted",
    "customers": "customers tables",
    "scores": "scores from outside",
    "edges": "links with others",
    "tail": "live events",
    "refused": "live records that were refused",
    "traits": "what was said of them live",
    "consents": "what they said of being looked at",
    "aliases": "ids joined to them",
    "bots": "flags of robots",
    "segment_members": "members of saved rules",
    "segments": "members of segments",
    "impressions": "lists that were shown",
    "cache": "caches, made anew when asked",
    "reports": "report pages and files of jobs",
    "replies": "answers kept for repeated requests",
}
"""What a place of the inventory is called."""


def add_to(group: typer.Typer) -> None:
    """Register the commands of this file with `regard admin`."""
    for name, function in (("erase", erase), ("export", export), ("separate", separate)):
        group.command(name)(verb(function))


def erase(
    screen: Screen,
    folder: Folder,
    customer: Customer,
    yes: Annotated[bool, typer.Option("--yes", help="Do it; without this, only show what would go.")] = False,
) -> None:
    """Take a customer out of every place of the workspace; it cannot be taken back.

    They are hidden at once. What they did before stays out, however it is sent again; what they do afterwards begins anew.
    """
    import regard

    shop = regard.open(folder)
    say = screen.speak(shop.config.language)
    if not yes:
        places = {place: len(rows) for place, rows in shop.export(customer)["places"].items()}
        told: dict[str, Any] = {"customer": customer, "erased": False, "places": places}
        screen.show(told, lambda out: _would(out, places, say))
        return
    proof = shop.erase(customer)
    _noted(folder, proof)
    told = {"customer": customer, "erased": True, "places": proof.removed}
    told |= {name: getattr(proof, name) for name in ("number", "at", "done", "digest", "kept", "version")}
    screen.show(told, lambda out: _erased(out, proof, say))


def export(
    screen: Screen,
    folder: Folder,
    customer: Customer,
    out: Annotated[
        str | None,
        typer.Option("--out", metavar="FILE", help="Write it to a new JSON file instead.", show_default=False),
    ] = None,
) -> None:
    """Print everything that the workspace keeps of a customer, as one JSON object."""
    import regard

    shop = regard.open(folder)
    say = screen.speak(shop.config.language)
    found = shop.export(customer)
    text = json.dumps(found, ensure_ascii=False, indent=1)
    if out is None:
        screen.show(found, lambda on: on.print(text, soft_wrap=True))
        return
    try:
        with Path(out).open("x", encoding="utf-8") as file:
            file.write(text + "\n")
    except OSError as error:
        raise UsageError(f"{out} cannot be written: {error.strerror}", hint="name a new file") from None
    screen.show({"path": out}, lambda on: on.print(say("wrote {path}", path=out)))


def separate(
    screen: Screen,
    folder: Folder,
    anonymous: Annotated[str, typer.Argument(metavar="ID", help="The id that was joined.", show_default=False)],
    customer: Customer,
) -> None:
    """Take an identification back: what was done under the id is the customer's no longer."""
    import regard

    shop = regard.open(folder)
    say = screen.speak(shop.config.language)
    shop.separate(anonymous, customer)
    told = {"separated": anonymous, "customer": customer}
    screen.show(told, lambda out: out.print(say("{id} is no longer {customer}", id=anonymous, customer=customer)))


def _noted(folder: str, proof: Proof) -> None:
    """Say in the audit log that it was done, by its number: the log outlives every name in it."""
    from regard.cli.admin import BY, opened
    from regard.serving.audit import Audit

    with opened(folder) as (_, vault):
        Audit(vault).write(BY, "customer.erase", str(proof.number))


def _would(out: Console, places: dict[str, int], say: Words) -> None:
    if not places:
        out.print(say("nothing is kept of this customer"))
        return
    _places(out, places, say)
    out.print(say("nothing was erased; it cannot be taken back: add --yes"))


def _erased(out: Console, proof: Proof, say: Words) -> None:
    _places(out, proof.removed, say)
    if proof.done:
        out.print(say("erased; proof {number}", number=proof.number))
    else:
        out.print(say("hidden; another command is at work, and whatever writes next finishes it"))


def _places(out: Console, places: dict[str, int], say: Words) -> None:
    made = table(say("place"), say("rows"), right=(say("rows"),))
    for place, count in places.items():
        made.add_row(say(PLACES[place]), f"{count:,}")
    out.print(made)
