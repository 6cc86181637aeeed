"""`schedule` serves the nightly deployment: it runs by the clock, one run at a time."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from extractors.sandbox import Sandbox
from tests.cli.proxy import Answered, proxy
from tests.prefect.contents import expected_rows, rows, runs, slices
from tests.prefect.servers import PrefectServer, call, make_secret, process, sentry, slowly, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900), pytest.mark.xdist_group("prefect")]

NIGHTLY = "deployments/name/nightly_export/nightly"


@pytest.fixture(scope="module")
def empty_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrefectServer]:
    """A server of its own: the shared one has deployments of the same name for workers."""
    started = PrefectServer(tmp_path_factory.mktemp("prefect"))
    try:
        started.start()
        yield started
    finally:
        started.stop()
        started.client.close()


def test_the_clock_starts_runs_and_the_server_may_restart_meanwhile(
    empty_server: PrefectServer, sandbox: Sandbox, home: Path, tmp_path: Path
) -> None:
    make_secret(empty_server, "sentry-token", sandbox.token)
    environment = empty_server.environment(**sentry(sandbox, home, SENTRY_AUTH_TOKEN=""))
    schedule = ["sentry-warehouse", "schedule", "--cron", "* * * * *", "--timezone", "Europe/Vienna"]
    schedule += ["--token-block", "sentry-token"]
    with process(schedule, environment, tmp_path) as served:
        first = wait_for(lambda: started(empty_server))[0]
        state = empty_server.wait_until_ended(first["id"])
        assert (state["type"], state["name"]) == ("FAILED", "Incomplete"), state["message"]
        assert "auto-scheduled" in first["tags"]

        deployment = empty_server.get(NIGHTLY)
        assert deployment["schedules"][0]["schedule"]["timezone"] == "Europe/Vienna"
        # a run that dies together with the server would hold its place for ever
        assert deployment["global_concurrency_limit"] is None
        assert deployment["parameters"]["home"] == str(home)
        assert sandbox.token not in str(deployment)

        empty_server.stop()
        empty_server.start()
        wait_for(lambda: len(started(empty_server)) > 1)
        second = started(empty_server)[0]
        assert empty_server.wait_until_ended(second["id"])["name"] == "Incomplete"
        assert served.poll() is None
    assert not empty_server.get(NIGHTLY)["paused"]


def test_a_service_that_is_stopped_goes_on_where_it_was(
    empty_server: PrefectServer, slow_sandbox: Sandbox, home: Path, tmp_path: Path
) -> None:
    """SIGTERM, as systemd and a shutdown send it."""
    environment = empty_server.environment(**slowly(slow_sandbox, home))
    schedule = ["sentry-warehouse", "schedule", "--cron", "0 0 1 1 *"]
    empty_server.forget_deployment("nightly_export/nightly")
    with process(schedule, environment, tmp_path) as served:
        wait_for(lambda: is_served(empty_server, home))
        first = empty_server.start_deployment("nightly_export/nightly")
        empty_server.wait_until_at_work(first)
        served.send_signal(signal.SIGTERM)
        assert served.wait(60) == 0
    log = (tmp_path / "sentry-warehouse.log").read_text()
    assert "Traceback" not in log, log
    left = slices(home)  # can be opened: no process writes any more
    assert left["done"] >= 5
    assert left["open"] > 0
    assert empty_server.run(first)["state"]["type"] == "CANCELLED"

    with process(schedule, empty_server.environment(**sentry(slow_sandbox, home)), tmp_path):
        again = empty_server.start_deployment("nightly_export/nightly")
        state = empty_server.wait_until_ended(again)
        assert state["name"] == "Incomplete", state["message"]
    assert "taken up" in empty_server.artifacts(again)["run-report"]["data"]
    assert set(slices(home)) == {"done"}
    assert runs(home) == ["incomplete"]
    assert rows(home) == expected_rows(empty_server, slow_sandbox, tmp_path)


def test_a_service_outlives_its_server(empty_server: PrefectServer, tmp_path: Path) -> None:
    """Prefect's runner gives up when its server is away for long: with one retry, after a minute."""
    environment = empty_server.environment(PREFECT_CLIENT_MAX_RETRIES="1")
    log = tmp_path / "sentry-warehouse.log"
    with process(["sentry-warehouse", "schedule", "--cron", "0 0 1 1 *"], environment, tmp_path) as served:
        wait_for(lambda: "Serving" in log.read_text())
        empty_server.stop()
        try:
            wait_for(lambda: "gave up" in log.read_text())
        finally:
            empty_server.start()
        wait_for(lambda: log.read_text().count("Serving") == 2)
        served.send_signal(signal.SIGTERM)
        assert served.wait(60) == 0
    assert "mistake in sentry-warehouse" not in log.read_text()


def is_served(server: PrefectServer, home: Path) -> bool:
    found = server.ask("deployments/filter", deployments={"name": {"any_": ["nightly"]}})
    return any(deployment["parameters"]["home"] == str(home) for deployment in found)


def started(server: PrefectServer) -> list[dict[str, str]]:
    """Flow runs that began, the newest first."""
    found: list[dict[str, str]] = server.ask(
        "flow_runs/filter",
        sort="START_TIME_DESC",
        flow_runs={"state": {"type": {"any_": ["RUNNING", "COMPLETED", "FAILED", "CRASHED"]}}},
    )
    return found


def test_deployments_of_workers_are_not_taken_over(deployed: PrefectServer, tmp_path: Path) -> None:
    refused = call(["sentry-warehouse", "schedule"], deployed.environment(), tmp_path)
    assert refused.returncode == 2
    assert "prefect deployment delete nightly_export/nightly" in refused.stderr


def test_a_server_with_a_password_is_one_sentence(tmp_path: Path, server: PrefectServer) -> None:
    """As one that knows no deployment of ours, and refuses to say so."""
    health = Answered(200, b"true", {"Content-Type": "application/json"})
    with proxy("", answers=lambda path: health if path == "/health" else Answered(401)) as url:
        environment = server.environment(PREFECT_API_URL=url)
        refused = call(["sentry-warehouse", "schedule"], environment, tmp_path)
    assert refused.returncode == 1
    assert refused.stderr.splitlines()[-1].startswith(f"The Prefect server at {url} did not take")
    assert "PREFECT_API_AUTH_STRING" in refused.stderr
    assert "Traceback" not in refused.stderr
