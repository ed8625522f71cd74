"""Frame: what every page has: language, theme, navigation, who looks at it; and how a page is put together."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any
from urllib.parse import urlencode

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined

from regard import __version__
from regard.config import LANGUAGES
from regard.console.words import Words
from regard.serving.access import Caller
from regard.serving.server import Server

THEMES = ("light", "dark")

KEPT = ("lang", "theme")
"""Parameters that every link of a page hands on, so that language and theme need no cookie."""

SCREENS = (
    ("home", "/", "h"),
    ("customers", "/customers", "c"),
    ("segments", "/segments", "s"),
    ("playground", "/playground", "p"),
    ("events", "/events", "e"),
    ("catalogue", "/catalogue", "i"),
    ("rules", "/rules", "r"),
    ("results", "/results", "o"),
    ("models", "/models", "m"),
    ("jobs", "/jobs", "j"),
    ("settings", "/settings", "t"),
)
"""Name, path and key of each screen, in the order of the navigation."""

UNDER = {"/customer": "customers", "/item": "catalogue", "/model": "models", "/welcome": "home", "/home/alarms": "home"}
"""Pages that belong to a screen without lying beneath its path."""

GAPS = ("events", "rules", "models", "settings")
"""Screens before which the navigation leaves a gap: whom, with what, by which rules, on what it runs."""


@dataclass(frozen=True, kw_only=True)
class Frame:
    """One request's.

    Args:
        say: its language. theme: 'light', 'dark' or '' for the system's. shop: name of the workspace.
        caller: who asks. path: of the page. query: its parameters. csrf: token that forms send back.
    """

    say: Words
    theme: str
    shop: str
    caller: Caller
    path: str
    query: tuple[tuple[str, str], ...]
    csrf: str

    @property
    def kept(self) -> list[tuple[str, str]]:
        """What links hand on."""
        return [(name, value) for name, value in self.query if name in KEPT]

    def link(self, path: str, **params: object) -> str:
        """An address of the console; parameters that are None or '' are left out."""
        told = [(name, str(value)) for name, value in params.items() if value is not None and value != ""]
        kept = [pair for pair in self.kept if pair[0] not in params]
        query = urlencode([*told, *kept])
        return f"{path}?{query}" if query else path

    def here(self, **params: object) -> str:
        """This very page with other parameters; None takes one away."""
        rest = {name: value for name, value in self.query if name not in params and name not in KEPT}
        return self.link(self.path, **rest, **params)

    def may(self, scope: str) -> bool:
        """Whether whoever looks may do this."""
        return scope in self.caller.scopes

    def screens(self) -> list[dict[str, Any]]:
        """The navigation."""
        return [
            {
                "name": name,
                "title": self.say(f"nav.{name}"),
                "link": self.link(path),
                "key": key,
                "gap": name in GAPS,
                "here": name == UNDER.get(self.path) or path in (self.path, f"/{self.path.split('/')[1]}"),
            }
            for name, path, key in SCREENS
        ]


def frame(request: Request, server: Server, caller: Caller, csrf: str = "") -> Frame:
    """The frame of a request."""
    config = server.shop.config
    told = request.query_params.get("lang", "")
    language = told if told in LANGUAGES else _accepted(request.headers.get("accept-language", ""), config.language)
    theme = request.query_params.get("theme", "")
    return Frame(
        say=Words(language, zone=config.time_zone, currency=config.currency),
        theme=theme if theme in THEMES else "",
        shop=server.shop.folder.resolve().name,
        caller=caller,
        path=request.url.path,
        query=tuple(request.query_params.multi_items()),
        csrf=csrf,
    )


def _accepted(header: str, otherwise: str) -> str:
    """The first language of Accept-Language that the console speaks.

    >>> _accepted("fr;q=0.9, zh-CN;q=0.8, en;q=0.7", "en"), _accepted("fr", "en")
    ('zh', 'en')
    """
    told = []
    for place, part in enumerate(header.split(",")):
        name, _, weight = part.strip().partition(";q=")
        try:
            told.append((-float(weight or 1), place, name.split("-")[0].lower()))
        except ValueError:
            continue
    return next((name for _, _, name in sorted(told) if name in LANGUAGES), otherwise)


def page(frame: Frame, template: str, *, status: int = 200, **parts: Any) -> HTMLResponse:
    """A whole page, or a part of one that htmx asked for."""
    text = environment().get_template(template).render(f=frame, say=frame.say, link=frame.link, **parts)
    return HTMLResponse(text, status_code=status)


@cache
def environment() -> Environment:
    """The templates: everything is escaped, and a name that nobody gave is an error."""
    made = Environment(
        loader=PackageLoader("regard.console"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals |= {"version": __version__, "asset": asset, "languages": LANGUAGES}
    return made


@cache
def asset(name: str) -> str:
    """The address of a built file, another whenever its bytes are."""
    digest = hashlib.sha256((files("regard.console") / "static" / name).read_bytes()).hexdigest()
    return f"/assets/{name}?v={digest[:12]}"
