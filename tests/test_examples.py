"""The examples for operators name what exists: settings, addresses, systemd's own words."""

from __future__ import annotations

import configparser
import re
import shutil
import subprocess
import tomllib
from dataclasses import fields
from pathlib import Path

import pytest

from regard.serving.settings import ENVIRONMENT, Settings

EXAMPLES = Path(__file__).parents[1] / "examples"


def known(text: str) -> set[str]:
    return set(re.findall(rf"\b{ENVIRONMENT}([A-Z_]+)=", text))


@pytest.mark.parametrize("name", ["regard.service", "Containerfile"])
def test_the_variables_are_settings(name: str) -> None:
    said = {word.lower() for word in known((EXAMPLES / name).read_text())}
    assert said and said <= {spec.name for spec in fields(Settings)}


def test_the_unit_takes_away_what_is_not_needed() -> None:
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read(EXAMPLES / "regard.service")
    service = unit["Service"]
    assert service["ProtectSystem"] == "strict" and service["NoNewPrivileges"] == "yes" and service["StateDirectory"]
    assert service["ExecStart"].startswith("/opt/regard/bin/regard serve ")


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd-analyze")
def test_systemd_understands_the_unit(tmp_path: Path) -> None:
    text = (EXAMPLES / "regard.service").read_text().replace("/opt/regard/bin/regard", "/bin/true")
    (tmp_path / "regard.service").write_text(text)
    found = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(tmp_path / "regard.service")], capture_output=True, text=True
    )
    own = [line for line in found.stderr.splitlines() if "regard.service" in line]
    assert not own, own


def test_the_container_runs_as_nobody_with_one_volume_and_a_check() -> None:
    lines = (EXAMPLES / "Containerfile").read_text().splitlines()
    words = [line.split()[0] for line in lines if line and line[0].isupper()]
    assert words.count("VOLUME") == 1 and "HEALTHCHECK" in words
    assert "USER 10001" in lines and "/healthz" in "\n".join(lines)


def test_the_proxys_settings_are_read() -> None:
    text = (EXAMPLES / "proxies.md").read_text()
    table = tomllib.loads(text.split("```toml\n")[1].split("```")[0])["serve"]
    assert Settings.of(table=table).proxies == ("127.0.0.1",)
