"""Issue marts: golden rows, computed by hand."""
# ruff: noqa: E501 (golden rows are tables)

import pytest
from golden import Given, Mart, table

RUN = """
    meta.runs
    run_id | as_of
    r1 | 2026-11-20 12:00
"""

# 1 resolved, came back, resolved again · 2 ignored, then open by hand · 3 known by its states only, resolved
# 4 resolved before anyone looked · 5 merged away · 6 never touched · 7 deleted · 8 no first event known
ISSUES = """
    projects
    project_id | slug
    10 | shop
    20 | app

    issues
    issue_id | project_id | short_id | title | level | status | substatus | first_seen | last_seen | event_count | deleted_at | merged_into_issue_id | assigned_to_type | assigned_to_id | assigned_to_name | permalink
    1 | 10 | SHOP-1 | Boom  | error | resolved   | -         | 2026-11-01 00:00 | 2026-11-09 | 12 | -          | - | user | 7 | Ada | https://s/1
    2 | 10 | SHOP-2 | Bang  | fatal | unresolved | ongoing   | 2026-11-01 06:00 | 2026-11-19 | 5  | -          | - | team | 3 | -   | https://s/2
    3 | 20 | APP-1  | Crash | error | resolved   | -         | 2026-11-02 00:00 | 2026-11-09 | 2  | -          | - | - | - | - | -
    4 | 20 | APP-2  | Old   | error | resolved   | -         | 2026-08-01 00:00 | 2026-08-09 | 2  | -          | - | - | - | - | -
    5 | 10 | SHOP-5 | Twin  | error | unresolved | ongoing   | 2026-11-01 00:00 | 2026-11-09 | 2  | -          | 1 | - | - | - | -
    6 | 20 | APP-3  | Quiet | error | unresolved | ongoing   | 2026-06-01 12:00 | 2026-10-01 | 9  | -          | - | - | - | - | -
    7 | 20 | APP-4  | Gone  | error | unresolved | ongoing   | 2026-11-02 05:00 | 2026-11-09 | 2  | 2026-11-10 | - | - | - | - | -
    8 | 30 | -      | -     | -     | unresolved | -         | -                | -          | -  | -          | - | - | - | - | -

    issue_history
    issue_id | project_id | status | substatus | valid_from | valid_to
    1 | 10 | unresolved | new | 2026-11-01 03:00 | 2026-11-04 03:00
    1 | 10 | resolved | - | 2026-11-04 03:00 | -
    3 | 20 | unresolved | new | 2026-11-02 03:00 | 2026-11-05 03:00
    3 | 20 | unresolved | ongoing | 2026-11-05 03:00 | 2026-11-06 00:00
    3 | 20 | resolved | - | 2026-11-06 00:00 | 2026-11-08 03:00
    3 | 20 | unresolved | regressed | 2026-11-08 03:00 | 2026-11-09 03:00
    3 | 20 | resolved | - | 2026-11-09 03:00 | -
    4 | 20 | resolved | - | 2026-11-01 03:00 | -

    issue_activity
    issue_id | project_id | activity_id | activity_type | date_created | user_id
    1 | 10 | 0  | first_seen | 2026-11-01 00:00 | -
    1 | 10 | 11 | assigned | 2026-11-01 02:30 | 7
    1 | 10 | 12 | set_resolved_in_commit | 2026-11-02 12:00 | 7
    1 | 10 | 13 | set_resolved_in_release | 2026-11-03 12:00 | 7
    1 | 10 | 14 | set_regression | 2026-11-05 00:00 | -
    1 | 10 | 15 | set_resolved_by_age | 2026-11-08 06:00 | -
    2 | 10 | 0  | first_seen | 2026-11-01 06:00 | -
    2 | 10 | 21 | set_escalating | 2026-11-01 08:00 | -
    2 | 10 | 22 | set_ignored | 2026-11-02 06:00 | 8
    2 | 10 | 23 | set_unresolved | 2026-11-15 12:00 | 8
    5 | 10 | 51 | set_resolved | 2026-11-02 00:00 | 7
    6 | 20 | 0  | first_seen | 2026-06-01 12:00 | -
"""


