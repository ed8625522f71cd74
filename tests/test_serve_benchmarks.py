"""The load, kill and fault runs of the server find what they are there to find; a short run of each is part of `make check`."""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import serve_faults, serve_kill, serve_load, served
from benchmarks.serve_kill import Ledger


class Answers:
    """A client that is told what it hears."""

    def __init__(self, status: int = 202) -> None:
        self.status = status

    def post(self, path: str, document: object) -> bytes:
        return json.dumps(document).encode()

    async def ask(self, request: bytes) -> tuple[int, bytes]:
        ids = [event["event_id"] for event in json.loads(request)]
        return self.status, json.dumps({"event_ids": ids, "type": "x"}).encode()


def test_a_ledger_knows_what_was_acknowledged_and_what_is_lost_or_doubled() -> None:
    ledger = Ledger()
    first, second = ledger.batch(), ledger.batch()
    asyncio.run(ledger.send(Answers(), first))
    asyncio.run(ledger.send(Answers(503), second))
    ids = {event["event_id"] for event in first}
    assert ledger.acknowledged == ids and ledger.unanswered == [second]
    assert serve_kill.faults(Counter(ids), ledger) == (0, 0)
    twice = Counter([*ids, *ids, second[0]["event_id"]]) | Counter({None: 9})
    assert serve_kill.faults(twice, ledger) == (0, len(ids))
    assert serve_kill.faults(Counter(list(ids)[1:]), ledger) == (1, 0)
    asyncio.run(ledger.again(Answers()))
    assert not ledger.unanswered and len(ledger.acknowledged) == len(first) + len(second)
    with pytest.raises(SystemExit, match="500"):
        asyncio.run(ledger.send(Answers(500), ledger.batch()))


@pytest.mark.parametrize("step", [1, 7, 1000])
def test_an_answer_may_come_in_pieces_and_the_next_one_right_behind(step: int) -> None:
    heard = b"HTTP/1.1 207 Multi-Status\r\nContent-Type: x\r\nContent-Length: 5\r\n\r\nhello"

    async def ask() -> list[tuple[int, bytes]]:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while await reader.read(1_000):
                for start in range(0, len(heard), step):
                    writer.write(heard[start : start + step])
                    await writer.drain()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        client = served.Client("127.0.0.1", server.sockets[0].getsockname()[1])
        found = [await client.ask(client.get("/")) for _ in range(2)]
        client.close()
        server.close()
        return found

    assert asyncio.run(ask()) == [(207, b"hello")] * 2


def test_open_requests_are_timed_from_when_they_were_due() -> None:
    class Slow(Answers):
        """One request at a time, each of 20 ms, where one is due every 5 ms."""

        def __init__(self) -> None:
            self.lock = asyncio.Lock()

        async def ask(self, request: bytes) -> tuple[int, bytes]:
            async with self.lock:
                await asyncio.sleep(0.02)
            return 200, b"{}"

    async def ask() -> dict[str, float]:
        return await serve_load.opened(Slow(), iter([b""] * 20), 200.0, 0.1)

    found = asyncio.run(ask())
    assert found["requests"] == 20 and found["most_under_way"] > 5
    assert found["max_ms"] > 200  # twenty in a row take 400 ms, and the last was due after 95


@pytest.mark.slow
def test_the_server_takes_load() -> None:
    found = serve_load.measured(serve_load.SHORT)
    assert found["acknowledged to recommended"]["never"] == 0
    assert all(told["p99_ms"] > 0 for name, told in found.items() if "p99_ms" in told) and len(found) == 8


@pytest.mark.slow
def test_nothing_acknowledged_is_lost_by_killing_the_server() -> None:
    found = asyncio.run(serve_kill.measured(30, seed=0))
    assert (found["lost"], found["twice"], found["exit_code"]) == (0, 0, 0), found
    assert found["acknowledged"] > 1_000 and sum(found["during"].values()) == 30


@pytest.mark.slow
@pytest.mark.parametrize("fault", serve_faults.FAULTS, ids=lambda fault: fault.name)
def test_a_fault_is_refused_or_mended_and_loses_nothing(fault: serve_faults.Fault) -> None:
    found = serve_faults.tried(fault)
    if "skipped" in found:
        pytest.skip(found["skipped"])
    assert found["wrong"] == [] and found["acknowledged"] > 0, found
