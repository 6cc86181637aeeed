"""Times as Sentry and its clients write them."""

from __future__ import annotations

from typing import Any

import pytest

from transforms.frames import build_series
from warehouse.schema import Column, Type

COLUMN = Column("at", Type.TIMESTAMP, "", "at")
GOOD = "2026-11-01T10:00:00Z"


@pytest.mark.parametrize(
    ("value", "read"),
    [
        ("2026-11-01T10:00:00.5+05:30", "2026-11-01 04:30:00.500000"),
        ("2026-11-01T10:00:00.123456789Z", "2026-11-01 10:00:00.123456"),
        ("2026-11-01T10:00:00", "2026-11-01 10:00:00"),
        ("2026-11-01 10:00:00", "2026-11-01 10:00:00"),
        ("2026-11-01", "2026-11-01 00:00:00"),
        ("0001-01-01T00:00:00Z", "0001-01-01 00:00:00"),
        ("9999-12-31T23:59:59.999999Z", "9999-12-31 23:59:59.999999"),
        (1_793_527_200, "2026-11-01 10:00:00"),
        (1_793_527_200.25, "2026-11-01 10:00:00.250000"),
        (1_793_527_200_000, "2026-11-01 10:00:00"),
        (1_793_527_200_000_000, "2026-11-01 10:00:00"),
        (1_793_527_200_000_000_000, "2026-11-01 10:00:00"),
        ("1793527200.5", "2026-11-01 10:00:00.500000"),
    ],
)
@pytest.mark.parametrize("beside", [None, GOOD, 1_793_527_299.0])
def test_times_are_read(value: Any, read: str, beside: Any) -> None:
    for values in ([value, beside], [beside, value]):
        series, bad = build_series(COLUMN, values)
        assert not bad
        assert str(series[values.index(value)]) == read


@pytest.mark.parametrize(
    "value",
    [
        *("", "soon", "12", "2026-13-45", "0000-01-01T00:00:00Z", "-0044-03-15T00:00:00Z"),
        *("+20000-01-01T00:00:00Z", "nan", "inf", "1e400", "2026-11-01T10:00:00Z\0"),
        *(0, 12.5, -1.0, 1e300, 2.0**80, float("inf"), float("nan")),
    ],
)
@pytest.mark.parametrize("beside", [None, GOOD, 1_793_527_200.0])
def test_what_is_no_time_is_told(value: Any, beside: Any) -> None:
    series, bad = build_series(COLUMN, [beside, value])
    assert bad == [1]
    assert series[1] is None
    assert (series[0] is None) == (beside is None)
