"""Marts of events and outcomes: golden rows, computed by hand."""
# ruff: noqa: E501 (golden rows are tables)

from typing import Any

import duckdb
from golden import Given, Mart, table

from warehouse.mart_files import create_marts

EVENTS = """
    meta.runs
    run_id | as_of
    r1 | 2026-11-20 12:00

    projects
    project_id | slug
    10 | shop

    events
    event_id | issue_id | project_id | environment | release | level | user_id | user_ip_address | date_created | date_received
    a | 1 | 10 | prod | 1.0 | error | u1 | - | 2026-11-18 23:59 | -
    b | 1 | 10 | prod | 1.0 | error | u1 | - | 2026-11-19 00:00 | -
    c | 1 | 10 | prod | 1.0 | error | -  | h | 2026-11-19 23:30 | -
    d | 2 | 10 | prod | 1.0 | fatal | u1 | - | 2026-11-19 23:40 | -
    e | 2 | 10 | -    | -   | -     | -  | - | -                | 2026-11-20 01:00
    f | - | 20 | dev  | 1.1 | error | u2 | - | 2026-11-20 02:00 | -
    g | 1 | 10 | prod | 1.0 | error | u1 | - | 2026-10-01 00:00 | -
    h | 1 | 10 | prod | 1.0 | error | u1 | - | - | -
"""


def test_issue_volume(given: Given, rows_of: Mart) -> None:
    given(EVENTS)
    columns = "project_slug | issue_id | environment | release | day | event_count"
    assert rows_of("issue_volume", columns, order="day, issue_id") == table("""
        shop | 1 | prod | 1.0 | 2026-10-01 | 1
        shop | 1 | prod | 1.0 | 2026-11-18 | 1
        shop | 1 | prod | 1.0 | 2026-11-19 | 2
        shop | 2 | prod | 1.0 | 2026-11-19 | 1
        20   |   | dev  | 1.1 | 2026-11-20 | 1
        shop | 2 |      |     | 2026-11-20 | 1
    """)
    numbers = rows_of("issue_volume", "issue_id | issue_number", order="issue_id, day")
    assert numbers == table("""
           | -1
        1  | 2
        1  | 2
        1  | 2
        2  | 3
        2  | 3
    """)


def test_error_volume(given: Given, rows_of: Mart) -> None:
    given(EVENTS)
    columns = "project_slug | environment | release | level | day | event_count | daily_user_count"
    assert rows_of("error_volume", columns, order="day, level, project_slug") == table("""
        shop | prod | 1.0 | error | 2026-10-01 | 1 | 1
        shop | prod | 1.0 | error | 2026-11-18 | 1 | 1
        shop | prod | 1.0 | error | 2026-11-19 | 2 | 2
        shop | prod | 1.0 | fatal | 2026-11-19 | 1 | 1
        shop |      |     |       | 2026-11-20 | 1 | 0
        20   | dev  | 1.1 | error | 2026-11-20 | 1 | 1
    """)


def test_errors_by_hour(given: Given, rows_of: Mart) -> None:
    given(EVENTS)
    columns = "project_slug | hour_start | day | weekday | hour | event_count"
    assert rows_of("errors_by_hour", columns, order="hour_start") == table("""
        shop | 2026-10-01       | 2026-10-01 | 4 | 0  | 1
        shop | 2026-11-18 23:00 | 2026-11-18 | 3 | 23 | 1
        shop | 2026-11-19       | 2026-11-19 | 4 | 0  | 1
        shop | 2026-11-19 23:00 | 2026-11-19 | 4 | 23 | 2
        shop | 2026-11-20 01:00 | 2026-11-20 | 5 | 1  | 1
        20   | 2026-11-20 02:00 | 2026-11-20 | 5 | 2  | 1
    """)


def test_issue_concentration(given: Given, rows_of: Mart) -> None:
    given(EVENTS)
    columns = "project_slug | issue_id | rank | event_count_28d | share_28d | cumulative_share_28d"
    # the event of October is older than 28 days
    assert rows_of("issue_concentration", columns, order="project_slug, rank") == table("""
        20   |   | 1 | 1 | 1   | 1
        shop | 1 | 1 | 3 | 0.6 | 0.6
        shop | 2 | 2 | 2 | 0.4 | 1
    """)


OUTCOMES = """
    meta.runs
    run_id | as_of
    r1 | 2026-11-20 12:00

    projects
    project_id | slug
    10 | shop

    outcomes
    project_id | category | outcome | reason | interval_start | interval_seconds | quantity | times_seen
    10 | error | accepted | | 2026-10-05 00:00 | 86400 | 1000 | 1000
    10 | error | accepted | | 2026-11-02 00:00 | 3600 | 100 | 100
    10 | error | accepted | | 2026-11-13 00:00 | 3600 | 70 | 70
    10 | error | accepted | | 2026-11-19 22:00 | 3600 | 140 | 139
    10 | error | accepted | | 2026-11-20 00:00 | 3600 | 10 | 10
    10 | error | accepted | | 2026-11-20 13:00 | 3600 | 500 | 500
    10 | error | filtered | browser-extensions | 2026-11-20 00:00 | 3600 | 4 | 4
    10 | error | filtered | browser-extensions | 2026-11-20 01:00 | 3600 | 0 | 0
    20 | attachment | accepted | | 2026-11-19 00:00 | 3600 | 7000000 | 7
    20 | attachment | rate_limited | quota | 2026-11-19 00:00 | 3600 | 1 | 1
"""


