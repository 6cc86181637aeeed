"""Completeness and freshness: what is claimed of each day follows from the slices, newest first."""
# ruff: noqa: E501 (golden rows are tables)

import pytest
from golden import Given, Mart, table

COMPLETENESS = "table_name | project_id | day | expected | loaded | ratio | status | checked_at | reason"
SLICE = (
    "run_id | slice_id | stream | request | project_id | window_start | window_end"
    " | rows | status | expected | loaded | reason | finished_at"
)


def test_a_list_counts_for_the_day_of_asking(given: Given, rows_of: Mart) -> None:
    given(f"""
        meta.coverage
        {SLICE}
        r1 | s1 | projects | - | - | - | 2026-11-02 03:00 | 7 | complete | - | - | - | 2026-11-02 03:01
        r2 | s1 | projects | - | - | - | 2026-11-03 03:00 | 0 | failed | - | - | 502 | 2026-11-03 03:01
    """)
    assert rows_of("completeness", COMPLETENESS) == table("""
        projects |  | 2026-11-02 | - | 7 | - | complete | 2026-11-02 03:01 | -
        projects |  | 2026-11-03 | - | 0 | - | failed   | 2026-11-03 03:01 | 502
    """)


def test_newer_slices_heal_and_break_the_days_they_cover(given: Given, rows_of: Mart) -> None:
    given(f"""
        meta.coverage
        {SLICE}
        r1 | s1 | events |  | 10 | 2026-11-01 00:00 | 2026-11-03 00:00 | 5 | capped   | - | - | cap | 2026-11-03 00:10
        r2 | s1 | events |  | 10 | 2026-11-02 00:00 | 2026-11-03 06:00 | 9 | complete | - | - | -   | 2026-11-03 06:10
        r3 | s1 | events |  | 10 | 2026-11-03 00:00 | 2026-11-03 12:00 | 9 | failed   | - | - | 500 | 2026-11-03 12:10
        r4 | s1 | events |  | 10 | 2026-11-03 12:00 | 2026-11-03 18:00 | 9 | complete | - | - | -   | 2026-11-03 18:10
    """)
    # the 3rd stays failed: its last complete slice says nothing of the hours before noon
    assert rows_of("completeness", COMPLETENESS) == table("""
        events | 10 | 2026-11-01 | - | - | - | capped   | 2026-11-03 00:10 | cap Which days from 2026-11-01 to 2026-11-02 lack rows is not known.
        events | 10 | 2026-11-02 | - | - | - | complete | 2026-11-03 06:10 | -
        events | 10 | 2026-11-03 | - | - | - | failed   | 2026-11-03 18:10 | 500
    """)


def test_two_halves_together_heal_a_whole(given: Given, rows_of: Mart) -> None:
    given(f"""
        meta.coverage
        {SLICE}
        r1 | s1   | discover | errors | - | 2026-11-01 00:00 | 2026-11-02 00:00 | 5 | capped   | - | - | cap | 2026-11-02 00:10
        r1 | s1.1 | discover | errors | - | 2026-11-01 00:00 | 2026-11-01 12:00 | 5 | complete | - | 5 | -   | 2026-11-02 00:11
        r1 | s1.2 | discover | errors | - | 2026-11-01 12:00 | 2026-11-02 00:00 | 5 | sampled  | - | 6 | some | 2026-11-02 00:12
    """)
    assert rows_of("completeness", COMPLETENESS) == table("""
        discover_errors |  | 2026-11-01 | - | 11 | - | sampled | 2026-11-02 00:12 | some
    """)


