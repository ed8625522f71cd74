"""Break what a server stands on, and see what it says: full disk, failing writes and fsyncs, clock jumps, halved parts, broken models.

    python -m benchmarks.serve_faults --json benchmarks/results/serve_faults.json

For each fault events are sent before, during and after it, and recommendations are asked for all along. What must hold: no
answer is a 500, nothing acknowledged is missing afterwards and nothing is there twice, and wherever a question can be answered
it is, by the model that was there before. Faults of the disk need a file system of their own and so root, faults of fsync and
of the clock a C compiler: a small library that is loaded before libc's (`SHIM`) gives them, so that nothing of Regard's own is
bent for it. What cannot be done on a machine is said and left out.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import shutil
import subprocess
import tempfile
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import regard
from benchmarks.machine import hardware
from benchmarks.serve_kill import Ledger, faults, there
from benchmarks.served import Client, Process, add_model, client, make

ITEMS, CUSTOMERS, EVENTS, WIDTH = 300, 120, 25, 16
BATCHES = 5
"""Batches sent before, during and after each fault."""

LINES = 5
"""Of the server's own words, the last that are kept."""

DISK_MB = 64
"""Of the file system that gets full."""

SHIM = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static int there(const char *name, long *number) {
    static __thread int within;
    const char *folder = getenv("FAULTS");
    char path[4096];
    FILE *file;
    int found = 0;
    if (!folder || within) return 0;
    within = 1;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    if ((file = fopen(path, "r"))) {
        found = fscanf(file, "%ld", number) == 1;
        fclose(file);
    }
    within = 0;
    return found;
}

static int flushed(const char *name, int fd) {
    long number;
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
    if (there("fsync", &number)) { errno = (int)number; return -1; }
    return real(fd);
}

int fsync(int fd) { return flushed("fsync", fd); }
int fdatasync(int fd) { return flushed("fdatasync", fd); }

int clock_gettime(clockid_t clock, struct timespec *now) {
    static int (*real)(clockid_t, struct timespec *);
    long seconds;
    int code;
    if (!real) real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    code = real(clock, now);
    if (clock == CLOCK_REALTIME && there("clock", &seconds)) now->tv_sec += seconds;
    return code;
}
"""
"""fsync fails with the number in the file `fsync`, the clock is off by as many seconds as stand in the file `clock`."""


@dataclass(eq=False)
class Place:
    """Where one fault is tried.

    Args: folder: the workspace. base: a folder beside it. process: its server. library: of SHIM, None without a compiler.
    """

    folder: Path
    base: Path
    process: Process
    library: Path | None
    kept: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One thing that breaks.

    Args:
        name: of it. breaks, mends: do it. stopped: whether the server is stopped before either and started after.
        needs: 'root', 'compiler' or ''. own_disk: whether the workspace lies on a small file system of its own.
        answers, questions: statuses that a post of events and a question may have meanwhile. starts: whether the server must come up with it.
    """

    name: str
    breaks: Callable[[Place], None]
    mends: Callable[[Place], None]
    stopped: bool = False
    needs: str = ""
    own_disk: bool = False
    answers: tuple[int, ...] = (202,)
    questions: tuple[int, ...] = (200,)
    starts: bool = True