def test_outcomes_daily(given: Given, rows_of: Mart) -> None:
    given(OUTCOMES)
    columns = "project_slug | category | outcome | reason | day | quantity | times_seen"
    assert rows_of("outcomes_daily", columns, order="category desc, outcome, day") == table("""
        shop | error | accepted | | 2026-10-05 | 1000 | 1000
        shop | error | accepted | | 2026-11-02 | 100 | 100
        shop | error | accepted | | 2026-11-13 | 70 | 70
        shop | error | accepted | | 2026-11-19 | 140 | 139
        shop | error | accepted | | 2026-11-20 | 510 | 510
        shop | error | filtered | browser-extensions | 2026-11-20 | 4 | 4
        20 | attachment | accepted | | 2026-11-19 | 7000000 | 7
        20 | attachment | rate_limited | quota | 2026-11-19 | 1 | 1
    """)


def test_quota_forecast(given: Given, rows_of: Mart) -> None:
    given(OUTCOMES)
    columns = (
        "project_slug | category | month | month_to_date | mean_per_day_7d | days_left | forecast | last_month"
        " | change_ratio"
    )
    # 7 full days 13th to 19th: (70 + 140) / 7 = 30 a day; 320 so far + 30 x 10.5 days; what lies after as_of waits
    assert rows_of("quota_forecast", columns, order="category desc") == table("""
        shop | error | 2026-11-01 | 320 | 30 | 10.5 | 635 | 1000 | -0.365
        20 | attachment | 2026-11-01 | 7000000 | 1000000 | 10.5 | 17500000 | 0 | -
    """)


def test_a_forecast_from_two_days_does_not_divide_by_seven(given: Given, rows_of: Mart) -> None:
    given("""
        meta.runs
        run_id | as_of
        r1 | 2026-11-03 00:00

        outcomes
        project_id | category | outcome | reason | interval_start | quantity
        10 | error | accepted | | 2026-11-01 00:00 | 10
        10 | error | accepted | | 2026-11-02 00:00 | 30
    """)
    assert rows_of("quota_forecast", "month_to_date | mean_per_day_7d | days_left | forecast") == table("""
        40 | 20 | 28 | 600
    """)


def test_projects_of_the_same_name_in_two_organizations_are_two(given: Given, rows_of: Mart) -> None:
    """Their ids may be the same as well: servers of one's own number from 1."""
    given("""
        meta.runs
        run_id | as_of
        r1 | 2026-11-20 12:00

        organizations
        organization_id | slug
        1 | acme
        2 | globex

        projects
        organization_id | project_id | slug
        1 | 10 | shop
        2 | 10 | shop
        2 | 11 | docs
        3 | 10 | shop

        events
        organization_id | event_id | issue_id | project_id | date_created
        1 | a | 7 | 10 | 2026-11-18 23:59
        2 | a | 7 | 10 | 2026-11-18 23:59
        2 | b | 7 | 10 | 2026-11-18 23:59
    """)
    assert rows_of("project_names", "organization_id | project_id | project_slug") == table("""
        1 | 10 | acme/shop
        2 | 10 | globex/shop
        2 | 11 | docs
        3 | 10 | 3/shop
    """)
    assert rows_of("error_volume", "project_slug | event_count") == table("""
        acme/shop | 1
        globex/shop | 2
    """)


def test_sums_that_no_number_holds_are_null(given: Given, connection: duckdb.DuckDBPyConnection) -> None:
    """A figure that can not be stops no publishing."""
    huge = 9_000_000_000_000_000_000
    given(f"""
        meta.runs
        run_id | as_of
        r1 | 2026-11-20 12:00

        outcomes
        project_id | category | outcome | reason | interval_start | interval_seconds | quantity | times_seen
        10 | log_byte | accepted | | 2026-11-18 01:00 | 3600 | {huge} | 1
        10 | log_byte | accepted | | 2026-11-18 02:00 | 3600 | {huge} | 1
        10 | error | accepted | | 2026-11-18 02:00 | 3600 | 5 | 1

        sessions
        project_id | release | environment | session_status | interval_start | session_count
        10 | 1 | prod | healthy | 2026-11-18 | {huge}
        10 | 1 | prod | crashed | 2026-11-18 | {huge}
    """)
    create_marts(connection)

    def asked(sql: str) -> list[tuple[Any, ...]]:
        return connection.execute(sql).fetchall()

    assert asked("select category, month_to_date from marts.quota_forecast order by 1") == [
        ("error", 5),
        ("log_byte", None),
    ]
    assert asked("select session_count, crashed_session_count from marts.release_health") == [(None, huge)]