def test_an_audit_newer_than_the_load_decides(given: Given, rows_of: Mart) -> None:
    given(f"""
        meta.coverage
        {SLICE}
        r1 | s1 | events |       | 10 | 2026-11-01 00:00 | 2026-11-04 00:00 | 9 | complete | - | - | - | 2026-11-04 00:10
        r1 | a1 | events | audit | 10 | 2026-11-01 00:00 | 2026-11-02 00:00 | 1 | complete | 100 | 100 | - | 2026-11-04 00:20
        r1 | a2 | events | audit | 10 | 2026-11-02 00:00 | 2026-11-03 00:00 | 1 | complete | 100 | 90 | - | 2026-11-04 00:20
        r1 | a3 | events | audit | 10 | 2026-11-03 00:00 | 2026-11-04 00:00 | 1 | complete | 0 | 0 | - | 2026-11-04 00:20
        r2 | a2 | events | audit | 10 | 2026-11-02 00:00 | 2026-11-03 00:00 | 1 | complete | 100 | 99 | - | 2026-11-05 00:20
        r2 | a4 | events | audit | 20 | 2026-11-02 00:00 | 2026-11-03 00:00 | 1 | partial | 5 | 0 | late | 2026-11-05 00:20
    """)
    assert rows_of("completeness", COMPLETENESS) == table("""
        events | 10 | 2026-11-01 | 100 | 100 | 1    | complete | 2026-11-04 00:20 | -
        events | 10 | 2026-11-02 | 100 | 99  | 0.99 | partial  | 2026-11-05 00:20 | Sentry counts 100, loaded are 99
        events | 10 | 2026-11-03 | 0   | 0   | 1    | complete | 2026-11-04 00:20 | -
        events | 20 | 2026-11-02 | 5   | 0   | 0    | partial  | 2026-11-05 00:20 | late
    """)


def test_an_older_audit_can_not_hide_a_newer_failure(given: Given, rows_of: Mart) -> None:
    given(f"""
        meta.coverage
        {SLICE}
        r1 | a1 | events | audit | 10 | 2026-11-01 00:00 | 2026-11-02 00:00 | 1 | complete | 7 | 7 | - | 2026-11-02 00:20
        r2 | s1 | events |       | 10 | 2026-11-01 00:00 | 2026-11-02 00:00 | 9 | failed | - | - | 500 | 2026-11-03 00:10
    """)
    assert rows_of("completeness", COMPLETENESS) == table("""
        events | 10 | 2026-11-01 | 7 | 7 | 1 | failed | 2026-11-03 00:10 | 500
    """)


def test_totals_over_many_days_make_each_of_them_partial(given: Given, rows_of: Mart) -> None:
    given(f"""
        meta.coverage
        {SLICE}
        r1 | s1 | sessions |        | 10 | 2026-11-01 00:00 | 2026-11-03 00:00 | 5 | complete | 50 | 40 | - | 2026-11-03 00:10
        r1 | s2 | sessions | health | 10 | 2026-11-01 00:00 | 2026-11-02 00:00 | 5 | complete | 50 | 50 | - | 2026-11-03 00:10
    """)
    reason = "Sentry counts 50, loaded are 40 over 2026-11-01 00:00:00 to 2026-11-03 00:00:00"
    assert rows_of("completeness", COMPLETENESS) == table(f"""
        session_health | 10 | 2026-11-01 | 50 | 50 | 1 | complete | 2026-11-03 00:10 | -
        sessions | 10 | 2026-11-01 | - | - | - | partial | 2026-11-03 00:10 | {reason}
        sessions | 10 | 2026-11-02 | - | - | - | partial | 2026-11-03 00:10 | {reason}
    """)


def test_of_days_that_ended_short_together_none_is_proven(given: Given, rows_of: Mart) -> None:
    given(f"""
        meta.coverage
        {SLICE}
        r1 | s1 | sessions |  | 10 | 2026-11-01 00:00 | 2026-11-04 00:00 | 5 | capped  | 50 | 40 | Sentry counts 50 but listed 40. | 2026-11-04 00:10
        r1 | s2 | outcomes |  | 10 | 2026-11-01 00:00 | 2026-11-03 00:00 | 5 | partial | -  | -  | - | 2026-11-03 00:10
        r2 | s3 | sessions |  | 10 | 2026-11-03 00:00 | 2026-11-04 00:00 | 5 | complete | 9 | 9 | - | 2026-11-04 00:20
    """)
    one = "Sentry counts 50 but listed 40. Which days from 2026-11-01 to 2026-11-03 lack rows is not known."
    two = "It ended partial and did not say why. Which days from 2026-11-01 to 2026-11-02 lack rows is not known."
    assert rows_of("completeness", COMPLETENESS) == table(f"""
        outcomes | 10 | 2026-11-01 | - | - | - | partial | 2026-11-03 00:10 | {two}
        outcomes | 10 | 2026-11-02 | - | - | - | partial | 2026-11-03 00:10 | {two}
        sessions | 10 | 2026-11-01 | - | - | - | capped | 2026-11-04 00:10 | {one}
        sessions | 10 | 2026-11-02 | - | - | - | capped | 2026-11-04 00:10 | {one}
        sessions | 10 | 2026-11-03 | 9 | 9 | 1 | complete | 2026-11-04 00:20 | -
    """)


