"""The command against a Sentry that it has never met: what it asks, and that every figure is right."""

from __future__ import annotations

import json
import shlex
from collections import Counter
from datetime import timedelta

import pytest

from tests.acceptance.conftest import TABLES, Nights, rows, run
from tests.acceptance.world import ORGANIZATION_ID, iso, parse

pytestmark = pytest.mark.xdist_group("acceptance")  # one worker, or each would export anew


def test_every_export_is_complete(nights: Nights) -> None:
    assert [o.code for o in nights.outcomes] == [0, 0, 0], [o.out + o.err for o in nights.outcomes]


def test_nothing_is_asked_that_a_careful_client_would_not(nights: Nights) -> None:
    assert nights.sentry.complaints == []


def test_a_second_night_asks_for_a_fraction(nights: Nights) -> None:
    assert len(nights.asked[1]) * 4 < len(nights.asked[0])


def test_a_second_run_changes_no_figure(nights: Nights) -> None:
    assert nights.counts[0] == nights.counts[1]


def test_lists_are_whole_whatever_their_pages(nights: Nights) -> None:
    world = nights.world
    for table, key, records in (
        ("projects", "project_id", world.projects),
        ("teams", "team_id", world.teams),
        ("members", "member_id", world.members),
        ("releases", "release_id", world.releases),
    ):
        found = {row[0] for row in rows(nights.folder, f"select {key} from {table}")}
        assert found == {str(r["id"]) for r in records}, table


def test_issues_have_the_counts_of_their_life(nights: Nights) -> None:
    found = rows(
        nights.folder,
        "select issue_id, status, event_count, user_count, first_seen from issues where deleted_at is null "
        "and merged_into_issue_id is null order by all",
    )
    first_seen = parse("2024-02-03T04:05:06Z")
    expected = sorted(
        (i, row["status"], int(row["count"]), 77, first_seen)
        for i in nights.world.issues
        if (row := nights.world.detail(i))
    )
    assert [f for f in found if f[0] not in nights.world.dropped] == [
        e for e in expected if e[0] not in nights.world.dropped
    ]
    assert {f[0] for f in found} == {e[0] for e in expected}


def test_history_has_a_row_for_each_state(nights: Nights) -> None:
    found = rows(
        nights.folder,
        f"select status, valid_to is null from issue_history where issue_id = '{nights.changed['resolved']}' "
        "order by valid_from",
    )
    assert found == [("unresolved", False), ("resolved", True)]
    activity = f"select activity_type from issue_activity where issue_id = '{nights.changed['resolved']}'"
    assert {a for (a,) in rows(nights.folder, activity)} == {"first_seen", "set_resolved"}


def test_deleted_and_merged_issues_stay_and_say_so(nights: Nights) -> None:
    changed = nights.changed
    found = rows(
        nights.folder,
        "select issue_id, deleted_at is not null, merged_into_issue_id from issues "
        "where deleted_at is not null or merged_into_issue_id is not null order by all",
    )
    assert found == sorted([(changed["deleted"], True, None), (changed["merged"], False, changed["into"])])


def test_every_event_is_there_once_and_follows_its_issue(nights: Nights) -> None:
    found = Counter(rows(nights.folder, "select event_id, project_id, date_created from events"))
    assert max(found.values()) == 1
    expected = {(e["id"], e["projectID"], parse(e["dateCreated"])) for e in nights.world.events}
    assert expected <= set(found)
    assert len(found) == len(expected) + 2  # those of the deleted issue stay
    merged = f"select count(*) from events where issue_id = '{nights.changed['merged']}'"
    assert rows(nights.folder, merged) == [(0,)]


def test_a_late_event_is_found(nights: Nights) -> None:
    assert rows(nights.folder, f"select 1 from events where event_id = '{nights.changed['late']}'") == [(1,)]


def test_sums_of_outcomes_are_right_though_rows_were_left_out(nights: Nights) -> None:
    found = rows(
        nights.folder,
        "select project_id, category, outcome, reason, sum(quantity)::bigint, sum(times_seen)::bigint "
        "from outcomes group by all order by all",
    )
    sums: dict[tuple[str, str, str, str], list[int]] = {}
    for (*key, _), (quantity, times) in nights.world.counted.items():
        total = sums.setdefault(tuple(key), [0, 0])  # type: ignore[arg-type]
        total[0] += quantity
        total[1] += times
    assert found == sorted((*key, *total) for key, total in sums.items())


