"""Deployments on a worker: they run, and whatever ends a run, the next one goes on where it stopped."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from pathlib import Path

import pytest

from extractors.sandbox import Sandbox
from tests.prefect.conftest import POOL
from tests.prefect.contents import expected_rows, rows, runs, slices
from tests.prefect.servers import PrefectServer, call, make_secret, process, sentry, slowly, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900), pytest.mark.xdist_group("prefect")]

NIGHTLY = "nightly_export/nightly"
WORKER = ["prefect", "worker", "start", "--pool", POOL]


def flow_process(worker: subprocess.Popen[bytes]) -> int:
    """The id of the process that the worker started for a run."""

    def children() -> list[int]:
        found = subprocess.run(["pgrep", "-P", str(worker.pid)], capture_output=True, text=True, check=False)
        return [int(line) for line in found.stdout.split()]

    return int(wait_for(children)[0])


def own_pages(sandbox: Sandbox) -> int:
    """How often a page of an issue of its own was asked for."""
    return sum(bool(re.search(r"/issues/\d+/$", asked["path"])) for asked in sandbox.requests())


def test_a_worker_runs_the_deployments_with_the_token_of_a_block(
    deployed: PrefectServer, sandbox: Sandbox, home: Path, tmp_path: Path
) -> None:
    make_secret(deployed, "sentry-token", sandbox.token)
    # the folder of the worker is that of its runs: Prefect would make one for each, and delete it
    nearby = home.relative_to(tmp_path)
    environment = deployed.environment(**sentry(sandbox, nearby, SENTRY_AUTH_TOKEN=""))
    with process(WORKER, environment, tmp_path):
        run = deployed.start_deployment(NIGHTLY, token_block="sentry-token", streams=["issues", "teams"])
        state = deployed.wait_until_ended(run)
        assert state["name"] == "Incomplete", state["message"]
        assert {task["tags"][0] for task in deployed.tasks(run) if task["tags"]} == {
            "issues",
            "organizations",
            "projects",
            "teams",
        }

        missing = deployed.start_deployment(NIGHTLY, token_block="no-such-block")
        state = deployed.wait_until_ended(missing)
        assert state["name"] == "Failed"
        assert "no-such-block" in state["message"]

        # an issue's own page is asked for when the issue changed, and by the weekly audit
        assert own_pages(sandbox) == len(rows(home)["issues"])
        streams = ["issues", "teams"]
        again = deployed.start_deployment(NIGHTLY, token_block="sentry-token", streams=streams)
        assert deployed.wait_until_ended(again)["name"] == "Incomplete"
        assert own_pages(sandbox) == len(rows(home)["issues"])
        audit = deployed.start_deployment(
            "nightly_export/weekly-audit", token_block="sentry-token", streams=streams
        )
        state = deployed.wait_until_ended(audit)
        assert state["name"] == "Incomplete", state["message"]
        assert deployed.run(audit)["parameters"]["full_audit"] is True
        assert own_pages(sandbox) == 2 * len(rows(home)["issues"])

        published = deployed.wait_until_ended(deployed.start_deployment("publish/publish"))
        assert published["name"] == "Completed", published["message"]
    assert all(sandbox.token.encode() not in file.read_bytes() for file in deployed.home.glob("prefect.db*"))


def test_a_run_outlives_its_worker(
    deployed: PrefectServer, slow_sandbox: Sandbox, home: Path, tmp_path: Path
) -> None:
    """A worker that is killed leaves the process of its run alone: that goes on to its end."""
    with process(WORKER, deployed.environment(**slowly(slow_sandbox, home)), tmp_path) as worker:
        run = deployed.start_deployment(NIGHTLY)
        deployed.wait_until_at_work(run)
        worker.kill()
    state = deployed.wait_until_ended(run)
    assert state["name"] == "Incomplete", state["message"]
    assert runs(home) == ["incomplete"]
    assert rows(home) == expected_rows(deployed, slow_sandbox, tmp_path)


@pytest.mark.parametrize("ending", ["cancelled", "killed", "worker stopped"])
def test_after_an_end_in_the_middle_the_next_run_goes_on(
    deployed: PrefectServer, slow_sandbox: Sandbox, home: Path, tmp_path: Path, ending: str
) -> None:
    environment = deployed.environment(**slowly(slow_sandbox, home))
    with process(WORKER, environment, tmp_path) as worker:
        first = deployed.start_deployment(NIGHTLY)
        deployed.wait_until_at_work(first)
        if ending == "cancelled":
            deployed.cancel(first)
            assert deployed.wait_until_ended(first)["type"] == "CANCELLED"
        elif ending == "killed":
            os.kill(flow_process(worker), signal.SIGKILL)
            assert deployed.wait_until_ended(first)["type"] == "CRASHED"
        else:
            worker.send_signal(signal.SIGTERM)
            worker.wait(60)
    left = slices(home)
    assert left["done"] >= 5
    assert left["open"] > 0

    # as the next night would be; a stopped worker keeps the deployment's place for some minutes, so this is
    # the last test that starts one
    environment = deployed.environment(**sentry(slow_sandbox, home))
    again = call(["sentry-warehouse", "export"], environment, tmp_path)
    assert again.returncode == 3, again.stderr
    assert "taken up" in again.stdout
    assert set(slices(home)) == {"done"}
    assert runs(home) == ["incomplete"]
    assert rows(home) == expected_rows(deployed, slow_sandbox, tmp_path)
