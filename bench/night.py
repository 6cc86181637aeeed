"""What the first, a usual and a quiet night of a large organization cost, by stream."""

from __future__ import annotations

import resource
from pathlib import Path

import duckdb

from bench.row import Row
from bench.simulated import Simulated, export_from, simulated, temporary_home
from extractors.sandbox import SandboxOptions

BY_STREAM = Path(__file__).with_name("night_by_stream.sql")


def measure(projects: int = 20, issues: int = 2_000) -> list[Row]:
    """Against a server without limits, as self-hosted ones are: what is left is our own work."""
    options = SandboxOptions(
        projects=projects, issues=issues, events=issues * 2, rate_limit=0, refused_projects=0
    )
    with simulated(options) as sandbox, temporary_home() as home:
        rows = _night("first night", sandbox, home, projects)
        sandbox.pass_night()
        rows += _night("second night", sandbox, home, projects)
        sandbox.pass_night(quiet=True)
        rows += _night("quiet night", sandbox, home, projects)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return [*rows, Row("peak memory of the three", f"{peak:.0f} MB")]


def _night(name: str, sandbox: Simulated, home: Path, projects: int) -> list[Row]:
    result = export_from(sandbox, home)
    with duckdb.connect(str(home / "published" / "sentry.duckdb"), read_only=True) as published:
        streams = published.execute(BY_STREAM.read_text(), [result.run_id]).fetchall()
    rows = [
        Row(
            f"{name}, {projects} projects",
            f"{result.requests:,} requests",
            "",
            f"{result.requests / projects:.1f} a project, {sum(result.slices.values()):,} slices, "
            f"{result.seconds:.0f} s in all, {result.bytes / 1e6:,.0f} MB, exit {result.exit_code}; "
            f"at 40 a second {result.requests / 40 / 60:.1f} min",
        )
    ]
    return rows + [
        Row(
            f"{name}: {stream}",
            f"{requests:,} requests",
            "",
            f"{slices:,} slices, {records:,} records, {took:.1f} s",
        )
        for stream, requests, slices, records, took in streams
    ]