@pytest.fixture(autouse=True)
def issues(given: Given) -> None:
    given(RUN)
    given(ISSUES)


def test_issue_transitions(rows_of: Mart) -> None:
    columns = "issue_id | changed_at | from_state | to_state | change | activity_type | user_id | opened_at | source"
    assert rows_of("issue_transitions", columns) == table("""
        1 | 2026-11-02 12:00 | open | resolved | resolved | set_resolved_in_commit | 7 | 2026-11-01 | activity
        1 | 2026-11-05 | resolved | open | regressed | set_regression | - | 2026-11-01 | activity
        1 | 2026-11-08 06:00 | open | resolved | resolved | set_resolved_by_age | - | 2026-11-05 | activity
        2 | 2026-11-02 06:00 | open | ignored | ignored | set_ignored | 8 | 2026-11-01 06:00 | activity
        2 | 2026-11-15 12:00 | ignored | open | reopened | set_unresolved | 8 | 2026-11-01 06:00 | activity
        3 | 2026-11-06 | open | resolved | resolved | - | - | 2026-11-02 | history
        3 | 2026-11-08 03:00 | resolved | open | regressed | - | - | 2026-11-02 | history
        3 | 2026-11-09 03:00 | open | resolved | resolved | - | - | 2026-11-08 03:00 | history
    """)


def test_changes_name_their_issue(rows_of: Mart) -> None:
    assert rows_of(
        "issue_transitions", "issue_id | transition | short_id | title", where="issue_id = '2'"
    ) == table("""
        2 | 1 | SHOP-2 | Bang
        2 | 2 | SHOP-2 | Bang
    """)
    assert rows_of(
        "time_to_resolve", "issue_id | resolution | short_id | title", where="issue_id = '3'"
    ) == table("""
        3 | 1 | APP-1 | Crash
        3 | 2 | APP-1 | Crash
    """)


def test_issue_flow(rows_of: Mart) -> None:
    columns = "project_slug | day | opened | resolved | ignored | regressed | reopened | net"
    assert rows_of("issue_flow", columns, order="project_slug, day") == table("""
        app  | 2026-06-01 | 1 | 0 | 0 | 0 | 0 | 1
        app  | 2026-08-01 | 1 | 0 | 0 | 0 | 0 | 1
        app  | 2026-11-02 | 2 | 0 | 0 | 0 | 0 | 2
        app  | 2026-11-06 | 0 | 1 | 0 | 0 | 0 | -1
        app  | 2026-11-08 | 0 | 0 | 0 | 1 | 0 | 1
        app  | 2026-11-09 | 0 | 1 | 0 | 0 | 0 | -1
        shop | 2026-11-01 | 2 | 0 | 0 | 0 | 0 | 2
        shop | 2026-11-02 | 0 | 1 | 1 | 0 | 0 | -2
        shop | 2026-11-05 | 0 | 0 | 0 | 1 | 0 | 1
        shop | 2026-11-08 | 0 | 1 | 0 | 0 | 0 | -1
        shop | 2026-11-15 | 0 | 0 | 0 | 0 | 1 | 1
    """)


def test_time_to_resolve(rows_of: Mart) -> None:
    columns = "issue_id | resolution | opened_at | resolved_at | hours_to_resolve | activity_type | source"
    assert rows_of("time_to_resolve", columns) == table("""
        1 | 1 | 2026-11-01 | 2026-11-02 12:00 | 36 | set_resolved_in_commit | activity
        1 | 2 | 2026-11-05 | 2026-11-08 06:00 | 78 | set_resolved_by_age | activity
        3 | 1 | 2026-11-02 | 2026-11-06 | 96 | - | history
        3 | 2 | 2026-11-08 03:00 | 2026-11-09 03:00 | 24 | - | history
    """)


