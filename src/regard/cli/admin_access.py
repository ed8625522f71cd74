"""admin people, admin audit: who may log in to the console, and who changed what."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from regard.cli.admin import BY, moment, opened
from regard.cli.screen import Folder, Screen, table, verb
from regard.cli.words import Words

if TYPE_CHECKING:
    from regard.serving.audit import Entry
    from regard.serving.people import Person

Name = Annotated[str, typer.Argument(metavar="NAME", help="The name to log in with.", show_default=False)]
Drawn = Annotated[bool, typer.Option("--generate", help="Draw a password and show it once, instead of asking for one.")]


def add_to(group: typer.Typer) -> None:
    """Register the commands of this file with `regard admin`."""
    people = typer.Typer(name="people", no_args_is_help=True, help="People who may log in to the console.")
    for name, function in (
        ("add", add_person),
        ("list", list_people),
        ("remove", remove_person),
        ("reset", reset_person),
    ):
        people.command(name)(verb(function))
    group.add_typer(people)
    group.command("audit")(verb(audit))


def add_person(
    screen: Screen,
    folder: Folder,
    name: Name,
    role: Annotated[str, typer.Option("--role", metavar="ROLE", help="viewer, editor or admin.")],
    generate: Drawn = False,
) -> None:
    """Let somebody log in; the password is asked for, or is the first line of the input."""
    from regard.serving.people import People, drawn

    with opened(folder) as (config, vault):
        say = screen.speak(config.language)
        password = drawn() if generate else _asked(say)
        person = People(vault).add(name, role, password, by=BY)

    def people(out: Console) -> None:
        out.print(say("{name} may log in as {role}", name=person.name, role=role))
        _show_password(out, password if generate else "", say)

    screen.show(_told(person) | ({"password": password} if generate else {}), people)


def list_people(screen: Screen, folder: Folder) -> None:
    """List who may log in, and as what."""
    from regard.serving.people import People

    with opened(folder) as (config, vault):
        say = screen.speak(config.language)
        found = People(vault).all()

    def people(out: Console) -> None:
        if not found:
            out.print(say("nobody may log in yet"))
            return
        made = table(say("name"), say("role"), say("since (UTC)"))
        for person in found:
            made.add_row(person.name, person.role, str(moment(person.made_us))[:10])
        out.print(made)

    screen.show({"people": [_told(person) for person in found]}, people)


def remove_person(screen: Screen, folder: Folder, name: Name) -> None:
    """Let somebody log in no more; open sessions end."""
    from regard.serving.people import People

    with opened(folder) as (config, vault):
        say = screen.speak(config.language)
        People(vault).remove(name, by=BY)
    screen.show({"removed": name}, lambda out: out.print(say("{name} may log in no more", name=name)))


def reset_person(screen: Screen, folder: Folder, name: Name, generate: Drawn = False) -> None:
    """Set another password; open sessions end."""
    from regard.serving.people import People, drawn

    with opened(folder) as (config, vault):
        say = screen.speak(config.language)
        password = drawn() if generate else _asked(say)
        People(vault).reset(name, password, by=BY)

    def people(out: Console) -> None:
        out.print(say("{name} has another password", name=name))
        _show_password(out, password if generate else "", say)

    screen.show({"reset": name} | ({"password": password} if generate else {}), people)


def audit(
    screen: Screen,
    folder: Folder,
    n: Annotated[int, typer.Option("-n", metavar="N", help="How many of the latest entries are shown.", min=1)] = 20,
) -> None:
    """Check the audit log, and list who changed what; fails where an entry was changed or taken out."""
    from regard.serving.audit import Audit

    with opened(folder) as (config, vault):
        say = screen.speak(config.language)
        count = Audit(vault).verify()
        found = Audit(vault).newest(n)

    def people(out: Console) -> None:
        _entries(out, found, say)
        out.print(
            say("{n} entries, none changed; the last hash is {hash}", n=count, hash=found[0].hash if found else "")
        )

    entries = [
        {"number": one.number, "at": moment(one.at_us), "who": one.who, "what": one.what, "about": one.about,
         "detail": one.detail, "hash": one.hash}
        for one in found
    ]  # fmt: skip
    screen.show({"verified": count, "entries": entries}, people)


def _entries(out: Console, found: list[Entry], say: Words) -> None:
    made = table(*(say(name) for name in ("at (UTC)", "who", "what", "about")), wide=say("about"), wrap=True)
    for one in reversed(found):
        made.add_row(str(moment(one.at_us))[:19].replace("T", " "), one.who, one.what, one.about)
    out.print(made)


def _asked(say: Words) -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    return str(typer.prompt(say("password"), hide_input=True, confirmation_prompt=say("again"), err=True))


def _show_password(out: Console, password: str, say: Words) -> None:
    if password:
        out.print(say("the password, shown this once:"))
        out.print(password, soft_wrap=True)


def _told(person: Person) -> dict[str, Any]:
    return {"name": person.name, "role": person.role, "created_at": moment(person.made_us)}
