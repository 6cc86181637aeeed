"""What a warehouse knows of its runs: plan, progress, cursors, coverage. All of it stands in `meta`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from warehouse.bookkeeping import COVERAGE, CURSORS, DEPRECATIONS, RUNS, SETTINGS, SLICES
from warehouse.store import Store

RESUME_WITHIN = timedelta(hours=12)
"""A killed run is taken up again so long after its last load; later a new one covers what it left."""


class Reads(Protocol):
    """What can be asked in SQL: a store, or a connection that only reads."""

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]: ...


@dataclass(frozen=True, slots=True)
class OpenRun:
    """A run that did not end: killed, or the machine went down."""

    run_id: str
    as_of: datetime


ASKS = "asks of "
"""Before a run's id, the name under which `meta.settings` keeps what an open run was to ask for."""


def begin_run(store: Store, row: dict[str, Any], asks: str = "") -> None:
    """Writes a new run, status running. `asks` names what it is to ask for."""
    with store.transaction():
        store.put(RUNS, [{**row, "status": "running"}])
        store.put(SETTINGS, [{"name": ASKS + row["run_id"], "value": asks}])


def end_run(store: Store, run_id: str, **values: Any) -> None:
    """Closes a run with its final figures."""
    names = ", ".join(f"{name} = ?" for name in values)
    with store.transaction() as connection:
        connection.execute(f"update meta.runs set {names} where run_id = ?", [*values.values(), run_id])
        connection.execute("delete from meta.settings where name = ?", [ASKS + run_id])


def note_run(store: Store, run_id: str, note: str) -> None:
    """Says of a run that stays open why it stopped."""
    with store.transaction() as connection:
        connection.execute("update meta.runs set note = ? where run_id = ?", [note, run_id])


def spent(store: Store, run_id: str) -> tuple[int, int]:
    """Requests and bytes that the run's slices took, those before it was taken up too."""
    (found,) = store.rows(
        "select coalesce(sum(requests), 0)::bigint, coalesce(sum(bytes), 0)::bigint from meta.coverage "
        "where run_id = ?",
        [run_id],
    )
    return found[0], found[1]


def take_up(store: Store, now: datetime, command: str, asks: str = "") -> OpenRun | None:
    """The run to go on with: the last of this command, if it was cut off lately and asked for the same.

    Earlier ones are closed as failed, those of other commands when they are too old to go on.
    """
    rows = store.rows(
        "select run_id, as_of, greatest(started_at, (select max(written_at) from meta.archive as a "
        "where a.run_id = r.run_id)), command, value, note from meta.runs as r "
        "left join meta.settings on name = ? || run_id where status = 'running' order by started_at desc",
        [ASKS],
    )
    found = None
    for run_id, as_of, at_work, its_command, its_asks, why in rows:
        recent = now - at_work < RESUME_WITHIN
        if its_command != command and recent:
            continue
        if found is None and its_command == command and recent and its_asks in (asks, None):
            found = OpenRun(run_id, as_of)
            continue
        note = f"{why or 'Cut off.'} A later run covers it."
        end_run(store, run_id, status="failed", finished_at=now, note=note)
    return found


def correct_runs(store: Store, now: datetime, here: datetime) -> list[str]:
    """Ended runs that are said to have read up to a time that is still to come, by the server's clock and by
    the one here: that was ahead. Their times come before now, so that no report ends later and the newest run
    is the last one. Returns their ids."""
    times = ", ".join(f"{name} = least({name}, $before)" for name in ("as_of", "started_at", "finished_at"))
    with store.transaction() as connection:
        found = connection.execute(
            f"update meta.runs set {times} where as_of > $latest and status <> 'running' returning run_id",
            {"before": now - timedelta(seconds=1), "latest": max(now, here)},
        ).fetchall()
    return [run_id for (run_id,) in found]


def open_runs(store: Store) -> dict[str, set[str]]:
    """Runs that did not end → the archive files that they committed; others of theirs count for nothing."""
    files: dict[str, set[str]] = {}
    for run_id, file in store.rows(
        "select run_id, file from meta.runs left join meta.archive using (run_id) where status = 'running'"
    ):
        files.setdefault(run_id, set()).update([file] if file else [])
    return files


def watermarks(store: Reads) -> dict[tuple[str, str, str, str], datetime]:
    """(stream, request, organization_id, project_id) → watermark. A Discover query that was asked for many
    days at once has none: were it asked by the day from now on, its days would still have to be read."""
    rows = store.rows(
        "select stream, request, organization_id, project_id, watermark from meta.cursors as c "
        "where stream <> 'discover' or not exists (from meta.coverage as v where v.run_id = c.run_id "
        "and v.stream = c.stream and v.request = c.request and v.organization_id = c.organization_id "
        "and v.project_id = '' and v.window_end - v.window_start > interval 1 day)"
    )
    return {(r[0], r[1], r[2], r[3]): r[4] for r in rows}