def test_time_to_first_response(rows_of: Mart) -> None:
    columns = "issue_id | day | first_response_at | hours_to_first_response | activity_type | user_id"
    assert rows_of("time_to_first_response", columns) == table("""
        1 | 2026-11-01 | 2026-11-01 02:30 | 2.5 | assigned | 7
        2 | 2026-11-01 | 2026-11-02 06:00 | 24  | set_ignored | 8
        6 | 2026-06-01 | - | - | - | -
    """)


def test_ownership(given: Given, rows_of: Mart) -> None:
    given("""
        project_teams
        project_id | team_id | team_slug
        20 | 5 | web
        20 | 6 | mobile

        issues
        issue_id | project_id
        9 | 40

        project_teams
        project_id | team_id | team_slug
        40 | 8 | data
    """)
    assert rows_of(
        "ownership", "issue_id | owner_type | owner_id | owner_name | rule", order="issue_id"
    ) == table("""
        1 | user | 7 | Ada | assignee
        2 | team | 3 | 3 | assignee
        3 | team | 6 | mobile | first of the project's teams
        4 | team | 6 | mobile | first of the project's teams
        6 | team | 6 | mobile | first of the project's teams
        8 | nobody | - | nobody | none
        9 | team | 8 | data | only team of the project
    """)


def test_backlog_age(rows_of: Mart) -> None:
    columns = "issue_id | project_slug | opened_at | age_days | age_bucket | age_bucket_number | is_silent | owner_name"
    assert rows_of("backlog_age", columns, order="issue_id") == table("""
        2 | shop | 2026-11-15 12:00 | 5   | up to a week | 1 | false | 3
        6 | app  | 2026-06-01 12:00 | 172 | older        | 4 | true  | nobody
        8 | 30   | -                | -   | unknown      | 5 | -     | nobody
    """)


def test_top_issues(given: Given, rows_of: Mart) -> None:
    given("""
        events
        event_id | issue_id | project_id | user_id | user_email | date_created | date_received
        a | 1 | 10 | u1 | -   | 2026-11-20 11:59 | -
        b | 1 | 10 | -  | x@y | 2026-11-13 12:00 | -
        c | 1 | 10 | u1 | -   | 2026-11-14 00:00 | -
        d | 1 | 10 | u1 | -   | 2026-11-13 11:59 | -
        e | 1 | 10 | u1 | -   | 2026-11-06 12:00 | -
        f | 1 | 10 | u1 | -   | 2026-11-06 11:59 | -
        g | 3 | 20 | -  | -   | -                | 2026-11-19 00:00
        h | 99 | 20 | - | -   | 2026-11-10 00:00 | -
        i | - | 20 | -  | -   | 2026-11-19 00:00 | -
        j | 3 | 20 | -  | -   | 2026-11-20 12:00 | -
    """)
    columns = (
        "issue_id | short_id | events_this_week | events_last_week | change | change_ratio | users_this_week"
        " | is_new | rank_this_week"
    )
    assert rows_of("top_issues", columns, order="rank_this_week") == table("""
        1  | SHOP-1 | 3 | 2 | 1 | 0.5 | 2 | false | 1
        3  | APP-1  | 1 | 0 | 1 | -   | 0 | false | 2
        99 | -      | 0 | 1 | -1 | -1 | 0 | false | 3
    """)