def test_sessions_and_rates_are_right(nights: Nights) -> None:
    found = rows(
        nights.folder,
        "select project_id, release, environment, session_status, interval_start, session_count, user_count "
        "from sessions order by all",
    )
    assert found == sorted((*key, *values) for key, values in nights.world.sessions.items() if values[0])
    rates = rows(nights.folder, "select distinct session_count, crash_free_session_rate from session_health")
    assert rates == [(93, pytest.approx(1 - 2 / 93))]


def test_discover_columns_are_named_for_their_fields(nights: Nights) -> None:
    named = dict(
        rows(
            nights.folder,
            "select column_name, data_type from duckdb_columns() where table_name = 'discover_by_release'",
        )
    )
    wanted = {
        "project_id": "VARCHAR",
        "tags_release": "VARCHAR",
        "count": "BIGINT",
        "interval_start": "TIMESTAMP",
    }
    wanted |= {"p95_transaction_duration": "DOUBLE", "organization_id": "VARCHAR"}
    assert wanted.items() <= named.items()
    since = parse(iso(nights.world.now)).replace(hour=0, minute=0, second=0) - timedelta(days=2)
    (total,) = rows(
        nights.folder, f"select sum(count) from discover_by_release where interval_start >= '{since}'"
    )
    assert total == (sum(parse(e["dateCreated"]) >= since for e in nights.world.events),)


def test_what_bi_tools_read_is_whole(nights: Nights) -> None:
    manifest = json.loads((nights.folder / "sentry-data/published/manifest.json").read_text())
    assert TABLES
    tables = {t["name"] if isinstance(t, dict) else t for t in manifest["tables"]}
    for table in TABLES:
        file = nights.folder / f"sentry-data/published/parquet/{table}.parquet"
        assert rows(nights.folder, f"select count(*) from '{file}'") == rows(
            nights.folder, f"select count(*) from {table}"
        )
        assert any(table in t for t in tables)
    ours = "select table_name, column_name from duckdb_columns() where not internal and comment is null"
    assert rows(nights.folder, ours + " and schema_name in ('main', 'meta', 'marts')") == []
    for column in ("organization_id", "_run_id", "_loaded_at"):
        without = (
            "select table_name from duckdb_tables() where schema_name = 'main' except "
            f"select table_name from duckdb_columns() where column_name = '{column}'"
        )
        assert rows(nights.folder, without) == []
    assert rows(nights.folder, "select distinct organization_id from events") == [(ORGANIZATION_ID,)]
    ids = "select distinct data_type from duckdb_columns() where not internal and column_name[-3:] = '_id'"
    assert rows(nights.folder, ids) == [("VARCHAR",)]
    assert (
        rows(nights.folder, "select 1 from duckdb_columns() where not internal and data_type like '%ZONE%'")
        == []
    )


def test_replay_gives_the_same_tables(nights: Nights) -> None:
    def contents() -> dict[str, list[tuple[object, ...]]]:
        return {t: rows(nights.folder, f"select * from {t} order by all") for t in TABLES}

    before = contents()
    asked = len(nights.sentry.asked)
    assert run(nights.sentry, nights.folder, "replay").code == 0
    assert len(nights.sentry.asked) == asked
    after = contents()
    for table in TABLES:
        assert after[table] == before[table], table


def test_everything_on_disk_is_its_owners_alone(nights: Nights) -> None:
    home = nights.folder / "sentry-data"
    assert [p for p in (home, *home.rglob("*")) if not p.is_symlink() and p.stat().st_mode & 0o077] == []


def test_what_the_closing_screen_proposes_can_be_run(nights: Nights) -> None:
    (proposed,) = (line for line in nights.outcomes[-1].out.splitlines() if line.startswith("Next:"))
    asked = run(nights.sentry, nights.folder, *shlex.split(proposed)[2:])
    assert asked.code == 0
    assert "resolved" in asked.out
    assert "deleted_at is null and merged_into_issue_id is null" in proposed


def test_the_token_lies_nowhere(nights: Nights) -> None:
    token = nights.asked[0][0].headers["authorization"].removeprefix("Bearer ").encode()
    for file in nights.folder.rglob("*"):
        assert not file.is_file() or token not in file.read_bytes(), file
    assert all(token.decode() not in o.out + o.err for o in nights.outcomes)
