"""Exports of a strict Sentry from within the test, for servers that are odd in one way."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from flows.ending import Result
from flows.pipeline import export
from flows.progress import Progress
from flows.settings import load_settings
from tests.acceptance.strict import TOKEN, StrictSentry


def run(
    sentry: StrictSentry,
    home: Path,
    *only: str,
    since: datetime | None = None,
    until: datetime | None = None,
    observer: Progress | None = None,
    **more: Any,
) -> Result:
    """An export of some streams, or a backfill."""
    values = {"url": sentry.url, "token": TOKEN, "home": str(home), "organizations": ["acme"], "discover": []}
    values |= {"streams": {"only": list(only)}, "timeout": 5, **more}
    return export(
        load_settings(None, values, environment={}), observer or Progress(), since=since, until=until
    )


def rows(home: Path, sql: str) -> list[tuple[Any, ...]]:
    """Rows of the published file."""
    with duckdb.connect(str(home / "published/sentry.duckdb"), read_only=True) as connection:
        return connection.execute(sql).fetchall()
