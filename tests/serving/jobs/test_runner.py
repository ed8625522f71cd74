"""Jobs run beside the server, end in one of a few ways, and are not lost when the server is."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import regard
from regard.errors import UsageError, WorkspaceError
from regard.serving.jobs import Book, Job, Jobs, Settings
from regard.serving.jobs import runner as running
from regard.serving.jobs.book import KeyReusedError
from regard.serving.jobs.kinds import KINDS, checked

PATIENCE = 60.0

PRELUDE = """
import json, os, sys, time, threading
job = json.loads(sys.stdin.readline())
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(1)), daemon=True).start()
def say(**told): print(json.dumps(told), flush=True)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return regard.init(tmp_path / "shop").folder


@pytest.fixture
def start(folder: Path) -> Iterator[Callable[..., Jobs]]:
    """Jobs whose processes run a few lines of Python."""
    begun: list[Jobs] = []

    def begin(lines: str = "say(result={})", **how: Any) -> Jobs:
        command = (sys.executable, "-c", PRELUDE + textwrap.dedent(lines))
        jobs = Jobs(folder, command=command, settings=Settings(grace=0.5, **how))
        begun.append(jobs)
        return jobs

    yield begin
    for jobs in begun:
        jobs.close()


def until(jobs: Jobs, name: str, *states: str) -> Job:
    limit = time.monotonic() + PATIENCE
    while time.monotonic() < limit:
        job = jobs.get(name)
        if job.state in states:
            return job
        time.sleep(0.01)
    raise AssertionError(f"{name} is {jobs.get(name)}")


ENDED = ("done", "failed", "cancelled")


def test_a_job_is_told_what_to_do_and_says_what_came_out(start: Callable[..., Jobs], folder: Path) -> None:
    jobs = start("say(progress={'step': 'one', 'done': 1, 'total': 2, 'note': ''}); say(result=job)")
    asked = jobs.submit("evaluate", {"days": 7}, by="ann")
    assert (asked.state, asked.arguments) == ("queued", {"days": 7, "mask": None})
    job = until(jobs, asked.id, *ENDED)
    assert job.state == "done" and job.result is not None and job.progress["step"] == "one"
    assert job.result["arguments"] == {"days": 7, "mask": None} and job.result["folder"] == str(folder)
    assert job.started_at is not None and job.ended_at is not None and job.asked_at <= job.started_at <= job.ended_at
    assert json.loads(json.dumps(job.to_json()))["asked_by"] == "ann" and job.attempt == 1


@pytest.mark.parametrize(
    ("lines", "error"),
    [
        ("say(error='no events', hint='ingest some')", "no events"),
        ("sys.exit(3)", "ended with code 3"),
        ("os.kill(os.getpid(), 9)", "killed by signal 9"),
        ("print('[1]'); print('{'); print('x' * 3000); say(more=1)", "ended with code 0"),
        ("raise ValueError('boom')", "ended with code 1"),
    ],
)
def test_a_job_that_fails_says_why_in_one_line(start: Callable[..., Jobs], lines: str, error: str) -> None:
    jobs = start(lines, line_bytes=1_000)
    job = until(jobs, jobs.submit("seal", {}, by="ann").id, *ENDED)
    assert job.state == "failed" and error in job.error and "\n" not in job.error and job.hint


def test_what_a_process_says_is_bounded(start: Callable[..., Jobs]) -> None:
    flood = "[say(progress={'step': 'x' * 900}) for _ in range(2000)]; print('y' * 5_000_000); say(result={'n': 1})"
    jobs = start(f"{flood}; sys.stderr.write('z' * 1_000_000)", line_bytes=1_000)
    job = until(jobs, jobs.submit("seal", {}, by="ann").id, *ENDED)
    assert job.state == "done" and job.result == {"n": 1}


def test_a_job_is_cancelled_while_it_waits_and_while_it_runs(start: Callable[..., Jobs]) -> None:
    jobs = start("say(progress={'step': 'one'}); time.sleep(600)")
    first, second = (jobs.submit("seal", {}, by="ann").id for _ in range(2))
    until(jobs, first, "running")
    assert jobs.cancel(second).state == "cancelled" and jobs.get(second).started_at is None
    jobs.cancel(first)
    assert until(jobs, first, *ENDED).state == "cancelled"
    with pytest.raises(UsageError, match="ended already"):
        jobs.cancel(first)
    with pytest.raises(UsageError, match="no job of this id"):
        jobs.cancel("j99")


def test_a_job_that_does_not_listen_is_killed(start: Callable[..., Jobs]) -> None:
    jobs = start("import signal; signal.signal(15, signal.SIG_IGN); say(progress={'step': 'deaf'}); time.sleep(600)")
    name = jobs.submit("seal", {}, by="ann").id
    while not jobs.get(name).progress:
        time.sleep(0.01)
    jobs.cancel(name)
    assert until(jobs, name, *ENDED).state == "cancelled"


def test_one_lane_holds_one_job_whatever_may_run_at_once(start: Callable[..., Jobs]) -> None:
    jobs = start("time.sleep(600)", at_once=3)
    seals = [jobs.submit("seal", {}, by="ann").id for _ in range(2)]
    other = jobs.submit("train", {}, by="ann").id
    until(jobs, other, "running")
    until(jobs, seals[0], "running")
    assert jobs.get(seals[1]).state == "queued" and jobs.pending("seal") and not jobs.pending("evaluate")


def test_the_same_key_asks_once(start: Callable[..., Jobs]) -> None:
    jobs = start("time.sleep(600)")
    first = jobs.submit("seal", {}, by="ann", key="k")
    assert jobs.submit("seal", {}, by="ann", key="k").id == first.id
    assert jobs.submit("seal", {}, by="bob", key="k").id != first.id
    with pytest.raises(KeyReusedError):
        jobs.submit("evaluate", {}, by="ann", key="k")


