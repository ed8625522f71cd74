"""The console in a browser: every screen in both languages, wide and narrow, with keys alone, and without JavaScript."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import uvicorn
from starlette.testclient import TestClient

from regard.console.words import phrases

sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed: pip install playwright")

pytestmark = pytest.mark.slow

WEB = Path(__file__).parents[2] / "web"
SERIOUS = ("serious", "critical")
STRANGE = quote('C/<b>1</b>&"', safe="")

SCREENS = (
    "/", "/home/alarms", "/welcome", "/customers", "/customers?q=C0", "/customers?odd=1", f"/customer?id={STRANGE}",
    f"/customer?id={STRANGE}&tab=profile", f"/customer?id={STRANGE}&tab=data", "/playground",
    "/playground?customer=C00001&beside=m1", "/segments", "/segments/one?id=loyal&with=lost",
    "/segments/new?rule=orders+%3E+1", "/events", "/events/refused", "/events/files", "/events/odd", "/catalogue",
    "/item?id=evil/1", "/models", "/model?id=m1", "/model?id=m1&tab=weak", "/model?id=m1&tab=card", "/rules",
    "/rules/one?name=home", "/results", "/jobs", "/settings/keys", "/settings/people", "/settings/audit", "/settings/shop", "/login",
    "/no/such/page",
)  # fmt: skip


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("Chromium is not installed: apt-get install chromium")
    with sync_api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        yield opened
        opened.close()


@pytest.fixture
def address(full: TestClient) -> Iterator[str]:
    """A real server of the full shop, with a scenario, a refused record and an event of just now."""
    from regard.insight.scenario import Pin, Scenario

    server = full.app.state.server  # type: ignore[attr-defined]
    server.shop.save_scenario("home", Scenario(pins=(Pin(item="evil/1", position=2),)), by="ann")
    server.live.submit([{"behaviour": "view_item"}, {"customer": "N-1", "behaviour": "view_item"}]).result()
    config = uvicorn.Config(full.app, port=0, log_level="warning", lifespan="off")
    web = uvicorn.Server(config)
    thread = threading.Thread(target=web.run, daemon=True)
    thread.start()
    while not web.started:
        time.sleep(0.01)
    port = web.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}"
    web.should_exit = True
    thread.join()


@pytest.fixture(scope="module")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    """axe-core, from where npm has put it, or fetched by npm."""
    there = WEB / "node_modules" / "axe-core" / "axe.min.js"
    if not there.is_file():
        there = _fetched(tmp_path_factory.mktemp("web")) / "node_modules" / "axe-core" / "axe.min.js"
    return there.read_text(encoding="utf-8")


def _fetched(folder: Path) -> Path:
    """A copy of web/ with what npm brings to it."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not installed: apt-get install npm")
    copied = shutil.copytree(WEB, folder / "web", ignore=shutil.ignore_patterns("node_modules", "snippet"))
    done = subprocess.run([npm, "ci", "--ignore-scripts"], cwd=copied, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"npm could not fetch what the console is built with: {done.stderr.strip()[-200:]}")
    return Path(copied)


@pytest.mark.parametrize("width", [390, 1440])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_screen_is_whole(browser: Any, address: str, axe: str, language: str, width: int) -> None:
    dark = "dark" if width == 390 else "light"
    context = browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme=dark, bypass_csp=True, extra_http_headers={"accept-language": language}
    )  # fmt: skip
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    faults = []
    for path in SCREENS:
        said.clear()
        page.goto(address + path)
        page.locator(".htmx-request").wait_for(state="detached")
        faults += [f"{path}: {line}" for line in said if "404" not in line]
        wider = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        faults += [f"{path}: {wider} pixels wider than the screen"] if wider else []
        if language == "zh":
            faults += [f"{path}: not translated: {text}" for text in _english(page)]
        page.evaluate(axe)
        found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
        faults += [f"{path}: {one['id']}: {one['nodes'][0]['html'][:160]}" for one in found if one["impact"] in SERIOUS]
    context.close()
    assert not faults, "\n".join(faults)


def _english(page: Any) -> list[str]:
    """English phrases of the catalogue that stand on a Chinese page."""
    texts = page.evaluate(
        """() => {
          const found = [], walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
          while (walk.nextNode()) {
            const parent = walk.currentNode.parentElement;
            if (!parent.closest('[lang=en], code, pre, kbd, script')) found.push(walk.currentNode.data.trim());
          }
          return found.filter(Boolean);
        }"""
    )
    known = [
        english for english, chinese in phrases().values() if english != chinese and re.search("[a-z]{3}", english)
    ]
    forms = [_form(part) for english in known for part in english.split("|")]
    return [
        text
        for text in texts
        if not re.search("[\u4e00-\u9fff]", text) and any(re.fullmatch(form, text) for form in forms)
    ]


