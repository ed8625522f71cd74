"""A real web server: who is slow, who never ends, who crowds in and who stops it lose nothing but their own request."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from regard.events.live import Tail
from regard.serving.app import create
from regard.serving.run import WebServer
from regard.serving.server import At
from regard.serving.settings import Settings
from regard.workspace import Workspace

Also = Callable[[FastAPI], None]


@contextmanager
def running(shop: Workspace, also: Also | None = None, **settings: Any) -> Iterator[tuple[int, WebServer]]:
    """The port of a web server in a thread, and the server."""
    chosen = Settings(**settings)
    app = create(shop, chosen)
    if also is not None:
        also(app)
    listens = threading.Event()
    server = WebServer(app, chosen, ready=listens.set)
    with socket.create_server(("127.0.0.1", 0)) as bound:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]}, daemon=True)
        thread.start()
        try:
            assert listens.wait(60)
            yield int(bound.getsockname()[1]), server
        finally:
            server.should_exit = True
            thread.join(60)
            assert not thread.is_alive()


def said(link: socket.socket) -> bytes:
    """What is answered until the connection is closed."""
    link.settimeout(60)
    parts = []
    with contextlib.suppress(ConnectionError):
        while part := link.recv(65_536):
            parts.append(part)
    return b"".join(parts)


def opened(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=60)


HEAD = b"POST /v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"


def test_who_is_slow_is_cut_off(empty: Workspace) -> None:
    with running(empty, body_seconds=0.3) as (port, _):
        with opened(port) as link:
            link.sendall(HEAD + b"Content-Length: 100\r\n\r\n[")
            answer = said(link)
            assert answer.startswith(b"HTTP/1.1 408 ") and b"slow-body" in answer
        for head in (b"", b"GET / HT", HEAD):
            with opened(port) as link:
                link.sendall(head)
                assert said(link) == b""
        assert httpx.get(f"http://127.0.0.1:{port}/healthz").status_code == 200


def test_a_connection_may_rest_between_requests(empty: Workspace) -> None:
    with running(empty, body_seconds=0.3) as (port, _), httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
        assert client.get("/healthz").status_code == 200
        time.sleep(0.6)
        with opened(port) as link:
            link.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert link.recv(65_536).startswith(b"HTTP/1.1 200")
            time.sleep(0.6)
            link.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            assert said(link).startswith(b"HTTP/1.1 200")


def test_a_body_without_a_length_ends_at_the_limit(empty: Workspace) -> None:
    with running(empty, body_bytes=100_000) as (port, _), opened(port) as link:
        link.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
        with contextlib.suppress(OSError):
            for _ in range(100):
                link.sendall(b"2710\r\n" + b"x" * 10_000 + b"\r\n")
        answer = said(link)
        assert not answer or (answer.startswith(b"HTTP/1.1 413 ") and b"too-large" in answer)
        assert httpx.get(f"http://127.0.0.1:{port}/healthz").status_code == 200


@pytest.mark.parametrize(
    "head",
    [
        b"POST /v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n[]",
        b"GET /\xff HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: evil\r\n\r\n",
        b"nonsense\r\n\r\n",
    ],
)
def test_ambiguous_requests_are_refused(empty: Workspace, head: bytes) -> None:
    with running(empty, body_seconds=0.5) as (port, _), opened(port) as link:
        link.sendall(head)
        link.shutdown(socket.SHUT_WR)
        answer = said(link)
        assert not answer or answer.startswith(b"HTTP/1.1 400 "), answer[:200]


def test_a_crowd_is_told_to_come_again(empty: Workspace) -> None:
    with running(empty, connections=3) as (port, _), contextlib.ExitStack() as kept:
        for _ in range(3):
            link = kept.enter_context(opened(port))
            link.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert link.recv(65_536).startswith(b"HTTP/1.1 200")
        refused = httpx.get(f"http://127.0.0.1:{port}/healthz")
        assert refused.status_code == 503 and refused.json()["type"].endswith("busy")
        assert refused.headers["retry-after"] == "1"
        link.close()
        until = time.monotonic() + 30
        while httpx.get(f"http://127.0.0.1:{port}/healthz").status_code != 200:
            assert time.monotonic() < until


def test_stopping_finishes_answers_and_commits_what_was_taken(empty: Workspace) -> None:
    inside = threading.Event()

    def also(app: FastAPI) -> None:
        @app.post("/slow")
        async def slow(at: At) -> dict[str, int]:
            """Events are handed over, and the answer takes its time."""
            at.live.submit(
                [{"customer": "C42", "behaviour": "view_item", "item": "a", "event_id": f"e{n}"} for n in range(50)]
            )
            inside.set()
            await at.ask(time.sleep, 0.5)
            return {"waited": 1}

    with running(empty, also) as (port, server):
        answers: list[httpx.Response] = []
        asking = threading.Thread(
            target=lambda: answers.append(httpx.post(f"http://127.0.0.1:{port}/slow", timeout=60))
        )
        asking.start()
        assert inside.wait(60)
        server.should_exit = True
        asking.join(60)
    assert answers[0].json() == {"waited": 1}
    with Tail.open(empty.store.catalog.path) as tail:
        assert tail.counts().tail == 50
