"""Readers and writers side by side: nobody waits for the other, nobody sees half of anything."""

from __future__ import annotations

import errno
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pytest

from dashboards.catalogue import Query
from dashboards.published import Published, open_read_only
from tests.publish.test_publish import ask
from warehouse import generations, store
from warehouse.generations import point
from warehouse.publish import publish
from warehouse.store import Store, WarehouseBusy, WarehouseError

COUNT = Query("count", "select count(*) from issues")

READER = """
import sys, time, duckdb
path, stop = sys.argv[1:3]
held = duckdb.connect(path, read_only=True)
(first,) = held.execute("select count(*) from issues").fetchall()
print("ready", flush=True)
from pathlib import Path
opened, seen = 0, set()
while True:
    last = Path(stop).exists()
    connection = duckdb.connect()
    connection.execute(f"attach '{path}' as sentry (read_only)")
    seen.add(connection.execute("select count(*) from sentry.issues").fetchall()[0][0])
    connection.close()
    assert held.execute("select count(*) from issues").fetchall() == [first]
    opened += 1
    if last:
        break
print(opened, *sorted(seen))
"""
"""Holds the file for the whole time, opens it again and again beside that."""


def add_issue(home: Path, issue_id: str) -> None:
    with Store(home / "warehouse.duckdb") as store:
        store.connection.execute(
            "insert into issues (organization_id, issue_id, project_id) values ('1', ?, '10')", [issue_id]
        )


