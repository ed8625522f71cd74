"""Files that somebody asked for: each appears when it is complete, or not at all."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from regard.errors import WorkspaceError


@contextmanager
def complete(path: Path) -> Iterator[Path]:
    """A path to write to, beside the file's own; what lies there in the end is moved to its place.

    Args:
        path: where the file is wanted; what was there before stays until the new one is complete.

    Raises:
        WorkspaceError: the file cannot be written.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "members.csv"
    >>> with complete(path) as beside:
    ...     told = beside.write_text("ann"), path.exists()
    >>> told, path.read_text()
    ((3, False), 'ann')
    """
    beside = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.part")  # nobody else's, and none of another writer's
    try:
        yield beside
        with beside.open("rb+") as written:
            os.fsync(written.fileno())
        beside.replace(path)
    except OSError as error:
        why = os.strerror(error.errno) if error.errno else str(error)
        raise WorkspaceError(f"{path} cannot be written: {why}", hint="check the folder and the space left") from None
    finally:
        beside.unlink(missing_ok=True)
