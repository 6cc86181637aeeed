"""What earlier runs tell of the next one: how far it is, how much came, and what Sentry allowed."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from warehouse import state
from warehouse.inspect import connect_for_status
from warehouse.store import WarehouseDamaged, WarehouseError

GOVERNOR = "governor"
"""Name in meta.settings under which the limits learnt of a server are kept for the next run."""

NIGHTS = 7
"""Exports that stand for the next one: a week has all its days."""

Scope = tuple[str, str, str, str, int]
"""stream, request, organization_id, project_id, interval_seconds (0 = none)."""


@dataclass(frozen=True, slots=True)
class Size:
    """What the slices of a scope came to when they were last asked; `seconds` is the length of their windows
    together, 0 where they had none. `was_cut` when one was too much for a single window."""

    slices: int
    requests: int
    rows: int
    bytes: int
    seconds: float
    was_cut: bool


@dataclass(frozen=True, slots=True)
class Learnt:
    """Everything earlier runs tell; empty before the first.

    marks     watermarks by (stream, request, organization_id, project_id)
    sizes     what listings came to, by scope
    a_second  items asked one by one by recent nightly runs, per second between these runs, by
              (stream, request, organization_id)
    row_bytes bytes a row, by (stream, request)
    refused   (stream, request, organization_id, project_id) that Sentry refused when last asked → its words
    last      end of the windows of each organization's last finished run
    limits    rate limits, as the governor keeps them
    note      what a reader should know: why nothing is known, or what is left of a run
    """

    marks: dict[tuple[str, str, str, str], datetime] = field(default_factory=dict)
    sizes: dict[Scope, Size] = field(default_factory=dict)
    a_second: dict[tuple[str, str, str], float] = field(default_factory=dict)
    row_bytes: dict[tuple[str, str], float] = field(default_factory=dict)
    refused: dict[tuple[str, str, str, str], str] = field(default_factory=dict)
    last: dict[str, datetime] = field(default_factory=dict)
    limits: dict[str, Any] = field(default_factory=dict)
    note: str = ""


class _Rows:
    """A read-only connection, as far as `state` needs one to look things up."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection

    def rows(self, sql: str, parameters: Any = ()) -> list[tuple[Any, ...]]:
        return self._connection.execute(sql, list(parameters)).fetchall()


def look_back(home: Path) -> Learnt:
    """What the warehouse in this folder knows; nothing is written, and no export is held up."""
    files = (home / "warehouse.duckdb", home / "published" / "sentry.duckdb")
    if not any(file.exists() for file in files):
        return Learnt()
    try:
        connection, _ = connect_for_status(home)
    except WarehouseError:
        return Learnt(
            note=f"The warehouse in {home} is in use or can not be read, so this plan is that of a first run."
        )
    try:
        return _read(_Rows(connection))
    except duckdb.Error as error:
        raise WarehouseDamaged(f"The warehouse in {home} can not be read: {error}") from None
    finally:
        connection.close()


def _read(store: _Rows) -> Learnt:
    return Learnt(
        marks=state.watermarks(store),
        sizes={(*row[:4], row[4]): Size(*row[5:]) for row in store.rows(SIZES)},
        a_second={(r[0], r[1], r[2]): r[3] for r in store.rows(NIGHTLY, [NIGHTS]) if r[3] is not None},
        row_bytes={(r[0], r[1]): r[2] for r in store.rows(ROW_BYTES)},
        refused={(r[0], r[1], r[2], r[3]): r[4] for r in store.rows(REFUSED)},
        last=dict(store.rows(LAST)),
        limits=state.recall(store, GOVERNOR) or {},
        note=_cut_off(store),
    )


def _cut_off(store: _Rows) -> str:
    rows = store.rows(CUT_OFF)
    if not rows:
        return ""
    command, as_of, left, planned = rows[0]
    return (
        f"The last {command}, up to {as_of:%Y-%m-%d %H:%M} UTC, was cut off with {left} of {planned} slices "
        f"left. The next {command} finishes that one, if it starts soon; this plan is for a new one."
    )


SIZES = """
with asked as (
    select
        c.stream,
        c.request,
        c.organization_id,
        c.project_id,
        coalesce(s.interval_seconds, 0) as interval_seconds,
        c.requests,
        c.rows,
        c.bytes,
        coalesce(epoch(c.window_end - c.window_start), 0) as seconds,
        s.state = 'split' as was_cut
    from meta.coverage as c
    inner join meta.slices as s using (run_id, slice_id)
    inner join meta.runs as r using (run_id)
    where s.items is null and c.status in ('complete', 'sampled', 'capped')
    qualify
        r.as_of = max(r.as_of) over (
            partition by c.stream, c.request, c.organization_id, c.project_id, s.interval_seconds
        )
)

select
    stream,
    request,
    organization_id,
    project_id,
    interval_seconds,
    count(*),
    sum(requests)::bigint,
    sum(rows)::bigint,
    sum(bytes)::bigint,
    sum(seconds),
    bool_or(was_cut)
from asked
group by all
"""
"""Of each scope, what its last run came to."""
NIGHTLY = """
with nights as (
    select run_id, as_of - lag(as_of) over (order by as_of) as passed
    from meta.runs
    where command = 'export' and status in ('complete', 'incomplete')
    qualify passed is not null
    order by as_of desc
    limit ?
),

asked as (
    select c.stream, c.request, c.organization_id, sum(c.requests) as requests
    from meta.coverage as c
    inner join meta.slices as s using (run_id, slice_id)
    inner join nights using (run_id)
    where s.items is not null
    group by all
),

kinds as (
    select distinct stream, request, organization_id
    from meta.slices
    where items is not null
)

select
    stream,
    request,
    organization_id,
    coalesce(requests, 0) / nullif((select sum(epoch(passed)) from nights), 0) as a_second
from kinds
left join asked using (stream, request, organization_id)
"""

ROW_BYTES = """
select stream, request, sum(bytes) / sum(rows)
from meta.coverage
where request <> 'audit'
group by stream, request
having sum(rows) > 0
"""

REFUSED = """
select stream, request, organization_id, project_id, arg_max(reason, finished_at)
from meta.coverage
where request <> 'audit'
group by stream, request, organization_id, project_id
having arg_max(status, finished_at) in ('forbidden', 'gone')
"""

LAST = """
select c.organization_id, max(r.as_of)
from meta.runs as r
inner join meta.coverage as c using (run_id)
where r.status in ('complete', 'incomplete')
group by c.organization_id
"""

CUT_OFF = """
select r.command, r.as_of, count(*) filter (s.state = 'open'), count(*)
from meta.runs as r
inner join meta.slices as s using (run_id)
where r.status = 'running'
group by r.run_id, r.command, r.as_of, r.started_at
order by r.started_at desc
limit 1
"""
