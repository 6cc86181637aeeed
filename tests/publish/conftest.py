"""A small warehouse, made once and copied for each test."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from extractors.stream import all_streams
from warehouse.store import Store

ROWS = """
insert into organizations (organization_id, slug, name) values ('1', 'acme', 'Acme');
insert into projects (organization_id, project_id, slug) values ('1', '10', 'shop');
insert into issues (organization_id, issue_id, project_id, status, first_seen)
    select '1', i::varchar, '10', 'unresolved', timestamp '2026-11-01' + to_hours(i::int)
    from range(50) as t(i);
insert into events (organization_id, event_id, issue_id, project_id, date_created)
    select '1', md5(i::varchar), (i % 50)::varchar, '10', timestamp '2026-11-01' + to_minutes(i::int)
    from range(5000) as t(i);
insert into meta.runs (run_id, command, as_of, started_at, finished_at, status, version)
    values ('r1', 'export', '2026-11-05', '2026-11-05 03:00', '2026-11-05 03:05', 'complete', '1'),
           ('r2', 'export', '2026-11-06', '2026-11-06 03:00', null, 'running', '1');
insert into meta.coverage (run_id, slice_id, stream, request, organization_id, project_id, window_start,
    window_end, rows, status, finished_at)
    values ('r1', 's1', 'events', '', '1', '10', '2026-11-01', '2026-11-05', 5000, 'complete', '2026-11-05');
"""


@pytest.fixture(scope="session")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The writer's file, closed."""
    file = tmp_path_factory.mktemp("warehouse") / "warehouse.duckdb"
    with Store(file) as store:
        for stream in all_streams():
            for request in stream.requests:
                for table in request.tables:
                    store.fit(table)
        for statement in ROWS.strip().split(";\n"):
            store.connection.execute(statement)
    return file


@pytest.fixture
def home(warehouse: Path, tmp_path: Path) -> Path:
    """A home of one's own with that file in it; nothing is published yet."""
    made = tmp_path / "home"
    made.mkdir()
    shutil.copy(warehouse, made / "warehouse.duckdb")
    return made


@pytest.fixture(scope="session")
def published_once(warehouse: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A published home, for reading only."""
    from warehouse.publish import publish

    made = tmp_path_factory.mktemp("published") / "home"
    made.mkdir()
    shutil.copy(warehouse, made / "warehouse.duckdb")
    publish(made)
    return made
