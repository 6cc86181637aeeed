"""What is published: everything the warehouse has, marts, twins, a manifest that tells the truth."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pytest

from warehouse.mart_files import MartError, all_marts
from warehouse.publish import publish
from warehouse.schema import key_of
from warehouse.store import Store, WarehouseDamaged, WarehouseError


def ask(file: Path, sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(file), read_only=True) as connection:
        return connection.execute(sql).fetchall()


def manifest_of(home: Path) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((home / "published" / "manifest.json").read_text())
    return read


def test_the_manifest_tells_what_there_is(published_once: Path) -> None:
    published = published_once / "published"
    manifest = manifest_of(published_once)
    assert manifest["manifest_version"] == 1
    assert manifest["generation"] == published.resolve().name
    assert (manifest["run"]["run_id"], manifest["run"]["as_of"]) == ("r1", "2026-11-05T00:00:00+00:00")
    tables = {f"{t['schema']}.{t['name']}": t for t in manifest["tables"]}
    assert tables["main.events"]["rows"] == 5000
    assert tables["main.events"]["key"] == ["organization_id", "event_id"]
    assert set(tables) >= {f"marts.{mart.name}" for mart in all_marts()} | {"main.issues", "meta.coverage"}
    with duckdb.connect(str(published / "sentry.duckdb"), read_only=True) as reader:
        for name, table in tables.items():
            schema, _, bare = name.partition(".")
            full = f'{schema}."{bare}"'
            assert reader.execute(f"select count(*) from {full}").fetchall() == [(table["rows"],)]
            assert [row[:2] for row in reader.execute(f"describe {full}").fetchall()] == [
                (column["name"], column["type"]) for column in table["columns"]
            ]
            assert all(column["comment"] for column in table["columns"]), name
            assert table["key"], name
            if schema != "meta":
                twin = reader.execute(f"select count(*) from '{published / table['file']}'").fetchall()
                assert twin == [(table["rows"],)]
    for facts in [manifest["database"], *(t for t in tables.values() if "file" in t)]:
        content = (published / facts["file"]).read_bytes()
        assert (facts["bytes"], facts["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())
    columns = {c["name"]: c.get("additive") for c in tables["marts.error_volume"]["columns"]}
    assert (columns["event_count"], columns["daily_user_count"], columns["day"]) == ("yes", "no", None)
    assert {
        "table": "events",
        "status": "complete",
        "days": 4,
        "first_day": "2026-11-01",
        "last_day": "2026-11-04",
    } in manifest["completeness"]
    files = {p.name for p in published.resolve().rglob("*") if p.is_file()}
    assert files == {"sentry.duckdb", "manifest.json"} | {
        Path(t["file"]).name for t in tables.values() if "file" in t
    }


@pytest.mark.parametrize("group_readable", [True, False])
def test_who_may_read(home: Path, group_readable: bool) -> None:
    publish(home, group_readable=group_readable)
    folder, file = (0o750, 0o640) if group_readable else (0o700, 0o600)
    for path in (home / "published").resolve().rglob("*"):
        assert path.stat().st_mode & 0o777 == (folder if path.is_dir() else file), path
    assert bool(home.stat().st_mode & 0o010) >= group_readable


def test_the_newest_stay_and_the_shown_one_always(home: Path) -> None:
    (home / "generations").mkdir()
    (home / "generations" / "notes").mkdir()  # not ours
    (home / "generations" / "20990101T000000000000").mkdir()  # made while the clock was wrong
    (home / "generations" / "20250101T000000000000").mkdir()
    (home / "generations" / "20260101T000000000000").mkdir()
    made = publish(home, keep=3).resolve().name
    left = {path.name for path in (home / "generations").iterdir() if path.is_dir()}
    assert left == {"notes", "20260101T000000000000", "20990101T000000000000", made}
    made = publish(home, keep=0).resolve().name
    left = {path.name for path in (home / "generations").iterdir() if path.is_dir()}
    assert left == {"notes", "20990101T000000000000", made}


def test_rows_of_a_killed_writer_are_there(home: Path) -> None:
    script = (
        "import os, sys; from pathlib import Path; from warehouse.store import Store\n"
        "store = Store(Path(sys.argv[1]))\n"
        "store.connection.execute(\"insert into issues (organization_id, issue_id) values ('1', 'late')\")\n"
        "os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", script, str(home / "warehouse.duckdb")], check=False)
    assert (home / "warehouse.duckdb.wal").exists()
    publish(home)
    assert ask(home / "published" / "sentry.duckdb", "select count(*) from issues") == [(51,)]


def test_nothing_to_publish(tmp_path: Path) -> None:
    with pytest.raises(WarehouseError, match="sentry-warehouse export"):
        publish(tmp_path / "none")


def test_a_key_that_stands_twice_is_not_published(home: Path) -> None:
    link = publish(home)
    before = link.resolve()
    with Store(home / "warehouse.duckdb") as store:
        store.connection.execute("insert into issues (organization_id, issue_id) values ('1', '7')")
    with pytest.raises(
        WarehouseDamaged, match='issues" has more than one row of organization_id 1, issue_id 7'
    ):
        publish(home)
    assert link.resolve() == before
    assert not list((home / "generations").glob(".*.partial"))


def test_a_copy_that_lacks_rows_is_not_published(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    link = publish(home)
    before = link.resolve()
    with Store(home / "warehouse.duckdb") as store:
        store.connection.execute("delete from events where issue_id = '7'")
    old = (before / "sentry.duckdb").read_bytes()
    monkeypatch.setattr(shutil, "copyfileobj", lambda reader, writer, size: writer.write(old))
    with pytest.raises(WarehouseDamaged, match=r'"main"\."events": 5000 in the copy, 4900 in the warehouse'):
        publish(home)
    monkeypatch.setattr(
        shutil, "copyfileobj", lambda reader, writer, size: writer.write(old[: len(old) // 2])
    )
    with pytest.raises(WarehouseDamaged, match="published last stays"):
        publish(home)
    assert link.resolve() == before
    assert ask(link / "sentry.duckdb", "select count(*) from events") == [(5000,)]


FULL_DISK = """
import resource, sys
from pathlib import Path
from warehouse.publish import publish
from warehouse.store import WarehouseError
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), -1))
try:
    publish(Path(sys.argv[1]), compact=len(sys.argv) > 3)
