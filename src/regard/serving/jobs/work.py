"""The process of a job: `python -m regard.serving.jobs.work`. It reads what to do, says how far it is, and what came out.

It is told one JSON line on stdin and says JSON lines on stdout: {"progress": ...} while it works, in the end {"result":
...} or {"error", "hint"}. When stdin ends, who asked is gone, and so is this process: nobody works unseen.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from regard.errors import RegardError
from regard.serving.jobs.kinds import checked

if TYPE_CHECKING:
    from regard.workspace import Workspace

OFTEN = 0.25
"""Seconds between two lines about the same step."""


class Telling:
    """A Progress that says JSON lines, not too many.

    Args:
        out: where to. clock: seconds, for tests.

    >>> import io
    >>> out = io.StringIO()
    >>> Telling(out).start("training", total=10)
    >>> out.getvalue()
    '{"progress": {"step": "training", "done": 0.0, "total": 10, "note": ""}}\\n'
    """

    def __init__(self, out: IO[str], clock: Callable[[], float] = time.monotonic) -> None:
        self._out, self._clock = out, clock
        self._told: dict[str, Any] = {}
        self._said = -OFTEN

    def start(self, what: str, total: float | None = None) -> None:
        """Say that a step begins."""
        self._told = {"step": what, "done": 0.0, "total": total, "note": ""}
        self._say()

    def advance(self, amount: float = 1.0, note: str = "") -> None:
        """Say how far it is, now and then."""
        if self._told:
            self._told |= {"done": self._told["done"] + amount, "note": note or self._told["note"]}
            if self._clock() - self._said >= OFTEN:
                self._say()

    def finish(self, note: str = "") -> None:
        """Say that the step is over."""
        if self._told:
            self._told |= {"done": self._told["total"] or self._told["done"], "note": note}
            self._say()

    def _say(self) -> None:
        self._said = self._clock()
        say(self._out, {"progress": self._told})


def say(out: IO[str], told: dict[str, Any]) -> None:
    """Write one line."""
    print(json.dumps(told, ensure_ascii=False, default=float), file=out, flush=True)


def work(folder: Path, kind: str, arguments: dict[str, Any], file: Path, progress: Telling) -> dict[str, Any]:
    """Do a job.

    Args:
        folder: the workspace. kind, arguments: see `kinds`. file: what it may write. progress: hears how far it is.

    Returns:
        What came out, plain JSON values.

    Raises:
        RegardError: it cannot be done.
    """
    import regard

    said = checked(kind, arguments)
    return _WORK[kind](regard.open(folder), said, file, progress)


def _train(shop: Workspace, said: dict[str, Any], file: Path, progress: Telling) -> dict[str, Any]:
    return shop.train(**said, progress=progress).to_json()


def _refresh(shop: Workspace, said: dict[str, Any], file: Path, progress: Telling) -> dict[str, Any]:
    return shop.retrain(**said, progress=progress).to_json()


def _evaluate(shop: Workspace, said: dict[str, Any], file: Path, progress: Telling) -> dict[str, Any]:
    return shop.evaluate(**said, progress=progress).to_json(shop.config.language)


def _seal(shop: Workspace, said: dict[str, Any], file: Path, progress: Telling) -> dict[str, Any]:
    """Seal, merge small parts, drop what is too old. The new version's packed log is made here as well, so that whoever
    answers from it only has to map it.
    """
    from regard.events.live.seal import seal
    from regard.sequences.anomalies import drift
    from regard.sequences.anomalies.judge import FLAGGED

    progress.start("sealing")
    report = seal(shop.store)
    progress.finish()
    merged = _compact_parts(shop, progress)
    if report is None and not merged["before"]:
        return {"events": 0}
    packed = _pack(shop, said, file, progress)
    shifted = [shift.column for shift in drift(shop.log()) if shift.score >= FLAGGED]
    sealed = {"events": report.accepted, "ingest": report.number} if report is not None else {"events": 0}
    return {**sealed, "compacted": merged, **packed, "drift": shifted}


def _compact(shop: Workspace, said: dict[str, Any], file: Path, progress: Telling) -> dict[str, Any]:
    return {**_compact_parts(shop, progress), **_pack(shop, said, file, progress)}


def _compact_parts(shop: Workspace, progress: Telling) -> dict[str, Any]:
    from regard.events.live.compaction import compact

    progress.start("compacting")
    found = compact(shop.store)
    progress.finish()
    return asdict(found)


def _pack(shop: Workspace, said: dict[str, Any], file: Path, progress: Telling) -> dict[str, Any]:
    version = shop.store.version
    progress.start("packing")
    shop.log()
    progress.finish()
    return {"version": version}


def _segments(shop: Workspace, said: dict[str, Any], file: Path, progress: Telling) -> dict[str, Any]:
    progress.start("clustering")
    found = shop.segments().to_json()
    progress.finish()
    return found


def _recommend_all(shop: Workspace, said: dict[str, Any], file: Path, progress: Telling) -> dict[str, Any]:
    return {**_plain(shop.recommend_all(file, **said, progress=progress)), "path": file.name}


def _profiles(shop: Workspace, said: dict[str, Any], file: Path, progress: Telling) -> dict[str, Any]:
    return {**_plain(shop.profile_all(file, **said, progress=progress)), "path": file.name}


def _plain(found: Any) -> dict[str, Any]:
    told: dict[str, Any] = found.to_json()
    return told


_WORK: dict[str, Callable[[Workspace, dict[str, Any], Path, Telling], dict[str, Any]]] = {
    "train": _train,
    "refresh": _refresh,
    "evaluate": _evaluate,
    "seal": _seal,
    "compact": _compact,
    "pack": _pack,
    "segments": _segments,
    "recommend_all": _recommend_all,
    "profiles": _profiles,
}


def _die_with(asked: IO[str]) -> None:
    """End this process, as a kill would, when nobody holds the other end any more."""
    asked.read()
    os._exit(1)


def main() -> None:
    """Read, work, say."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")  # stdout is the parent's; what libraries print there is lost
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    job = json.loads(sys.stdin.readline())
    os.nice(job["nice"])
    threading.Thread(target=_die_with, args=(sys.stdin,), daemon=True).start()
    try:
        result = work(Path(job["folder"]), job["kind"], job["arguments"], Path(job["file"]), Telling(out))
        say(out, {"result": result})
    except RegardError as error:
        say(out, {"error": error.message, "hint": error.hint})
    except Exception as error:
        # Where it happened goes to the server's log; what the error says may name somebody, and goes nowhere.
        traceback.print_tb(error.__traceback__)
        say(out, {"error": f"{type(error).__name__} while it ran", "hint": "please report it; the log says where"})
    out.flush()
    os._exit(0)  # without waiting for threads of libraries


if __name__ == "__main__":
    main()
