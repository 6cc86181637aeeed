"""A command runs as a flow when a Prefect server is configured, and brings the same rows."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from extractors.sandbox import Sandbox
from tests.prefect.contents import rows
from tests.prefect.servers import PrefectServer, call, sentry

pytestmark = [pytest.mark.timeout(600), pytest.mark.xdist_group("prefect")]


def test_smoke(server: PrefectServer, sandbox: Sandbox, home: Path, tmp_path: Path) -> None:
    """The one that each build runs: a real server, a few streams."""
    environment = server.environment(
        **sentry(
            sandbox, home, SENTRY_WAREHOUSE_STREAMS_ONLY="issues,teams", SENTRY_WAREHOUSE_STREAMS_EXCLUDE=""
        )
    )
    done = call(["sentry-warehouse", "export", "--json"], environment, tmp_path)
    assert done.returncode == 3, done.stderr
    run = server.run_of(home)
    assert f"Shown at {server.url.removesuffix('/api')}/flow-runs/flow-run/{run['id']}" in done.stderr
    assert run["state"]["name"] == "Incomplete"
    tasks = {task["name"]: task for task in server.tasks(run["id"])}
    assert tasks["publish"]["state"]["name"] == "Completed"
    assert {t["state"]["name"] for n, t in tasks.items() if n.startswith("issues · acme/")} == {
        "Completed",
        "Forbidden",
    }
    assert {tag for task in tasks.values() for tag in task["tags"]} == {
        "issues",
        "organizations",
        "projects",
        "teams",
    }
    artifacts = server.artifacts(run["id"])
    assert artifacts["progress-issues"]["data"] == 100
    assert "not complete" in artifacts["run-report"]["data"]
    assert json.loads(artifacts["coverage"]["data"])
    assert rows(home)["issues"]


@pytest.mark.slow
def test_an_orchestrated_export_brings_the_same_rows(
    server: PrefectServer, sandbox: Sandbox, tmp_path: Path
) -> None:
    plain, orchestrated = tmp_path / "plain", tmp_path / "orchestrated"
    here = call(
        ["sentry-warehouse", "export", "--json", "--no-prefect"],
        server.environment(**sentry(sandbox, plain)),
        tmp_path,
    )
    before = len(server.ask("flow_runs/filter"))
    assert here.returncode == 3, here.stderr

    there = call(
        ["sentry-warehouse", "export", "--json"],
        server.environment(**sentry(sandbox, orchestrated)),
        tmp_path,
    )
    assert there.returncode == 3, there.stderr
    assert len(server.ask("flow_runs/filter")) == before + 1
    result = json.loads(there.stdout)
    assert result["rows"] == json.loads(here.stdout)["rows"]
    assert rows(orchestrated) == rows(plain)

    run = server.newest_run()
    assert run["state"]["type"] == "FAILED"
    assert run["state"]["name"] == "Incomplete"
    assert "forbidden" in run["state"]["message"]
    assert run["parameters"]["home"] == str(orchestrated)

    tasks = server.tasks(run["id"])
    by_name = {task["name"]: task for task in tasks}
    assert any(name.startswith("issues · acme/") for name in by_name)
    assert by_name["publish"]["state"]["type"] == "COMPLETED"
    assert {"issues"} == {tag for n, t in by_name.items() if n.startswith("issues ·") for tag in t["tags"]}
    assert {t["state"]["name"] for t in tasks} == {"Completed", "Forbidden"}
    assert all(task["run_count"] == 1 for task in tasks)

    artifacts = server.artifacts(run["id"])
    assert artifacts["progress-issues"]["data"] == 100
    assert "not complete" in artifacts["run-report"]["data"]
    assert str(orchestrated / "published" / "sentry.duckdb") in artifacts["run-report"]["data"]
    coverage = {(row["stream"], row["request"]): row for row in json.loads(artifacts["coverage"]["data"])}
    assert coverage["issues", ""]["refused"] == 1
    assert all(sandbox.token.encode() not in file.read_bytes() for file in server.home.glob("prefect.db*"))


@pytest.mark.slow
def test_a_server_that_is_down_is_one_sentence(sandbox: Sandbox, server: PrefectServer, home: Path) -> None:
    environment = server.environment(**sentry(sandbox, home), PREFECT_API_URL="http://127.0.0.1:9/api")
    refused = call(["sentry-warehouse", "export"], environment, server.home)
    assert refused.returncode == 1
    assert len(refused.stderr.splitlines()) == 1
    assert "--no-prefect" in refused.stderr
    assert not home.exists()


@pytest.mark.slow
def test_a_wrong_token_fails_the_run_in_one_sentence(
    server: PrefectServer, sandbox: Sandbox, home: Path
) -> None:
    environment = server.environment(**sentry(sandbox, home, SENTRY_AUTH_TOKEN="sntryu_wrong"))
    refused = call(["sentry-warehouse", "export"], environment, server.home)
    assert refused.returncode == 2
    assert "Traceback" not in refused.stderr
    run = server.newest_run()
    assert (run["state"]["type"], run["state"]["name"]) == ("FAILED", "Failed")
    assert "401" in run["state"]["message"]
