"""Questions of the data dictionary whose SQL is easily wrong, on rows that tell."""
# ruff: noqa: E501 (golden rows are tables)

from typing import Any

import duckdb
from golden import Given, as_text, table

from flows.examples import examples_of


def answers(connection: duckdb.DuckDBPyConnection, about: str, question: str) -> list[tuple[Any, ...]]:
    (example,) = [one for one in examples_of(about) if one.question.startswith(question)]
    rows = connection.execute(example.sql).fetchall()
    return [tuple(as_text(value) for value in row) for row in rows]


FRAMES = """
    event_frames
    event_id | stack | stack_position | is_raw | frame_position | in_app | filename | function | line_no
    e1 | exception | 0 | false | 0 | true  | main.py  | main  | 1
    e1 | exception | 0 | false | 1 | true  | cart.py  | total | 7
    e1 | exception | 0 | false | 2 | false | json.py  | load  | 9
    e1 | exception | 0 | true  | 1 | true  | raw.js   | t     | 1
    e1 | exception | 1 | false | 0 | true  | main.py  | main  | 1
    e1 | exception | 1 | false | 1 | true  | tax.py   | rate  | -
    e1 | thread    | 0 | false | 0 | true  | wait.py  | wait  | 5
    e2 | exception | 0 | false | 0 | true  | main.py  | main  | 1
    e2 | exception | 0 | false | 1 | true  | cart.py  | total | 7
"""


def test_only_the_last_own_frame_is_where_a_stack_ends(
    given: Given, connection: duckdb.DuckDBPyConnection
) -> None:
    given(FRAMES)
    assert answers(connection, "event_frames", "In which of our files do exceptions end") == table("""
        cart.py | total | 2
        tax.py  | rate  | 1
    """)
    assert answers(connection, "event_frames", "Which lines of our code stand at the top") == table("""
        cart.py | 7 | 2
        wait.py | 5 | 1
    """)


def test_one_slow_call_makes_no_slow_transaction(given: Given, connection: duckdb.DuckDBPyConnection) -> None:
    given("""
        discover_transactions
        project_id | transaction | count | p50_transaction_duration | p95_transaction_duration | failure_rate | interval_start
        1 | /rare | 1   | 9000 | 9000 | 1    | 2026-11-01
        1 | /slow | 50  | 300  | 800  | 0.1  | 2026-11-01
        1 | /slow | 150 | 200  | 600  | 0.02 | 2026-11-02
        1 | /fast | 300 | 20   | 60   | 0    | 2026-11-01
        1 | /fast | 1   | 20   | 5000 | 1    | 2026-11-02
    """)
    assert answers(connection, "discover_transactions", "Which transactions are slowest") == table("""
        /slow | 200 | 650
        /fast | 301 | 76.412
    """)
    assert answers(connection, "discover_transactions", "Which fail") == table("""
        /slow | 200 | 0.04
        /fast | 301 | 0.0033
    """)


def test_deleted_and_merged_issues_are_not_open(given: Given, connection: duckdb.DuckDBPyConnection) -> None:
    given("""
        issues
        issue_id | short_id | title | status | user_count | event_count | permalink | first_seen | deleted_at | merged_into_issue_id
        1 | A-1 | Open   | unresolved | 3 | 9 | - | 2026-11-01 | -          | -
        2 | A-2 | Gone   | unresolved | 8 | 9 | - | 2026-11-02 | 2026-11-10 | -
        3 | A-3 | Merged | unresolved | 9 | 9 | - | 2026-11-03 | -          | 1

        issue_details
        issue_id | first_release
        1 | shop@1
        2 | shop@1
        3 | shop@1
    """)
    assert answers(connection, "issues", "How many issues are in which state") == table("unresolved | - | 1")
    assert answers(connection, "issues", "Which open issues affect the most users") == table(
        "A-1 | Open | 3 | 9 | -"
    )
    assert answers(connection, "issues", "Which issues are assigned to nobody") == table(
        "A-1 | Open | 2026-11-01"
    )
    assert answers(connection, "issue_details", "In which release was each open issue") == table(
        "A-1 | shop@1"
    )