except (OSError, WarehouseError) as error:
    print(type(error).__name__, error)
"""


@pytest.mark.parametrize(
    "share",
    [
        pytest.param(0.5, id="while it is copied", marks=pytest.mark.slow),
        pytest.param(1.0, id="while marts are made"),
    ],
)
def test_a_full_disk(home: Path, share: float) -> None:
    link = publish(home)
    before = link.resolve()
    room = str(int((home / "warehouse.duckdb").stat().st_size * share))
    said = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(home), room], capture_output=True, text=True, check=False
    )
    assert "File too large" in said.stdout or "make room" in said.stdout, said
    assert "Damaged" not in said.stdout
    assert link.resolve() == before
    assert not list((home / "generations").glob(".*.partial"))


def test_keys_stand_in_comments() -> None:
    assert key_of("One row per thing. Key: organization_id, issue_id.") == ["organization_id", "issue_id"]
    assert key_of("One row per thing.") == []


# space


def test_a_rewrite_gives_space_back_and_changes_nothing(home: Path) -> None:
    source = home / "warehouse.duckdb"
    with Store(source) as store:
        store.connection.execute(
            "insert into events (organization_id, event_id, message) "
            "select '1', 'e' || i, sha256(i::varchar) from range(40000) as t(i)"
        )
    with Store(source) as store:
        store.connection.execute("delete from events where event_id like 'e%' and message is not null")
    grown = source.stat().st_size
    publish(home)
    assert source.stat().st_size == grown
    first = manifest_of(home)
    publish(home, compact=True)
    assert source.stat().st_size < grown * 0.7
    assert source.stat().st_mode & 0o777 == 0o600
    second = manifest_of(home)
    assert second["compacted_at"] >= first["compacted_at"]
    assert [{**t, "sha256": "", "bytes": 0} for t in first["tables"]] == [
        {**t, "sha256": "", "bytes": 0} for t in second["tables"]
    ]
    with Store(source) as store:  # the next export goes on in it
        assert store.rows("select count(*) from events") == [(5000,)]
    assert {p.name for p in home.iterdir()} == {"warehouse.duckdb", "generations", "published"}


def test_the_weekly_rewrite_waits_for_its_day(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from warehouse import publish as module

    done: list[Path] = []
    monkeypatch.setattr(module, "rewrite", lambda source, *_: done.append(source))
    publish(home, compact_days=7)
    assert done == []
    file = home / "published" / "manifest.json"
    old = json.loads(file.read_text()) | {"compacted_at": "2026-01-01T00:00:00+00:00"}
    file.write_text(json.dumps(old))
    publish(home, compact_days=7)
    assert done == [home / "warehouse.duckdb"]
    assert manifest_of(home)["compacted_at"] > "2026-01-01"


def test_a_full_disk_while_it_is_written_anew(home: Path) -> None:
    before = (home / "warehouse.duckdb").read_bytes()
    said = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(home), "300000", "compact"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "WarehouseError" in said.stdout, said
    assert (home / "warehouse.duckdb").read_bytes() == before
    assert {p.name for p in home.iterdir()} == {"warehouse.duckdb", "generations"}
    assert not list((home / "generations").glob(".*.partial"))


KILLED = """
import os, sys
from pathlib import Path
from warehouse import publish
publish._rows = lambda *_: os._exit(9)
publish.publish(Path(sys.argv[1]), compact=True)
"""


def test_what_a_killed_rewrite_left_goes_with_the_next_publish(home: Path) -> None:
    assert subprocess.run([sys.executable, "-c", KILLED, str(home)], check=False).returncode == 9
    publish(home)
    assert {p.name for p in home.iterdir()} == {"warehouse.duckdb", "generations", "published"}
    assert not list((home / "generations").glob(".*.partial"))


# other clients

OLD_CLIENT = """
import duckdb, sys
assert duckdb.__version__ == "1.2.2"
connection = duckdb.connect(sys.argv[1], read_only=True)
names = connection.execute(
    "select table_schema || '.' || table_name from information_schema.tables order by 1").fetchall()
