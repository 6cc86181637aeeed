"""Buckets of time for statistics: which are allowed, how they are aligned, how many there may be."""

from __future__ import annotations

from dataclasses import dataclass

from .answers import Query, error, iso_seconds
from .rhythm import HOUR_MS
from .windows import parse_period, read_window
from .world import World

DAY = 86400
MAX_POINTS = 1000


@dataclass(frozen=True, slots=True)
class Buckets:
    """`start` to before `end` in `count` steps; `shown_end` is what the answer says."""

    start: int
    end: int
    step: int
    count: int
    shown_end: int
    relative: bool

    @property
    def low_hour(self) -> int:
        return self.start // 3600

    @property
    def high_hour(self) -> int:
        return -(-self.end // 3600)

    def index(self, hour: int) -> int:
        return (hour * 3600 - self.start) // self.step

    def names(self) -> list[str]:
        return [iso_seconds(self.start + self.step * i) + "Z" for i in range(self.count)]


def read_buckets(world: World, query: Query) -> Buckets:
    """Start goes down and end goes up to a whole step, so the last bucket may lie partly in the future.

    Servers of 2023 counted a relative window back from the next whole step and told the current minute
    as the end.
    """
    text = query.get("interval") or "1h"
    step = parse_period(text)
    if step is None:
        raise error(400, f"Invalid interval: {text!r}")
    if step < 60 or step % 60:
        raise error(400, "The interval has to be a multiple of the minimum interval of one minute.")
    if step > DAY:
        raise error(400, "The interval has to be less than one day.")
    if DAY % step:
        raise error(400, "The interval should divide one day without a remainder.")
    window = read_window(world, query)
    start = window.start // step * step
    if window.relative and not world.options.modern:
        length = (window.end - window.start) // 60 * 60
        start = (-(-window.end // step) * step - length) // step * step
    end = -(-window.end // step) * step
    shown = end
    if not world.options.modern:
        minute = -(-int(world.now().timestamp()) // 60) * 60
        shown = min(end, minute)
        end = min(end, -(-minute // step) * step)
    count = max(0, (end - start) // step)
    if count > MAX_POINTS:
        raise error(
            400,
            "Your interval and date range would create too many results. "
            "Use a larger interval, or a smaller date range.",
        )
    return Buckets(start, end, step, count, shown, window.relative)


def kept_hours(world: World, buckets: Buckets) -> tuple[int, int]:
    """The hours of the buckets that retention still has."""
    return max(buckets.low_hour, world.cutoff_ms // HOUR_MS), buckets.high_hour
