"""Served: a workspace, a server of it as a process of its own, and a client that costs little, for the serving benchmarks.

The client speaks HTTP/1.1 over sockets that stay open and parses no more than it needs: what it uses of the machine is
taken from the server.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import regard

CATEGORIES = 20
START_SECONDS = 60.0
"""Seconds after which a server that has not said its address is given up."""

OPEN = {"REGARD_ADDRESS_RATE": "1000000", "REGARD_KEY_RATE": "1000000"}
"""The limits for callers who send too much would be what is measured."""


@dataclass(eq=False)
class Process:
    """`regard serve` of a workspace on a free port of this machine; use it in a `with`.

    Args:
        folder: the workspace. environment: beside that of this process. log: where its stderr goes; None = beside the folder.
    """

    folder: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    log: Path | None = None

    def __enter__(self) -> Process:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    def start(self) -> None:
        """Start it and wait until it says where it listens.

        Raises:
            RuntimeError: it ends, or says nothing for START_SECONDS.
        """
        command = [sys.executable, "-m", "regard", "serve", str(self.folder), "--port", "0", "--json"]
        self.began = time.monotonic()
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=log, env=os.environ | OPEN | dict(self.environment),
                start_new_session=True,
            )  # fmt: skip
        assert self._process.stdout is not None
        os.set_blocking(self._process.stdout.fileno(), False)
        said = b""
        while not said.endswith(b"\n"):
            said += self._process.stdout.read() or b""
            if self._process.poll() is not None or time.monotonic() - self.began > START_SECONDS:
                self.kill()
                raise RuntimeError(f"the server did not start: {said.decode()}{self.said[-2000:]}")
            time.sleep(0.005)
        place = urlsplit(json.loads(said)["address"])
        self.host, self.port = str(place.hostname), int(place.port or 0)

    @property
    def _log(self) -> Path:
        return self.log or self.folder.parent / f"{self.folder.name}.log"

    @property
    def said(self) -> str:
        """What it wrote to stderr, over all starts."""
        return self._log.read_text(encoding="utf-8")

    @property
    def pid(self) -> int:
        """Of the server."""
        return self._process.pid

    @property
    def runs(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    @property
    def memory(self) -> int:
        """Bytes of memory that are its own: resident and not backed by a file, which the system can take back."""
        status = Path(f"/proc/{self.pid}/status").read_text(encoding="ascii")
        found = dict(line.split(":", 1) for line in status.splitlines() if line.startswith("Rss"))
        return 1024 * int(found["RssAnon"].split()[0])

    def kill(self, *, alone: bool = False) -> None:
        """SIGKILL for it and all that it started, or for it `alone`."""
        with suppress(ProcessLookupError, PermissionError):
            if alone:
                self._process.kill()
                self._process.wait()
            else:
                os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def stop(self) -> int:
        """End it as an administrator does; its exit code."""
        self._process.terminate()
        return self._process.wait(START_SECONDS)


class Connection(asyncio.Protocol):
    """One connection that stays open and has one request under way at a time."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._waiting: asyncio.Future[tuple[int, bytes]] | None = None
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(error or ConnectionResetError("the server closed the connection"))

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0 or self._waiting is None:
            return
        head = self._buffer[:end].lower()
        place = head.find(b"\r\ncontent-length:")
        length = 0 if place < 0 else int(head[place + 17 :].split(b"\r\n", 1)[0])
        if len(self._buffer) >= end + 4 + length:
            status, body = int(head[9:12]), self._buffer[end + 4 : end + 4 + length]
            self._buffer = self._buffer[end + 4 + length :]
            if not self._waiting.done():
                self._waiting.set_result((status, body))

    @property
    def usable(self) -> bool:
        """Whether it is open."""
        return self._transport is not None

    async def ask(self, request: bytes) -> tuple[int, bytes]:
        """Send a whole request; status and body of the answer.

        Raises:
            OSError: the server is gone.
        """
        if self._transport is None:
            raise ConnectionResetError("the server closed the connection")
        self._waiting = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._waiting

    def close(self) -> None:
        """Close it."""
        if self._transport is not None:
            self._transport.abort()


