"""What the first, a usual and a quiet night of a large organization cost, by stream. In a process of its own,
so that its peak memory can be read: `python -m bench.night --projects 200 --issues 50000`."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import duckdb

from bench.machine import peak_megabytes
from bench.row import Row
from bench.simulated import Simulated, export_from, simulated, temporary_home
from extractors.sandbox import SandboxOptions

BY_STREAM = Path(__file__).with_name("night_by_stream.sql")


def measure(projects: int = 20, issues: int = 2_000) -> list[Row]:
    """Against a server without limits, as self-hosted ones are: what is left is our own work."""
    asked = [sys.executable, "-m", "bench.night", "--projects", str(projects), "--issues", str(issues)]
    done = subprocess.run([*asked, "--json"], capture_output=True, text=True, check=True)
    return [Row(**row) for row in json.loads(done.stdout)]


def play(projects: int, issues: int) -> Iterator[Row]:
    """The figures of each night, when it is over."""
    options = SandboxOptions(
        projects=projects, issues=issues, events=issues * 2, rate_limit=0, refused_projects=0
    )
    with simulated(options) as sandbox, temporary_home() as home:
        yield from _night("first night", sandbox, home, projects)
        sandbox.pass_night()
        yield from _night("second night", sandbox, home, projects)
        sandbox.pass_night(quiet=True)
        yield from _night("quiet night", sandbox, home, projects)
    yield Row("peak memory of the three", f"{peak_megabytes():.0f} MB", "≤ 400 MB")


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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--projects", type=int, default=20)
    parser.add_argument("--issues", type=int, default=2_000)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    rows = play(asked.projects, asked.issues)
    if asked.json:
        print(json.dumps([asdict(row) for row in rows]))
    else:
        for row in rows:
            print(f"{row.what:50} {row.figure:>16}  {row.note}", flush=True)


if __name__ == "__main__":
    main()
