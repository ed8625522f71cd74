"""Settings: flags before variables before the file, and nothing that is not known."""

from __future__ import annotations

from pathlib import Path

import pytest

import regard
from regard.config import load, save
from regard.errors import ConfigError
from regard.serving.settings import Settings


def test_a_flag_comes_before_a_variable_before_the_file_before_the_default() -> None:
    table = {"port": 1, "threads": 3, "rows": 7, "body_seconds": 2}
    found = Settings.of({"port": 3, "host": None}, {"REGARD_PORT": "2", "REGARD_ROWS": "8", "PORT": "9"}, table)
    assert (found.port, found.rows, found.threads, found.host, found.body_seconds) == (3, 8, 3, "127.0.0.1", 2)


@pytest.mark.parametrize(
    ("table", "environment", "told"),
    [
        ({"prot": 80}, {}, "did you mean 'port'"),
        ({"port": "80"}, {}, "must be int"),
        ({"port": True}, {}, "must be int"),
        ({}, {"REGARD_PORT": "eighty"}, "must be int"),
        ({}, {"REGARD_PORT": "70000"}, "0 to 65535"),
        ({"rows": 0}, {}, "above 0"),
        ({"answer_seconds": float("inf")}, {}, "above 0"),
        ({"proxies": ["*"]}, {}, "no proxy's address"),
        ({"allowed_hosts": "shop.example"}, {}, "must be tuple"),
        ({"certificate": "a.pem"}, {}, "both files"),
    ],
)
def test_what_is_wrong_is_refused_with_a_word(table: dict[str, object], environment: dict[str, str], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        Settings.of({}, environment, table)


def test_they_stand_in_the_workspace_s_own_file(tmp_path: Path) -> None:
    shop = regard.init(tmp_path / "shop")
    file = shop.folder / "regard.toml"
    file.write_text(file.read_text().replace("[serve]\n", '[serve]\nport = 9000\nallowed_hosts = ["shop.example"]\n'))
    found = Settings.of(table=load(shop.folder).serve)
    assert (found.port, found.allowed_hosts) == (9000, ("shop.example",))
    save(load(shop.folder), shop.folder)
    assert Settings.of(table=load(shop.folder).serve) == found
