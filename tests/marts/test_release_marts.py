"""Marts of releases and sessions: golden rows, computed by hand."""
# ruff: noqa: E501 (golden rows are tables)

from golden import Given, Mart, table

SESSIONS = """
    meta.runs
    run_id | as_of
    r1 | 2026-11-04 12:00

    projects
    project_id | slug
    10 | shop

    releases
    release_id | version | date_created | date_released
    r10 | 1.0 | 2026-10-01 00:00 | -
    r11 | 1.1 | 2026-11-02 10:30 | 2026-11-02 11:15
    r12 | 1.2 | 2026-11-04 01:00 | -

    release_projects
    release_id | project_id | version | new_groups
    r10 | 10 | 1.0 | 0
    r11 | 10 | 1.1 | 3
    r12 | 10 | 1.2 | 0
    r12 | 20 | 1.2 | 1

    sessions
    project_id | release | environment | session_status | interval_start | session_count | user_count
    10 | 1.0 | prod | healthy | 2026-11-01 | 990 | 400
    10 | 1.0 | prod | crashed | 2026-11-01 | 10 | 9
    10 | 1.0 | prod | healthy | 2026-11-02 | 300 | 200
    10 | 1.1 | prod | healthy | 2026-11-02 | 90 | 60
    10 | 1.1 | prod | errored | 2026-11-02 | 6 | 6
    10 | 1.1 | prod | abnormal | 2026-11-02 | 3 | 3
    10 | 1.1 | prod | crashed | 2026-11-02 | 1 | 1
    10 |     | dev  | healthy | 2026-11-02 | 5 | 1
    10 | 1.1 | prod | healthy | 2026-11-04 | 0 | 0

    session_health
    project_id | release | environment | interval_start | session_count | user_count | crash_free_session_rate | crash_free_user_rate
    10 | 1.0 | prod | 2026-11-01 | 1000 | 400 | 0.99 | 0.9775
    10 | 1.1 | prod | 2026-11-02 | 100 | 70 | 0.99 | -
"""


def test_release_health(given: Given, rows_of: Mart) -> None:
    given(SESSIONS)
    columns = (
        "project_slug | release | environment | day | session_count | crashed_session_count | errored_session_count"
        " | abnormal_session_count | daily_user_count | daily_crashed_user_count | daily_crash_free_session_rate"
    )
    assert rows_of("release_health", columns, order="day, environment, release") == table("""
        shop | 1.0 | prod | 2026-11-01 | 1000 | 10 | 0 | 0 | 400 | 9 | 0.99
        shop |     | dev  | 2026-11-02 | 5 | 0 | 0 | 0 | - | - | 1
        shop | 1.0 | prod | 2026-11-02 | 300 | 0 | 0 | 0 | - | - | 1
        shop | 1.1 | prod | 2026-11-02 | 100 | 1 | 6 | 3 | 70 | - | 0.99
        shop | 1.1 | prod | 2026-11-04 | 0 | 0 | 0 | 0 | - | - | -
    """)


def test_release_adoption(given: Given, rows_of: Mart) -> None:
    given(SESSIONS)
    columns = "release | environment | day | releases_newer | release_age | session_count | share_of_day"
    # 1.1 exists from the 2nd on; 1.2 has no session, so it is not ranked
    assert rows_of("release_adoption", columns, order="day, environment, release") == table("""
        1.0 | prod | 2026-11-01 | 0 | newest | 1000 | 1
            | dev  | 2026-11-02 | - | none | 5 | 1
        1.0 | prod | 2026-11-02 | 1 | previous | 300 | 0.75
        1.1 | prod | 2026-11-02 | 0 | newest | 100 | 0.25
    """)


def test_error_budget(given: Given, rows_of: Mart) -> None:
    given(SESSIONS)
    columns = (
        "environment | day | session_count | sessions_28d | crashed_sessions_28d | crash_free_session_rate_28d"
        " | allowed_crashes_28d | budget_left_28d"
    )
    # 0.5 % of 1,000 sessions are 5 crashes: ten are twice the budget
    assert rows_of("error_budget", columns, order="environment, day") == table("""
        dev  | 2026-11-02 | 5 | 5 | 0 | 1 | 0.025 | 1
        dev  | 2026-11-03 | 0 | 5 | 0 | 1 | 0.025 | 1
        dev  | 2026-11-04 | 0 | 5 | 0 | 1 | 0.025 | 1
        prod | 2026-11-01 | 1000 | 1000 | 10 | 0.99 | 5 | -1
        prod | 2026-11-02 | 400 | 1400 | 11 | 0.9921 | 7 | -0.5714
        prod | 2026-11-03 | 0 | 1400 | 11 | 0.9921 | 7 | -0.5714
        prod | 2026-11-04 | 0 | 1400 | 11 | 0.9921 | 7 | -0.5714
    """)


