"""What a view of the dashboard asks: filters and days as they stand in the address, as query parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from math import isfinite
from typing import Any

from dashboards.catalogue import FILTERS, DashboardError, filters_query
from dashboards.published import Answer, Published

DEFAULT_DAYS = 28
LONGEST = 3660


@dataclass(frozen=True, slots=True)
class View:
    """Chosen filters and the days from `start` to `end`, both included (UTC)."""

    filters: tuple[tuple[str, str], ...]
    start: date
    end: date

    def values(self) -> dict[str, Any]:
        """Query parameters; the period before has the same number of days."""
        length = (self.end - self.start).days + 1
        return {
            **dict(self.filters),
            "start": self.start,
            "end": self.end,
            "previous_start": self.start - timedelta(days=length),
            "previous_end": self.start - timedelta(days=1),
        }


def view_of(address: Mapping[str, str], as_of: datetime | None) -> View:
    """The view an address describes: `days=28` up to the last full day, or `from` and `to`.

    Raises DashboardError for dates that are none.
    """
    filters = tuple((name, address[name]) for name in FILTERS if address.get(name))
    # the day of the newest run is not over
    last = (as_of.date() if as_of else date(2000, 1, 2)) - timedelta(days=1)
    try:
        end = date.fromisoformat(address["to"]) if address.get("to") else last
        if address.get("from"):
            start = date.fromisoformat(address["from"])
        else:
            start = end - timedelta(days=int(address.get("days") or DEFAULT_DAYS) - 1)
    except (ValueError, OverflowError) as error:
        raise DashboardError(f"Not a date or number of days: {error}") from error
    if start > end:
        start, end = end, start
    if (end - start).days > LONGEST or start.year < 1990 or end.year > 2200:
        raise DashboardError("These dates are too far apart or out of range.")
    return View(filters, start, end)


def offered(published: Published) -> dict[str, Any]:
    """What the filters offer, and the newest run's as_of."""
    answer = published.ask(filters_query(), {})
    return dict(zip(answer.columns, answer.rows[0], strict=True))


def plain(value: Any) -> Any:
    """A value as JSON has it; times are UTC and say so."""
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds") + "Z"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float) and not isfinite(value):
        return None
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return value


def as_json(answer: Answer) -> dict[str, Any]:
    """An answer as the page reads it."""
    return {"columns": answer.columns, "rows": plain(answer.rows), "ms": round(answer.milliseconds, 1)}