LATER = """
    issues
    issue_id | project_id | status | substatus | first_seen | _loaded_at | merged_into_issue_id
    21 | 10 | unresolved | regressed | 2026-11-01 00:00 | 2026-11-20 03:00 | -
    22 | 10 | unresolved | ongoing   | 2026-11-01 00:00 | 2026-11-20 03:00 | -
    23 | 10 | resolved   | -         | 2026-11-01 00:00 | 2026-11-20 03:00 | -
    24 | 10 | resolved   | -         | -                | 2026-11-20 03:00 | -
    25 | 10 | unresolved | ongoing   | 2026-11-01 00:00 | 2026-11-20 03:00 | -
    26 | 10 | unresolved | ongoing   | 2026-11-01 00:00 | 2026-11-20 03:00 | -
    27 | 10 | unresolved | ongoing   | 2026-11-01 00:00 | 2026-11-20 03:00 | -
    28 | 10 | resolved   | -         | 2026-11-01 00:00 | 2026-11-20 03:00 | -
    29 | 10 | resolved   | -         | 2026-11-01 00:00 | 2026-11-05 03:00 | 28
    30 | 10 | unresolved | ongoing   | 2026-11-01 00:00 | 2026-11-20 03:00 | -
    31 | 10 | unresolved | ongoing   | 2026-11-01 00:00 | 2026-11-05 03:00 | 30

    issue_history
    issue_id | project_id | status | substatus | valid_from | valid_to
    21 | 10 | unresolved | new       | 2026-11-01 03:00 | 2026-11-02 03:00
    21 | 10 | resolved   | -         | 2026-11-02 03:00 | 2026-11-09 03:00
    21 | 10 | unresolved | regressed | 2026-11-09 03:00 | -
    22 | 10 | unresolved | new       | 2026-11-01 03:00 | 2026-11-09 03:00
    22 | 10 | unresolved | ongoing   | 2026-11-09 03:00 | -
    24 | 10 | unresolved | new       | 2026-11-01 03:00 | 2026-11-02 03:00
    24 | 10 | resolved   | -         | 2026-11-02 03:00 | -
    25 | 10 | unresolved | ongoing   | 2026-11-05 03:00 | -
    26 | 10 | unresolved | ongoing   | 2026-11-01 03:00 | -
    27 | 10 | unresolved | ongoing   | 2026-11-01 03:00 | -
    28 | 10 | unresolved | ongoing   | 2026-11-01 03:00 | 2026-11-09 03:00
    28 | 10 | resolved   | -         | 2026-11-09 03:00 | -
    30 | 10 | unresolved | ongoing   | 2026-11-06 03:00 | -

    issue_activity
    issue_id | project_id | activity_id | activity_type | date_created | user_id | _loaded_at
    21 | 10 | 211 | set_resolved | 2026-11-01 12:00 | 7 | 2026-11-02 03:05
    22 | 10 | 221 | set_resolved_in_pull_request | 2026-11-01 12:00 | 7 | 2026-11-02 03:05
    23 | 10 | 9   | set_resolved | 2026-11-01 06:00 | 7 | 2026-11-02 03:05
    23 | 10 | 10  | set_regression | 2026-11-01 06:00 | - | 2026-11-02 03:05
    23 | 10 | 11  | set_resolved | 2026-11-01 06:00 | 7 | 2026-11-02 03:05
    25 | 10 | 251 | set_ignored | 2026-11-02 12:00 | 7 | 2026-11-06 03:05
    25 | 10 | 252 | merge | 2026-11-04 12:00 | 7 | 2026-11-06 03:05
    26 | 10 | 261 | set_resolved | 2026-11-02 12:00 | 7 | 2026-11-06 03:05
    26 | 10 | 262 | merge | 2026-11-04 12:00 | 7 | 2026-11-06 03:05
    27 | 10 | 271 | set_resolved | 2026-11-20 03:01 | 7 | 2026-11-20 03:05
    28 | 10 | 291 | set_resolved | 2026-11-02 12:00 | 7 | 2026-11-09 03:05
    28 | 10 | 281 | set_resolved | 2026-11-08 12:00 | 7 | 2026-11-09 03:05
    29 | 10 | 291 | set_resolved | 2026-11-02 12:00 | 7 | 2026-11-03 03:05
    30 | 10 | 311 | set_resolved | 2026-11-02 12:00 | 7 | 2026-11-06 03:05
    30 | 10 | 312 | set_unresolved | 2026-11-03 12:00 | 7 | 2026-11-06 03:05
    31 | 10 | 311 | set_resolved | 2026-11-02 12:00 | 7 | 2026-11-03 03:05
"""


