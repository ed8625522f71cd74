"""The script on a shop's page in a real browser, under a strict policy: what a visit leaves in the store, and what it does not."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.serving.test_run import running

from regard.serving.keys import Keys
from regard.serving.vault import Vault
from regard.workspace import Workspace

CHROMIUM = Path("/usr/bin/chromium")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="Debian's Chromium is not installed: no page can be opened"),
]

PAGE = """<!doctype html><title>{title}</title><script src="/shop.js"></script>
<script src="{server}/regard.js" data-key="{key}" data-consent="{consent}" defer></script>
<button id="cart">cart</button><button id="buy">buy</button><button id="yes">yes</button><button id="no">no</button>
<a id="next" href="/next.html">next</a>"""
SHOP = """(window.regard = window.regard || []).push(["view", "pen", {price: 2.5}]);
addEventListener("DOMContentLoaded", () => {
  const on = (id, work) => document.getElementById(id).addEventListener("click", work);
  on("cart", () => { regard.cart("pen"); location.href = "/next.html"; });
  on("buy", () => regard.purchase("O7", [{item: "pen", quantity: 2}, {item: "墨水"}]));
  on("yes", () => regard.consent(true));
  on("no", () => regard.consent(false));
});"""


class Pages(ThreadingHTTPServer):
    """A shop at an address of its own."""

    server_at = key = ""
    consent = "required"

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Page(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        pages = self.server
        assert isinstance(pages, Pages)
        path = self.path.partition("?")[0]
        filled = PAGE.format(title=path, server=pages.server_at, key=pages.key, consent=pages.consent)
        body = {"/shop.js": SHOP, "/favicon.ico": ""}.get(path, filled)
        self.send_response(200)
        self.send_header("Content-Type", "text/javascript" if path.endswith(".js") else "text/html; charset=utf-8")
        policy = (
            f"default-src 'none'; script-src 'self' {pages.server_at}; connect-src {pages.server_at}; img-src 'self'"
        )
        self.send_header("Content-Security-Policy", policy)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *said: Any) -> None:
        """Nothing."""


class Visit:
    """A browser's page at the shop, and what the server has of it."""

    def __init__(self, browser: Any, pages: Pages, reads: str, **settings: Any) -> None:
        self.page = browser.new_context(**settings).new_page()
        self.said: list[str] = []
        self.page.on("console", lambda message: self.said.append(message.text) if message.type == "error" else None)
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self._pages, self._reads = pages, reads

    def events(self, count: int) -> list[dict[str, Any]]:
        """What has arrived, the oldest first, when it is as many; what there is after ten seconds."""
        until = time.monotonic() + 10
        while True:
            headers = {"Authorization": f"Bearer {self._reads}"}
            found = httpx.get(f"{self._pages.server_at}/v1/events/tail", headers=headers, timeout=10).json()["events"]
            if len(found) >= count or time.monotonic() > until:
                return list(reversed(found))
            time.sleep(0.1)

    def open(self, path: str = "/") -> None:
        self.page.goto(self._pages.origin + path)


@contextmanager
def shop(workspace: Workspace, consent: str) -> Iterator[tuple[Any, Pages, str]]:
    """A browser, a shop's pages and a key that reads, of a server that runs."""
    playwright = pytest.importorskip("playwright.sync_api")
    pages = Pages(("127.0.0.1", 0), _Page)
    threading.Thread(target=pages.serve_forever, daemon=True).start()
    vault = Vault(workspace.folder)
    _, pages.key = Keys(vault).create("page", ["ingest-public"], [pages.origin], by="test")
    _, reads = Keys(vault).create("test", ["read"], by="test")
    vault.close()
    pages.consent = consent
    try:
        with running(workspace) as (address, _), playwright.sync_playwright() as driver:
            pages.server_at = address
            browser = driver.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
            yield browser, pages, reads
            browser.close()
    finally:
        pages.shutdown()
        pages.server_close()


def test_a_visit_leaves_exactly_its_events(empty: Workspace) -> None:
    with shop(empty, "required") as (browser, pages, reads):
        visit = Visit(browser, pages, reads)
        visit.open("/pens?mail=ann@example.com")
        visit.page.wait_for_timeout(1_500)
        assert visit.events(0) == [], "nothing before consent"
        assert visit.page.evaluate("Object.keys(localStorage).length") == 0
        visit.page.click("#yes")
        seen = visit.events(2)
        assert sorted(event["behaviour"] for event in seen) == ["page_view", "view_item"]
        visit.page.click("#cart")  # it leaves the page at once
        visit.page.wait_for_url("**/next.html")
        visit.page.click("#buy")
        visit.page.close()
        seen = visit.events(7)
        assert [event["behaviour"] for event in seen[2:]].count("purchase") == 2
        assert sorted((event["behaviour"], event["item"] or "") for event in seen) == [
            ("add_to_cart", "pen"), ("page_view", ""), ("page_view", ""), ("purchase", "pen"), ("purchase", "墨水"),
            ("view_item", "pen"), ("view_item", "pen"),
        ]  # fmt: skip
        assert len({event["customer"] for event in seen}) == 1, "who agreed is known on the next page"
        assert {event["fields"]["channel"] for event in seen} == {"web"}
        assert "ann@example.com" not in str(seen), "what follows the '?' stays in the page"
        assert visit.page.context.cookies() == [] and visit.said == []


def test_who_refuses_is_asked_nothing_more(empty: Workspace) -> None:
    with shop(empty, "given") as (browser, pages, reads):
        visit = Visit(browser, pages, reads)
        visit.open()
        assert len(visit.events(2)) == 2
        visit.page.click("#no")
        visit.page.click("#buy")
        visit.open("/next.html")
        visit.page.wait_for_timeout(1_500)
        assert len(visit.events(2)) == 2
        assert visit.page.evaluate("({...localStorage})") == {"regard.consent": "0"}
        assert visit.said == []


def test_a_browser_that_asks_not_to_be_tracked_is_not(empty: Workspace) -> None:
    with shop(empty, "given") as (browser, pages, reads):
        visit = Visit(browser, pages, reads)
        visit.page.add_init_script("Object.defineProperty(navigator, 'globalPrivacyControl', {value: true})")
        visit.open()
        visit.page.wait_for_timeout(1_500)
        assert visit.events(0) == []
        visit.page.click("#yes")
        assert len(visit.events(2)) == 2, "an answer to the shop itself counts more than a wish to everybody"


def test_events_wait_until_the_server_is_back(empty: Workspace) -> None:
    with shop(empty, "given") as (browser, pages, reads):
        visit = Visit(browser, pages, reads)
        visit.page.context.route("**/v1/events*", lambda route: route.abort())
        visit.open()
        visit.page.wait_for_timeout(1_500)
        assert visit.events(0) == []
        visit.page.context.unroute("**/v1/events*")
        assert len(visit.events(2)) == 2
