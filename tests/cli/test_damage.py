"""What a home tells of itself when something in it is damaged, lost or somebody else's."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import duckdb
import pytest

from dashboards.catalogue import DashboardError, Query
from dashboards.published import Published
from tests.cli.conftest import Run

LANDMARK = b"to be found in the file"
"""Stands in a row of the tables below."""


@pytest.fixture
def home(tmp_path: Path, published: Path) -> Path:
    """A warehouse without rows, and its published copy, where the command looks for them."""
    target = tmp_path / "sentry-data"
    shutil.copytree(published, target, symlinks=True)
    (target / "published" / "sentry.duckdb").chmod(0o600)
    for file in (target / "warehouse.duckdb", target / "published" / "sentry.duckdb"):
        with duckdb.connect(str(file)) as connection:
            connection.execute("insert into meta.rejects (reason) values (?)", [LANDMARK.decode()])
    return target


def damage(file: Path) -> None:
    """Writes over a block of rows."""
    file.chmod(0o600)
    with file.open("r+b") as handle:
        place = handle.read().index(LANDMARK)
        handle.seek(place - 100)
        handle.write(os.urandom(1000))


def cut(file: Path) -> None:
    """Takes away the second half."""
    file.chmod(0o600)
    os.truncate(file, file.stat().st_size // 2)


@pytest.mark.parametrize("harm", [damage, cut])
def test_a_damaged_warehouse_is_told_and_not_taken_for_one_in_use(home: Path, run: Run, harm: object) -> None:
    assert callable(harm)
    harm(home / "warehouse.duckdb")
    for command in ("status", "publish", "export"):
        outcome = run(command, SENTRY_WAREHOUSE_STREAMS_ONLY="teams")
        outcome.says(1, "warehouse.duckdb is not a DuckDB database that can be read", "replay")
        assert "is running" not in outcome.out


@pytest.mark.parametrize("harm", [damage, cut])
def test_a_damaged_published_file_is_told(home: Path, run: Run, harm: object) -> None:
    assert callable(harm)
    harm(home / "published" / "sentry.duckdb")
    told = "sentry.duckdb is damaged", "sentry-warehouse publish"
    run("query", "select reason from meta.rejects").says_only(1, *told)
    if harm is cut:  # no chart reads what is damaged else
        run("dashboard", "--export", "report.html").says_only(1, *told)


def test_damage_that_only_a_chart_meets_is_told(home: Path) -> None:
    file = home / "published" / "sentry.duckdb"
    damage(file)
    source = Published(file)
    assert source.ask(Query("whole", "select 1"), {}).rows
    with pytest.raises(DashboardError, match=r"sentry\.duckdb is damaged .* `sentry-warehouse publish`"):
        source.ask(Query("damaged", "select reason from meta.rejects"), {})
    source.close()


def test_check_looks_for_what_an_export_would_miss(home: Path, run: Run) -> None:
    key = home / "privacy.key"
    key.write_text("0123456789abcdef0123456789abcdef")
    key.chmod(0o644)
    (home / "warehouse.duckdb").unlink()
    pages = home / "raw" / "teams" / "20260101T000000-000000"
    pages.mkdir(parents=True)
    (pages / "0-0000.parquet").touch()
    found = run("check", "--json", SENTRY_WAREHOUSE_PRIVACY_KEY="")
    lines = {line["subject"]: line for line in json.loads(found.out)["checks"]}
    assert found.code == 2
    assert "chmod 600" in lines["privacy key"]["says"]
    assert "replay" in lines["warehouse"]["fix"]


def test_an_archive_that_lacks_a_file_is_told_by_query_and_replay(run: Run, tmp_path: Path) -> None:
    only = {"SENTRY_WAREHOUSE_STREAMS_ONLY": "issues"}
    assert run("export", **only).code == 0
    file = next((tmp_path / "sentry-data" / "raw" / "issues").glob("*/*.parquet"))
    cut(file)
    run("query", "select count(*) from raw.pages").says_only(1, file.name, "archive is damaged")
    run("replay").says_only(1, file.name, "backup", "stays as it is")


def test_check_tells_an_archive_and_a_key_that_do_not_fit_to_the_warehouse(run: Run, tmp_path: Path) -> None:
    def warnings(**variables: str) -> list[str]:
        checks = json.loads(run("check", "--json", **variables).out)["checks"]
        return [f"{c['subject']}: {c['says']} {c['fix']}" for c in checks if c["state"] != "good"]

    assert run("export", SENTRY_WAREHOUSE_STREAMS_ONLY="teams").code == 0
    assert warnings() == []
    (folder,) = (tmp_path / "sentry-data" / "raw" / "teams").iterdir()
    folder.rename(folder.with_name("20991231T000000-abcdef"))
    unknown, lost, key = warnings(SENTRY_WAREHOUSE_PRIVACY_KEY="f" * 32)
    assert "pages of 1 run that the warehouse does not know, such as 20991231T000000-abcdef" in unknown
    assert "lacks 1 file" in lost
    assert folder.name in lost
    assert "key is not the one of earlier runs" in key
    *_, key = warnings(SENTRY_WAREHOUSE_PRIVACY_KEY="")
    assert "privacy.key is not there" in key
