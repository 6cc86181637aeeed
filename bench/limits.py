"""How close requests come to the rate that a server allows: of bare clients, and of a whole export."""

from __future__ import annotations

import sys
from collections import Counter
from importlib import import_module
from pathlib import Path

import duckdb

from bench.row import Row
from bench.simulated import export_from, simulated, temporary_home
from extractors.governor import OWN, family_of
from extractors.sandbox import SandboxOptions

BESIDE_SECONDS = 10.0
GOAL = "≤ 1.1, < 1 % 429"


def measure(requests: int = 400) -> list[Row]:
    """Wall time ÷ (requests ÷ allowed rate), and the share of answers that were 429."""
    return [*of_clients(requests), of_export(40, latency=0.1), of_export(40, latency=0.5)]


def of_clients(requests: int) -> list[Row]:
    """As tests/client/bench_governor.py measures it: answers take 100 ms, eight threads ask."""
    sys.path.insert(0, str(Path(__file__).parents[1]))
    for library in ("httpx", "tenacity"):  # their loading is not what is measured
        import_module(library)

    from tests.client.bench_governor import CASES, measure_beside

    rows = []
    for name in ("40 in 1 s", "5 in 1 s", "40 in 1 s, two processes", "60 in 60 s, one at once"):
        found = CASES[name](requests)
        rows.append(
            Row(
                f"governor, {name}: time ÷ least time",
                f"{found.ratio:.2f}",
                GOAL,
                f"{found.requests} requests in {found.seconds:.1f} s, {found.throttled:.1%} answered 429",
            )
        )
    slow, fast, throttled = measure_beside(BESIDE_SECONDS)
    rows.append(
        Row(
            "40 in 1 s beside 60 in 60 s: time ÷ least time",
            f"{40 * BESIDE_SECONDS / fast:.2f}",
            GOAL,
            f"fast {fast}, slow {slow} in {BESIDE_SECONDS:.0f} s, {throttled:.1%} answered 429",
        )
    )
    return rows


def of_export(rate: int, latency: float) -> Row:
    """A first export at this rate. The least time is that of the slowest count; what a bucket of its own
    allows is taken from what its endpoint is known for.
    """
    options = SandboxOptions(
        projects=12, issues=300, events=1500, latency=latency, rate_limit=rate, refused_projects=0
    )
    with simulated(options) as sandbox, temporary_home() as home:
        result = export_from(sandbox, home)
        asked = sandbox.requests()
        seconds = asking_seconds(home, result.run_id)
    counts = Counter(_bucket(path.removeprefix("/api/0")) for path, status in asked if status == 200)
    least = {bucket: count / _allowed(bucket, rate) for bucket, count in counts.items()}
    slowest = max(least, key=lambda bucket: least[bucket])
    throttled = sum(status == 429 for _, status in asked) / len(asked)
    return Row(
        f"whole export, {rate} in 1 s, {latency * 1000:.0f} ms: time ÷ least time",
        f"{seconds / least[slowest]:.2f}",
        GOAL,
        f"{len(asked)} requests in {seconds:.1f} s (the slowest count, {slowest}: {least[slowest]:.1f} s), "
        f"{throttled:.1%} answered 429",
    )


def asking_seconds(home: Path, run_id: str) -> float:
    """From the first slice of a run to its last: without start, checks and publishing."""
    with duckdb.connect(str(home / "published" / "sentry.duckdb"), read_only=True) as published:
        (seconds,) = published.execute(
            "select epoch(max(finished_at) - min(started_at)) from meta.coverage where run_id = ?", [run_id]
        ).fetchall()[0]
    return float(seconds)


UNCOUNTED = {
    "/projects/{organization}/{project}/events/": 1e9,
    "/organizations/{organization}/issues/": None,
}
"""Families whose limit the sandbox has otherwise: none for project events, the default one for issues."""


def _bucket(path: str) -> str:
    family = family_of(path)
    own = family in OWN and UNCOUNTED.get(family, 0) is not None
    return family if own else "default"


def _allowed(bucket: str, rate: int) -> float:
    if bucket == "default":
        return rate
    return UNCOUNTED.get(bucket) or OWN[bucket].requests / OWN[bucket].window * rate / 40