def main() -> None:
    """Break, ask, mend, print, write."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--short", action="store_true", help="the same: every fault is tried once")
    options.add_argument("--only", help="the fault of this name alone")
    options.add_argument("--json", type=Path, help="file for the result")
    given = options.parse_args()
    found = {fault.name: tried(fault) for fault in FAULTS if given.only in (None, fault.name)}
    wrong = [f"{name}: {line}" for name, told in found.items() for line in told.get("wrong", ())]
    result = {"found": found, "hardware": hardware(), "command": "python -m benchmarks.serve_faults"}
    print(json.dumps(result, indent=2, ensure_ascii=False))
    if given.json is not None:
        given.json.write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    if wrong:
        raise SystemExit("\n".join(wrong))


def tried(fault: Fault) -> dict[str, Any]:
    """What came of one fault."""
    with tempfile.TemporaryDirectory() as name:
        base = Path(name)
        library = _library(base)
        if fault.needs == "compiler" and library is None:
            return {"skipped": "there is no C compiler here"}
        disk = base / "disk"
        disk.mkdir()
        if fault.own_disk and not _mounted(disk):
            return {"skipped": "only root may mount a file system"}
        try:
            folder = make(disk / "shop", items=ITEMS, customers=CUSTOMERS, events=EVENTS, width=WIDTH)
            add_model(regard.open(folder), items=ITEMS, width=WIDTH)
            environment = {"FAULTS": str(base)} | ({"LD_PRELOAD": str(library)} if fault.needs == "compiler" else {})
            process = Process(folder, environment, base / "server.log")
            return asyncio.run(_tried(fault, Place(folder, base, process, library)))
        finally:
            if fault.own_disk:
                subprocess.run(["umount", "-l", str(disk)], check=False)


async def _tried(fault: Fault, place: Place) -> dict[str, Any]:
    ledger, process = Ledger(), place.process
    found: dict[str, Any] = {}
    try:
        process.start()
        async with client(process) as mine:
            found["before"] = await _used(mine, ledger)
            if not fault.stopped:
                fault.breaks(place)
                found["during"] = await _used(mine, ledger)
                fault.mends(place)
                found["after"] = await _used(mine, ledger, again=True)
        if fault.stopped:
            process.stop()
            fault.breaks(place)
            try:
                process.start()
            except RuntimeError as error:
                found["refused_to_start"] = str(error).strip().splitlines()[-1]
            else:
                async with client(process) as mine:
                    found["during"] = await _used(mine, ledger)
                process.stop()
            fault.mends(place)
            process.start()
            async with client(process) as mine:
                found["after"] = await _used(mine, ledger, again=True)
        found["exit_code"] = process.stop()
        found["acknowledged"] = len(ledger.acknowledged)
        found["lost"], found["twice"] = faults(there(place.folder), ledger)
        found["said"] = list(dict.fromkeys(line for line in process.said.splitlines() if line.strip()))[-LINES:]
    finally:
        with suppress(AttributeError):
            process.kill()
    return found | {"wrong": list(_wrong(fault, found))}


async def _used(mine: Client, ledger: Ledger, *, again: bool = False) -> dict[str, Any]:
    """Send some batches and ask some questions; the statuses of both, and the kinds of problem."""
    batches = [ledger.batch() for _ in range(BATCHES)]
    if again:
        batches, ledger.unanswered = [*ledger.unanswered, *batches], []
    posts, asks, problems, models = Counter[int](), Counter[int](), set[str](), set[str]()
    for batch in batches:
        status, body = await mine.ask(mine.post("/v1/events", batch))
        posts[status] += 1
        if status == 202:
            ledger.acknowledged.update(json.loads(body)["event_ids"])
        else:
            ledger.unanswered.append(batch)
            problems.add(json.loads(body)["type"])
    for n in range(BATCHES):
        status, body = await mine.ask(mine.post("/v1/recommendations", {"customer": f"c{n}", "n": 3}))
        asks[status] += 1
        told = json.loads(body)
        if status == 200:
            models.add(str(told["model_version"]))
        else:
            problems.add(told["type"])
    return {"events": dict(posts), "questions": dict(asks), "problems": sorted(problems), "models": sorted(models)}


def _wrong(fault: Fault, found: dict[str, Any]) -> list[str]:
    """What should not be."""
    wrong = []
    if found["lost"] or found["twice"]:
        wrong.append(f"{found['lost']} lost, {found['twice']} twice")
    if "refused_to_start" in found and fault.starts:
        wrong.append(f"it did not start: {found['refused_to_start']}")
    for when, told in ((when, found[when]) for when in ("before", "during", "after") if when in found):
        events, questions = (fault.answers, fault.questions) if when == "during" else ((202,), (200,))
        wrong += [f"{when}: events answered {status}" for status in told["events"] if status not in events]
        wrong += [f"{when}: a question answered {status}" for status in told["questions"] if status not in questions]
    return wrong


def _library(base: Path) -> Path | None:
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        return None
    (base / "shim.c").write_text(SHIM, encoding="ascii")
    made = [compiler, "-shared", "-fPIC", "-O1", "-o", str(base / "shim.so"), str(base / "shim.c"), "-ldl"]
    return base / "shim.so" if subprocess.run(made, check=False, capture_output=True).returncode == 0 else None


def _mounted(disk: Path) -> bool:
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m", "tmpfs", str(disk)]
    with suppress(OSError):
        return os.geteuid() == 0 and subprocess.run(command, check=False, capture_output=True).returncode == 0
    return False


def _filled(place: Place) -> None:
    """Take all that is left of the disk."""
    with (place.folder.parent / "filler").open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(b"\0" * 4096)


def _emptied(place: Place) -> None:
    (place.folder.parent / "filler").unlink()


def _limited(place: Place) -> None:
    """No file may grow any more."""
    soft, hard = resource.prlimit(place.process.pid, resource.RLIMIT_FSIZE)
    place.kept["limit"] = soft, hard
    resource.prlimit(place.process.pid, resource.RLIMIT_FSIZE, (4096, hard))


def _freed(place: Place) -> None:
    resource.prlimit(place.process.pid, resource.RLIMIT_FSIZE, place.kept["limit"])


def _remounted(how: str) -> Callable[[Place], None]:
    def change(place: Place) -> None:
        subprocess.run(["mount", "-o", f"remount,{how}", str(place.folder.parent)], check=True, capture_output=True)

    return change


def _told(name: str, number: int) -> Callable[[Place], None]:
    def tell(place: Place) -> None:
        (place.base / name).write_text(str(number), encoding="ascii")

    return tell


def _untold(name: str) -> Callable[[Place], None]:
    return lambda place: (place.base / name).unlink()


def _part(place: Place) -> Path:
    """The largest part of events."""
    return max((place.folder / "events").rglob("*.parquet"), key=lambda path: path.stat().st_size)


def _left_behind(place: Place) -> None:
    """Half of a part under a name of its own, as a crash before the manifest leaves it."""
    part = _part(place)
    (part.parent / "events-999999-0.parquet").write_bytes(part.read_bytes()[: part.stat().st_size // 2])


def _halved(place: Place) -> None:
    """Half of a part that the manifest names."""
    part = _part(place)
    place.kept["part"] = part, part.read_bytes()
    part.write_bytes(place.kept["part"][1][: part.stat().st_size // 2])


def _made_whole(place: Place) -> None:
    path, content = place.kept["part"]
    path.write_bytes(content)


def _newest(place: Place) -> Path:
    return regard.open(place.folder).models.all()[0].folder


def _spoilt(place: Place) -> None:
    """Some bytes of the newest model's weights are others."""
    path = _newest(place) / "weights.safetensors"
    content = bytearray(path.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 64] = b"\xff" * 64
    path.write_bytes(content)