def start(script: str, *arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", script, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_reader_of_the_whole_night_and_a_hundred_swaps(home: Path, tmp_path: Path) -> None:
    link = publish(home)
    old = link.resolve()
    stop = tmp_path / "stop"
    readers = [start(READER, link / "sentry.duckdb", stop) for _ in range(2)]
    try:
        for reader in readers:
            assert reader.stdout
            assert reader.stdout.readline() == "ready\n"
        add_issue(home, "new")
        publish(home)
        new = link.resolve()
        for number in range(100):
            point(link, old if number % 2 else new)
        point(link, new)
    finally:
        stop.touch()
        ended = [reader.communicate(timeout=60) for reader in readers]
    for out, err in ended:
        assert not err
        opened, *seen = map(int, out.split())
        assert opened > 2
        assert set(seen) <= {50, 51}
        assert 51 in seen


def test_a_held_file_outlives_its_generation(home: Path) -> None:
    link = publish(home, keep=1)
    held = duckdb.connect(str(link / "sentry.duckdb"), read_only=True)
    add_issue(home, "new")
    publish(home, keep=1)
    assert held.execute("select count(*), min(project_id) from issues").fetchall() == [(50, "10")]
    held.close()
    assert ask(link / "sentry.duckdb", "select count(*) from issues") == [(51,)]


# who writes


WRITER = """
import sys
from pathlib import Path
from warehouse.store import Store
with Store(Path(sys.argv[1])):
    print("open", flush=True)
    sys.stdin.readline()
"""
LOOKING = """
import sys, time
from pathlib import Path
from warehouse.inspect import connect_for_status
connection, busy = connect_for_status(Path(sys.argv[1]))
print(connection.execute("select count(*) from issues").fetchall(), flush=True)
time.sleep(0.6)
connection.close()
"""


def test_nothing_is_published_while_an_export_writes(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    link = publish(home)
    before = link.resolve()
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(home / "warehouse.duckdb")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as writer:
        assert writer.stdin
        assert writer.stdout
        writer.stdout.readline()
        monkeypatch.setattr(store, "LOCK_SECONDS", 0.1)
        for compact in (False, True):
            with pytest.raises(WarehouseBusy, match="wait for it"):
                publish(home, compact=compact)
        writer.stdin.write("\n")
    assert link.resolve() == before
    assert not list((home / "generations").glob(".*.partial"))


def test_a_writer_waits_for_who_only_looks(home: Path) -> None:
    looking = start(LOOKING, home)
    assert looking.stdout
    assert looking.stdout.readline() == "[(50,)]\n"
    add_issue(home, "new")
    assert looking.communicate(timeout=20)[1] == ""


PUBLISHER = """
import sys
from pathlib import Path
from warehouse.publish import publish
print(publish(Path(sys.argv[1])).resolve().name)
"""


def test_two_publish_at_once(home: Path) -> None:
    both = [start(PUBLISHER, home) for _ in range(2)]
    ended = [one.communicate(timeout=60) for one in both]
    assert [err for _, err in ended] == ["", ""]
    names = sorted(out.strip() for out, _ in ended)
    assert len(set(names)) == 2
    assert (home / "published").resolve().name == names[-1]


# where links can not be made


@pytest.fixture
def without_links(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(Path, "symlink_to", refuse)


@pytest.mark.usefixtures("without_links")
@pytest.mark.parametrize("hard_links", [True, False])
def test_without_links_files_are_moved_in(
    home: Path, monkeypatch: pytest.MonkeyPatch, hard_links: bool
) -> None:
    if not hard_links:

        def refuse(*_: object) -> None:
            raise OSError(errno.EPERM, "Operation not permitted")

        monkeypatch.setattr(Path, "hardlink_to", refuse)
    link = publish(home)
    assert link.is_dir()
    assert not link.is_symlink()
    file = link / "sentry.duckdb"
    held = open_read_only(file)
    dashboard = Published(file)
    first = dashboard.generation()
    assert dashboard.ask(COUNT, {}).rows == ((50,),)
    (link / "parquet" / "gone.parquet").write_text("of a table that is no more")
    add_issue(home, "new")
    publish(home, keep=1)
    assert held.execute("select count(*) from issues").fetchall() == [(50,)]
    held.close()
    assert dashboard.generation() != first
    assert dashboard.ask(COUNT, {}).rows == ((51,),)
    (generation,) = (p for p in (home / "generations").iterdir() if not p.name.startswith("."))
    shown = {p.relative_to(link) for p in link.rglob("*") if p.is_file()} - {Path(".without-links")}
    assert shown == {p.relative_to(generation) for p in generation.rglob("*") if p.is_file()}
    assert {p.stat().st_mode & 0o777 for p in link.rglob("*.parquet")} == {0o600}
    manifest: dict[str, Any] = json.loads((link / "manifest.json").read_text())
    assert manifest["generation"] == generation.name


@pytest.mark.usefixtures("without_links")
def test_a_swap_of_files_that_was_cut_off_is_finished_next_time(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = publish(home)
    add_issue(home, "new")
    replace = Path.replace

    def cut(self: Path, target: Path) -> Path:
        if Path(target).name == "issues.parquet":
            raise KeyboardInterrupt
        return replace(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", cut)
        with pytest.raises(KeyboardInterrupt):
            publish(home)
    assert len(ask(link / "sentry.duckdb", "from issues")) in (50, 51)
    publish(home)
    assert len(ask(link / "sentry.duckdb", "from issues")) == 51
    assert not list(link.rglob("*.new"))


def test_a_link_that_fails_for_another_reason_leaves_the_old_one(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "symlink_to", refuse)
    (home / "generations" / "g").mkdir(parents=True)
    with pytest.raises(OSError, match="No space left"):
        generations.point(home / "published", home / "generations" / "g")
    assert not (home / "published").exists()


def test_a_copied_home_gets_its_link_again(home: Path, tmp_path: Path) -> None:
    """`scp -r` and many tools of backups make a folder of it."""
    publish(home)
    copy = tmp_path / "copy"
    shutil.copytree(home, copy)
    assert not (copy / "published").is_symlink()
    add_issue(copy, "new")
    link = publish(copy)
    assert link.is_symlink()
    assert ask(link / "sentry.duckdb", "select count(*) from issues") == [(51,)]
    assert {p.name for p in (copy / "generations").iterdir() if p.name.startswith(".")} <= {".lock"}


def test_a_folder_of_somebody_else_is_left_alone(home: Path) -> None:
    (home / "published").mkdir()
    (home / "published" / "mine.txt").write_text("mine")
    (home / "generations" / "g").mkdir(parents=True)
    with pytest.raises(WarehouseError, match="move it away"):
        generations.point(home / "published", home / "generations" / "g")
    assert (home / "published" / "mine.txt").read_text() == "mine"
    shutil.rmtree(home / "published")
