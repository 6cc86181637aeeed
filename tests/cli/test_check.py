"""`check` says what an export would lack, why, and what to do; its exit code is the export's."""

from __future__ import annotations

import json
import re
import shutil
import socket
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from extractors.sandbox import Sandbox, SandboxOptions
from flows.check import check
from flows.findings import Finding, Findings
from flows.settings import load_settings
from tests.cli.conftest import Run
from tests.cli.proxy import Answered, proxy
from warehouse.store import Store

Check = Callable[..., Findings]


@pytest.fixture
def check_it(sentry: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Check:
    """Checks the sandbox, or what is given instead."""

    monkeypatch.delenv(
        "SENTRY_WAREHOUSE_RECORDINGS", raising=False
    )  # of the tests: no setting, and told as such

    def run(**more: Any) -> Findings:
        values = {"url": sentry.url, "token": sentry.token, "home": str(tmp_path / "data"), **more}
        return check(load_settings(None, values, environment={}))

    return run


def of(found: Findings, subject: str) -> Finding:
    return next(f for f in found.all if f.subject.startswith(subject))


def test_all_is_well(check_it: Check) -> None:
    found = check_it()
    assert [f for f in found.all if f.state != "good"] == []
    assert found.exit_code == 0
    assert {f.subject for f in found.all} >= {"server", "clock", "token", "organization", "projects", "disk"}
    assert "issue_history" in of(found, "issues of acme").says
    assert "ago" in of(found, "retention").says
    assert of(found, "token").says.startswith("a user's token")


def test_the_command(run: Run) -> None:
    outcome = run("check")
    assert (outcome.code, outcome.err) == (0, "")
    assert all(line.startswith("✓ ") for line in outcome.out.splitlines()), outcome.out
    answer = json.loads(run("check", "--json", SENTRY_ORG="acem").out)
    assert answer["exit_code"] == 2
    assert answer["checks"][-1].keys() == {"subject", "state", "says", "fix", "code"}


def test_no_token(check_it: Check) -> None:
    found = check_it(token="")
    assert (found.exit_code, of(found, "token").state) == (2, "bad")
    assert of(found, "disk").state == "good"


def test_wrong_token(check_it: Check) -> None:
    found = check_it(token="sntrys_" + "0" * 40)
    assert (found.exit_code, of(found, "token").state, of(found, "server").state) == (2, "bad", "good")
    assert "Make an internal integration" in of(found, "token").fix


def test_unreachable(check_it: Check) -> None:
    with proxy("http://127.0.0.1:1", answers=lambda _: Answered(404, b"<html>nginx</html>")) as url:
        found = check_it(url=url)
    assert (found.exit_code, of(found, "server").state) == (1, "bad")


@pytest.mark.slow
def test_host_down(check_it: Check) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    assert check_it(url=f"http://127.0.0.1:{port}").exit_code == 1


@pytest.mark.parametrize(
    ("reply", "subject", "code"),
    [
        (Answered(200, b"<html>Sign in</html>"), "server", 1),
        (Answered(200, b'{"a": 1}'), "server", 1),
        (Answered(200, b"17"), "server", 1),
        (Answered(200, b""), "server", 1),
        (Answered(200, b'[1, null, {"id": null}]'), "organizations", 1),
        (Answered(200, b"[]"), "organizations", 2),
        (Answered(403, b"<html>Blocked</html>"), "server", 1),
        (Answered(401, b"<html>Sign in</html>"), "token", 2),
        (Answered(404, b""), "organizations", 2),
    ],
)
def test_servers_that_answer_no_sense(check_it: Check, reply: Answered, subject: str, code: int) -> None:
    with proxy("http://127.0.0.1:1", answers=lambda _: reply) as url:
        found = check_it(url=url)
    bad = [f for f in found.all if f.state == "bad"]
    assert [f.subject for f in bad] == [subject], found.all
    assert found.exit_code == code


def test_a_server_that_answers_everything_with_the_same(check_it: Check) -> None:
    """What is a list of records may pass; what can not be read says so, and which tables stay empty."""
    with proxy("http://127.0.0.1:1", answers=lambda _: Answered(200, b'[{"id": 1, "slug": "a"}]')) as url:
        found = check_it(url=url)
    assert found.exit_code == 3
    for subject, table in (
        ("sessions", "session_health"),
        ("outcomes", "outcomes"),
        ("discover", "discover_"),
    ):
        finding = of(found, f"{subject} of a")
        assert finding.state == "bad"
        assert table in finding.says
    assert of(found, "teams of a").state == "good"


def test_an_organization_token(check_it: Check) -> None:
    options = SandboxOptions(
        token="sntrys_0123", projects=1, issues=2, events=4, members=1, days=5, refused_projects=0
    )
    with Sandbox(options) as sandbox:
        found = check_it(url=sandbox.url, token="sntrys_0123")
    assert found.exit_code == 3
    assert "internal integration" in of(found, "token").fix


def test_projects_that_may_not_be_listed(check_it: Check, sentry: Sandbox) -> None:
    refuse = lambda p: Answered(403) if p.split("?")[0].endswith("/projects/") else None  # noqa: E731
    with proxy(sentry.url, answers=refuse) as url:
        found = check_it(url=url)
    assert found.exit_code == 3
    assert [f.subject for f in found.all if f.state != "good"] == ["projects"]
    assert "org:read" in of(found, "projects").fix


def test_what_is_asked_one_by_one_is_tried(check_it: Check, sentry: Sandbox) -> None:
    with proxy(sentry.url, answers=lambda p: Answered(403) if "/latest/" in p else None) as url:
        found = check_it(url=url)
    events = of(found, "events of acme")
    assert events.state == "bad"
    named = set(re.findall(r"\w+", events.says))
    assert "event_frames" in named
    assert "event_tags" not in named
    assert "event:read" in events.fix
    assert of(found, "issues of acme").state == "good"


def test_unknown_organization_and_project(check_it: Check) -> None:
    assert check_it(organizations=["acem"]).exit_code == 2
    found = check_it(projects=["shpo"])
    assert (found.exit_code, of(found, "projects").code) == (2, 2)
    assert "shpo" in of(found, "projects").says


def test_a_refused_project_is_named(check_it: Check) -> None:
    options = SandboxOptions(projects=5, issues=10, events=20, members=2, days=5, refused_projects=2)
    with Sandbox(options) as sandbox:
        refused = {p["slug"] for p in sandbox.truth("projects") if p["refused"]}
        found = check_it(url=sandbox.url)
    assert found.exit_code == 3
    assert all(slug in of(found, "projects").says for slug in refused)
    assert [f.subject for f in found.all if f.state == "bad"] == ["projects"]


@pytest.mark.parametrize(
    ("path", "subject", "scope", "table"),
    [
        ("/members/", "members of acme", "member:read", "members"),
        ("/issues/", "issues of acme", "event:read", "issue_history"),
        ("/stats_v2/", "outcomes of acme", "org:read", "outcomes"),
    ],
)
def test_a_missing_scope_is_named_with_its_tables(
    check_it: Check, sentry: Sandbox, path: str, subject: str, scope: str, table: str
) -> None:
    with proxy(sentry.url, answers=lambda asked: Answered(403) if path in asked else None) as url:
        found = check_it(url=url)
    bad = [f for f in found.all if f.state == "bad"]
    assert [f.subject for f in bad] == [subject]
    assert scope in bad[0].fix
    assert table in bad[0].says
    assert found.exit_code == 3


def test_an_endpoint_that_the_plan_lacks(check_it: Check, sentry: Sandbox) -> None:
    with proxy(sentry.url, answers=lambda p: Answered(404, b"") if "/sessions/" in p else None) as url:
        found = check_it(url=url)
    assert found.exit_code == 3
    assert "session_health" in of(found, "sessions of acme").says
    assert 'exclude = ["sessions"]' in of(found, "sessions of acme").fix


def test_an_endpoint_that_will_go(check_it: Check, sentry: Sandbox) -> None:
    announced = {"X-Sentry-Deprecation-Date": "2027-01-01T00:00:00+00:00"}
    with proxy(sentry.url, headers=lambda p: announced if "/teams/" in p else {}) as url:
        found = check_it(url=url)
    assert found.exit_code == 0
    assert "2027-01-01" in of(found, "deprecated").says


def test_a_clock_that_is_wrong(check_it: Check) -> None:
    options = SandboxOptions(
        projects=1, issues=2, events=4, members=1, days=5, clock_offset=timedelta(hours=-3)
    )
    with Sandbox(options) as sandbox:
        found = check_it(url=sandbox.url)
    assert of(found, "clock").state == "warning"
    assert "ahead of the server's" in of(found, "clock").says
    assert "retention" in {f.subject for f in found.all}
    assert "most endpoints 40 in 1 s" in of(found, "rate limits").says


def test_an_older_server_is_asked_the_older_way(check_it: Check) -> None:
    options = SandboxOptions(
        projects=2, issues=4, events=10, members=1, days=5, age="2023", refused_projects=0
    )
    with Sandbox(options) as sandbox:
        found = check_it(url=sandbox.url)
    assert found.exit_code == 0
    assert "retention" in {f.subject for f in found.all}


def test_a_full_disk(check_it: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage("/")
    for free, state, code in ((1 << 20, "bad", 1), (1 << 28, "warning", 0), (1 << 40, "good", 0)):
        monkeypatch.setattr(shutil, "disk_usage", lambda _, free=free: usage._replace(free=free))
        found = check_it(token="")
        assert (of(found, "disk").state, of(found, "disk").code) == (state, code)


def test_a_home_that_is_a_file(check_it: Check, tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    assert of(check_it(), "home").code == 2


def test_a_warehouse_in_use_or_damaged(check_it: Check, tmp_path: Path) -> None:
    file = tmp_path / "data" / "warehouse.duckdb"
    Store(file).close()
    assert of(check_it(), "warehouse").state == "good"
    file.write_text("dear diary\n" * 1000)
    found = check_it()
    assert (of(found, "warehouse").state, found.exit_code) == ("bad", 1)
    assert "replay" in of(found, "warehouse").says


def test_nothing_but_get_and_the_token_is_never_shown(check_it: Check, sentry: Sandbox) -> None:
    found = check_it()
    assert all(sentry.token not in f.says + f.fix for f in found.all)
    assert {r["method"] for r in sentry.requests()} == {"GET"}


def test_a_token_that_may_more_than_read_gets_a_hint(check_it: Check, sentry: Sandbox) -> None:
    def grant(path: str, body: bytes) -> bytes:
        if not path.startswith("/api/0/organizations/acme/?detailed=0"):
            return body
        return json.dumps(
            {**json.loads(body), "access": ["event:read", "event:admin", "project:write"]}
        ).encode()

    with proxy(sentry.url, change=grant) as url:
        found = check_it(url=url, organizations=["acme"])
    hint = of(found, "rights in acme")
    assert (hint.state, found.exit_code) == ("warning", 0)
    assert "event:admin, project:write" in hint.says
    assert not [f for f in check_it(organizations=["acme"]).all if f.subject.startswith("rights")]
