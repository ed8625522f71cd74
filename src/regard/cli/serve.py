"""serve: the workspace as an HTTP server."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer
from rich.console import Console

from regard.cli.screen import Folder, Screen, verb


def add_to(app: typer.Typer) -> None:
    """Register the commands of this file."""
    app.command()(verb(serve))


def serve(
    screen: Screen,
    folder: Folder,
    host: Annotated[
        str | None, typer.Option("--host", metavar="ADDRESS", help="Address to listen on; 127.0.0.1 unless said.")
    ] = None,
    port: Annotated[int | None, typer.Option("--port", metavar="PORT", help="TCP port; 8700 unless said.")] = None,
    allow_host: Annotated[
        list[str] | None,
        typer.Option("--allow-host", metavar="NAME", help="A name by which it is called; may be repeated."),
    ] = None,
    proxy: Annotated[
        list[str] | None,
        typer.Option("--proxy", metavar="ADDRESS", help="A proxy whose forwarded headers are believed."),
    ] = None,
) -> None:
    r"""Serve the workspace over HTTP: events come in, answers go out, and a console for people at /.

    Open to this machine only until a key exists. Other settings stand under \[serve] in regard.toml.
    """
    import regard
    from regard.console import attach
    from regard.serving.run import serve as run
    from regard.serving.settings import Settings

    shop = regard.open(folder)
    flags = {"host": host, "port": port, "allowed_hosts": allow_host or None, "proxies": proxy or None}
    settings = Settings.of(flags, os.environ, shop.config.serve)
    say = screen.speak(shop.config.language)

    def ready(address: str, key: str) -> None:
        def people(out: Console) -> None:
            out.print(say("serving {folder} at {address}; stop it with Ctrl+C", folder=folder, address=address))
            if key:
                out.print(say("the first admin key, shown this once: {key}", key=key), soft_wrap=True)

        screen.show({"address": address} | ({"key": key} if key else {}), people)
        sys.stdout.flush()

    run(shop, settings, also=attach, ready=ready)
