"""People: passwords are kept so that nobody can read them, and what a person may do follows the role at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from regard.errors import InputError, UsageError
from regard.serving.access import granted
from regard.serving.audit import Audit
from regard.serving.people import People, drawn
from regard.serving.vault import Vault

PASSWORD = "correct horse battery"


@pytest.fixture
def vault(tmp_path: Path) -> Iterator[Vault]:
    with closing(Vault(tmp_path)) as vault:
        yield vault


def test_no_password_is_kept_and_equal_ones_look_different(vault: Vault) -> None:
    people = People(vault)
    for name in ("ann", "bob"):
        people.add(name, "viewer", PASSWORD, by="cli")
    kept = [row[0] for row in vault.rows("SELECT password FROM people")]
    assert kept[0] != kept[1] and all(text.startswith("scrypt:15:8:3:") for text in kept)
    assert PASSWORD.encode() not in b"".join(path.read_bytes() for path in vault.path.parent.iterdir())
    assert PASSWORD not in repr(Audit(vault).newest(10))


def test_names_and_passwords_are_one_however_they_are_typed(vault: Vault) -> None:
    people = People(vault)
    people.add("Zoë", "viewer", "cafe\u0301 au lait, please", by="cli")
    assert people.check("ZOE\u0308", "caf\u00e9 au lait, please") is not None
    assert people.check("zoë", "CAF\u00c9 au lait, please") is None


def test_roles_are_scopes_and_change_at_once(vault: Vault) -> None:
    people = People(vault)
    assert people.add("ann", "viewer", PASSWORD, by="cli").caller().scopes == granted("read")
    people.change("ann", "admin", by="cli")
    assert people.all()[0].caller().scopes == granted("admin")
    people.remove("ann", by="cli")
    assert people.all() == [] and people.check("ann", PASSWORD) is None
    assert [entry.what for entry in Audit(vault).newest(9)] == ["person.remove", "person.change", "person.add"]


def test_who_is_not_let_in(vault: Vault) -> None:
    people = People(vault)
    people.add("ann", "viewer", PASSWORD, by="cli")
    for name, role, password in (
        ("ann", "viewer", PASSWORD),
        ("Ann", "viewer", PASSWORD),
        ("", "viewer", PASSWORD),
        ("a b", "viewer", PASSWORD),
        ("bob", "root", PASSWORD),
        ("bob", "viewer", "short"),
        ("bob", "viewer", "x" * 1000),
    ):
        with pytest.raises(UsageError):
            people.add(name, role, password, by="cli")
    for change in (people.remove, lambda name, by: people.reset(name, drawn(), by=by)):
        with pytest.raises(InputError):
            change("bob", by="cli")
    assert len(people.all()) == 1
