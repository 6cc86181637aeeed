"""Which stretch of time a request asks for, by the rules all of Sentry's endpoints share."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime

from .answers import Query, error
from .world import World

_PERIOD = re.compile(r"^(\d+)([smhdw]?)$")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800, "": 1}
DEFAULT_SECONDS = 90 * 86400


@dataclass(frozen=True, slots=True)
class Window:
    """Seconds since the epoch; `start` is inside, `end` is not."""

    start: int
    end: int
    relative: bool
    given: bool


def parse_period(text: str) -> int | None:
    match = _PERIOD.match(text)
    return int(match[1]) * _UNITS[match[2]] if match else None


def parse_moment(text: str) -> float:
    try:
        if re.fullmatch(r"\d{9,11}(\.\d+)?", text):
            return float(text)
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise error(400, f"{text} is not a valid ISO8601 date query") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def read_window(world: World, query: Query, *, optional: bool = False) -> Window:
    """`statsPeriod` wins over `start` and `end`; nothing given means the last 90 days."""
    now = world.now().timestamp()
    period = query.get("statsPeriod") or query.get("timeframe")
    from_, to = query.get("statsPeriodStart"), query.get("statsPeriodEnd")
    start, end = query.get("start"), query.get("end")
    if "statsPeriod" in query and not optional and query.get("statsPeriod") == "" and not (start or end):
        raise error(400, "Invalid statsPeriod: ''")
    if period:
        seconds = parse_period(period)
        if seconds is None:
            raise error(400, f"Invalid statsPeriod: {period!r}")
        return _within(world, now - seconds, now, relative=True, given=True)
    if from_ or to:
        far, near = parse_period(from_ or ""), parse_period(to or "")
        if far is None or near is None:
            raise error(400, "statsPeriodStart and statsPeriodEnd are both required")
        return _within(world, now - far, now - near, relative=True, given=True)
    if start or end:
        if not (start and end):
            raise error(400, "start and end are both required")
        low, high = parse_moment(start), parse_moment(end)
        if low > high:
            raise error(400, "start must be before end")
        return _within(world, low, high, relative=False, given=True)
    return _within(world, now - DEFAULT_SECONDS, now + 1, relative=True, given=False)


def _within(world: World, start: float, end: float, *, relative: bool, given: bool) -> Window:
    """A start before retention is moved up without a word; a window wholly before it is refused."""
    floor = world.now().timestamp() - world.options.retention_days * 86400
    if given and not relative and end <= floor:
        raise error(400, "Invalid date range. Please try a more recent date range.")
    return Window(math.floor(start), math.ceil(end), relative, given)


def stored(world: World, window: Window) -> tuple[int, int]:
    """The part of the window that the store can answer for, in whole seconds, stable between two nights."""
    low = max(window.start, world.cutoff_ms // 1000)
    high = min(window.end, world.data_until_ms // 1000 + 1)
    return low, max(low, high)
