"""No personal value of the users of an organization reaches the disk, in any file or form."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from flows.replay import replay
from tests.export.conftest import Start, query, run_export, settings_for

SMALL = {"projects": 3, "issues": 30, "events": 400, "rate_limit": 0}


def texts_on_disk(home: Path) -> Iterator[tuple[str, bytes]]:
    """Every file's bytes, every row of DuckDB files, every page of the archive, decompressed."""
    for path in sorted(home.rglob("*")):
        if path.is_symlink() or not path.is_file():
            continue
        name = str(path.relative_to(home))
        yield name, path.read_bytes()
        if path.suffix == ".parquet":
            frame = pl.read_parquet(path, glob=False)
            pages = b"".join(frame["body"]) if "body" in frame.columns else b""
            yield name, json.dumps(frame.rows(), default=str, ensure_ascii=False).encode() + pages
        if path.suffix == ".duckdb":
            yield name, _rows(path)


def _rows(path: Path) -> bytes:
    connection = duckdb.connect(str(path), read_only=True)
    try:
        tables = connection.execute(
            "select table_schema, table_name from information_schema.tables where table_type = 'BASE TABLE'"
        ).fetchall()
        found: list[Any] = []
        for schema, table in tables:
            found += connection.execute(f'select * from "{schema}"."{table}"').fetchall()
        return json.dumps(found, default=str, ensure_ascii=False).encode()
    finally:
        connection.close()


@pytest.mark.parametrize("policy", ["hash", pytest.param("drop", marks=pytest.mark.slow)])
def test_no_user_is_found_on_disk(start: Start, tmp_path: Path, policy: str) -> None:
    sandbox = start(**SMALL)
    run_export(sandbox, tmp_path, privacy=policy)
    sandbox.pass_night()
    run_export(sandbox, tmp_path, privacy=policy)
    replay(settings_for(sandbox, tmp_path, privacy=policy))
    emails = {e["user_email"] for e in sandbox.truth("events") if e["user_email"]}
    colleagues = {m["email"] for m in sandbox.truth("members")}
    wanted = [e.encode() for e in emails - colleagues]
    assert len(wanted) > 20
    leaks = {(name, w) for name, text in texts_on_disk(tmp_path) for w in wanted if w in text}
    assert leaks == set()
    assert sandbox.token.encode() not in b"".join(text for _, text in texts_on_disk(tmp_path))


def test_hashed_users_are_still_counted(start: Start, tmp_path: Path) -> None:
    sandbox = start(**SMALL, refused_projects=0)
    run_export(sandbox, tmp_path)
    listed = [e for e in sandbox.truth("events") if e["listed"]]
    emails = {e["user_email"] for e in listed if e["user_email"]}
    counted = query(tmp_path, "select count(distinct user_email) from events")
    assert counted == [(len(emails),)]


def test_files_are_their_owners_alone(start: Start, tmp_path: Path) -> None:
    sandbox = start(**SMALL)
    home = tmp_path / "home"
    run_export(sandbox, home)
    for path in (home, *home.rglob("*")):
        if path.is_symlink():
            continue
        for_the_group = 0o050 if "generations" in path.parts else 0o010 if path == home else 0
        mode = path.stat().st_mode & 0o777
        assert mode & ~(0o700 | for_the_group) == 0, (path, oct(mode))