def save_plan(store: Store, run_id: str, slices: Sequence[dict[str, Any]]) -> None:
    """Adds slices to a run's plan, all open."""
    with store.transaction():
        add_slices(store, run_id, slices)


def add_slices(store: Store, run_id: str, slices: Iterable[dict[str, Any]]) -> None:
    """Adds slices to a run's plan inside the caller's transaction."""
    (count,) = store.rows("select count(*) from meta.slices where run_id = ?", [run_id])[0]
    store.put(
        SLICES,
        [
            {
                **s,
                "run_id": run_id,
                "state": "open",
                "items": json.dumps(s["items"]) if s.get("items") is not None else None,
                "position": count + i,
            }
            for i, s in enumerate(slices)
        ],
    )


def open_slices(store: Store, run_id: str) -> list[dict[str, Any]]:
    """Slices of the run that are still to do, in the plan's order, as they were planned."""
    return _slices(store, "state = 'open'", [run_id])


def times_cut(store: Store, run_id: str, slice_: Mapping[str, Any]) -> int:
    """How many slices of the run gave way to smaller ones that led to this one."""
    scope = ("stream", "request", "organization_id", "project_id", "window_start", "window_end")
    (found,) = store.rows(
        "select count(*) from meta.slices where run_id = ? and state = 'split' and stream = ? "
        "and request = ? "
        "and organization_id = ? and project_id = ? and window_start <= ? and window_end >= ?",
        [run_id, *(slice_[name] for name in scope)],
    )
    return int(found[0])


def planned(store: Store, run_id: str) -> set[str]:
    """Ids of all slices of the run."""
    return {row[0] for row in store.rows("select slice_id from meta.slices where run_id = ?", [run_id])}


def slices_of(store: Store, run_id: str, stream: str, organization_id: str) -> list[dict[str, Any]]:
    """Slices of the run that are done, of one stream and organization."""
    where = "state = 'done' and stream = ? and organization_id = ?"
    return _slices(store, where, [run_id, stream, organization_id])


def slices_named(store: Store, run_id: str, slice_ids: Sequence[str]) -> list[dict[str, Any]]:
    """Slices of the run by their ids."""
    return _slices(store, "list_contains(?, slice_id)", [run_id, slice_ids])


def short_slices(store: Store, run_id: str, streams: Sequence[str]) -> list[dict[str, Any]]:
    """Slices of the run, of these streams, that are done but brought less than Sentry counts."""
    short = (
        "select slice_id from meta.coverage where run_id = ? and status = 'partial' and expected > loaded "
        "and list_contains(?, stream)"
    )
    return _slices(store, f"state = 'done' and slice_id in ({short})", [run_id, run_id, list(streams)])


def _slices(store: Store, where: str, values: list[Any]) -> list[dict[str, Any]]:
    names = [n for n in SLICES.names if n not in ("run_id", "slice_id", "state", "position")]
    rows = store.rows(
        f"select {', '.join(names)} from meta.slices where run_id = ? and {where} order by position", values
    )
    made = [dict(zip(names, row, strict=True)) for row in rows]
    for row in made:
        row["items"] = None if row["items"] is None else tuple(json.loads(row["items"]))
        row["page_cursor"] = row["page_cursor"] or ""
    return made


def incomplete(store: Store, run_id: str) -> list[dict[str, Any]]:
    """What is not complete of a run, as coverage has it, with the slugs that organization and project had."""
    names = ("stream", "request", "organization_id", "project_id", "status", "expected", "loaded", "reason")
    slugs = ("organization_slug", "project_slug")
    rows = store.rows(
        f"select {', '.join(names)}, {', '.join(slugs)} from meta.coverage left join "
        "(select organization_id, project_id, max(organization_slug) as organization_slug, "
        "max(project_slug) as project_slug from meta.slices where run_id = ? group by all) "
        "using (organization_id, project_id) "
        "where run_id = ? and status not in ('complete', 'sampled') order by all",
        [run_id, run_id],
    )
    return [dict(zip((*names, *slugs), row, strict=True)) for row in rows]


def items_asked(store: Store, run_id: str) -> dict[tuple[str, str], set[tuple[str, str]]]:
    """(stream, request) → (organization_id, id) of the items that are in a run's plan, done or not."""
    asked: dict[tuple[str, str], set[tuple[str, str]]] = {}
    for stream, request, organization_id, items in store.rows(
        "select stream, request, organization_id, items from meta.slices "
        "where run_id = ? and items is not null",
        [run_id],
    ):
        found = asked.setdefault((stream, request), set())
        found.update((organization_id, item) for item in json.loads(items))
    return asked


