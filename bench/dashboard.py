"""The dashboard on many events: how soon a page is there, how long its queries take. Each size in a process
of its own: `python -m bench.dashboard --events 1000000`."""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import duckdb

from bench.row import Row
from dashboards.catalogue import PAGES, all_charts
from dashboards.published import Published
from dashboards.questions import offered, view_of
from dashboards.server import PUBLISHED_FILE, make_app
from extractors.stream import all_streams
from flows.dictionary import declared_tables
from warehouse.bookkeeping import BOOKKEEPING
from warehouse.mart_files import all_marts, create_marts
from warehouse.schema import create_statements

SIZES = (1_000_000, 10_000_000)
FIRST_VIEW, FILTER_CHANGE = 1.5, 0.5
"""Seconds that a page may take: opened, and after a filter changed."""

FILL = Path(__file__).with_name("many_events.sql")
"""90 days of an organization whose issues, releases and projects grow with it, as large ones do."""


def make_home(events: int, home: Path) -> dict[str, float]:
    """A published file of so many events; seconds that the marts took, and megabytes."""
    projects = max(10, events // 50_000)
    sizes = {"events": events, "projects": projects, "releases": 20 * projects}
    sizes["issues"] = max(1_000, events // 100)
    file = home / PUBLISHED_FILE
    file.parent.mkdir(parents=True)
    with duckdb.connect() as connection:
        connection.execute("set preserve_insertion_order = false")
        connection.execute(f"set temp_directory = '{home / 'tmp'}'")
        connection.execute(f"attach '{file}' as sentry (storage_version 'v1.2.0')")
        connection.execute("use sentry")
        connection.execute("create schema meta")
        for table in (*declared_tables(all_streams()), *BOOKKEEPING):
            for statement in create_statements(table):
                connection.execute(statement)
        for statement in FILL.read_text("utf-8").format(**sizes).strip().split(";\n"):
            connection.execute(statement)
        begun = time.perf_counter()
        create_marts(connection)
        marts = time.perf_counter() - begun
        rows = {
            mart.name: connection.execute(f"select count(*) from {mart.full_name}").fetchall()[0][0]
            for mart in all_marts()
        }
        connection.execute("use memory")
        connection.execute("detach sentry")
    return {"marts": marts, "megabytes": file.stat().st_size / 1e6, "mart rows": sum(rows.values())}


async def _ask(app: Any, path: str, **address: str) -> float:
    import httpx

    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        begun = time.perf_counter()
        answer = await client.get(path, params=address)
        answer.raise_for_status()
        return time.perf_counter() - begun


async def _visit(home: Path, addresses: list[dict[str, str]]) -> list[float]:
    """Seconds of a server that has just started to its first page, then of each change of a filter."""
    app = make_app(home)
    begun = time.perf_counter()
    await asyncio.gather(_ask(app, "/catalogue"), _ask(app, "/view", **addresses[0]))
    first = time.perf_counter() - begun
    return [first, *[await _ask(app, "/view", **address) for address in addresses[1:]]]


def run(events: int, home: Path) -> dict[str, Any]:
    """Megabytes; seconds of the marts, of the slowest first page and of the slowest change of a filter; the
    slowest query in milliseconds; seconds a core works for the queries of all pages over 90 days."""
    made = make_home(events, home)
    published = Published(home / PUBLISHED_FILE)
    offers = offered(published)
    published.close()
    filters = [
        {"project": offers["projects"][0]},
        {"environment": "production"},
        {"release": offers["releases"][0]},
        {"days": "90"},
        {"project": offers["projects"][1], "days": "7"},
    ]
    first, change, slowest = 0.0, 0.0, (0.0, "")
    for page in PAGES:
        opened, *changes = asyncio.run(_visit(home, [{"page": page}, *({"page": page} | f for f in filters)]))
        first, change = max(first, opened), max(change, *changes)
    fresh = Published(home / PUBLISHED_FILE)
    values = view_of({"days": "90"}, offers["as_of"]).values()
    worked = time.process_time()
    for chart in all_charts():
        slowest = max(slowest, (fresh.ask(chart.query, values).milliseconds, chart.name))
    worked = time.process_time() - worked
    return {
        **made,
        "first": first,
        "change": change,
        "query": slowest[0],
        "query name": slowest[1],
        "worked": worked,
    }


def measure() -> list[Row]:
    """All sizes, one after the other."""
    rows = []
    for events in SIZES:
        done = subprocess.run(
            [sys.executable, "-m", "bench.dashboard", "--events", str(events)],
            capture_output=True,
            text=True,
            check=True,
        )
        found = json.loads(done.stdout)
        what = f"{events:,} events"
        rows += [
            Row(
                f"dashboard, first view at {what}",
                f"{found['first']:.2f} s",
                f"≤ {FIRST_VIEW} s",
                "slowest page of a server just started, without the browser",
            ),
            Row(
                f"dashboard, filter changed at {what}",
                f"{found['change']:.2f} s",
                f"≤ {FILTER_CHANGE} s",
                "slowest of five changes on every page",
            ),
            Row(
                f"slowest query at {what}",
                f"{found['query']:.0f} ms",
                "≤ 100 ms",
                f"{found['query name']}, 90 days of all projects",
            ),
            Row(
                f"a core's work for all queries at {what}",
                f"{found['worked']:.2f} s",
                "",
                "all pages, 90 days of all projects; does not depend on what else the machine does",
            ),
            Row(
                f"making the marts of {what}",
                f"{found['marts']:.1f} s",
                "",
                f"{found['mart rows']:,} rows, file {found['megabytes']:,.0f} MB",
            ),
        ]
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=SIZES[0])
    parser.add_argument("--home", type=Path, default=None, help="kept afterwards; else a temporary folder")
    asked = parser.parse_args()
    if asked.home:
        print(json.dumps(run(asked.events, asked.home)))
        return
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(run(asked.events, Path(folder))))


if __name__ == "__main__":
    main()
