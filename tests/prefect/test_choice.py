"""Where a command runs is found out without Prefect, and as Prefect itself would."""

from __future__ import annotations

import re
import ssl
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from flows import orchestration
from flows.orchestration import PrefectUnreachable, check_api, configured_api, explain_refusal
from flows.schedule import local_timezone
from tests.cli.proxy import Answered, proxy
from tests.client.conftest import certificates

__all__ = ["certificates"]

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


@pytest.mark.parametrize(
    "answer",
    [Answered(200, b"<html>the UI</html>", {"Content-Type": "text/html"}), Answered(404)],
    ids=["web page", "not found"],
)
def test_an_address_that_is_not_the_api_is_told(answer: Answered) -> None:
    with proxy("", answers=lambda _: answer) as url, pytest.raises(PrefectUnreachable, match="ends in /api"):
        check_api(url)


@pytest.mark.parametrize("status", [401, 403])
def test_a_login_is_left_to_prefect(status: int) -> None:
    with proxy("", answers=lambda _: Answered(status)) as url:
        check_api(url)


def test_a_certificate_is_left_to_prefect(certificates: tuple[Path, Path]) -> None:
    """Its client may be told of an authority that nobody else knows."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates[1])
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.handle_request, daemon=True).start()
        check_api(f"https://127.0.0.1:{server.server_port}/api")


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("Client error '401 Unauthorized' for url 'http://x/api/flows/'\nResponse: {}", "AUTH_STRING"),
        ("Client error '409 Conflict' for url 'http://x' - For more information check: y", "'http://x'$"),
        ("", "ValueError"),
    ],
)
def test_a_refusal_is_one_sentence(said: str, told: str) -> None:
    assert re.search(told, explain_refusal(ValueError(said)))


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