def test_an_error_budget_ends_after_28_days_and_follows_the_objective(given: Given, rows_of: Mart) -> None:
    given("""
        meta.runs
        run_id | as_of
        r1 | 2026-11-29 12:00

        sessions
        project_id | release | environment | session_status | interval_start | session_count
        10 | 1.0 | prod | healthy | 2026-11-01 | 90
        10 | 1.0 | prod | crashed | 2026-11-01 | 10
    """)
    columns = "day | sessions_28d | objective | budget_left_28d"
    late = "day >= '2026-11-28'"
    assert rows_of("error_budget", columns, order="day", where=late) == table("""
        2026-11-28 | 100 | 0.995 | -19
        2026-11-29 | 0   | 0.995 | -
    """)


def test_the_objective_is_a_setting(given: Given, rows_of: Mart, connection) -> None:  # type: ignore[no-untyped-def]
    given(SESSIONS)
    connection.execute("insert into meta.settings values ('crash_free_objective', '0.98')")
    columns = "objective | allowed_crashes_28d | budget_left_28d"
    first = "day = '2026-11-01'"
    assert rows_of("error_budget", columns, where=first) == table("0.98 | 20 | 0.5")


def test_deploy_impact(given: Given, rows_of: Mart) -> None:
    given(SESSIONS)
    given("""
        issues
        issue_id | project_id | first_seen | merged_into_issue_id
        1 | 10 | 2026-11-02 11:14 | -
        2 | 10 | 2026-11-02 11:15 | -
        3 | 10 | 2026-11-04 10:00 | -
        4 | 10 | 2026-11-04 10:00 | 3
        5 | 10 | 2026-11-05 11:15 | -

        events
        event_id | project_id | date_created
        a | 10 | 2026-10-30 10:59
        b | 10 | 2026-10-30 11:00
        c | 10 | 2026-11-02 10:59
        d | 10 | 2026-11-02 11:00
        e | 10 | 2026-11-04 11:59
        f | 10 | 2026-11-04 12:00
        g | 20 | 2026-11-02 11:30
    """)
    columns = (
        "project_slug | release | released_at | hours_after | is_settled | events_before | events_after"
        " | change_ratio | new_issues_72h | new_issues"
    )
    # 1.1: 2 events in 72 h before, 2 in the 49 h since: (2 / 49) / (2 / 72) - 1; f is beyond the run's windows,
    # known as the latest of its issue perhaps
    assert rows_of("deploy_impact", columns, order="release, project_slug") == table("""
        shop | 1.0 | 2026-10-01       | 72 | true  | 0 | 0 | -      | 0 | 0
        shop | 1.1 | 2026-11-02 11:15 | 49 | false | 2 | 2 | 0.4694 | 2 | 3
        20   | 1.2 | 2026-11-04 01:00 | 11 | false | 1 | 0 | -1     | 0 | 1
        shop | 1.2 | 2026-11-04 01:00 | 11 | false | 2 | 1 | 2.2727 | 2 | 0
    """)


def test_a_release_made_twice_and_one_without_a_time(given: Given, rows_of: Mart) -> None:
    given("""
        meta.runs
        run_id | as_of
        r1 | 2026-11-20 12:00

        releases
        release_id | version | date_created
        1 | 1.0 | 2026-11-01 00:00
        2 | 1.0 | 2026-11-02 00:00
        3 | 1.1 | -

        release_projects
        release_id | project_id | version
        1 | 10 | 1.0
        2 | 10 | 1.0
        3 | 10 | 1.1
    """)
    columns = "release | released_at | hours_after | is_settled | events_after | events_per_hour_after"
    assert rows_of("deploy_impact", columns) == table("""
        1.0 | 2026-11-02 | 72 | true | 0 | 0
        1.1 | - | - | - | 0 | -
    """)