def test_a_whole_day_that_nothing_proves_says_so(given: Given, rows_of: Mart) -> None:
    given(f"""
        meta.coverage
        {SLICE}
        r1 | s1 | discover | a | - | 2026-11-01 00:00 | 2026-11-02 00:00 | 5 | complete | - | - | Not proven: why | 2026-11-02 00:10
    """)
    assert rows_of("completeness", COMPLETENESS) == table("""
        discover_a |  | 2026-11-01 | - | - | - | complete | 2026-11-02 00:10 | Not proven: why
    """)


def test_of_days_that_sentry_no_longer_keeps_only_what_was_read_before_is_claimed(
    given: Given, rows_of: Mart
) -> None:
    given(f"""
        meta.coverage
        {SLICE}
        r1 | s1 | events |  | 10 | 2026-08-02 00:00 | 2026-08-03 00:00 | 5 | complete | 5 | 5 | - | 2026-08-04 00:10
        r2 | s1 | events |  | 10 | 2026-08-01 00:00 | 2026-08-03 00:00 | 0 | complete | - | - | outside of what Sentry keeps | 2026-11-02 00:10
    """)
    assert rows_of("completeness", COMPLETENESS) == table("""
        events | 10 | 2026-08-02 | 5 | 5 | 1 | complete | 2026-08-04 00:10 | -
    """)


BEHIND = (
    "Not proven: Sentry lists no event before 2026-10-03, though issues were first seen before: "
    "it no longer keeps them, or never did."
)


@pytest.mark.parametrize(
    ("first_seen", "why"),
    [("2026-10-02 10:00", BEHIND), ("2026-10-03 10:00", "-"), ("2026-09-30 23:00", "-")],
)
def test_days_behind_what_is_kept_are_not_proven_where_an_issue_was_seen(
    given: Given, rows_of: Mart, first_seen: str, why: str
) -> None:
    """Without an issue first seen in the asked time before the oldest event, it was a quiet time."""
    given(f"""
        events
        event_id | project_id | date_created
        1 | 10 | 2026-10-03 12:00

        issues
        issue_id | project_id | first_seen
        7 | 10 | 2025-01-01 00:00
        8 | 10 | {first_seen}

        meta.coverage
        {SLICE}
        r1 | s1 | events   |       | 10 | 2026-10-01 00:00 | 2026-10-02 00:00 | 0 | complete | - | - | - | 2026-10-04 00:10
        r1 | s2 | events   |       | 10 | 2026-10-02 00:00 | 2026-10-04 00:00 | 1 | complete | - | - | - | 2026-10-04 00:10
        r1 | s3 | events   | audit | 10 | 2026-10-02 00:00 | 2026-10-03 00:00 | 0 | complete | 0 | 0 | - | 2026-10-04 00:11
        r1 | s4 | outcomes |       | 10 | 2026-10-01 00:00 | 2026-10-02 00:00 | 0 | complete | 0 | 0 | - | 2026-10-04 00:11
    """)
    assert rows_of("completeness", COMPLETENESS) == table(f"""
        events   | 10 | 2026-10-01 | - | - | - | complete | 2026-10-04 00:10 | {why}
        events   | 10 | 2026-10-02 | 0 | 0 | 1 | complete | 2026-10-04 00:11 | {why}
        events   | 10 | 2026-10-03 | - | - | - | complete | 2026-10-04 00:10 | -
        outcomes | 10 | 2026-10-01 | 0 | 0 | 1 | complete | 2026-10-04 00:11 | -
    """)