def move_page_cursor(store: Store, run_id: str, slice_id: str, cursor: str) -> None:
    """Notes where an open slice goes on, inside the caller's transaction."""
    store.connection.execute(
        "update meta.slices set page_cursor = ? where run_id = ? and slice_id = ?", [cursor, run_id, slice_id]
    )


def finish_slice(
    store: Store,
    run_id: str,
    coverage: dict[str, Any],
    *,
    state: str = "done",
    moves_watermark: bool = True,
    moves: Sequence[str] | None = None,
) -> None:
    """Closes a slice with its coverage; when it was the last of its scope and all of them are whole, the
    scope's watermark moves to the run's end, unless that run is a backfill. `moves` are the projects
    whose watermarks move with that of an organization's slice, if not its own alone; those that the run asks
    for by themselves do not. Inside the caller's transaction.
    """
    store.connection.execute(
        "update meta.slices set state = ?, page_cursor = null where run_id = ? and slice_id = ?",
        [state, run_id, coverage["slice_id"]],
    )
    if state == "split":
        return
    store.put(COVERAGE, [{**coverage, "run_id": run_id}])
    if not moves_watermark or coverage["status"] not in ("complete", "sampled"):
        return
    scope = [coverage[k] for k in ("stream", "request", "organization_id", "project_id")]
    where = "s.run_id = ? and s.stream = ? and s.request = ? and s.organization_id = ? and s.project_id = ?"
    (left,) = store.rows(
        f"select count(*) from meta.slices s left join meta.coverage c using (run_id, slice_id) "
        f"where {where} and s.state <> 'split' "
        f"and (s.state = 'open' or c.status is null or c.status not in ('complete', 'sampled'))",
        [run_id, *scope],
    )[0]
    (as_of, command) = store.rows("select as_of, command from meta.runs where run_id = ?", [run_id])[0]
    # a backfill reads a piece of the past: what lies before and after it is loaded or not, as it was
    if not left and command != "backfill":
        apart = {
            project
            for (project,) in store.rows(
                "select distinct project_id from meta.slices "
                "where run_id = ? and stream = ? and request = ? and organization_id = ?",
                [run_id, *scope[:3]],
            )
        }
        store.put(
            CURSORS,
            [
                dict(
                    zip(("stream", "request", "organization_id", "project_id"), key, strict=True),
                    watermark=as_of,
                    run_id=run_id,
                )
                for key in ([scope] if moves is None else [[*scope[:3], project] for project in moves])
                if key == scope or key[3] not in apart
            ],
        )


def table_rows(store: Store) -> dict[str, int]:
    """Rows of every table of the main schema, by name."""
    names = store.rows(
        "select table_name from duckdb_tables() where schema_name = 'main' "
        "and database_name = current_database() order by 1"
    )
    return {name: store.rows(f'select count(*) from main."{name}"')[0][0] for (name,) in names}


def remember(store: Store, name: str, value: Any) -> None:
    """Keeps a JSON value in meta.settings."""
    with store.transaction():
        store.put(SETTINGS, [setting(name, value)])


def setting(name: str, value: Any) -> dict[str, str]:
    """A JSON value as a row of meta.settings."""
    return {"name": name, "value": json.dumps(value)}


def recall(store: Reads, name: str) -> Any:
    """A value kept by `remember`, None where there is none."""
    rows = store.rows("select value from meta.settings where name = ?", [name])
    return json.loads(rows[0][0]) if rows else None


def keep_last_rejects(store: Store) -> None:
    """Of a value that fits nowhere each time it is read, what the last run noted stays: a field of another
    type in a list that is read every night would else add all its records each time."""
    names = ("organization_id", "stream", "table_name", "record", "path", "reason", "value")
    same = " and ".join(f"noted.{name} = last.{name}" for name in names)
    with store.transaction() as connection:
        connection.execute(
            f"delete from meta.rejects as noted using (select {', '.join(names)}, "
            "arg_max(run_id, rejected_at) as run_id from meta.rejects group by all) as last "
            f"where {same} and noted.run_id <> last.run_id"
        )


def note_deprecations(
    store: Store, announced: Iterable[tuple[str, Mapping[str, str]]], now: datetime
) -> None:
    """Notes endpoints that Sentry announces to withdraw: (path, headers), header names in lower case."""
    with store.transaction():
        for path, headers in announced:
            known = store.rows("select first_seen from meta.deprecations where path = ?", [path])
            store.put(
                DEPRECATIONS,
                [
                    {
                        "path": path,
                        "date": next((v for k, v in headers.items() if "replacement" not in k), None),
                        "replacement": next((v for k, v in headers.items() if "replacement" in k), None),
                        "first_seen": known[0][0] if known else now,
                        "last_seen": now,
                    }
                ],
            )
