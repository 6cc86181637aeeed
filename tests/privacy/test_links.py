"""A link planted in the home is not followed, wherever it stands."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from extractors.archive import Archive
from extractors.stream import all_streams
from warehouse.publish import publish
from warehouse.store import HomeUnusable, Store


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """Where links lead to; what is in it must stay as it is."""
    folder = tmp_path / "elsewhere"
    folder.mkdir(mode=0o755)
    (folder / "theirs").write_text("theirs")
    return folder


def untouched(folder: Path) -> bool:
    return [p.name for p in folder.iterdir()] == ["theirs"] and (folder.stat().st_mode & 0o777) == 0o755


@pytest.mark.parametrize("name", ["warehouse.duckdb", "warehouse.duckdb.wal", "tmp"])
@pytest.mark.parametrize("there", [True, False])
def test_the_writers_file(tmp_path: Path, elsewhere: Path, name: str, there: bool) -> None:
    home = tmp_path / "home"
    home.mkdir()
    target = elsewhere / "theirs" if there else elsewhere / "not there yet"
    (home / name).symlink_to(target)
    with pytest.raises(HomeUnusable, match="is a link"):
        Store(home / "warehouse.duckdb")
    assert untouched(elsewhere)
    assert (elsewhere / "theirs").read_text() == "theirs"


def page() -> object:
    from extractors.archive import Page

    time = datetime(2026, 8, 1)
    return Page(
        **{"run_id": "r", "slice_id": "s", "stream": "events", "request": "", "organization_id": "1"},
        **{"project_id": "", "window_start": None, "window_end": time, "interval_seconds": None},
        **{"path": "/", "parameters": "[]", "item": "", "status": 200, "fetched_at": time},
        **{"loaded_at": time, "first": True, "body": b"[]"},
    )


@pytest.mark.parametrize("place", ["raw", "raw/events", "raw/events/r", "raw/events/r/s-0000.partial"])
def test_the_archive(tmp_path: Path, elsewhere: Path, place: str) -> None:
    link = tmp_path / place
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(elsewhere / "theirs" if place.endswith("partial") else elsewhere)
    with pytest.raises(OSError):
        Archive(tmp_path / "raw").write([page()], 0)  # type: ignore[list-item]
    assert untouched(elsewhere)
    assert (elsewhere / "theirs").read_text() == "theirs"


def test_an_archive_file_that_is_a_link_is_not_read(tmp_path: Path) -> None:
    archive = Archive(tmp_path / "raw")
    file = archive.write([page()], 0)  # type: ignore[list-item]
    assert archive.read(file)
    (tmp_path / "raw" / file).rename(tmp_path / "theirs.parquet")
    (tmp_path / "raw" / file).symlink_to(tmp_path / "theirs.parquet")
    with pytest.raises(OSError, match="link"):
        archive.read(file)


def test_what_is_published(tmp_path: Path, elsewhere: Path) -> None:
    home = tmp_path / "home"
    with Store(home / "warehouse.duckdb") as store:
        for stream in all_streams():
            for request in stream.requests:
                for table in request.tables:
                    store.fit(table)
    (home / "generations").symlink_to(elsewhere)
    with pytest.raises(HomeUnusable, match="is a link"):
        publish(home)
    assert untouched(elsewhere)
    (home / "generations").unlink()
    (home / "published").symlink_to(elsewhere)
    publish(home)
    assert untouched(elsewhere)
    assert (home / "published").readlink().parts[0] == "generations"