class Client:
    """Connections to one server, as many as there are requests under way.

    Args: host, port: of the server.
    """

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._free: list[Connection] = []

    def post(self, path: str, document: Any) -> bytes:
        """A request, ready to send."""
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        return (
            f"POST {path} HTTP/1.1\r\nHost: {self._host}:{self._port}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        ).encode() + body

    def get(self, path: str) -> bytes:
        """A request, ready to send."""
        return f"GET {path} HTTP/1.1\r\nHost: {self._host}:{self._port}\r\n\r\n".encode()

    async def ask(self, request: bytes) -> tuple[int, bytes]:
        """Send a request on a free connection, or a new one.

        Raises:
            OSError: the server is gone.
        """
        connection = await self._one()
        found = await connection.ask(request)
        self._free.append(connection)
        return found

    async def _one(self) -> Connection:
        while self._free:
            connection = self._free.pop()
            if connection.usable:
                return connection
        _, fresh = await asyncio.get_running_loop().create_connection(Connection, self._host, self._port)
        return fresh

    def close(self) -> None:
        """Close what is open."""
        for connection in self._free:
            connection.close()
        self._free.clear()


@asynccontextmanager
async def client(process: Process) -> AsyncIterator[Client]:
    """A client of a server."""
    found = Client(process.host, process.port)
    try:
        yield found
    finally:
        found.close()


def make(folder: Path, *, items: int, customers: int, events: int, width: int = 0, seed: int = 0) -> Path:
    """A workspace with a catalogue and histories of the last year.

    Args:
        folder: where. items, customers: how many. events: of each customer.
        width: of a model with random weights that answers as quickly as a trained one; 0 = counting answers.
        seed: of what is drawn.
    """
    shop = regard.init(folder)
    chance = np.random.default_rng(seed)
    count, now = customers * events, int(time.time())
    names = pa.array([f"i{n}" for n in range(items)])
    categories = pa.array([f"category {n}" for n in range(CATEGORIES)])
    catalogue = {
        "item": names, "item_name": pa.array([f"thing {n}" for n in range(items)]),
        "category": categories.take(pa.array(chance.integers(0, CATEGORIES, items))),
        "price": pa.array(np.round(chance.uniform(1, 100, items), 2)),
    }  # fmt: skip
    behaviours = pa.array(["view_item", "add_to_cart", "purchase"])
    log = {
        "customer": pa.array([f"c{n}" for n in range(customers)]).take(pa.array(np.repeat(np.arange(customers), events))),
        "item": names.take(pa.array(np.minimum(chance.geometric(2 / items, count), items) - 1)),
        "behaviour": behaviours.take(pa.array(chance.choice(3, count, p=[0.8, 0.12, 0.08]))),
        "time": pa.array(now - chance.integers(3_600, 365 * 86_400, count)),
    }  # fmt: skip
    for name, columns in (("items", catalogue), ("events", log)):
        pq.write_table(pa.table(columns), folder.parent / f"{folder.name}-{name}.parquet")
    shop.ingest(
        str(folder.parent / f"{folder.name}-events.parquet"), items=str(folder.parent / f"{folder.name}-items.parquet")
    )
    if width:
        add_model(shop, items=items, width=width)
    return folder


def add_model(shop: regard.Workspace, *, items: int, width: int) -> str:
    """Register a model with random weights; its id."""
    from benchmarks.topk import draw_artefact
    from regard.model.artefact import save
    from regard.model.export import with_graphs

    name, folder = shop.models.begin(resume=False)
    save(with_graphs(draw_artefact(items, width)), folder, card="Random weights, for timing.\n")
    shop.models.add(name, shop.store.version)
    return name


def quantiles(seconds: Any) -> dict[str, float]:
    """Milliseconds: p50, p99 and the longest."""
    low, high, most = (float(value) for value in np.quantile(np.asarray(seconds) * 1e3, [0.5, 0.99, 1.0]))
    return {"p50_ms": round(low, 2), "p99_ms": round(high, 2), "max_ms": round(most, 2)}