def test_a_day_names_its_project(given: Given, rows_of: Mart) -> None:
    given(f"""
        projects
        project_id | slug
        10 | shop

        meta.coverage
        {SLICE}
        r1 | s1 | events   |   | 10 | 2026-11-01 00:00 | 2026-11-02 00:00 | 5 | complete | - | - | - | 2026-11-02 00:10
        r1 | s2 | events   |   | 20 | 2026-11-01 00:00 | 2026-11-02 00:00 | 5 | gone     | - | - | - | 2026-11-02 00:10
        r1 | s3 | projects | - | -  | - | 2026-11-01 03:00 | 7 | complete | - | - | - | 2026-11-01 03:01
    """)
    assert rows_of("completeness", "table_name | project_id | project_slug") == table("""
        events | 10 | shop
        events | 20 | 20
        projects |  |
    """)


def test_freshness(given: Given, rows_of: Mart) -> None:
    given(f"""
        meta.runs
        run_id | as_of
        r1 | 2026-11-02 03:00
        r2 | 2026-11-04 03:00

        meta.coverage
        {SLICE}
        r2 | s0 | projects | - | - | - | 2026-11-04 03:00 | 7 | complete | - | - | - | 2026-11-04 03:01
        r1 | s1 | teams | - | - | - | 2026-11-02 03:00 | 7 | complete | - | - | - | 2026-11-02 03:01
        r2 | s1 | teams | - | - | - | 2026-11-04 03:00 | 0 | failed | - | - | 502 | 2026-11-04 03:01
        r2 | s2 | members | - | - | - | 2026-11-04 03:00 | 0 | forbidden | - | - | 403 | 2026-11-04 03:01
        r2 | s3 | events |  | 10 | 2026-11-01 00:00 | 2026-11-04 02:50 | 5 | complete | - | - | - | 2026-11-04 03:02
        r2 | s4 | events |  | 20 | 2026-11-01 00:00 | 2026-11-04 02:50 | 0 | gone | - | - | 404 | 2026-11-04 03:02
        r2 | s5 | events | audit | 10 | 2026-11-03 00:00 | 2026-11-04 00:00 | 1 | complete | 9 | 9 | - | 2026-11-04 04:00
        r2 | s6 | sessions | health | 10 | 2026-11-03 00:00 | 2026-11-04 00:00 | 0 | complete | 0 | 0 | - | 2026-11-04 04:00

        meta.cursors
        stream | request | project_id | watermark
        events |  | 10 | 2026-11-04 02:00
        events |  | 20 | 2026-10-01 00:00
        sessions | health | 10 | 2026-11-04 00:00
        sessions | health | 20 | 2026-11-01 00:00

        events
        event_id | date_created
        e1 | 2026-11-03 23:30
    """)
    columns = "table_name | newest_row_at | newest_loaded_at | watermark | last_complete_at | age_hours | projects_behind | status"
    assert rows_of("freshness", columns) == table("""
        events   | 2026-11-03 23:30 | 2026-11-04 03:02 | 2026-11-04 02:00 | 2026-11-04 03:02 | 1 | 0 | fresh
        members  | - | - | - | - | - | 0 | never
        projects | - | 2026-11-04 03:01 | - | 2026-11-04 03:01 | 0 | 0 | fresh
        session_health | - | - | 2026-11-01 | 2026-11-04 04:00 | 75 | 1 | stale
        teams    | - | 2026-11-02 03:01 | - | 2026-11-02 03:01 | 48 | 0 | stale
    """)


