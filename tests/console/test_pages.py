"""Every page of an empty workspace, of one without a model and of a full one; what is escaped; what nobody may see."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from starlette.testclient import TestClient

STRANGE = 'C/<b>1</b>&"'
EVIL = "<script>alert(1)</script>"

PAGES = ("/", "/home/alarms", "/home/live", "/customers", "/customers?q=C0", "/customers?odd=1", "/welcome", "/welcome/tick",
         "/playground", "/playground?ask=1", "/playground?basket=evil/1&exclude=seen", "/catalogue",
         "/catalogue?q=lamp&filter=price+%3C+20", "/catalogue?filter=colour+%3D+3",
         "/events", "/events/refused", "/events/files", "/events/odd", "/models",
         "/jobs", "/rules", "/rules/one", "/results", "/settings", "/settings/people", "/settings/audit", "/settings/shop",
         "/login")  # fmt: skip
"""Pages that need nobody and nothing."""

SHOP = ("/segments", "/segments/one?id=lost", "/segments/one?id=lost&with=loyal", "/segments/new?rule=orders+%3E+2",
        "/segments/count?rule=nonsense", "/item?id=evil/1", "/rules/one?asked=1&name=x&filter=price+%3E+3&boost_when_0=price+%3E+3&boost_factor_0=2",
        "/rules/one?asked=1&pin_item_0=evil/1")  # fmt: skip
"""Pages that need customers or items."""


def one(tab: str = "") -> str:
    return f"/customer?id={quote(STRANGE, safe='')}&tab={tab or 'now'}"


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_page_of_an_empty_workspace(empty: TestClient, language: str) -> None:
    for path in (*PAGES, "/segments", "/segments/new"):
        page = empty.get(path, headers={"accept-language": language})
        assert page.status_code == 200, (path, page.text)
        assert page.headers["content-security-policy"].startswith("default-src 'none'"), path


@pytest.mark.parametrize("kind", ["counting", "full"])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_page_of_a_shop(kind: str, language: str, request: pytest.FixtureRequest) -> None:
    client: TestClient = request.getfixturevalue(kind)
    for path in (*PAGES, *SHOP, *(one(tab) for tab in ("now", "profile", "data"))):
        page = client.get(path, headers={"accept-language": language})
        assert page.status_code == 200, (path, page.text)
        assert EVIL not in page.text and "<b>1</b>" not in page.text, path
    assert f'lang="{"zh-CN" if language == "zh" else "en"}"' in page.text


def test_an_id_of_any_letters_is_found_and_escaped(full: TestClient) -> None:
    page = full.get("/customers", params={"q": STRANGE}, follow_redirects=False)
    assert page.status_code == 303
    assert "C/&lt;b&gt;1&lt;/b&gt;&amp;&#34;" in full.get(page.headers["location"]).text


def test_the_newest_event_is_in_the_timeline(full: TestClient) -> None:
    live = full.app.state.server.live  # type: ignore[attr-defined]
    live.submit([{"customer": "brand-new", "behaviour": "view_item", "item": "evil/1", "event_id": "e1"}]).result()
    assert "viewed" in full.get("/customer?id=brand-new").text
    assert "brand-new" in full.get("/welcome/tick").text


def test_where_the_model_looked_is_drawn_with_a_table_beside(full: TestClient) -> None:
    page = full.get(one()).text
    assert page.count('class="arc') > 3 and "A picture of the machine at work and not a reason" in page


def test_errors_are_pages_that_say_what_to_do(full: TestClient) -> None:
    lost = full.get("/no/such/page")
    assert lost.status_code == 404 and "There is no such page" in lost.text and "<nav" in lost.text
    wrong = full.get("/playground", params={"ask": 1, "filter": "colour = 3"})
    assert wrong.status_code == 200 and "no column" in wrong.text
    stranger = full.get("/customer?id=nobody-at-all")
    assert stranger.status_code == 422 and "no customer" in stranger.text
    part = full.get("/customer?id=nobody-at-all", headers={"hx-request": "true"})
    assert "<html" not in part.text and "no customer" in part.text


def test_language_and_theme_stay_in_every_link(full: TestClient) -> None:
    page = full.get("/?lang=zh&theme=dark", headers={"accept-language": "en"}).text
    assert 'lang="zh-CN" data-theme="dark"' in page
    assert 'href="/segments?lang=zh&amp;theme=dark"' in page and 'href="/segments"' not in page


def test_the_language_is_what_the_browser_asks_for_or_the_workspace_s(full: TestClient) -> None:
    assert '<html lang="zh-CN"' in full.get("/", headers={"accept-language": "fr, zh-TW;q=0.5, en;q=0.3"}).text
    assert '<html lang="en"' in full.get("/", headers={"accept-language": "fr"}).text


def test_a_sample_fills_an_empty_workspace_and_no_other(empty: TestClient, full: TestClient) -> None:
    assert empty.post("/welcome/sample", follow_redirects=False).status_code == 303
    customers = empty.app.state.server.shop.totals().customers  # type: ignore[attr-defined]
    assert customers > 500 and f">{customers}</a>" in empty.get("/").text
    assert full.post("/welcome/sample").status_code == 409


def test_a_rule_is_counted_while_it_is_written_saved_and_exported(full: TestClient) -> None:
    met = full.get("/segments/count", params={"rule": "orders > 1"}, headers={"hx-request": "true"}).text
    assert "<html" not in met and "Customers" in met
    assert "did you mean" in full.get("/segments/count?rule=order+%3E+1").text
    saved = full.post("/segments/save", data={"rule": "orders > 1", "name": "again, & again"}, follow_redirects=False)
    assert saved.status_code == 303
    assert "again, &amp; again" in full.get(saved.headers["location"]).text
    file = full.get("/segments/members.csv", params={"id": "again, & again"})
    assert file.headers["content-type"].startswith("text/csv") and b"C0" in file.content


def test_a_catalogue_has_pages_and_an_item_its_neighbours(full: TestClient) -> None:
    assert "evil/1" in full.get("/catalogue", params={"q": "EVIL"}).text
    page = full.get("/item", params={"id": "evil/1"}).text
    assert "&lt;script&gt;alert(1)" in page and "Goes with it" in page
    assert full.get("/item?id=nothing-like-it").status_code == 422


def test_a_refused_record_is_mended_and_all_are_sent_again(full: TestClient) -> None:
    live = full.app.state.server.live  # type: ignore[attr-defined]
    live.submit(
        [{"behaviour": "view_item", "item": EVIL}, {"customer": "x", "behaviour": "view_item", "time": "?"}]
    ).result()
    page = full.get("/events/refused").text
    assert "no customer" in page and "&lt;script&gt;" in page and EVIL not in page
    number = live.refused(1)[0].number
    wrong = full.post("/events/refused/mend", data={"number": number, "record": "{"})
    assert "This is no JSON" in wrong.text
    again = full.post("/events/refused/mend", data={"number": number, "record": '{"customer": "x"}'})
    assert again.status_code == 200 and "no behaviour" in again.text
    right = '{"customer": "mended", "behaviour": "view_item"}'
    done = full.post("/events/refused/mend", data={"number": number, "record": right}, follow_redirects=False)
    assert done.status_code == 303 and live.newest(1)[0].customer == "mended"
    assert full.post("/events/refused/replay", follow_redirects=False).headers["location"] == "/events/refused?sent=0"


def test_an_ingest_is_taken_back_and_answers_forget_it(full: TestClient) -> None:
    assert full.get(one()).status_code == 200
    assert full.post("/events/files/undo", data={"number": "2"}, follow_redirects=False).status_code == 303
    assert "taken back" in full.get("/events/files").text
    assert full.get(one()).status_code == 422
    assert full.post("/events/files/undo", data={"number": "2"}).status_code == 422


def test_a_model_has_figures_and_is_put_in_service(full: TestClient) -> None:
    server = full.app.state.server  # type: ignore[attr-defined]
    server.shop.train()
    page = full.get("/models").text
    assert "in service" in page and "Put in service" in page
    for tab in ("figures", "weak", "card"):
        assert full.get("/model", params={"id": "m1", "tab": tab}).status_code == 200
    assert full.post("/models/promote", data={"id": "m1"}, follow_redirects=False).status_code == 303
    assert server.shop.models.current().id == "m1" and "by hand" in full.get("/models").text
    assert full.post("/models/promote", data={"id": "m2"}, follow_redirects=False).status_code == 303
    assert full.post("/models/back", follow_redirects=False).status_code == 303
    assert server.shop.models.current().id == "m1"
    assert [entry.what for entry in server.audit.newest(3)] == ["model.roll_back", "model.promote", "model.promote"]


def test_a_scenario_is_previewed_saved_edited_and_removed(full: TestClient) -> None:
    rules = {"asked": "1", "name": "home", "number": "0", "pin_item_0": "evil/1", "pin_position_0": "1"}
    seen = full.get("/rules/one", params=rules).text
    assert seen.index("With it") < seen.rindex("&lt;script&gt;alert(1)")
    assert full.post("/rules/save", data=rules, follow_redirects=False).status_code == 303
    assert 'value="evil/1"' in full.get("/rules/one?name=home").text
    assert full.post("/rules/save", data=rules | {"filter": "price > 1"}).status_code == 412  # edited since
    wrong = full.get("/rules/one", params=rules | {"pin_position_0": ""}, headers={"hx-request": "true"})
    assert "position" in wrong.text and "<html" not in wrong.text
    assert full.post("/rules/remove", data={"name": "home"}, follow_redirects=False).status_code == 303
    assert full.get("/rules/one?name=home").status_code == 404


def test_a_customer_is_exported_and_erased_once_the_id_is_typed(full: TestClient) -> None:
    told = full.get("/customer/export", params={"id": STRANGE})
    assert told.headers["content-disposition"].endswith('customer.json"') and "evil/1" in told.text
    assert full.post("/customer/erase", data={"id": STRANGE, "sure": "C"}).status_code == 409
    done = full.post("/customer/erase", data={"id": STRANGE, "sure": STRANGE})
    assert done.status_code == 200 and "C/&lt;b&gt;" not in done.text
    assert full.get(one()).status_code == 422


def test_whoever_is_not_signed_in_comes_to_the_door_and_goes_on_from_there(full: TestClient) -> None:
    server = full.app.state.server  # type: ignore[attr-defined]
    server.people.add("vera", "viewer", "a sentence to sign in", by="test")
    gone = full.get("/segments", follow_redirects=False)
    assert gone.status_code == 303 and gone.headers["location"] == "/login?next=%2Fsegments"
    wrong = full.post("/login", data={"name": "vera", "password": "wrong", "next": "/segments"})
    assert wrong.status_code == 401 and "name or the password is wrong" in wrong.text
    elsewhere = {"name": "vera", "password": "a sentence to sign in", "next": "//evil.example"}
    assert full.post("/login", data=elsewhere, follow_redirects=False).headers["location"] == "/"
    assert full.get("/segments").status_code == 200


def test_a_viewer_sees_no_button_that_is_not_for_viewers_and_is_refused_without_one(full: TestClient) -> None:
    server = full.app.state.server  # type: ignore[attr-defined]
    server.shop.train()
    server.live.submit([{"behaviour": "view_item"}]).result()
    server.people.add("vera", "viewer", "a sentence to sign in", by="test")
    full.post("/login", data={"name": "vera", "password": "a sentence to sign in"})
    pages = (
        "/segments/new",
        "/events/refused",
        "/events/files",
        "/models",
        "/rules",
        "/jobs",
        "/settings",
        one("data"),
    )
    for path in pages:
        page = full.get(path)
        assert page.status_code == 200, path
        forms = [line for line in page.text.splitlines() if 'method="post"' in line and "/logout" not in line]
        assert not forms, (path, forms)
    token = full.get("/").text.split('name="csrf" value="')[1].split('"')[0]
    for path, fields in WRITES.items():
        refused = full.post(path, data=fields | {"csrf": token})
        assert refused.status_code == 403, (path, refused.text)
    assert full.get("/settings/keys").status_code == full.get("/settings/audit").status_code == 403
    assert (
        full.post("/segments/save", data={"rule": "orders > 1", "name": "x"}).status_code == 403
    )  # and without a token
    assert full.post("/logout", data={"csrf": token}, follow_redirects=False).headers["location"] == "/login"
    assert full.get("/", follow_redirects=False).status_code == 303


WRITES = {
    "/welcome/sample": {}, "/segments/save": {"rule": "orders > 1", "name": "x"}, "/events/refused/mend": {"number": "1"},
    "/events/refused/replay": {}, "/events/files/undo": {"number": "1"}, "/models/promote": {"id": "m1"},
    "/models/back": {}, "/rules/save": {"name": "x"}, "/rules/remove": {"name": "x"}, "/customer/erase": {"id": "x"},
    "/jobs/ask": {"kind": "seal"}, "/jobs/cancel": {"id": "j1"},
    "/settings/keys/make": {"name": "x", "scope": "admin"}, "/settings/keys/revoke": {"prefix": "x"},
    "/settings/people/add": {"name": "x"}, "/settings/people/change": {"name": "x"}, "/settings/people/remove": {"name": "x"},
}  # fmt: skip
"""Every address that changes something."""


def test_every_address_that_changes_something_is_tried_on_a_viewer(full: TestClient) -> None:
    from regard.console.pages import routers

    posts = {route.path for router in routers() for route in router.routes if "POST" in route.methods}  # type: ignore[attr-defined]
    assert posts == {*WRITES, "/login", "/logout"}


def test_nobody_is_locked_out_and_a_key_is_shown_once(full: TestClient) -> None:
    server = full.app.state.server  # type: ignore[attr-defined]
    key, person = {"name": "till", "scope": "ingest"}, {"name": "ann", "password": "a sentence to sign in"}
    assert full.post("/settings/keys/make", data=key).status_code == 409  # nobody could sign in afterwards
    assert full.post("/settings/people/add", data=person | {"role": "viewer"}).status_code == 409
    assert full.post("/settings/people/add", data=person | {"role": "admin"}, follow_redirects=False).status_code == 303
    assert full.get("/settings/keys", follow_redirects=False).headers["location"].startswith("/login")
    full.post("/login", data=person)
    token = full.get("/settings/keys").text.split('name="csrf" value="')[1].split('"')[0]
    made = full.post("/settings/keys/make", data=key | {"csrf": token})
    text = made.text.split('tabindex="0" role="region" aria-label="Key">')[1].split("<")[0]
    assert server.keys.known(text).name == "till" and text not in full.get("/settings/keys").text
    prefix = server.keys.all()[0].prefix
    full.post("/settings/keys/revoke", data={"prefix": prefix, "csrf": token})
    assert server.keys.known(text) is None
    assert full.post("/settings/people/remove", data={"name": "ann", "csrf": token}).status_code == 409
    assert {"key.create", "key.revoke", "person.add"} <= {entry.what for entry in server.audit.newest(10)}
    assert "key.create" in full.get("/settings/audit").text


def test_built_files_are_kept_by_browsers_and_pages_are_not(full: TestClient) -> None:
    page = full.get("/")
    style = page.text.split('rel="stylesheet" href="')[1].split('"')[0]
    assert "immutable" in full.get(style).headers["cache-control"]
    assert page.headers["cache-control"] == "no-store" and page.headers["content-security-policy"]


def test_an_address_of_the_api_that_leads_nowhere_keeps_its_problem(empty: TestClient) -> None:
    for method in ("GET", "POST"):
        found = empty.request(method, "/v1/nope")
        assert found.status_code == 404 and found.json()["type"] == "urn:regard:problem:not-found"


def test_work_is_asked_for_and_what_cannot_be_done_is_said(full: TestClient) -> None:
    assert full.post("/jobs/ask", data={"kind": "seal"}, follow_redirects=False).status_code == 303
    page = full.get("/jobs")
    assert "File what has arrived" in page.text and "j1" in page.text
    assert full.post("/jobs/ask", data={"kind": "dig"}).status_code == 422
    assert full.post("/jobs/ask", data={"kind": "train", "minutes": "some"}).status_code == 422
    assert full.post("/jobs/cancel", data={"id": "j99"}).status_code == 422
    assert full.get("/jobs/file", params={"id": "j1"}).status_code == 404
