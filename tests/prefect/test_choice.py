"""Where a command runs is found out without Prefect, and as Prefect itself would."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from flows import orchestration
from flows.orchestration import PrefectUnreachable, check_api, configured_api
from flows.schedule import local_timezone

URL = "http://prefect.example:4200/api"
PROFILES = f"""
active = "office"
[profiles.office]
PREFECT_API_URL = "{URL}"
[profiles.home]
PREFECT_SERVER_EPHEMERAL_ENABLED = "true"
"""


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory without any file."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_nothing_is_configured(elsewhere: Path) -> None:
    assert configured_api({"PREFECT_HOME": str(elsewhere)}) == ""


@pytest.mark.parametrize(
    ("file", "text"),
    [
        (".env", f"# local\nexport PREFECT_API_URL='{URL}'\n"),
        ("prefect.toml", f"[api]\nurl = '{URL}'\n"),
        ("pyproject.toml", f"[tool.prefect.api]\nurl = '{URL}'\n"),
        ("profiles.toml", PROFILES),
    ],
)
def test_files_configure(elsewhere: Path, file: str, text: str) -> None:
    (elsewhere / file).write_text(text)
    assert configured_api({"PREFECT_HOME": str(elsewhere)}) == URL


def test_variables_win(elsewhere: Path) -> None:
    (elsewhere / "profiles.toml").write_text(PROFILES)
    environment = {"PREFECT_HOME": str(elsewhere)}
    assert configured_api(environment | {"PREFECT_API_URL": "http://other/api"}) == "http://other/api"
    assert configured_api(environment | {"PREFECT_PROFILE": "home"}) == ""
    assert configured_api(environment | {"PREFECT_PROFILE": "local"}) == orchestration.LOCAL_API


def test_broken_files_configure_nothing(elsewhere: Path) -> None:
    for name in ("prefect.toml", "pyproject.toml", "profiles.toml", ".env"):
        (elsewhere / name).write_bytes(b"\xff[[[")
    assert configured_api({"PREFECT_HOME": str(elsewhere)}) == ""


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/api", "no address", "http://name.invalid/api"])
def test_a_server_that_does_not_answer_is_one_sentence(url: str) -> None:
    with pytest.raises(PrefectUnreachable, match="--no-prefect") as raised:
        check_api(url)
    assert "\n" not in str(raised.value)


def test_prefect_is_not_imported_without_a_server(elsewhere: Path) -> None:
    program = (
        "import sys; from flows import cli, orchestration, pipeline, schedule; "
        "assert not orchestration.configured_api({'PREFECT_HOME': '.'}); "
        "sys.exit('prefect' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_the_time_zone_of_this_machine(tmp_path: Path) -> None:
    (tmp_path / "zoneinfo" / "Europe").mkdir(parents=True)
    vienna = tmp_path / "zoneinfo" / "Europe" / "Vienna"
    vienna.write_bytes(b"")
    (tmp_path / "localtime").symlink_to(vienna)
    assert local_timezone(tmp_path / "localtime", "") == "Europe/Vienna"
    assert local_timezone(tmp_path / "localtime", "no zone") == "Europe/Vienna"
    assert local_timezone(tmp_path / "localtime", ":Asia/Tokyo") == "Asia/Tokyo"
    assert local_timezone(tmp_path / "missing", "") == "UTC"