def test_states_seen_after_the_activity_was_loaded_count(given: Given, rows_of: Mart) -> None:
    """21 came back after its activity was read last; 22 only has a pull request; 23 went there and back
    within one second; of 24 nobody knows when it began; 25 and 26 got the activity of one that was merged into
    them; 27 was resolved after the list was read, before its page was; 29 was merged into 28, and 31 reprocessed."""
    given(LATER)
    columns = "issue_id | transition | changed_at | to_state | change | source"
    assert rows_of("issue_transitions", columns, where="issue_id >= '21'  and length(issue_id) = 2") == table("""
        21 | 1 | 2026-11-01 12:00 | resolved | resolved | activity
        21 | 2 | 2026-11-09 03:00 | open | regressed | history
        23 | 1 | 2026-11-01 06:00 | resolved | resolved | activity
        23 | 2 | 2026-11-01 06:00 | open | regressed | activity
        23 | 3 | 2026-11-01 06:00 | resolved | resolved | activity
        24 | 1 | 2026-11-02 03:00 | resolved | resolved | history
        25 | 1 | 2026-11-02 12:00 | ignored | ignored | activity
        25 | 2 | 2026-11-05 03:00 | open | reopened | history
        26 | 1 | 2026-11-02 12:00 | resolved | resolved | activity
        26 | 2 | 2026-11-02 12:00 | open | reopened | history
        27 | 1 | 2026-11-20 03:01 | resolved | resolved | activity
        28 | 1 | 2026-11-08 12:00 | resolved | resolved | activity
        30 | 1 | 2026-11-02 12:00 | resolved | resolved | activity
        30 | 2 | 2026-11-03 12:00 | open | reopened | activity
    """)
    columns = "issue_id | resolution | opened_at | hours_to_resolve"
    assert rows_of("time_to_resolve", columns, where="issue_id >= '21' and length(issue_id) = 2") == table("""
        21 | 1 | 2026-11-01 | 12
        23 | 1 | 2026-11-01 | 6
        23 | 2 | 2026-11-01 06:00 | 0
        24 | 1 | - | -
        26 | 1 | 2026-11-01 | 36
        27 | 1 | 2026-11-01 | 459.0167
        28 | 1 | 2026-11-01 | 180
        30 | 1 | 2026-11-01 | 36
    """)


def test_a_response_to_an_issue_without_a_first_event_has_no_hours(given: Given, rows_of: Mart) -> None:
    given("""
        issue_activity
        issue_id | project_id | activity_id | activity_type | date_created | user_id
        8 | 30 | 81 | note | 2026-11-03 00:00 | 7
    """)
    columns = "issue_id | day | first_response_at | hours_to_first_response"
    assert rows_of("time_to_first_response", columns, where="issue_id = '8'") == table("""
        8 | - | 2026-11-03 | -
    """)


def test_an_owning_team_without_a_short_name(given: Given, rows_of: Mart) -> None:
    given("""
        project_teams
        project_id | team_id | team_slug | team_name
        30 | 5 | - | Web
        30 | 6 | - | -
    """)
    assert rows_of("ownership", "owner_type | owner_id | owner_name | rule", where="issue_id = '8'") == table("""
        team | 6 | 6 | first of the project's teams
    """)


def test_before_the_first_run_is_finished_ages_are_unknown(given: Given, rows_of: Mart, connection) -> None:  # type: ignore[no-untyped-def]
    connection.execute("delete from meta.runs")
    assert rows_of("backlog_age", "issue_id | age_days | age_bucket", order="issue_id") == table("""
        2 | - | unknown
        6 | - | unknown
        8 | - | unknown
    """)
    assert rows_of("top_issues") == []