def _gone(place: Place) -> None:
    """The newest model's settings are gone."""
    (_newest(place) / "config.json").unlink()


def _nothing(place: Place) -> None:
    return None


FAULTS = (
    Fault(name="full disk", breaks=_filled, mends=_emptied, needs="root", own_disk=True, answers=(202, 503)),
    Fault(name="no file may grow", breaks=_limited, mends=_freed, answers=(503,)),
    Fault(
        name="read-only disk", breaks=_remounted("ro"), mends=_remounted("rw"), stopped=True, needs="root", own_disk=True,
        answers=(503,), starts=False,
    ),
    Fault(name="fsync fails", breaks=_told("fsync", 5), mends=_untold("fsync"), needs="compiler", answers=(503,)),
    Fault(name="clock a day back", breaks=_told("clock", -86_400), mends=_untold("clock"), needs="compiler"),
    Fault(name="clock ten days ahead", breaks=_told("clock", 864_000), mends=_untold("clock"), needs="compiler"),
    Fault(name="half-written part, not in the manifest", breaks=_left_behind, mends=_nothing, stopped=True),
    Fault(
        name="half of a part, in the manifest", breaks=_halved, mends=_made_whole, stopped=True, answers=(202, 503),
        questions=(200, 503), starts=False,
    ),
    Fault(name="newest model spoilt", breaks=_spoilt, mends=_nothing, stopped=True),
    Fault(name="newest model spoilt while it serves", breaks=_spoilt, mends=_nothing),
    Fault(name="newest model without its settings", breaks=_gone, mends=_nothing, stopped=True),
)  # fmt: skip


if __name__ == "__main__":
    main()
