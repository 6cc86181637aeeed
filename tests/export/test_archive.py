"""The archive: small files become few, old ones go when settings say so, and it can be asked in SQL."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest

from extractors.archive import Archive
from extractors.sandbox import Sandbox, SandboxOptions
from flows import retention
from flows.dictionary import RAW_PAGES
from flows.replay import replay
from flows.settings import Settings, load_settings
from tests.export.conftest import run_export
from tests.export.test_replay import differing
from warehouse.checks import CheckFailed
from warehouse.inspect import QueryError, run_query
from warehouse.store import Store

OPTIONS = SandboxOptions(projects=2, issues=12, events=80, days=14, rate_limit=0)
NIGHTS = 3


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home after some nights, its archive as it was written."""
    home = tmp_path_factory.mktemp("grown")
    with Sandbox(OPTIONS) as sandbox:
        for night in range(NIGHTS):
            if night:
                sandbox.pass_night()
            run_export(sandbox, home, archive={"compact": False})
    yield home


@pytest.fixture
def home(grown: Path, tmp_path: Path) -> Path:
    copy = tmp_path / "home"
    shutil.copytree(grown, copy, symlinks=True)
    return copy


def settings(home: Path, **archive: object) -> Settings:
    return load_settings(None, {"home": str(home), "archive": archive}, environment={})


def files(home: Path) -> set[str]:
    return set(Archive(home / "raw").files())


def keep(home: Path, **archive: object) -> None:
    """What the end of an export does."""
    from extractors.stream import all_streams
    from flows.loading import Loader
    from flows.planning import discover_queries

    own = settings(home, **archive)
    with Store(home / "warehouse.duckdb") as store:
        loader = Loader(store, {s.name: s for s in all_streams()}, discover_queries(own))
        retention.keep_archive(store, Archive(home / "raw"), own, loader.writes(), loader.marking())


def unlike(one: Path, two: Path) -> set[str]:
    """Tables that differ; that archive files are others is the point."""
    return set(differing(one / "warehouse.duckdb", two / "warehouse.duckdb")) - {"archive", "settings"}


def test_a_damaged_file_is_named_and_the_others_are_joined(home: Path) -> None:
    before = files(home)
    damaged = next(file for file in sorted(before) if file.startswith("outcomes/"))
    os.truncate(home / "raw" / damaged, 100)
    with pytest.raises(OSError, match="damaged") as caught:
        keep(home)
    assert caught.value.filename == str(home / "raw" / damaged)
    assert damaged in files(home)
    assert len(files(home)) < len(before)
    with pytest.raises(CheckFailed, match=f"would lack rows.*{damaged}.*--force"):
        replay(settings(home))
    forced = replay(settings(home), force=True)
    assert [line.split(":")[0] for line in forced.unreadable] == [damaged]


def test_a_damaged_file_does_not_hold_back_a_night(tmp_path: Path) -> None:
    with Sandbox(OPTIONS) as sandbox:
        first = run_export(sandbox, tmp_path, archive={"compact": False})
        damaged = next(file for file in sorted(files(tmp_path)) if file.startswith("outcomes/"))
        os.truncate(tmp_path / "raw" / damaged, 100)
        result = run_export(sandbox, tmp_path)
    assert result.status == first.status
    assert any(damaged in text and "damaged" in text for text in result.warnings)


def test_a_damaged_file_is_left_out_when_the_warehouse_is_lost(home: Path) -> None:
    damaged = next(file for file in sorted(files(home)) if file.startswith("outcomes/"))
    os.truncate(home / "raw" / damaged, 100)
    (home / "warehouse.duckdb").unlink()
    replayed = replay(settings(home))
    assert [line.split(":")[0] for line in replayed.unreadable] == [damaged]
    assert replayed.files == len(files(home)) - 1
    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as connection:
        assert connection.execute("select count(*) from meta.runs").fetchall() == [(NIGHTS,)]


def test_joined_files_replay_to_the_same_rows(grown: Path, home: Path) -> None:
    before = files(home)
    keep(home)
    joined = files(home)
    assert len(before - joined) > 10
    assert len(joined - before) > 1
    replayed = replay(settings(home))
    assert replayed.unreadable == []
    assert replayed.pages == run_query(grown, "select sum(pages) from meta.archive").rows[0][0]
    assert unlike(grown, home) == set()
    keep(home)
    assert files(home) == joined


