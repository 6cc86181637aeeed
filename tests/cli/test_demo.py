"""A demo makes an earlier one's folder anew, and touches no other."""

from __future__ import annotations

import signal
import subprocess
import time
from pathlib import Path

import pytest

from flows.demo import MARKER, _place
from flows.discovery import SERVERS
from tests.cli.command import COMMAND, clean_environment
from warehouse.state import begin_run, remember
from warehouse.store import Store


@pytest.fixture
def earlier(tmp_path: Path) -> Path:
    """What a demo of one run leaves."""
    home = tmp_path / "sentry-demo"
    with Store(home / "warehouse.duckdb") as store:
        add_run(store, "one")
    (home / MARKER).write_text("one\n")
    return home


def add_run(store: Store, run_id: str) -> None:
    time = "2026-11-22 02:30:00"
    begin_run(store, {"run_id": run_id, "command": "export", "as_of": time, "started_at": time})


def test_an_earlier_demo_is_made_anew(earlier: Path) -> None:
    assert _place(earlier) == earlier
    assert not earlier.exists()


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_one_that_was_stopped_is_made_anew(tmp_path: Path, how: signal.Signals) -> None:
    home = tmp_path / "sentry-demo"
    with subprocess.Popen(
        [str(COMMAND), "demo"],
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        cwd=tmp_path,
        env=clean_environment(tmp_path),
    ) as demo:
        while not list(home.glob("raw/*/*/*.parquet")):
            assert demo.poll() is None
            time.sleep(0.05)
        demo.send_signal(how)
    assert demo.returncode in (1, -signal.SIGKILL)
    assert _place(home) == home


def test_a_folder_with_other_runs_stays(earlier: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Store(earlier / "warehouse.duckdb") as store:
        add_run(store, "own")
    other = _place(earlier)
    assert (earlier / "warehouse.duckdb").exists()
    assert other.name.startswith("sentry-demo-")
    assert f"{earlier} is already there" in capsys.readouterr().out


def test_one_that_was_killed_and_exported_into_since_stays(earlier: Path) -> None:
    (earlier / MARKER).write_text("7\n")
    with Store(earlier / "warehouse.duckdb") as store:
        remember(store, SERVERS, {"7": {}, "8": {}})
    assert _place(earlier) != earlier


def test_a_folder_without_the_mark_stays_and_so_does_a_link(earlier: Path) -> None:
    (earlier / MARKER).rename(earlier / "note")
    assert _place(earlier) != earlier
    (earlier / "note").rename(earlier / MARKER)
    link = earlier.with_name("link")
    link.symlink_to(earlier)
    assert _place(link) != link


def test_a_folder_with_a_file_of_somebody_stays(earlier: Path) -> None:
    (earlier / "answer.csv").write_text("1")
    assert _place(earlier) != earlier
    assert (earlier / "answer.csv").exists()
