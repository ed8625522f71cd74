"""Running jobs: a queue, a few processes, and an end for each of them, also when this process is the one that ends."""

from __future__ import annotations

import fcntl
import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

from regard.errors import UsageError, WorkspaceError
from regard.serving.jobs.book import OPEN, Book, Job, number_of
from regard.serving.jobs.kinds import KINDS, checked

_log = logging.getLogger(__name__)

FILES = "reports/jobs"
"""Where jobs put the files that they write, in the workspace folder."""

MODULE = "regard.serving.jobs.work"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How many, how long, how much.

    Args:
        at_once: processes. One fewer than the cores of a small machine, so that answers keep one.
        queued: jobs that may wait; nobody means to ask for more.
        attempts: how often a job is begun whose process went with the server; one that takes the server down with it
            must come to an end.
        grace: seconds between the request to stop and the kill.
        line_bytes: longest line that a process may say; what is longer is lost.
        keep_days: days for which the files that jobs wrote are kept; they hold what is known of everybody.
        threads: of each process.
        nice: how far each process stands back for others that want the same core: answers go first.
    """

    at_once: int = 1
    queued: int = 50
    attempts: int = 3
    grace: float = 5.0
    line_bytes: int = 1 << 20
    keep_days: float = 7.0
    threads: int = 1
    nice: int = 10


class Jobs:
    """The jobs of one workspace, run by this process; use it in a `with`, from any threads.

    Args:
        folder: the workspace.
        settings: how many, how long, how much.
        ended: called after each job, from the thread that watched it.
        command: what a process is, for tests.

    Raises:
        WorkspaceError: another process runs the workspace's jobs.
    """

    def __init__(
        self,
        folder: Path,
        *,
        settings: Settings | None = None,
        ended: Callable[[Job], None] = lambda job: None,
        command: tuple[str, ...] = (sys.executable, "-m", MODULE),
    ) -> None:
        self._folder, self._book, self._settings = folder.resolve(), Book(folder), settings or Settings()
        self._tell, self._command = ended, command
        self._changed = threading.Condition()
        self._running: dict[str, subprocess.Popen[str]] = {}
        self._lanes: dict[str, str] = {}
        self._progress: dict[str, dict[str, Any]] = {}
        self._cancelled: set[str] = set()
        self._watching: list[threading.Thread] = []
        self._closing = False
        self._lock = self._take()
        self._recover()
        self._dispatcher = threading.Thread(target=self._dispatch, name="regard-jobs", daemon=True)
        self._dispatcher.start()

    def __enter__(self) -> Jobs:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def submit(self, kind: str, arguments: Mapping[str, Any], *, by: str, key: str | None = None) -> Job:
        """Ask for a job.

        Args:
            kind, arguments: see `kinds.KINDS`. by: who asks.
            key: the same key from the same caller asks for the same job once.

        Raises:
            UsageError: there is no such kind, what is said does not fit it, or too many wait.
            KeyReusedError: the key came before with something else.
        """
        said = checked(kind, arguments)
        if len(self._book.all(self._settings.queued, states=("queued",))) >= self._settings.queued:
            raise UsageError("too many jobs are waiting", hint="wait for some, or cancel them")
        job = self._book.add(kind, said, by=by, key=key)
        with self._changed:
            self._changed.notify_all()
        return job

    def get(self, name: str) -> Job:
        """One job as it stands.

        Raises:
            UsageError: there is none of that id.
        """
        return self._as_told(self._book.get(name))

    def now(self, job: Job) -> Job:
        """A job as it stands, by one that was got before: while it runs, nothing is read of the disk."""
        if job.state == "running" and job.id in self._running:
            return self._as_told(job)
        return self.get(job.id)

    @property
    def closing(self) -> bool:
        """Whether no more will be heard of any job."""
        return self._closing

    def all(self, n: int = 100, *, before: str | None = None) -> list[Job]:
        """The latest jobs, the latest first; those before one of them."""
        return [self._as_told(job) for job in self._book.all(n, before=number_of(before) if before else None)]

    def pending(self, kind: str) -> bool:
        """Whether a job of this kind waits or runs."""
        return any(job.kind == kind for job in self._book.all(self._settings.queued * 2, states=OPEN))

    def busy(self) -> bool:
        """Whether any job waits or runs."""
        return bool(self._book.all(1, states=OPEN))

    def file(self, job: Job) -> Path:
        """Where the file is that a job wrote, or would write."""
        return self._folder / FILES / f"{job.id}{KINDS[job.kind].file if job.kind in KINDS else ''}"

    def cancel(self, name: str) -> Job:
        """Stop a job: one that waits never begins, one that runs is asked to end, and made to after a while.

        Raises:
            UsageError: there is none of that id, or it has ended already.
        """
        job = self._book.get(name)
        if not job.open:
            raise UsageError(f"{name} has ended already", hint=f"it is {job.state}")
        with self._changed:
            self._cancelled.add(name)
            process = self._running.get(name)
        if process is None:
            self._book.ended(name, "cancelled")
        else:
            threading.Thread(target=_stop, args=(process, self._settings.grace), daemon=True).start()
        return self.get(name)

    def close(self) -> None:
        """Stop every process; what can be taken up again waits for the next start."""
        with self._changed:
            self._closing = True
            processes = list(self._running.values())
            self._changed.notify_all()
        for process in processes:
            _stop(process, self._settings.grace)
        self._dispatcher.join()
        for thread in self._watching:
            thread.join()
        self._lock.close()

    def _take(self) -> IO[str]:
        (self._folder / "cache").mkdir(exist_ok=True)
        lock = (self._folder / "cache" / "jobs.lock").open("a")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            raise WorkspaceError(
                f"another process runs the jobs of {self._folder}", hint="one server serves a workspace"
            ) from None
        return lock

    def _recover(self) -> None:
        """What ran when the last server ended: its process is made sure to be gone, then it waits again or has failed."""
        for job in reversed(self._book.all(self._settings.queued * 2, states=("running",))):
            if job.pid is not None:
                _bury(job.pid)
            self._left(job)
        self._sweep()

    def _left(self, job: Job) -> None:
        """A job whose process is gone without a word."""
        kind = KINDS.get(job.kind)
        if kind is not None and kind.resumes and job.attempt < self._settings.attempts:
            self._book.again(job.id)
            return
        again = "ask for it again" if job.attempt < self._settings.attempts else "look why in the server's log"
        self._book.ended(job.id, "failed", error="the server stopped while it ran", hint=again)

    def _sweep(self) -> None:
        """Delete the files of jobs that are old or forgotten."""
        for path in (self._folder / FILES).glob("*"):
            with suppress(OSError):
                if time.time() - path.stat().st_mtime > self._settings.keep_days * 86_400:
                    path.unlink()

    def _dispatch(self) -> None:
        while True:
            with self._changed:
                if self._closing:
                    return
                job = self._next()
                if job is None:
                    self._changed.wait(1.0)  # also for what another process put in the book
                    continue
            try:
                self._begin(job)
            except Exception as error:  # a job that cannot begin must not take the others with it
                _log.exception("job %s could not begin", job.id)
                with suppress(Exception):
                    self._book.ended(job.id, "failed", error=f"it could not begin: {type(error).__name__}")

    def _next(self) -> Job | None:
        """The oldest job that may begin now."""
        if len(self._running) >= self._settings.at_once:
            return None
        try:
            queued = self._book.all(self._settings.queued * 2, states=("queued",))
        except WorkspaceError:
            _log.exception("the book of jobs cannot be read")
            return None
        taken = set(self._lanes.values())
        for job in reversed(queued):
            if job.kind not in KINDS:
                self._book.ended(job.id, "failed", error="this Regard knows no job of this kind", hint="upgrade regard")
            elif KINDS[job.kind].lane not in taken:
                return job
        return None

    def _begin(self, job: Job) -> None:
        process = subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            encoding="utf-8", errors="replace", start_new_session=True,
            env={**os.environ, "OMP_NUM_THREADS": str(self._settings.threads), "PYTHONUNBUFFERED": "1"},
        )  # fmt: skip
        begun = self._book.begun(job.id, process.pid)
        if begun is None:  # cancelled meanwhile
            _stop(process, 0)
            _close(process)
            return
        with self._changed:
            self._running[job.id], self._lanes[job.id] = process, KINDS[job.kind].lane
            stop = self._closing or job.id in self._cancelled
        if stop:
            _stop(process, self._settings.grace)
        thread = threading.Thread(target=self._watch, args=(begun, process), name=f"regard-{job.id}", daemon=True)
        self._watching = [*(one for one in self._watching if one.is_alive()), thread]
        thread.start()

    def _watch(self, job: Job, process: subprocess.Popen[str]) -> None:
        said = _Heard()
        try:
            with suppress(BrokenPipeError):
                self.file(job).parent.mkdir(parents=True, exist_ok=True)
                told = {
                    "folder": str(self._folder),
                    "kind": job.kind,
                    "arguments": job.arguments,
                    "nice": self._settings.nice,
                }
                assert process.stdin is not None
                process.stdin.write(json.dumps({**told, "file": str(self.file(job))}) + "\n")
                process.stdin.flush()
            errors = threading.Thread(target=said.overhear, args=(process.stderr,), daemon=True)
            errors.start()
            said.listen(process.stdout, self._settings.line_bytes, lambda told: self._progress.update({job.id: told}))
            code = process.wait()
            errors.join(1.0)
            self._end(job, said, code)
        except Exception:
            _log.exception("job %s was lost", job.id)
            _stop(process, 0)
            with suppress(Exception):
                self._book.ended(job.id, "failed", error="the server could not keep what came out")
        finally:
            _close(process)
            try:
                self._tell(self._book.get(job.id))  # before another may begin in its place
            except Exception:
                _log.exception("what follows from job %s could not be done", job.id)
            with self._changed:
                self._running.pop(job.id, None)
                self._lanes.pop(job.id, None)
                self._changed.notify_all()
            self._progress.pop(job.id, None)
            self._cancelled.discard(job.id)

    def _end(self, job: Job, said: _Heard, code: int) -> None:
        progress = self._progress.get(job.id, {})
        if said.result is not None:
            self._book.ended(job.id, "done", progress=progress, result=said.result)
        elif job.id in self._cancelled:
            self._book.ended(job.id, "cancelled", progress=progress)
        elif said.error:
            self._book.ended(job.id, "failed", progress=progress, error=said.error, hint=said.hint)
        elif self._closing:
            self._left(job)
        else:
            why = f"was killed by signal {-code}" if code < 0 else f"ended with code {code}"
            hint = "look whether the machine has enough memory" if code == -signal.SIGKILL else "the log says more"
            self._book.ended(job.id, "failed", progress=progress, error=f"its process {why}", hint=hint)
        if said.result is None:
            self.file(job).unlink(missing_ok=True)
        if said.noise and said.result is None:
            _log.error("job %s: %s", job.id, said.noise)

    def _as_told(self, job: Job) -> Job:
        told = self._progress.get(job.id)
        return replace(job, progress=dict(told)) if told and job.open else job


class _Heard:
    """What a process said."""

    def __init__(self) -> None:
        self.result: dict[str, Any] | None = None
        self.error, self.hint, self.noise = "", "", ""

    def listen(self, out: IO[str] | None, longest: int, tell: Callable[[dict[str, Any]], None]) -> None:
        """Read lines until there are no more; one that is too long or is no JSON object is nothing."""
        assert out is not None
        whole = True
        while line := out.readline(longest):
            begins, whole = whole, line.endswith("\n")
            try:
                told = json.loads(line) if begins and whole else None
            except ValueError:
                continue
            if not isinstance(told, dict):
                continue
            if isinstance(told.get("progress"), dict):
                tell(told["progress"])
            elif isinstance(told.get("result"), dict):
                self.result = told["result"]
            elif isinstance(told.get("error"), str):
                self.error, self.hint = told["error"], str(told.get("hint", ""))

    def overhear(self, errors: IO[str] | None) -> None:
        """Keep the end of what it says beside."""
        assert errors is not None
        with suppress(ValueError):  # closed under the reading
            while part := errors.read(4_096):
                self.noise = (self.noise + part)[-4_096:]


def _stop(process: subprocess.Popen[str], grace: float) -> None:
    """Ask a process and all that it began to end, and kill what has not."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(grace)
    except subprocess.TimeoutExpired:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def _bury(pid: int) -> None:
    """Kill a process of an earlier server, if it is still that one, and wait until it is gone."""
    until = time.monotonic() + 5.0
    while time.monotonic() < until:
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            return
        if MODULE.encode() not in words:
            return
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)
        time.sleep(0.02)


def _close(process: subprocess.Popen[str]) -> None:
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream is not None:
            with suppress(OSError, ValueError):
                stream.close()
    process.wait()
