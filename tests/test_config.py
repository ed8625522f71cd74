"""regard.toml: what may stand in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from regard.config import Config, load, save
from regard.errors import ConfigError


@pytest.mark.parametrize("code", ["", "GBP", "cny"])
def test_a_currency_is_three_letters(code: str) -> None:
    assert Config(currency=code).currency == code


@pytest.mark.parametrize("code", ["EUROS", "GB", "£", "G1P", "GBP\n", " GBP", "人民币"])
def test_another_currency_is_refused(code: str) -> None:
    with pytest.raises(ConfigError, match="unknown currency") as caught:
        Config(currency=code)
    assert caught.value.hint == "use a code of three letters such as GBP or CNY"


def test_sensitive_kinds_are_switched_on_by_name(tmp_path: Path) -> None:
    assert Config().sensitive == ()
    save(Config(privacy={"sensitive": ("age", "gender")}), tmp_path)
    assert load(tmp_path).sensitive == ("age", "gender")
    assert "[privacy]" in (tmp_path / "regard.toml").read_text()
    for wrong in ('sensitive = ["shoe size"]', "sensible = []", 'sensitive = "age"'):
        (tmp_path / "regard.toml").write_text(f"[privacy]\n{wrong}\n")
        with pytest.raises(ConfigError, match="privacy"):
            load(tmp_path)