def test_too_many_may_not_wait(start: Callable[..., Jobs]) -> None:
    jobs = start("time.sleep(600)", queued=2)
    until(jobs, jobs.submit("seal", {}, by="ann").id, "running")
    for _ in range(2):
        jobs.submit("seal", {}, by="ann")
    with pytest.raises(UsageError, match="too many"):
        jobs.submit("seal", {}, by="ann")


@pytest.mark.parametrize(
    ("kind", "said"),
    [("format", {}), ("seal", {"x": 1}), ("train", {"budget": 0}), ("train", {"budget": 1e9}), ("evaluate", [])],
)
def test_what_is_not_on_the_list_is_refused(start: Callable[..., Jobs], kind: str, said: Any) -> None:
    jobs = start()
    with pytest.raises(UsageError):
        jobs.submit(kind, said, by="ann")
    assert jobs.all() == []


def test_lists_go_backwards_from_the_latest(start: Callable[..., Jobs]) -> None:
    jobs = start()
    names = [jobs.submit("seal", {}, by="ann").id for _ in range(5)]
    assert [job.id for job in jobs.all(2)] == names[:2:-1]
    assert [job.id for job in jobs.all(9, before=names[2])] == names[1::-1]


def test_one_process_runs_a_workspaces_jobs(start: Callable[..., Jobs], folder: Path) -> None:
    start()
    with pytest.raises(WorkspaceError, match="another process"):
        Jobs(folder)


def test_a_server_that_stops_leaves_what_can_go_on_in_the_queue(start: Callable[..., Jobs], folder: Path) -> None:
    jobs = start("time.sleep(600)", at_once=2)
    resumed, lost = jobs.submit("seal", {}, by="ann").id, jobs.submit("profiles", {}, by="ann").id
    for name in (resumed, lost):
        until(jobs, name, "running")
    jobs.close()
    book = Book(folder)
    assert book.get(resumed).state == "queued"
    assert (book.get(lost).state, book.get(lost).error) == ("failed", "the server stopped while it ran")
    jobs = start("say(result={})")
    assert until(jobs, resumed, *ENDED).attempt == 2


def test_a_job_that_never_comes_through_is_given_up(start: Callable[..., Jobs], folder: Path) -> None:
    name = ""
    for _ in range(3):
        jobs = start("time.sleep(600)", attempts=3)
        name = name or jobs.submit("seal", {}, by="ann").id
        until(jobs, name, "running")
        jobs.close()
    assert Book(folder).get(name).state == "failed" and Book(folder).get(name).attempt == 3


SERVER = """
import sys, time
from pathlib import Path
from regard.serving.jobs import Jobs, Settings
jobs = Jobs(Path(sys.argv[1]), command=(sys.executable, "-c", sys.argv[2]), settings=Settings(at_once=2))
names = [jobs.submit(kind, {}, by="ann").id for kind in ("seal", "profiles")]
while any(jobs.get(name).state != "running" or not jobs.get(name).progress for name in names):
    time.sleep(0.01)
print(*(jobs.get(name).pid for name in names), flush=True)
time.sleep(600)
"""


def gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True


@pytest.mark.slow
def test_a_killed_server_takes_its_processes_with_it_and_loses_no_job(start: Callable[..., Jobs], folder: Path) -> None:
    lines = PRELUDE + "say(progress={'step': 'one'}); time.sleep(600)"
    server = subprocess.Popen([sys.executable, "-c", SERVER, str(folder), lines], stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    pids = [int(pid) for pid in server.stdout.readline().split()]
    assert len(pids) == 2 and not any(map(gone, pids))
    os.kill(server.pid, signal.SIGKILL)
    server.wait()
    server.stdout.close()
    limit = time.monotonic() + PATIENCE
    while not all(map(gone, pids)):
        assert time.monotonic() < limit
        time.sleep(0.01)
    jobs = start("say(result={})")
    assert until(jobs, "j1", *ENDED).state == "done" and jobs.get("j1").attempt == 2
    assert jobs.get("j2").state == "failed" and "the server stopped" in jobs.get("j2").error


def test_a_process_that_outlived_its_server_is_ended_first(start: Callable[..., Jobs], folder: Path) -> None:
    left = subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(600)", running.MODULE], start_new_session=True
    )
    book = Book(folder)
    book.add("profiles", {"model": None}, by="ann")
    book.begun("j1", left.pid)
    reaped = []
    import threading

    thread = threading.Thread(target=lambda: reaped.append(left.wait(PATIENCE)))
    thread.start()
    jobs = start()
    thread.join()
    assert reaped == [-signal.SIGKILL] and jobs.get("j1").state == "failed"


def test_no_other_process_is_ended_in_its_place(start: Callable[..., Jobs], folder: Path) -> None:
    """A number that was given to somebody else meanwhile."""
    book = Book(folder)
    book.add("profiles", {"model": None}, by="ann")
    book.begun("j1", os.getpid())
    assert start().get("j1").state == "failed"


def test_files_of_jobs_are_deleted_when_they_are_old(start: Callable[..., Jobs], folder: Path) -> None:
    place = folder / running.FILES
    place.mkdir(parents=True)
    for name, age in (("j1.parquet", 8), ("j2.parquet", 6)):
        (place / name).write_text("")
        os.utime(place / name, (time.time() - age * 86_400,) * 2)
    start()
    assert [path.name for path in place.iterdir()] == ["j2.parquet"]


def test_every_kind_has_work_that_takes_its_arguments() -> None:
    from regard.serving.jobs import work

    assert set(work._WORK) == set(KINDS)
    for kind in KINDS:
        assert set(checked(kind, {})) == set(KINDS[kind].arguments.model_fields)