def test_what_is_read_besides_a_list_does_not_answer_for_it(given: Given, rows_of: Mart) -> None:
    given(f"""
        meta.coverage
        {SLICE}
        r1 | s1 | events |        | 10 | 2026-11-01 00:00 | 2026-11-02 03:00 | 0 | failed   | - | - | 500 | 2026-11-02 03:10
        r1 | s2 | events | latest | 10 | -                | 2026-11-02 03:00 | 7 | complete | - | - | -   | 2026-11-02 03:20
        r1 | s3 | events | full   | 10 | 2026-11-01 00:00 | 2026-11-02 03:00 | 7 | complete | - | - | -   | 2026-11-02 03:30
    """)
    assert rows_of("completeness", "table_name | day | status | reason") == table("""
        event_details | 2026-11-01 | complete | -
        event_details | 2026-11-02 | complete | -
        events | 2026-11-01 | failed | 500
        events | 2026-11-02 | failed | 500
    """)


def test_with_nothing_left_to_read_besides_a_list_it_is_as_fresh_as_the_list(
    given: Given, rows_of: Mart
) -> None:
    given(f"""
        meta.runs
        run_id | as_of
        r1 | 2026-11-02 03:00
        r2 | 2026-11-05 03:00

        meta.coverage
        {SLICE}
        r1 | s1 | issues |        | 10 | 2026-08-04 00:00 | 2026-11-02 03:00 | 5 | complete | - | - | - | 2026-11-02 03:01
        r1 | s2 | issues | detail | 10 | - | 2026-11-02 03:00 | 5 | complete | - | - | - | 2026-11-02 03:02
        r1 | s3 | events | latest | 10 | - | 2026-11-02 03:00 | 5 | complete | - | - | - | 2026-11-02 03:02
        r1 | s4 | events | latest | 20 | - | 2026-11-02 03:00 | 5 | partial | - | - | 500 | 2026-11-02 03:01
        r2 | s1 | issues |        | 10 | 2026-08-07 00:00 | 2026-11-05 03:00 | 5 | complete | - | - | - | 2026-11-05 03:01

        meta.cursors
        stream | request | project_id | watermark
        issues |  | 10 | 2026-11-05 03:00
        events |  | 10 | 2026-11-05 03:00
    """)
    assert rows_of("freshness", "table_name | up_to | status") == table("""
        event_details | 2026-11-02 03:00 | stale
        events | 2026-11-05 03:00 | never
        issue_details | 2026-11-05 03:00 | fresh
        issues | 2026-11-05 03:00 | fresh
    """)


def test_a_sweep_makes_up_for_one_that_failed_on_days_it_no_longer_reaches(
    given: Given, rows_of: Mart
) -> None:
    given(f"""
        meta.runs
        run_id | command
        r2 | export
        r3 | backfill

        meta.coverage
        {SLICE}
        r1 | s1 | issues | | 10 | 2026-08-01 00:00 | 2026-08-03 00:00 | 5 | complete  | - | - | -   | 2026-08-03 00:01
        r2 | s1 | issues | | 10 | 2026-08-02 00:00 | 2026-08-04 00:00 | 0 | forbidden | - | - | 403 | 2026-08-04 00:01
        r3 | s1 | issues | | 10 | 2026-08-01 00:00 | 2026-08-02 00:00 | 0 | failed    | - | - | 500 | 2026-08-04 12:00
        r4 | s1 | issues | | 10 | 2026-08-03 00:00 | 2026-08-05 00:00 | 5 | complete  | - | - | -   | 2026-08-05 00:01

        meta.cursors
        stream | request | project_id | watermark | run_id
        issues |  | 10 | 2026-08-05 00:00 | r4
    """)
    assert rows_of("completeness", "day | status") == table("""
        2026-08-01 | failed
        2026-08-02 | complete
        2026-08-03 | complete
        2026-08-04 | complete
    """)