for (name,) in names:
    schema, _, table = name.partition(".")
    connection.execute(f'select * from {schema}."{table}"').fetchall()
print(len(names), connection.execute("select count(*) from events").fetchall()[0][0])
"""


@pytest.mark.slow
def test_an_old_client_reads_everything(published_once: Path, tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "venv")], check=True)
    python = tmp_path / "venv" / "bin" / "python"
    installed = subprocess.run(
        [str(python), "-m", "pip", "install", "--quiet", "duckdb==1.2.2", "pytz"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"},
    )
    if installed.returncode:
        pytest.skip(f"duckdb 1.2.2 can not be installed here: {installed.stderr[-200:]}")
    file = published_once / "published" / "sentry.duckdb"
    read = subprocess.run(
        [str(python), "-c", OLD_CLIENT, str(file)], capture_output=True, text=True, check=False
    )
    assert read.returncode == 0, read.stderr
    assert read.stdout.split() == [str(len(manifest_of(published_once)["tables"])), "5000"]


def test_what_does_not_fit_is_published_with_more_memory(
    home: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from warehouse import publish as module

    make, limits = module.create_marts, []

    def limited(connection: duckdb.DuckDBPyConnection) -> object:
        (limit,) = connection.execute("select current_setting('memory_limit')").fetchall()[0]
        limits.append(limit)
        if limit == "28.6 MiB":
            raise MartError("large.sql: too large") from duckdb.OutOfMemoryException("too large")
        return make(connection)

    monkeypatch.setattr(module, "create_marts", limited)
    with caplog.at_level("INFO"):
        link = publish(home, memory_limit="30MB")
    assert "publishing does not fit into 30MB" in caplog.text
    assert limits[0] == "28.6 MiB"
    assert len(limits) == 2
    assert (link / "manifest.json").is_file()
