"""A sandbox and a home of its own for each test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import duckdb
import pytest

from extractors.sandbox import Sandbox, SandboxOptions
from extractors.streams.discover import DEFAULT_QUERIES
from flows.ending import Result
from flows.pipeline import export
from flows.progress import Progress
from flows.settings import Settings, load_settings

Start = Callable[..., Sandbox]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts sandboxes that end with the test."""
    with ExitStack() as stack:
        yield lambda **options: stack.enter_context(Sandbox(SandboxOptions(**options)))


FEW_DAYS = 3
"""Of Discover's queries: each day is a slice, and ninety of them prove no more."""


def settings_for(sandbox: Sandbox, home: Path, **more: Any) -> Settings:
    """Settings that export the sandbox right up to its present."""
    values = {
        "url": sandbox.url,
        "token": sandbox.token,
        "home": str(home),
        "lag_minutes": 0,
        "privacy_key": "0123456789abcdef0123456789abcdef",
        "discover": [
            {
                "name": q.name,
                "fields": q.fields,
                "dataset": q.dataset,
                "interval": q.interval,
                "days": FEW_DAYS,
            }
            for q in DEFAULT_QUERIES
        ],
        **more,
    }
    return load_settings(None, values, environment={})


def run_export(sandbox: Sandbox, home: Path, **more: Any) -> Result:
    """One export of the sandbox into the home."""
    return export(settings_for(sandbox, home, **more), Progress())


def query(home: Path, sql: str) -> list[tuple[Any, ...]]:
    """Rows of the published file."""
    connection = duckdb.connect(str(home / "published" / "sentry.duckdb"), read_only=True)
    try:
        return connection.execute(sql).fetchall()
    finally:
        connection.close()
