"""admin models, backup, verify, restore, upgrade, replay: the care of a workspace."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from regard.cli.screen import Folder, Screen, table, verb
from regard.cli.words import Words

if TYPE_CHECKING:
    from regard.workspace.backup import Archive
    from regard.workspace.models import Registered

Model = Annotated[str, typer.Argument(metavar="MODEL", help="Its id, such as m3.", show_default=False)]
Why = Annotated[str, typer.Option("--why", metavar="TEXT", help="One line for whoever reads the list later.")]
Backup = Annotated[str, typer.Argument(metavar="BACKUP", help="The backup's folder.", show_default=False)]

MOST = 10_000
"""Refused records that are sent again at once; the rest the next time."""


STATES = {"candidate": "candidate", "serving": "serving", "previous": "previous", "refused": "refused"}
"""What a state of a model is called."""

STEPS = {"digests of parts": "digests of parts", "tables of live events": "tables of live events"}
"""What a step of an upgrade is called."""


def add_to(group: typer.Typer) -> None:
    """Register the commands of this file with `regard admin`."""
    models = typer.Typer(name="models", no_args_is_help=True, help="Which model answers.")
    for name, function in (("list", list_models), ("promote", promote), ("rollback", roll_back)):
        models.command(name)(verb(function))
    group.add_typer(models)
    group.command("backup")(verb(backup))
    group.command("verify")(verb(verify))
    group.command("restore")(verb(restore))
    group.command("upgrade")(verb(upgrade))
    group.command("replay")(verb(replay))


def list_models(screen: Screen, folder: Folder) -> None:
    """List all models and which one answers."""
    import regard

    shop = regard.open(folder)
    say, entries, current = screen.speak(shop.config.language), shop.models.all(), shop.models.current()
    told = [_told(entry, current) for entry in entries]
    screen.show({"models": told}, lambda out: _listed(out, entries, current, folder, say))


def _told(entry: Registered, current: Registered | None) -> dict[str, Any]:
    return {
        "id": entry.id, "trained_at": entry.at, "state": entry.state, "why": entry.why, "gate": entry.gate,
        "answers": current is not None and current.id == entry.id,
    }  # fmt: skip


def _listed(out: Console, entries: list[Registered], current: Registered | None, folder: str, say: Words) -> None:
    if not entries:
        out.print(say("no models yet; next: {command}", command=f"regard train {folder}"), soft_wrap=True)
        return
    made = table(say("model"), say("trained at (UTC)"), say("state"), say("why"), wide=say("why"), wrap=True)
    for entry in entries:
        chosen = current is not None and current.id == entry.id
        made.add_row(
            entry.id,
            entry.at[:16].replace("T", " "),
            say(STATES[entry.state]),
            entry.why,
            style="bold" if chosen else "",
        )
    out.print(made)
    if current is not None and current.state != "serving":
        out.print(Text(say("none was promoted: {model}, the newest, answers", model=current.id), style="dim"))


def promote(screen: Screen, folder: Folder, model: Model, why: Why = "by hand") -> None:
    """Put a model in service once it has answered a few customers as it should."""
    import regard

    shop = regard.open(folder)
    say, put = screen.speak(shop.config.language), shop.promote(model, why=why)
    said = say("{model} is in service", model=put.id)
    screen.show(_told(put, shop.models.current()), lambda out: out.print(said))


def roll_back(screen: Screen, folder: Folder, why: Why = "by hand") -> None:
    """Put the model back that served before; the one that serves now is refused from then on."""
    import regard

    shop = regard.open(folder)
    say, back = screen.speak(shop.config.language), shop.roll_back(why=why)
    said = say("{model} is in service again", model=back.id)
    screen.show(_told(back, shop.models.current()), lambda out: out.print(said))


def backup(
    screen: Screen,
    folder: Folder,
    to: Annotated[
        str, typer.Argument(metavar="BACKUP", help="A new folder, best on another disk.", show_default=False)
    ],
    link: Annotated[
        bool, typer.Option("--link", help="Share unchanging files with the workspace: quick, and on the same disk.")
    ] = False,
) -> None:
    """Back a workspace up while it is used."""
    from regard.events.store import Store
    from regard.workspace.backup import backup as make

    store = Store.open(folder)
    say, made = screen.speak(store.config.language), make(store, Path(to), link=link)
    said = say("backed up to {folder}: {files} files, {size} MB, version {version}", **_figures(made))
    screen.show(made.to_json(), lambda out: out.print(said, soft_wrap=True))


def verify(screen: Screen, archive: Backup) -> None:
    """Read every file of a backup and compare it with its manifest."""
    from regard.config import load
    from regard.workspace.backup import verify as check

    found = check(Path(archive))
    say = screen.speak(load(Path(archive)).language)
    said = say("{folder} is whole: {files} files, {size} MB, version {version}, of {at}", **_figures(found))
    screen.show(found.to_json(), lambda out: out.print(said, soft_wrap=True))


def restore(
    screen: Screen,
    archive: Backup,
    folder: Annotated[str, typer.Argument(metavar="FOLDER", help="A new workspace folder.", show_default=False)],
) -> None:
    """Make a workspace of a backup; nothing is overwritten."""
    from dataclasses import replace

    from regard.config import load
    from regard.workspace.backup import restore as make

    made = replace(make(Path(archive), Path(folder)), folder=folder)
    say = screen.speak(load(Path(folder)).language)
    said = say("restored {folder}: {files} files, {size} MB, version {version}, of {at}", **_figures(made))
    screen.show(made.to_json(), lambda out: out.print(said, soft_wrap=True))


def _figures(made: Archive) -> dict[str, object]:
    """What phrases about a backup name."""
    return {
        "folder": made.folder, "files": f"{made.files:,}", "size": f"{made.bytes / 1e6:,.1f}", "at": made.at,
        "version": made.version,
    }  # fmt: skip


def upgrade(
    screen: Screen,
    folder: Folder,
    to: Annotated[
        str | None,
        typer.Option("--backup", metavar="FOLDER", help="Where the workspace as it was goes.", show_default=False),
    ] = None,
) -> None:
    """Bring a workspace that an earlier Regard wrote up to date, with a backup before."""
    from regard.config import load
    from regard.workspace.upgrade import upgrade as make

    found = make(Path(folder), to=Path(to) if to else None)
    say = screen.speak(load(Path(folder)).language)
    said = say("{folder} is up to date", folder=folder)
    if found.backup is not None:
        done = say.joined(say(STEPS[step]) for step in found.done)
        said = say("upgraded: {done}; the workspace as it was: {backup}", done=done, backup=found.backup.folder)
    screen.show(found.to_json(), lambda out: out.print(said, soft_wrap=True))


def replay(screen: Screen, folder: Folder) -> None:
    """Send live records that were refused again, as they are: for when what was wrong has been mended."""
    import regard

    shop = regard.open(folder)
    say = screen.speak(shop.config.language)
    with shop.live() as live:
        numbers = [one.number for one in live.refused(MOST) if one.replayed is None]
        results = live.replay(sorted(numbers)).result() if numbers else []
    still = [one.reason for one in results if one.status == "refused"]
    reasons = {reason: still.count(reason) for reason in dict.fromkeys(still)}
    told = {"sent": len(results) - len(still), "refused": reasons}

    def people(out: Console) -> None:
        out.print(say.count("{n} record sent again|{n} records sent again", len(results) - len(still)))
        for reason, count in reasons.items():
            out.print(say("{n} still refused: {reason}", n=f"{count:,}", reason=say.told(reason)))

    screen.show(told, people)