def _form(phrase: str) -> str:
    parts = re.split(r"\{\w+\}", phrase)
    return "NOTHING" if not re.search("[a-z]{3}", "".join(parts)) else ".+".join(map(re.escape, parts))


def test_policy_lets_nothing_foreign_run(browser: Any, address: str) -> None:
    page = browser.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    for path in ("/", f"/customer?id={STRANGE}", "/segments/new", "/rules/one?name=home"):
        page.goto(address + path)
        page.locator(".htmx-request").wait_for(state="detached")
    assert said == []
    with pytest.raises(sync_api.Error):
        page.add_script_tag(content="window.foreign = 1")
    page.close()


def test_keys_alone_lead_everywhere(browser: Any, address: str) -> None:
    page = browser.new_page()
    page.goto(address + "/")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("/")
    page.keyboard.type('C/<b>1</b>&"')
    page.keyboard.press("Enter")
    page.wait_for_url("**/customer?id=*")
    page.keyboard.press("?")
    assert page.locator("dialog#help").is_visible()
    page.keyboard.press("Escape")
    assert not page.locator("dialog#help").is_visible()
    page.keyboard.press("g")
    page.keyboard.press("s")
    page.wait_for_url("**/segments")
    page.close()


def test_a_rule_counts_as_it_is_put_together(browser: Any, address: str) -> None:
    page = browser.new_page()
    page.goto(address + "/segments/new?lang=en")
    page.get_by_role("button", name="Add a condition").click()
    page.get_by_label("Field").select_option("orders")
    page.get_by_label("Comparison").select_option(">=")
    page.get_by_label("Value", exact=True).fill("1")
    assert page.locator("textarea[name=rule]").input_value() == "orders >= 1"
    page.locator("#met .figures").wait_for()
    page.locator("textarea[name=rule]").fill("order > 1")
    page.get_by_text("did you mean").wait_for()
    page.close()


def test_the_first_event_ticks_without_a_reload(browser: Any, empty: TestClient) -> None:
    config = uvicorn.Config(empty.app, port=0, log_level="warning", lifespan="off")
    web = uvicorn.Server(config)
    thread = threading.Thread(target=web.run, daemon=True)
    thread.start()
    while not web.started:
        time.sleep(0.01)
    page = browser.new_page()
    page.goto(f"http://127.0.0.1:{web.servers[0].sockets[0].getsockname()[1]}/welcome?lang=en")
    page.get_by_text("Waiting for the first event").wait_for()
    live = empty.app.state.server.live  # type: ignore[attr-defined]
    live.submit([{"customer": "first", "behaviour": "view_item", "item": "lamp"}]).result()
    page.get_by_text("The first event has arrived").wait_for()
    page.close()
    web.should_exit = True
    thread.join()


def test_it_works_without_javascript(browser: Any, address: str) -> None:
    context = browser.new_context(java_script_enabled=False, locale="en-GB")
    page = context.new_page()
    page.goto(address + "/customers")
    page.locator("main input[name=q]").fill("C0000")
    page.locator("main").get_by_role("button", name="Find").click()
    assert page.locator("main tbody tr").count() > 0
    page.goto(address + "/rules/one?name=home")
    page.get_by_label("Only items with").fill("price < 30")
    page.get_by_role("button", name="Preview").click()
    assert "filter=price" in page.url and page.get_by_text("With it").is_visible()
    page.goto(address + "/playground")
    page.locator("main input[name=basket]").fill("evil/1")
    page.get_by_role("button", name="Show").click()
    assert page.locator("ol.pick li").count() > 0
    context.close()


def test_language_and_theme_are_kept_from_page_to_page(browser: Any, address: str) -> None:
    page = browser.new_page(locale="en-GB")
    page.goto(address + "/")
    page.get_by_role("link", name="中文").click()
    page.get_by_role("link", name="深色").click()
    page.get_by_role("link", name="客群").first.click()
    page.wait_for_url("**/segments?*")
    assert page.evaluate("document.documentElement.lang + document.documentElement.dataset.theme") == "zh-CNdark"
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(18, 23, 26)"
    page.close()


def test_the_built_files_are_those_of_the_sources(tmp_path: Path) -> None:
    web = _fetched(tmp_path)
    subprocess.run(["npm", "run", "types"], cwd=web, check=True, capture_output=True)
    subprocess.run(["npm", "run", "build"], cwd=web, check=True, capture_output=True)
    shipped = Path(__file__).parents[2] / "src/regard/console/static"
    built = tmp_path / "src/regard/console/static"
    assert {file.name for file in built.iterdir()} <= {file.name for file in shipped.iterdir()}
    for file in built.iterdir():
        assert file.read_bytes() == (shipped / file.name).read_bytes(), f"{file.name} is stale: make web"
    lock = json.loads((WEB / "package-lock.json").read_text(encoding="utf-8"))
    assert not [name for name, package in lock["packages"].items() if "resolved" in package]
