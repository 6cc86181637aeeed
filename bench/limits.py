"""How close requests come to the rate that a server allows."""

from __future__ import annotations

import sys
from pathlib import Path

from bench.row import Row


def measure(requests: int = 400) -> list[Row]:
    """Wall time ÷ (requests ÷ allowed rate), as tests/client/bench_governor.py measures it."""
    sys.path.insert(0, str(Path(__file__).parents[1]))
    from tests.client.bench_governor import CASES

    rows = []
    for name in ("40 in 1 s", "5 in 1 s"):
        found = CASES[name](requests)
        rows.append(
            Row(
                f"governor, {name}: time ÷ least time",
                f"{found.ratio:.2f}",
                "1",
                f"{found.requests} requests, {found.throttled:.1%} answered 429",
            )
        )
    return rows
