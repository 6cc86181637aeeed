"""Compares a warehouse with what the sandbox says it holds, row by row."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from extractors.sandbox import Sandbox

Rows = Counter[tuple[Any, ...]]
SHOWN = 5


def differences(sandbox: Sandbox, home: Path, tables: Iterable[str] = ()) -> dict[str, list[str]]:
    """Table → first rows that only one side has; empty when both hold the same."""
    connection = duckdb.connect(str(home / "published" / "sentry.duckdb"), read_only=True)
    found: dict[str, list[str]] = {}
    try:
        for table in tables or COMPARED:
            theirs, ours = COMPARED[table](sandbox, connection)
            missing, extra = theirs - ours, ours - theirs
            if missing or extra:
                found[table] = [
                    f"{sum(missing.values())} missing, {sum(extra.values())} too many "
                    f"of {sum(theirs.values())}",
                    *(f"missing {row}" for row in list(missing)[:SHOWN]),
                    *(f"too many {row}" for row in list(extra)[:SHOWN]),
                ]
    finally:
        connection.close()
    return found


def _asked(connection: duckdb.DuckDBPyConnection, sql: str) -> Rows:
    return Counter(connection.execute(sql).fetchall())


def _plain(name: str, *columns: str, where: Callable[[dict[str, Any]], bool] = bool) -> Any:
    def compare(sandbox: Sandbox, connection: duckdb.DuckDBPyConnection) -> tuple[Rows, Rows]:
        theirs = Counter(tuple(row[c] for c in columns) for row in sandbox.truth(name) if where(row))
        return theirs, _asked(connection, f"select {', '.join(columns)} from {name}")

    return compare


def _refused(sandbox: Sandbox) -> set[str]:
    return {p["project_id"] for p in sandbox.truth("projects") if p["refused"] or p["gone"]}


def _clean(text: Any) -> Any:
    """A text as any JSON reader that keeps to Unicode reads it: half surrogate pairs become U+FFFD."""
    return (
        text.encode("utf-16", "surrogatepass").decode("utf-16", "replace") if isinstance(text, str) else text
    )


ISSUE = ("status", "substatus", "priority", "level", "assigned_to_type", "assigned_to_id")


def _issues(sandbox: Sandbox, connection: duckdb.DuckDBPyConnection) -> tuple[Rows, Rows]:
    columns = (
        "issue_id",
        "project_id",
        "short_id",
        *ISSUE,
        "event_count",
        "user_count",
        "first_seen",
        "last_seen",
    )
    theirs = Counter(
        (*(row[c] for c in columns), bool(row["deleted_at"]), row["merged_into_issue_id"])
        for row in sandbox.truth("issues")
        if row["listed"]
    )
    sql = f"select {', '.join(columns)}, deleted_at is not null, merged_into_issue_id from issues"
    return theirs, _asked(connection, sql)


def _history(sandbox: Sandbox, connection: duckdb.DuckDBPyConnection) -> tuple[Rows, Rows]:
    listed = {r["issue_id"] for r in sandbox.truth("issues") if r["listed"]}
    rows = [r for r in sandbox.truth("issue_history") if r["issue_id"] in listed]
    order = sorted(rows, key=lambda r: (r["issue_id"], r["night_from"]))
    theirs = Counter((r["issue_id"], *(r[c] for c in ISSUE), r["night_to"] is None) for r in order)
    sql = f"select issue_id, {', '.join(ISSUE)}, valid_to is null from issue_history"
    return theirs, _asked(connection, sql)


def _events(sandbox: Sandbox, connection: duckdb.DuckDBPyConnection) -> tuple[Rows, Rows]:
    columns = ("event_id", "project_id", "issue_id", "event_type", "environment", "release", "platform")
    refused = _refused(sandbox)
    theirs = Counter(
        (*(_clean(row[c]) for c in columns), row["date_created"].replace(microsecond=0))
        for row in sandbox.truth("events")
        if row["listed"] and row["project_id"] not in refused
    )
    sql = f"select {', '.join(columns)}, date_trunc('second', date_created) from events"
    return theirs, _asked(connection, sql)


def _tags(sandbox: Sandbox, connection: duckdb.DuckDBPyConnection) -> tuple[Rows, Rows]:
    refused = _refused(sandbox)
    listed = {
        e["event_id"] for e in sandbox.truth("events") if e["listed"] and e["project_id"] not in refused
    }
    personal = ("user", "user.email", "user.ip", "user.username", "user.id", "email", "ip")
    theirs = Counter(
        (row["event_id"], row["key"] or "", _clean(row["value"]))
        for row in sandbox.truth("event_tags")
        if row["event_id"] in listed and row["key"] not in personal
    )
    kept = ", ".join(f"'{key}'" for key in personal)
    return theirs, _asked(
        connection, f"select event_id, key, value from event_tags where key not in ({kept})"
    )


def _day(time: datetime) -> datetime:
    return time.replace(hour=0, minute=0, second=0, microsecond=0)


def _outcomes(sandbox: Sandbox, connection: duckdb.DuckDBPyConnection) -> tuple[Rows, Rows]:
    refused = _refused(sandbox)
    quantity: Counter[tuple[Any, ...]] = Counter()
    for row in sandbox.truth("outcomes"):
        if row["project_id"] not in refused and row["listed"]:
            key = (row["project_id"], row["category"], row["outcome"], row["reason"] or "")
            quantity[*key, _day(row["interval_start"]), "quantity"] += row["quantity"]
            quantity[*key, _day(row["interval_start"]), "times_seen"] += row["times_seen"]
    ours: Counter[tuple[Any, ...]] = Counter()
    sql = (
        "select project_id, category, outcome, reason, date_trunc('day', interval_start), "
        "sum(quantity), sum(times_seen) from outcomes group by all"
    )
    for *key, amount, seen in connection.execute(sql).fetchall():
        ours[*key, "quantity"] += int(amount)
        ours[*key, "times_seen"] += int(seen)
    return quantity, ours


def _sessions(sandbox: Sandbox, connection: duckdb.DuckDBPyConnection) -> tuple[Rows, Rows]:
    refused = _refused(sandbox)
    theirs: Counter[tuple[Any, ...]] = Counter()
    for row in sandbox.truth("sessions"):
        if row["project_id"] not in refused and row["listed"]:
            key = (row["project_id"], row["release"] or "", row["environment"] or "", row["session_status"])
            theirs[*key, _day(row["interval_start"])] += row["session_count"]
    ours: Counter[tuple[Any, ...]] = Counter()
    sql = (
        "select project_id, release, environment, session_status, date_trunc('day', interval_start), "
        "sum(session_count) from sessions group by all"
    )
    for *key, amount in connection.execute(sql).fetchall():
        ours[*key] += int(amount or 0)
    return +theirs, +ours


def _counted(sandbox: Sandbox) -> list[dict[str, Any]]:
    """Error events that Discover counts: also those that no list shows, not those of deleted issues."""
    refused = _refused(sandbox)
    return [
        e
        for e in sandbox.truth("events")
        if e["event_type"] != "transaction"
        and e["retained"]
        and not e["deleted"]
        and e["project_id"] not in refused
    ]


def _event_counts(sandbox: Sandbox, connection: duckdb.DuckDBPyConnection) -> tuple[Rows, Rows]:
    theirs = Counter((e["project_id"], _day(e["date_created"])) for e in _counted(sandbox))
    # others are what it counted when it still had events of that day
    last = "(select run_id from meta.runs order by as_of desc limit 1)"
    sql = f"select project_id, day, event_count from event_counts where _run_id = {last}"
    ours = {(project, day): count for project, day, count in connection.execute(sql).fetchall()}
    return theirs, Counter(ours)


def _discover_errors(sandbox: Sandbox, connection: duckdb.DuckDBPyConnection) -> tuple[Rows, Rows]:
    """Of the days that the last run asked for."""
    asked = (
        "select min(window_start) from meta.coverage where stream = 'discover' and request = 'errors' "
        "and run_id = (select run_id from meta.runs order by as_of desc limit 1)"
    )
    (since,) = connection.execute(asked).fetchall()[0]
    theirs = Counter(
        (
            e["project_id"],
            e["environment"] or "",
            _clean(e["release"]) or "",
            e["level"],
            _day(e["date_created"]),
        )
        for e in _counted(sandbox)
        if e["date_created"] >= since
    )
    sql = (
        "select project_id, environment, release, level, interval_start, count from discover_errors "
        "where interval_start >= ?"
    )
    ours = {tuple(key): count for *key, count in connection.execute(sql, [since]).fetchall()}
    return theirs, Counter(ours)


class Activities:
    """What the trail of each issue was when its own page was asked for last."""

    def __init__(self) -> None:
        self._known: dict[str, Rows] = {}

    def look(self, sandbox: Sandbox, home: Path) -> set[str]:
        """Notes the trails of the issues whose own pages the last run asked for; their ids."""
        with duckdb.connect(str(home / "published" / "sentry.duckdb"), read_only=True) as connection:
            lists = connection.execute(
                "select items from meta.slices where stream = 'issues' and items is not null "
                "and run_id = (select run_id from meta.runs order by as_of desc limit 1)"
            ).fetchall()
        asked = {issue_id for (items,) in lists for issue_id in json.loads(items)}
        issues = {i["issue_id"]: i for i in sandbox.truth("issues")}
        survivors = {issues[i]["merged_into_issue_id"] or i for i in asked}
        answered = {i for i in survivors if not issues[i]["deleted_at"]}
        trails: dict[str, Rows] = {issue_id: Counter() for issue_id in answered}
        for row in sandbox.truth("issue_activity"):
            if row["issue_id"] in trails:
                trails[row["issue_id"]][_activity(row)] += 1
        self._known |= trails
        return asked | answered

    def differences(self, home: Path) -> list[str]:
        """Rows that only the table or only the record has."""
        names = ("issue_id", "activity_id", "activity_type", "date_created", "user_id", "data")
        with duckdb.connect(str(home / "published" / "sentry.duckdb"), read_only=True) as connection:
            rows = connection.execute(
                f"select {', '.join(names)} from issue_activity where activity_id <> '0'"
            ).fetchall()
        ours = Counter(
            _activity({**dict(zip(names, row, strict=True)), "data": json.loads(row[-1])}) for row in rows
        )
        theirs: Rows = Counter()
        for trail in self._known.values():
            theirs += trail
        return [
            *(f"missing {row}" for row in list(theirs - ours)[:SHOWN]),
            *(f"too many {row}" for row in list(ours - theirs)[:SHOWN]),
        ]


def _activity(row: dict[str, Any]) -> tuple[Any, ...]:
    return (
        row["issue_id"],
        row["activity_id"],
        row["activity_type"],
        row["date_created"],
        row["user_id"],
        json.dumps(row["data"], sort_keys=True),
    )


COMPARED: dict[str, Callable[[Sandbox, duckdb.DuckDBPyConnection], tuple[Rows, Rows]]] = {
    "organizations": _plain("organizations", "organization_id", "slug", "date_created"),
    "projects": _plain("projects", "project_id", "slug", "name", "platform", "date_created"),
    "teams": _plain("teams", "team_id", "slug", "name", "member_count", "date_created"),
    "members": _plain("members", "member_id", "user_id", "email", "name", "pending", "date_created"),
    "releases": _plain(
        "releases",
        "release_id",
        "version",
        "status",
        "date_created",
        "date_released",
        "new_groups",
        where=lambda row: bool(row["listed"]),
    ),
    "issues": _issues,
    "issue_history": _history,
    "events": _events,
    "event_tags": _tags,
    "outcomes": _outcomes,
    "sessions": _sessions,
    "event_counts": _event_counts,
    "discover_errors": _discover_errors,
}
