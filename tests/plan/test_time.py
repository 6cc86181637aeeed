"""The time a plan takes: arithmetic of limits, latencies and rounds."""

from __future__ import annotations

import io
from datetime import datetime

import pytest
from rich.console import Console

from extractors.governor import Allowance, Limit
from flows import forecast_report
from flows.forecast import Forecast, Part
from flows.forecast_report import duration, limit_text

MINUTE = Limit(60, 60.0, 1)
SECOND = Limit(40, 1.0)


def part(
    stream: str,
    requests: int,
    limit: Limit | None,
    *,
    latency: float = 0.1,
    round: int = 0,
    after: tuple[str, ...] = (),
) -> Part:
    return Part(
        stream=stream,
        request="",
        organization="acme",
        slices=10,
        requests=requests,
        rows=0,
        bytes=0,
        basis="counted",
        round=round,
        allowance=Allowance(("token", "sentry.io", str(limit)), limit, True),
        latency=latency,
        lanes=4,
        after=after,
    )


def plan(*parts: Part) -> Forecast:
    return Forecast(datetime(2026, 1, 1), None, True, ("acme",), parts, 0)


def test_a_short_window_is_a_rate() -> None:
    assert part("issues", 400, SECOND).seconds == pytest.approx(10)


def test_a_long_window_is_used_up_and_then_waited_for() -> None:
    assert part("events", 60, MINUTE).seconds == pytest.approx(6)
    assert part("events", 61, MINUTE).seconds == pytest.approx(60.1)
    assert part("events", 600, MINUTE).seconds == pytest.approx(9 * 60 + 6)


def test_without_a_limit_the_way_of_the_answers_counts() -> None:
    assert part("issues", 400, None, latency=0.5).seconds == pytest.approx(50)


def test_the_slowest_limit_decides() -> None:
    planned = plan(part("events", 600, MINUTE), part("issues", 4000, SECOND))
    assert planned.seconds == pytest.approx(9 * 60 + 6)
    assert planned.slowest is not None
    assert planned.slowest.stream == "events"


def test_one_limit_is_shared() -> None:
    assert plan(part("teams", 400, SECOND), part("issues", 400, SECOND)).seconds == pytest.approx(20)


def test_what_is_asked_one_by_one_waits_for_its_listings_only() -> None:
    details = part("issues", 50, Limit(5, 1.0), round=1, after=("issues",))
    assert plan(part("issues", 400, SECOND), details).seconds == pytest.approx(20)
    assert plan(part("events", 600, MINUTE), part("issues", 400, SECOND), details).seconds == pytest.approx(
        9 * 60 + 6
    )


def test_words() -> None:
    assert [duration(s) for s in (0.2, 59, 600, 7200 * 2)] == ["< 1 s", "59 s", "10 min", "4.0 h"]
    assert limit_text(part("x", 1, MINUTE).allowance) == "60 in 60 s, 1 at once"
    assert limit_text(Allowance(("", "", ""), SECOND, False)) == "40 in 1 s (assumed)"
    assert limit_text(Allowance(("", "", ""), None, True)) == "none named"


@pytest.mark.parametrize(
    ("width", "shown", "left_out"),
    [(120, ("slices", "rows from"), ()), (90, ("rows from",), ("slices",)), (50, ("time",), ("MB", "limit"))],
)
def test_a_narrow_terminal_gets_fewer_columns_and_a_line_a_row(
    monkeypatch: pytest.MonkeyPatch, width: int, shown: tuple[str, ...], left_out: tuple[str, ...]
) -> None:
    shows = io.StringIO()
    console = Console(width=width, file=shows, highlight=False)
    monkeypatch.setattr(forecast_report, "make_console", lambda: console)
    parts = (part("discover_transactions", 100_000, SECOND), part("events", 1, MINUTE))
    forecast_report.print_forecast(Forecast(datetime(2026, 11, 22), None, True, ("acme",), parts, 3))
    lines = shows.getvalue().splitlines()
    at = next(i for i, line in enumerate(lines) if line.startswith("what is asked"))
    header, first = lines[at : at + 2]
    assert all(name in header for name in shown)
    assert not any(name in header for name in left_out)
    assert first.startswith("discover_transactions ")
