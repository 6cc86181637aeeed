"""A measured figure."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the results: what was measured, the figure with its unit, what it should be, and notes."""

    what: str
    figure: str
    goal: str = ""
    note: str = ""


def best_seconds(work: Sequence[Callable[[], object]], rounds: int = 5) -> list[float]:
    """Seconds of each piece of work, freeing what it returns included, the best of some rounds; the pieces
    take turns, so that whatever else the machine does meets all of them."""
    best = [float("inf")] * len(work)
    for _ in range(rounds):
        for index, piece in enumerate(work):
            begun = time.perf_counter()
            piece()
            best[index] = min(best[index], time.perf_counter() - begun)
    return best
