"""When people use software: days, weeks, releases that spread, and the one bad evening."""

from __future__ import annotations

import math
import random
from bisect import bisect_right
from collections.abc import Sequence

from .model import Release

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS

_HOUR_OF_DAY = tuple(
    0.35 + 0.65 * (0.5 - 0.5 * math.cos((hour - 3) / 24 * 2 * math.pi)) for hour in range(24)
)
_DAY_OF_WEEK = (1.0, 1.05, 1.03, 1.0, 0.95, 0.62, 0.55)
PEAK = max(_HOUR_OF_DAY) * max(_DAY_OF_WEEK)

_HALF_ADOPTED_MS = 1.6 * DAY_MS


def weight(ms: int) -> float:
    """Traffic at a moment, relative to the others; 1 January 1970 was a Thursday."""
    hours = ms // HOUR_MS
    return _HOUR_OF_DAY[hours % 24] * _DAY_OF_WEEK[(hours // 24 + 3) % 7]


def moments(rng: random.Random, count: int, low_ms: int, high_ms: int) -> list[int]:
    """`count` moments between the two, denser when people are awake."""
    span = high_ms - low_ms
    found: list[int] = []
    rand = rng.random
    while len(found) < count:
        ms = low_ms + int(rand() * span)
        if rand() * PEAK <= weight(ms):
            found.append(ms)
    return found


def adopted(age_ms: int) -> float:
    """Share of the audience that has a release `age_ms` after it came out."""
    return 1.0 - math.exp(-max(age_ms, 0) / _HALF_ADOPTED_MS)


def pick_release(
    rng: random.Random, releases: Sequence[Release], created: Sequence[int], ms: int
) -> Release | None:
    """The release somebody runs at a moment; `created` are the releases' dates, ascending."""
    index = bisect_right(created, ms) - 1
    while index > 0 and rng.random() > adopted(ms - created[index]):
        index -= 1
    return releases[index] if index >= 0 else None


def shares(created: Sequence[int], ms: int, depth: int = 4) -> list[tuple[int, float]]:
    """(index of release, share of sessions) at a moment, the newest first."""
    index = bisect_right(created, ms) - 1
    left = 1.0
    result: list[tuple[int, float]] = []
    while index >= 0 and len(result) < depth:
        share = left if index == 0 or len(result) == depth - 1 else left * adopted(ms - created[index])
        result.append((index, share))
        left -= share
        index -= 1
    return result
