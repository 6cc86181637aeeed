"""How fast the sandbox serves: it must not be what a measure waits for."""

from __future__ import annotations

import time

from bench.row import Row
from extractors.sandbox.bodies import generate_full_events
from extractors.sandbox.measure import measure as serve


def measure(seconds: float = 2.0) -> list[Row]:
    """Requests and megabytes a second by kind of page, and how fast bodies are generated."""
    rows = [
        Row(f"sandbox serves {name}", f"{rate:.0f} requests/s", "", f"{megabytes:.0f} MB/s")
        for name, rate, megabytes in serve(seconds)
    ]
    begun, size = time.perf_counter(), 0
    for body in generate_full_events(1, 3_000):
        size += len(body)
    took = time.perf_counter() - begun
    return [*rows, Row("sandbox generates full events", f"{size / took / 1e6:.0f} MB/s")]
