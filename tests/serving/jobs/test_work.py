"""The process of a job, as the server starts it."""

from __future__ import annotations

import time
from pathlib import Path

import pyarrow.parquet as pq

import regard
from regard.serving.jobs import Job, Jobs, Settings

PATIENCE = 120.0


def ended(jobs: Jobs, name: str) -> Job:
    limit = time.monotonic() + PATIENCE
    while jobs.get(name).open:
        assert time.monotonic() < limit, jobs.get(name)
        time.sleep(0.02)
    return jobs.get(name)


def test_the_tail_is_sealed_and_packed_by_another_process(tmp_path: Path) -> None:
    shop = regard.init(tmp_path / "shop")
    told: list[str] = []
    with Jobs(shop.folder, settings=Settings(nice=0), ended=lambda job: told.append(job.id)) as jobs:
        with shop.live() as live:
            rows = [{"customer": f"C{n % 3}", "behaviour": "purchase", "item": f"i{n}"} for n in range(30)]
            assert {one.status for one in live.submit(rows).result()} == {"accepted"}
            job = ended(jobs, jobs.submit("seal", {}, by="ann").id)
            assert job.state == "done" and job.result is not None, job
            assert (job.result["events"], job.result["version"], job.result["drift"]) == (30, 1, [])
            packed = list((shop.folder / "cache").glob("log-*"))
            assert len(packed) == 1 and live.counts().tail == 0
            shop.refresh()
            assert shop.log().events == 30 and list((shop.folder / "cache").glob("log-*")) == packed
        assert ended(jobs, jobs.submit("seal", {}, by="ann").id).result == {"events": 0}
    assert told == ["j1", "j2"]


def test_a_job_writes_its_file_or_says_why_not(shop_folder: Path) -> None:
    with Jobs(shop_folder, settings=Settings(nice=0)) as jobs:
        done = ended(jobs, jobs.submit("recommend_all", {"n": 3}, by="ann").id)
        wrong = ended(jobs, jobs.submit("recommend_all", {"filter": "colour = 3"}, by="ann").id)
        other = ended(jobs, jobs.submit("evaluate", {}, by="ann").id)
    assert done.state == "done" and done.result is not None and done.result["path"] == "j1.parquet", done
    assert pq.read_table(jobs.file(done)).num_rows == done.result["rows"] > 100
    assert wrong.state == "failed" and "colour" in wrong.error and not jobs.file(wrong).exists()
    assert other.state == "failed" and "no trained model" in other.error
