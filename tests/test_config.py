"""regard.toml: what may stand in it."""

from __future__ import annotations

import pytest

from regard.config import Config
from regard.errors import ConfigError


@pytest.mark.parametrize("code", ["", "GBP", "cny"])
def test_a_currency_is_three_letters(code: str) -> None:
    assert Config(currency=code).currency == code


@pytest.mark.parametrize("code", ["EUROS", "GB", "£", "G1P", "GBP\n", " GBP", "人民币"])
def test_another_currency_is_refused(code: str) -> None:
    with pytest.raises(ConfigError, match="unknown currency") as caught:
        Config(currency=code)
    assert caught.value.hint == "use a code of three letters such as GBP or CNY"
