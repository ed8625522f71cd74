"""The terminal's face: one command per verb of the workspace, results on stdout, progress and errors on stderr.

`main` is what the `regard` command runs.
"""

from __future__ import annotations

__all__ = ["main"]


def main() -> None:
    """Run the command line."""
    from regard.cli.app import run

    run()
