"""Which run is taken up again, and what becomes of those that are not."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from extractors.archive import Archive
from tests.resume.child import finish_export
from tests.resume.contents import disorder
from tests.resume.kills import Scene, Trial
from warehouse import state
from warehouse.bookkeeping import ARCHIVE
from warehouse.store import Store

NOW = datetime(2026, 11, 20, 2, 0)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An empty warehouse."""
    with Store(tmp_path / "warehouse.duckdb") as opened:
        yield opened


def begin(store: Store, run_id: str, *, command: str = "export", hours: float = 1, asks: str = "all") -> None:
    """A run that began some hours ago and was cut off."""
    started = NOW - timedelta(hours=hours)
    row = {"run_id": run_id, "command": command, "as_of": started, "started_at": started}
    state.begin_run(store, row, asks)


def statuses(store: Store) -> dict[str, str]:
    return dict(store.rows("select run_id, status from meta.runs"))


def test_the_last_run_that_asked_for_the_same_is_taken_up(store: Store) -> None:
    begin(store, "older", hours=2)
    begin(store, "newer", hours=1)
    taken = state.take_up(store, NOW, "export", "all")
    assert taken == state.OpenRun("newer", NOW - timedelta(hours=1))
    assert statuses(store) == {"older": "failed", "newer": "running"}


def test_a_run_of_long_ago_is_closed(store: Store) -> None:
    begin(store, "export", hours=13)
    begin(store, "backfill", command="backfill", hours=13)
    assert state.take_up(store, NOW, "export", "all") is None
    assert statuses(store) == {"export": "failed", "backfill": "failed"}


def test_a_long_run_that_loaded_something_lately_is_taken_up(store: Store) -> None:
    begin(store, "run", hours=30)
    store.put(ARCHIVE, [{"file": "a", "run_id": "run", "written_at": NOW - timedelta(hours=11)}])
    taken = state.take_up(store, NOW, "export", "all")
    assert taken == state.OpenRun("run", NOW - timedelta(hours=30))


def test_a_run_that_asked_for_something_else_is_closed(store: Store) -> None:
    begin(store, "october", command="backfill", asks="since October")
    assert state.take_up(store, NOW, "backfill", "since September") is None
    assert statuses(store) == {"october": "failed"}


def test_another_commands_run_waits_for_its_command(store: Store) -> None:
    begin(store, "backfill", command="backfill", asks="since October")
    assert state.take_up(store, NOW, "export", "all") is None
    taken = state.take_up(store, NOW, "backfill", "since October")
    assert taken is not None
    assert taken.run_id == "backfill"


def test_nothing_is_kept_of_what_an_ended_run_asked(store: Store) -> None:
    begin(store, "run")
    state.end_run(store, "run", status="complete")
    assert not store.rows("select * from meta.settings where name like 'asks%'")


def test_files_that_were_never_committed_go_with_their_run(scene: Scene, tmp_path: Path) -> None:
    """With other settings, so that the run that was cut off is not taken up."""
    base = scene.references[1].base
    assert base is not None
    home = tmp_path / "home"
    shutil.copytree(base, home, symlinks=True)
    trial = Trial(0, second_night=True)
    scene.crash(trial, home, "between archive and commit", at=12)
    assert trial.kills
    assert disorder(home), "the crash left nothing behind"
    (home / "tmp").mkdir(exist_ok=True)
    (home / "tmp" / "duckdb_temp_storage_DEFAULT-0.tmp").touch()
    assert finish_export({**scene.values(home), "streams": {"exclude": ["sessions"]}}) == 0
    assert not disorder(home)


def test_files_of_ended_runs_stay_whatever_the_warehouse_knows(tmp_path: Path) -> None:
    file = tmp_path / "raw" / "issues" / "20261101T020000-abcdef" / "0123456789abcdef-0000.parquet"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"")
    with Store(tmp_path / "warehouse.duckdb") as store:
        assert state.open_runs(store) == {}
    assert list(Archive(tmp_path / "raw").files())
