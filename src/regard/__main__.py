"""`python -m regard`: the command line."""

from __future__ import annotations

from regard.cli import main

if __name__ == "__main__":
    main()
