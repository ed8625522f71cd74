"""Regard reads what customers do and tells a shop what each of them will want next, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from regard.workspace import Workspace, init, open

__all__ = ["Workspace", "__version__", "init", "open"]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    if name in ("Workspace", "init", "open"):
        from regard import workspace

        return getattr(workspace, name)
    raise AttributeError(f"module 'regard' has no attribute {name!r}")
