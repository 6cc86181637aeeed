"""However a command under Prefect ends, nothing is lost or twice, and the next one goes on."""

from __future__ import annotations

import signal
from dataclasses import replace
from pathlib import Path

import pytest

from extractors.sandbox import Sandbox
from tests.prefect.conftest import SMALL
from tests.prefect.contents import expected_rows, rows, runs, slices
from tests.prefect.servers import PrefectServer, call, process, sentry, slowly

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900), pytest.mark.xdist_group("prefect")]

EXPORT = ["sentry-warehouse", "export"]


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGKILL])
def test_a_command_that_is_ended_is_taken_up(
    server: PrefectServer, slow_sandbox: Sandbox, home: Path, tmp_path: Path, ending: signal.Signals
) -> None:
    environment = server.environment(**slowly(slow_sandbox, home))
    with process(EXPORT, environment, tmp_path) as command:
        run = server.run_of(home)["id"]
        server.wait_until_at_work(run)
        command.send_signal(ending)
        command.wait(60)
    log = (tmp_path / "sentry-warehouse.log").read_text()
    if ending is signal.SIGKILL:
        assert server.run(run)["state"]["type"] == "RUNNING"  # until the automation notices
    else:
        assert command.returncode == 1, log
        assert log.splitlines()[-1].startswith("Stopped."), log
        assert "Traceback" not in log
        assert server.run(run)["state"]["type"] in ("CRASHED", "CANCELLED")
    left = slices(home)
    assert left["done"] >= 5
    assert left["open"] > 0

    again = call(EXPORT, server.environment(**sentry(slow_sandbox, home)), tmp_path)
    assert again.returncode == 3, again.stderr
    assert "taken up" in again.stdout
    assert set(slices(home)) == {"done"}
    assert runs(home) == ["incomplete"]
    assert rows(home) == expected_rows(server, slow_sandbox, tmp_path)


def test_a_run_outlives_a_restart_of_the_server(server: PrefectServer, home: Path, tmp_path: Path) -> None:
    with Sandbox(replace(SMALL, latency=1.5)) as sandbox:  # the server is back before the run ends
        with process(EXPORT, server.environment(**slowly(sandbox, home)), tmp_path) as command:
            run = server.run_of(home)["id"]
            server.wait_until_at_work(run)
            server.stop()
            server.start()
            assert command.wait(600) == 3
        assert server.run(run)["state"]["name"] == "Incomplete"
        assert "not complete" in server.artifacts(run)["run-report"]["data"]
        assert runs(home) == ["incomplete"]
        assert rows(home) == expected_rows(server, sandbox, tmp_path)


def test_a_run_outlives_the_server(
    server: PrefectServer, slow_sandbox: Sandbox, home: Path, tmp_path: Path
) -> None:
    with process(EXPORT, server.environment(**slowly(slow_sandbox, home)), tmp_path) as command:
        server.wait_until_at_work(server.run_of(home)["id"])
        server.stop()
        try:
            assert command.wait(600) == 3
        finally:
            server.start()
    log = (tmp_path / "sentry-warehouse.log").read_text()
    assert "Traceback" not in log
    assert "Prefect was not told" in log
    assert runs(home) == ["incomplete"]
    assert rows(home) == expected_rows(server, slow_sandbox, tmp_path)
