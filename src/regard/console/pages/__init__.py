"""Pages: one file a screen: what is asked for it, and the addresses under which it is found."""

from __future__ import annotations

from importlib import import_module

from fastapi import APIRouter

SCREENS = (
    "home",
    "welcome",
    "customers",
    "customer",
    "playground",
    "segments",
    "catalogue",
    "events",
    "models",
    "rules",
    "results",
    "jobs",
    "settings",
    "door",
)
"""Modules of this folder, each with a `router`."""


def routers() -> list[APIRouter]:
    """The router of every screen."""
    return [import_module(f"{__name__}.{name}").router for name in SCREENS]
