"""Keys: told once, kept as a digest, gone at once when revoked, and another process's doing counts."""

from __future__ import annotations

import time
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regard.errors import InputError, UsageError
from regard.serving.access import SCOPES, granted
from regard.serving.audit import Audit
from regard.serving.keys import Keys
from regard.serving.vault import STALE, VAULT_NAME, Vault


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    return Vault(tmp_path)


def test_the_text_is_nowhere(vault: Vault) -> None:
    _, text = Keys(vault).create("till", ["ingest"], by="cli")
    vault.close()
    kept = b"".join(path.read_bytes() for path in vault.path.parent.iterdir())
    assert text.encode() not in kept and text[13:].encode() not in kept and text[:12].encode() in kept


def test_only_its_owner_may_read_the_file(vault: Vault) -> None:
    assert vault.path.stat().st_mode & 0o077 == 0


def test_a_key_lets_in_until_it_is_revoked_by_another_process(vault: Vault, tmp_path: Path) -> None:
    keys = Keys(vault)
    key, text = keys.create("till", ["ingest", "serve"], by="cli")
    assert keys.known(text) == key and key.caller().scopes == {"ingest", "ingest-public", "serve"}
    with closing(Vault(tmp_path)) as other:
        Keys(other).revoke(key.prefix, by="cli")
    time.sleep(STALE)
    assert keys.known(text) is None


@given(st.text() | st.builds(lambda tail: "rgd_" + tail, st.text()))
def test_nothing_else_lets_in(text: str) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder, closing(Vault(Path(folder))) as vault:
        keys = Keys(vault)
        _, right = keys.create("till", ["ingest"], by="cli")
        for wrong in (text, right[:13] + text, right + "\n", right[:-1], right.upper(), " " + right):
            assert keys.known(wrong) is None


def test_a_key_of_one_workspace_is_unknown_in_another(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir(), (tmp_path / "b").mkdir()
    with closing(Vault(tmp_path / "a")) as one, closing(Vault(tmp_path / "b")) as other:
        _, text = Keys(one).create("till", ["admin"], by="cli")
        Keys(other).create("till", ["admin"], by="cli")
        assert Keys(other).known(text) is None


def test_when_it_was_last_used_is_noted_later(vault: Vault) -> None:
    keys = Keys(vault)
    _, text = keys.create("till", ["ingest"], by="cli")
    before = vault.version()
    keys.known(text)
    assert vault.version() == before and keys.all()[0].used_us is None
    keys.note_use()
    assert keys.all()[0].used_us is not None


@pytest.mark.parametrize(
    ("scopes", "origins", "told"),
    [
        ([], [], "needs a scope"),
        (["root"], [], "no scope 'root'"),
        (["ingest-public"], [], "needs the pages"),
        (["ingest-public"], ["*"], "no origin"),
        (["ingest-public"], ["https://shop.example/cart"], "no origin"),
        (["ingest-public"], ["null"], "no origin"),
        (["ingest-public", "read"], ["https://shop.example"], "no other scope"),
        (["read"], ["https://shop.example"], "belong to"),
    ],
)
def test_keys_that_are_not_made(vault: Vault, scopes: list[str], origins: list[str], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        Keys(vault).create("x", scopes, origins, by="cli")
    assert Keys(vault).all() == [] and Audit(vault).newest(1) == []


def test_an_unknown_prefix_is_said(vault: Vault) -> None:
    with pytest.raises(InputError, match="rgd_nothing"):
        Keys(vault).revoke("rgd_nothing", by="cli")


def test_more_is_never_less() -> None:
    assert granted("admin") == set(SCOPES)
    for scope in SCOPES:
        assert scope in granted(scope)
    assert "ingest-public" not in granted("manage") and "manage" not in granted("read")


def test_making_and_revoking_is_on_record(vault: Vault) -> None:
    keys = Keys(vault)
    key, text = keys.create("till", ["ingest"], by="cli")
    keys.revoke(key.prefix, by="rgd_other")
    keys.revoke(key.prefix, by="rgd_other")
    entries = Audit(vault).newest(10)
    assert [(entry.who, entry.what, entry.about) for entry in entries] == [
        ("rgd_other", "key.revoke", key.prefix),
        ("cli", "key.create", key.prefix),
    ]
    assert text[13:] not in repr(entries)
    assert (vault.path.parent / VAULT_NAME) == vault.path
