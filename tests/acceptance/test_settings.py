"""Settings that can mean nothing are refused at once, by name."""

from __future__ import annotations

from typing import Any

import pytest

from flows.settings import UsageError, load_settings

QUERY = {"name": "slow", "fields": ["count()"]}


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"threads": 0}, "threads"),
        ({"retries": -1}, "retries"),
        ({"timeout": 0}, "timeout"),
        ({"timeout": float("inf")}, "timeout"),
        ({"lag_minutes": -1}, "lag_minutes"),
        ({"lag_minutes": 1e23}, "lag_minutes"),
        ({"details": -1}, "details"),
        ({"events": {"overlap_days": -1}}, "events.overlap_days"),
        ({"events": {"overlap_days": float("inf")}}, "events.overlap_days"),
        ({"events": {"detail_requests": -1}}, "events.detail_requests"),
        ({"publish": {"keep": 0}}, "publish.keep"),
        ({"publish": {"compact_days": -1}}, "publish.compact_days"),
        ({"publish": {"compact_days": 10**23}}, "publish.compact_days"),
        ({"archive": {"keep_days": 1e23}}, "archive.keep_days"),
        ({"discover": [QUERY | {"fields": []}]}, "fields"),
        ({"discover": [QUERY | {"fields": ["count()"] * 21}]}, "fields"),
        ({"discover": [QUERY | {"name": "../slow"}]}, "name"),
        ({"discover": [QUERY | {"name": ""}]}, "name"),
        ({"discover": [QUERY | {"days": 0}]}, "days"),
        ({"discover": [QUERY | {"days": 10**23}]}, "days"),
        ({"discover": [QUERY, QUERY | {"name": "Slow"}]}, "slow"),
        ({"nonsense": 1}, "nonsense"),
        ({"events": {"nonsense": 1}}, "nonsense"),
    ],
)
def test_they_are_refused(values: dict[str, Any], named: str) -> None:
    with pytest.raises(UsageError) as refused:
        load_settings(None, values, environment={})
    assert named in str(refused.value)


def test_a_variable_is_named_as_it_was_given() -> None:
    with pytest.raises(UsageError, match="SENTRY_WAREHOUSE_THREADS"):
        load_settings(None, None, environment={"SENTRY_WAREHOUSE_THREADS": "many"})