@pytest.mark.slow
def test_what_is_cut_off_is_made_up_for(grown: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    whole = files(home)
    for where in ("put", "remove"):
        with monkeypatch.context() as patch:
            # the joined file is there, and meta.archive does not know it; then it does, and the others stay
            patch.setattr(*{"put": (retention, "_replace"), "remove": (Archive, "remove")}[where], stop)
            with pytest.raises(KeyboardInterrupt):
                keep(home)
        assert files(home) > whole
        replay(settings(home))
        assert unlike(grown, home) == set()
    keep(home)
    assert len(files(home)) < len(whole)
    replay(settings(home))
    assert unlike(grown, home) == set()


@pytest.mark.slow
def test_files_that_stand_twice_count_once_when_the_warehouse_is_lost(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replay(settings(home))
    rebuilt = home.parent / "rebuilt"
    rebuilt.mkdir()
    shutil.copy(home / "warehouse.duckdb", rebuilt)
    with monkeypatch.context() as patch:
        patch.setattr(Archive, "remove", lambda *_: None)
        keep(home)
    (home / "warehouse.duckdb").unlink()
    replay(settings(home))
    lost = {"runs", "slices", "coverage", "cursors", "checks", "fields", "deprecations"}
    assert unlike(rebuilt, home) <= lost


def test_old_runs_go_and_their_rows_stay(grown: Path, home: Path) -> None:
    before = files(home)
    keep(home, keep_days=0.9, compact=False)
    assert len(before - files(home)) > 10
    (runs,) = run_query(home, "select count(distinct run_id) from raw.pages").rows[0]
    assert runs == 1
    assert unlike(grown, home) == set()
    replay(settings(home))  # over what is there: what is gone can not be rebuilt
    assert unlike(grown, home) == set()


def test_the_oldest_go_first_where_room_is_bounded(home: Path) -> None:
    before = files(home)
    size = sum(Archive(home / "raw").size(f) for f in before)
    keep(home, max_gb=size / 1e9 + 1, compact=False)
    assert files(home) == before
    keep(home, max_gb=size / 1e9 / 3, compact=False)
    ((left,),) = run_query(home, "select list(distinct run_id) from raw.pages").rows
    with Store(home / "warehouse.duckdb") as store:
        (newest,) = store.rows("select max_by(run_id, started_at) from meta.runs")[0]
    assert newest in left
    assert len(left) < NIGHTS
    keep(home, max_gb=1e-9, compact=False)
    assert run_query(home, "select distinct run_id from raw.pages").rows == [(newest,)]


def test_the_archive_can_be_asked(home: Path) -> None:
    answer = run_query(
        home, "select json_array_length(body) as n, loaded_at from RAW.pages where stream = 'issues' limit 1"
    )
    assert answer.types == ["UBIGINT", "TIMESTAMP"]
    assert run_query(home, "from raw.pages limit 0").names == [name for name, _ in RAW_PAGES]
    ((in_pages,),) = run_query(
        home,
        "select count(distinct r->>'eventID') from (select unnest(from_json(body, '[\"json\"]')) as r "
        "from raw.pages where stream = 'events' and request = '')",
    ).rows
    ((in_table,),) = run_query(home, "select count(*) from events").rows
    assert in_pages == in_table
    odd = home.with_name("data [of acme]")
    odd.symlink_to(home)
    assert run_query(odd, "from raw.pages limit 1").rows
    shutil.rmtree(home / "raw")
    with pytest.raises(QueryError, match="no archive"):
        run_query(home, "select * from raw.pages")


@pytest.mark.slow
def test_replay_since_gives_the_same_rows_and_histories(grown: Path, home: Path) -> None:
    with Store(home / "warehouse.duckdb") as store:
        nights = [row[0] for row in store.rows("select started_at from meta.runs order by 1")]
    for since in (nights[1] - timedelta(minutes=1), nights[2] - timedelta(minutes=1), nights[0]):
        replay(settings(home), since=since)
        assert unlike(grown, home) == set()


@pytest.mark.parametrize("stream", ["events", "issues"])
def test_one_stream_after_nights(grown: Path, home: Path, stream: str) -> None:
    connection = duckdb.connect(str(home / "warehouse.duckdb"))
    connection.execute(f"delete from {stream}")
    connection.close()
    replay(settings(home), streams=[stream])
    assert unlike(grown, home) == set()


def test_a_file_that_lost_rows_is_not_put_in_place(grown: Path, home: Path) -> None:
    ((victim,),) = run_query(
        home,
        "select file from meta.archive where stream = 'events' and request = '' order by bytes desc limit 1",
    ).rows
    (home / "raw" / victim).write_bytes(b"PAR1 and nothing else PAR1")
    with pytest.raises(CheckFailed, match=r"not put in place.*events.*--force"):
        replay(settings(home))
    assert unlike(grown, home) == set()
    assert list(home.glob("warehouse.replay*")) == []
    forced = replay(settings(home), force=True)
    assert [line.partition(":")[0] for line in forced.unreadable] == [victim]
    with Store(home / "warehouse.duckdb") as store:  # it may be mended
        assert store.rows("select count(*) from meta.archive where file = ?", [victim]) == [(1,)]
