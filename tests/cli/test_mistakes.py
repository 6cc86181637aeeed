"""Every mistake of a user gives one sentence that says what to do, and the exit code of the design."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path
from threading import Thread

import pytest

from extractors.sandbox import Sandbox, SandboxOptions
from tests.cli.command import COMMAND, can_mount, clean_environment, run_command, start_command
from tests.cli.conftest import Run, variables_of
from warehouse.state import begin_run
from warehouse.store import Store

needs_read_only = pytest.mark.skipif(
    os.geteuid() == 0 and not can_mount(), reason="nothing is read-only for root where it may not mount"
)


def slow(*values: object) -> object:
    """A case that differs little from one that the quick part has."""
    return pytest.param(*values, marks=pytest.mark.slow)


@contextmanager
def web_page(status: int) -> Iterator[str]:
    """A server that is no Sentry: it answers every question with a page."""

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = b"<!doctype html><html><body>Welcome to nginx!</body></html>"
            self.send_response(status)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Page)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


# token, organization, project


def test_no_token(run: Run) -> None:
    run("export", SENTRY_AUTH_TOKEN="").says_only(2, "SENTRY_AUTH_TOKEN", "sentry-warehouse demo")


def test_wrong_token(run: Run) -> None:
    outcome = run("export", SENTRY_AUTH_TOKEN="sntryu_" + "0" * 64)
    outcome.says_only(2, "does not know this token", "SENTRY_AUTH_TOKEN", "SENTRY_URL")
    assert "sntryu_" not in outcome.err


def test_a_token_with_a_space_in_it(run: Run) -> None:
    run("export", SENTRY_AUTH_TOKEN="sntryu_ab cd").says_only(2, "characters that no token has")


def test_a_token_in_quotation_marks(run: Run) -> None:
    """As `docker run --env-file` hands it on."""
    run("export", SENTRY_AUTH_TOKEN='"sntryu_abcd"').says_only(2, "quotation marks", "SENTRY_AUTH_TOKEN")


def test_an_address_in_place_of_an_organization(run: Run) -> None:
    run("export", SENTRY_ORG="https://acme.sentry.io").says_only(2, "SENTRY_ORG", "slug")


def test_files_of_windows_editors(run: Run, tmp_path: Path, sentry: Sandbox) -> None:
    """They begin with a mark of the encoding, and lines end with two characters."""
    mark = b"\xef\xbb\xbf"
    (tmp_path / "sentry-warehouse.toml").write_bytes(mark + b'privacy = "drop"\r\nlag_minutes = 0\r\n')
    (tmp_path / ".sentryclirc").write_bytes(mark + f"[auth]\r\ntoken={sentry.token}\r\n".encode())
    assert run("check", SENTRY_AUTH_TOKEN="").code == 0


def test_standard_streams_that_are_closed(run: Run, tmp_path: Path, sentry: Sandbox) -> None:
    variables = clean_environment(tmp_path, **variables_of(sentry), SENTRY_WAREHOUSE_STREAMS_ONLY="teams")
    for closed in ("2>&-", "<&- >&- 2>&-"):
        done = subprocess.run(
            ["sh", "-c", f'"$0" export {closed}', str(COMMAND)],
            cwd=tmp_path,
            env=variables,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr + done.stdout


def test_a_stream_without_letters_for_all_that_is_said(run: Run) -> None:
    outcome = run("check", PYTHONIOENCODING="latin-1")
    assert outcome.code == 0, outcome.err
    assert "\\u2713 token: " in outcome.out


def test_unreadable_token_file(run: Run) -> None:
    outcome = run("export", SENTRY_AUTH_TOKEN="", SENTRY_WAREHOUSE_TOKEN_FILE="nowhere")
    outcome.says_only(2, "token file nowhere", "No such file")


def test_unknown_organization(run: Run, tmp_path: Path) -> None:
    run("export", SENTRY_ORG="acem").says_only(2, "no organization 'acem'", "It sees: acme")
    assert not list(tmp_path.rglob("*.duckdb*"))
    run("status").says_only(2, "There is no warehouse")


def test_unknown_project(run: Run, sentry: Sandbox) -> None:
    slugs = sorted(p["slug"] for p in sentry.truth("projects"))
    outcome = run("export", SENTRY_PROJECT=f"{slugs[0]},shpo")
    outcome.says(2, "'shpo'", "SENTRY_PROJECT", ", ".join(slugs))
    noted = run("status", "--json")
    (noted_run,) = json.loads(noted.out)["runs"]
    assert noted_run["status"] == "failed"
    assert "'shpo'" in noted_run["note"]


# the server


@pytest.mark.slow
def test_host_down(run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    outcome = run("export", SENTRY_URL=f"http://127.0.0.1:{port}")
    outcome.says_only(1, "connection refused", "Check SENTRY_URL")


@pytest.mark.parametrize("status", [404, slow(200)])
def test_a_host_that_is_no_sentry(run: Run, status: int) -> None:
    with web_page(status) as url:
        run("export", SENTRY_URL=url).says_only(1, "Check SENTRY_URL", "must be the address of Sentry")


def test_url_without_scheme(run: Run) -> None:
    run("export", SENTRY_URL="sentry.example.org").says_only(
        2, "SENTRY_URL is 'sentry.example.org'", "https://"
    )


@pytest.mark.parametrize(
    "url", ["https://sentry.example.org/x/organizations/acme/", slow("https://sentry.example.org/x/issues")]
)
def test_url_of_a_page(run: Run, url: str) -> None:
    run("export", SENTRY_URL=url).says_only(2, " https://sentry.example.org/x, ", "SENTRY_ORG")


def test_url_with_a_password(run: Run) -> None:
    outcome = run("check", SENTRY_URL="https://ana:geheim@sentry.example.org")
    outcome.says_only(2, "SENTRY_URL holds a user name or a password")
    assert "geheim" not in outcome.err


@pytest.mark.slow
def test_url_that_is_none(run: Run) -> None:
    run("export", SENTRY_URL="https://").says_only(2, "SENTRY_URL", "https://sentry.example.org")


# the memory


def test_memory_that_is_no_size(run: Run) -> None:
    for size in ("lots", "99999999TB"):
        run("export", SENTRY_WAREHOUSE_MEMORY=size).says_only(2, f"'memory' is '{size}'", "100MB")


def test_a_schedule_that_is_none_comes_into_no_crontab(run: Run) -> None:
    run("schedule", "--cron", "nonsense").says_only(2, "'nonsense' is no cron schedule", "30 2 * * *")


@pytest.mark.parametrize("size", ["1MB", "300KB"])  # the second does not suffice to open the file
def test_too_little_memory(run: Run, size: str) -> None:
    outcome = run("export", SENTRY_WAREHOUSE_MEMORY=size)
    outcome.says(1, "DuckDB needs more memory", "SENTRY_WAREHOUSE_MEMORY", "what is committed stays")
    assert "Traceback" not in outcome.err


# the home


@needs_read_only
def test_home_that_can_not_be_written(run: Run, tmp_path: Path) -> None:
    home = tmp_path / "data"
    home.mkdir()
    outcome = run("--home", str(home), "export", read_only=home)
    outcome.says_only(2, str(home), "can not be written", "--home")


@needs_read_only
def test_home_that_can_not_be_made(run: Run, tmp_path: Path) -> None:
    outcome = run("export", read_only=tmp_path)
    outcome.says_only(2, "sentry-data can not be made", "--home")


@pytest.mark.slow
@needs_read_only
def test_warehouse_that_can_not_be_written(run: Run, tmp_path: Path) -> None:
    home = tmp_path / "data"
    Store(home / "warehouse.duckdb").close()
    outcome = run("--home", str(home), "export", read_only=home)
    outcome.says_only(2, str(home), "can not be written")


def test_home_below_a_file(run: Run, tmp_path: Path) -> None:
    (tmp_path / "note").write_text("")
    run("--home", "note/data", "export").says_only(2, "note/data can not be made", "--home")


def test_a_text_file_for_a_warehouse(run: Run, tmp_path: Path) -> None:
    (tmp_path / "sentry-data").mkdir()
    (tmp_path / "sentry-data" / "warehouse.duckdb").write_text("dear diary\n" * 1000)
    outcome = run("export")
    outcome.says_only(1, "not a DuckDB database", "Move it away", "sentry-warehouse replay")
    assert (tmp_path / "sentry-data" / "warehouse.duckdb").read_text().startswith("dear diary")


def test_a_damaged_warehouse(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "sentry-data" / "warehouse.duckdb"
    Store(file).close()
    content = bytearray(file.read_bytes())
    content[4096:] = os.urandom(len(content) - 4096)
    file.write_bytes(content)
    run("export").says_only(1, "not a DuckDB database", "Move it away", "sentry-warehouse replay")


def test_no_warehouse_yet(run: Run, tmp_path: Path) -> None:
    told = f"There is no warehouse in {tmp_path / 'sentry-data'} yet: `sentry-warehouse export` makes one"
    for command in ("query select", "status", "publish", "replay", "forget --user ana@example.com"):
        run(*command.split()).says_only(2, told)
    assert not list(tmp_path.iterdir())
    pages = tmp_path / "sentry-data" / "raw"
    pages.mkdir(parents=True)
    run("status").says_only(1, f"Nothing is published in {tmp_path / 'sentry-data'} yet")
    run("publish").says_only(1, "run `sentry-warehouse export` first")


def test_second_export_at_once(tmp_path: Path) -> None:
    with Sandbox(SandboxOptions(projects=1, issues=4, events=10, days=5, latency=1.0)) as slow:
        first = start_command("export", folder=tmp_path, variables=variables_of(slow))
        try:
            while not slow.requests():
                assert first.poll() is None
            second = run_command("export", folder=tmp_path, variables=variables_of(slow))
            seen = run_command("status", folder=tmp_path)
        finally:
            first.kill()
            first.communicate()
    second.says_only(2, "warehouse.duckdb is in use by another process", "wait for it")
    seen.says_only(1, f"The first export into {tmp_path / 'sentry-data'} is still at work")


def test_an_export_that_was_cut_off(run: Run, tmp_path: Path) -> None:
    with Store(tmp_path / "sentry-data" / "warehouse.duckdb") as store:
        row = {"run_id": "r", "command": "export", "started_at": "2026-11-22 02:30:00"}
        begin_run(store, {**row, "as_of": "2026-11-22 02:20:00"})
    shown = run("status")
    assert "interrupted" in shown.out
    assert "reads the rest" in shown.out
    assert "running" not in shown.out
    assert json.loads(run("status", "--json").out)["runs"][0]["status"] == "interrupted"


# settings


def test_missing_configuration(run: Run) -> None:
    run("--config", "nowhere.toml", "export").says_only(2, "nowhere.toml", "No such file")


def test_configuration_that_is_no_toml(run: Run, tmp_path: Path) -> None:
    (tmp_path / "sentry-warehouse.toml").write_text("threads = = 3\n")
    run("export").says_only(2, "sentry-warehouse.toml is no valid TOML", "line 1")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('privacy = "hide"', ("sentry-warehouse.toml", "privacy", "'hide' is none of hash, drop, keep")),
        ("thread = 3", ("sentry-warehouse.toml", "thread", "Did you mean threads?")),
        slow('threads = "many"', ("threads",)),
        slow("[publish]\nkep = 3", ("publish", "kep", "Did you mean publish.keep?")),
        slow("overlap_days = 3", ("overlap_days", "Did you mean events.overlap_days?")),
        slow('[[discover]]\nname = "slow pages"\nfields = ["title"]', ("letters, digits and underscores",)),
        ('[streams]\nonly = ["isues"]', ("no stream 'isues'", "issues")),
        slow('[streams]\nexclude = ["nothing"]', ("no stream 'nothing'", "issues")),
    ],
)
def test_wrong_setting(run: Run, tmp_path: Path, text: str, words: tuple[str, ...]) -> None:
    (tmp_path / "sentry-warehouse.toml").write_text(text + "\n")
    run("export").says_only(2, *words)


@pytest.mark.slow
def test_wrong_setting_in_a_variable(run: Run) -> None:
    run("export", SENTRY_WAREHOUSE_THREADS="many").says_only(2, "SENTRY_WAREHOUSE_THREADS", "threads")


def test_a_misspelt_variable(run: Run) -> None:
    run("export", SENTRY_WAREHOUSE_PRIVCY="keep").says_only(2, "Did you mean SENTRY_WAREHOUSE_PRIVACY?")


def test_unreadable_sentryclirc(run: Run, tmp_path: Path) -> None:
    (tmp_path / ".sentryclirc").write_text("token without a section\n")
    run("export").says_only(2, ".sentryclirc can not be read as sentry-cli writes it")


# the command line itself


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("exprot",), ("No such command", "exprot")),
        slow(("export", "--quick"), ("No such option", "--quick")),
        (("backfill",), ("Missing option", "--since")),
        (("backfill", "--since", "yesterday"), ("'yesterday' is no date", "2026-01-31")),
        (("backfill", "--since", ""), ("'' is no date",)),
        (("replay", "--since", "0001-01-01"), ("before there was any Sentry",)),
        (("backfill", "--since", "2026-02-01", "--until", "2026-01-01"), ("--until must be later",)),
        slow(("query",), ("Missing argument", "SQL")),
        (("query", "select 1", "--format", "parquet"), ("needs --output",)),
        (("sandbox", "--port", "70000"), ("--port", "0<=x<=65535")),
        slow(("sandbox", "--faults", "2"), ("--faults", "0<=x<=1")),
        slow(("sandbox", "--days", "0"), ("--days", "x>=1")),
        slow(("dashboard", "--port", "99999"), ("--port", "0<=x<=65535")),
    ],
)
def test_wrong_usage(run: Run, arguments: tuple[str, ...], words: tuple[str, ...]) -> None:
    run(*arguments).says(2, *words)


# servers of our own


@pytest.mark.parametrize("command", ["dashboard", "sandbox"])
def test_a_port_that_is_taken(run: Run, published: Path, command: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        outcome = run("--home", str(published), command, "--port", port)
    outcome.says_only(2, f"127.0.0.1:{port}", "Address already in use", "--port")


@pytest.mark.slow
@pytest.mark.parametrize("command", ["dashboard", "sandbox"])
def test_a_host_that_is_not_here(run: Run, published: Path, command: str) -> None:
    run("--home", str(published), command, "--host", "192.0.2.1").says_only(2, "192.0.2.1", "--host")


@pytest.mark.skipif(find_spec("vl_convert") is not None, reason="the package is installed")
def test_pictures_without_their_package(run: Run, published: Path) -> None:
    run("--home", str(published), "dashboard", "--png", "charts").says_only(
        2, "pip install vl-convert-python"
    )


# questions in SQL


def test_unknown_table(run: Run, published: Path) -> None:
    outcome = run("--home", str(published), "query", "select * from isues")
    outcome.says_only(1, "no table 'isues'", "Did you mean", "issues")


def test_unknown_column(run: Run, published: Path) -> None:
    outcome = run("--home", str(published), "query", "select satus from issues")
    outcome.says(1, "satus")
    assert "status" in outcome.err


@pytest.mark.slow
def test_wrong_sql(run: Run, published: Path) -> None:
    run("--home", str(published), "query", "selct 1").says(1, "syntax error", "selct")


def test_questions_never_change_what_is_published(run: Run, published: Path) -> None:
    run("--home", str(published), "query", "delete from issues").says(1, "read-only")


@pytest.mark.parametrize("format_", ["table", slow("csv"), slow("parquet")])
def test_an_output_that_can_not_be_written(run: Run, published: Path, format_: str) -> None:
    outcome = run(
        "--home", str(published), "query", "select 1", "--format", format_, "--output", "none/answer"
    )
    outcome.says(1, "none/answer", "No such file")