@pytest.mark.parametrize(("last", "found"), [("latest", "fresh"), ("full", "stale")])
def test_bodies_are_no_longer_held_to_how_they_were_read_before(
    given: Given, rows_of: Mart, last: str, found: str
) -> None:
    """`events.detail` was set from full to latest-per-issue, or the other way round and Sentry fails since."""
    first = "full" if last == "latest" else "latest"
    given(f"""
        meta.runs
        run_id | as_of
        r1 | 2026-11-02 03:00
        r3 | 2026-11-05 03:00

        meta.coverage
        {SLICE}
        r1 | s1 | events | {first} | 10 | - | 2026-11-02 03:00 | 5 | complete | - | - | - | 2026-11-02 03:02
        r2 | s1 | events | {last} | 10 | - | 2026-11-02 04:00 | 5 | complete | - | - | - | 2026-11-02 04:02
        r3 | s1 | events |        | 10 | - | 2026-11-05 03:00 | 5 | complete | - | - | - | 2026-11-05 03:02

        meta.cursors
        stream | request | project_id | watermark | run_id
        events |      | 10 | 2026-11-05 03:00 | r3
        events | full | 10 | 2026-11-02 03:00 | {"r1" if last == "latest" else "r2"}
    """)
    assert rows_of("freshness", "table_name | projects_behind | status")[0] == (
        "event_details",
        str(int(found == "stale")),
        found,
    )


@pytest.mark.parametrize(("second", "found"), [("complete", "left out"), ("failed", "stale")])
def test_what_exports_of_a_server_leave_out_for_a_week_is_not_stale(
    given: Given, rows_of: Mart, second: str, found: str
) -> None:
    """An export that failed leaves nothing out, one of another server neither, nor a single one after a pause."""
    given(f"""
        meta.runs
        run_id | command | status | as_of
        r1 | export | complete | 2026-11-01 03:00
        r1b | export | {second} | 2026-11-02 03:00
        r2 | export | incomplete | 2026-11-09 03:00
        r3 | export | failed | 2026-11-19 03:00

        meta.settings
        name | value
        servers | {{"1": {{"host": "a"}}, "2": {{"host": "a"}}, "3": {{"host": "b"}}}}

        meta.coverage
        run_id | slice_id | stream | request | organization_id | project_id | window_end | status | finished_at
        r1 | s1 | discover | old | 1 |    | 2026-11-01 03:00 | complete | 2026-11-01 03:01
        r1 | s2 | events |       | 1 | 10 | 2026-11-01 03:00 | complete | 2026-11-01 03:01
        r1 | s3 | events |       | 1 | 20 | 2026-11-01 03:00 | complete | 2026-11-01 03:01
        r1 | s4 | teams |        | 2 |    | 2026-11-01 03:00 | complete | 2026-11-01 03:01
        r1 | s5 | teams |        | 3 |    | 2026-11-01 03:00 | complete | 2026-11-01 03:01
        r1b | s6 | events |      | 1 | 10 | 2026-11-02 03:00 | complete | 2026-11-02 03:01
        r2 | s6 | discover | new | 1 |    | 2026-11-09 03:00 | complete | 2026-11-09 03:01
        r2 | s7 | events |       | 1 | 10 | 2026-11-09 03:00 | complete | 2026-11-09 03:01
        r3 | s8 | events |       | 1 | 10 | 2026-11-19 03:00 | failed | 2026-11-19 03:01

        meta.cursors
        stream | request | organization_id | project_id | watermark
        discover | old |  1 |    | 2026-11-01 03:00
        discover | new |  1 |    | 2026-11-01 02:00
        discover | new |  1 | 10 | 2026-11-19 02:00
        discover | new |  1 | 20 | 2026-11-01 03:00
        events |       |  1 | 10 | 2026-11-19 02:00
        events |       |  1 | 20 | 2026-11-01 03:00
    """)
    others = "2026-11-19 02:00 | 0 | fresh" if found == "left out" else "2026-11-01 03:00 | 1 | stale"
    assert rows_of(
        "freshness", "organization_id | table_name | watermark | projects_behind | status"
    ) == table(f"""
        1 | discover_new | {others.replace("03:00 | 1", "02:00 | 2")}
        1 | discover_old | {"-" if found == "left out" else others[:16]} | {int(found == "stale")} | {found}
        1 | events | {others}
        2 | teams | - | 0 | {found}
        3 | teams | - | 0 | stale
    """)


def test_nothing_asked_nothing_claimed(rows_of: Mart) -> None:
    assert rows_of("completeness") == []
    assert rows_of("freshness") == []
