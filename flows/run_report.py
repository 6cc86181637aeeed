"""The report of one run: read from the published file, written as Markdown."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flows.answers import counted, visible
from flows.ending import Result
from flows.replay import Replayed
from flows.report import troubles, verdict
from warehouse.inspect import run_query
from warehouse.schema import literal

MOST = 40
"""Rows of a table in the report; the warehouse has them all."""

COVERAGE = """
select
    stream,
    request,
    count(*) filter (request is distinct from 'audit') as slices,
    count(*) filter (request = 'audit') as audited_days,
    count(*) filter (status in ('complete', 'sampled')) as complete,
    count(*) filter (status in ('forbidden', 'gone')) as refused,
    count(*) filter (status not in ('complete', 'sampled', 'forbidden', 'gone')) as short,
    sum(expected)::bigint as expected,
    sum(loaded)::bigint as loaded,
    sum(requests)::bigint as requests,
    sum(rows)::bigint as records,
    sum(bytes)::bigint as bytes,
    round(sum(epoch(finished_at - started_at)) filter (request <> 'audit'), 1) as seconds,
    strftime(max(window_end), '%Y-%m-%d %H:%M') as up_to
from meta.coverage
where run_id = {run_id}
group by all
order by all
"""

DRIFT = """
select stream, path, kind, found, strftime(first_seen, '%Y-%m-%d') as since, first_run_id = {run_id} as new
from meta.drift
where last_seen >= (select started_at from meta.runs where run_id = {run_id})
order by new desc, stream, path
"""

DEPRECATIONS = "select path, date, replacement from meta.deprecations order by path"


@dataclass(frozen=True, slots=True)
class Report:
    """What a run report says. The lists are records as the warehouse has them."""

    result: Result
    coverage: list[dict[str, Any]] = field(default_factory=list)
    drift: list[dict[str, Any]] = field(default_factory=list)
    deprecations: list[dict[str, Any]] = field(default_factory=list)


def read_report(home: Path, result: Result) -> Report:
    """The report of a run that is published. Raises WarehouseError."""
    run_id = literal(result.run_id)
    coverage, drift, deprecations = (
        run_query(home, sql.format(run_id=run_id)).records() for sql in (COVERAGE, DRIFT, DEPRECATIONS)
    )
    return Report(result, coverage, drift, deprecations)


def as_markdown(report: Report) -> str:
    """The report as people read it in Prefect's UI."""
    parts = (
        _heading(report),
        _incomplete(report),
        _warnings(report.result),
        _streams(report),
        _rows(report.result.rows),
        _notices(report),
    )
    return "\n\n".join(part for part in parts if part) + "\n"


def replay_as_markdown(replayed: Replayed, published: Path) -> str:
    """The report of a replay."""
    lost = [f"- {_code(file)}" for file in replayed.unreadable[:MOST]]
    parts = (
        f"# {counted(replayed.files, 'file')}, {counted(replayed.pages, 'page')} "
        f"read in {replayed.seconds:,.0f} s",
        _published(published),
        "\n".join(["## Could not be read", "", *lost]) if lost else "",
        _rows(replayed.rows),
    )
    return "\n\n".join(part for part in parts if part) + "\n"


def _heading(report: Report) -> str:
    result = report.result
    lines = [
        f"# {verdict(result)}",
        f"Run `{result.run_id}`: {counted(result.requests, 'request')} ({result.retried:,} again), "
        f"{result.bytes / 1e6:,.1f} MB, {result.seconds:,.0f} s, data up to {result.as_of:%Y-%m-%d %H:%M} UTC"
        + (", taken up where an earlier one stopped." if result.resumed else "."),
    ]
    if result.published:
        lines.append(_published(result.published))
    return "\n\n".join(lines)


def _published(link: Path) -> str:
    files = (link / "sentry.duckdb", link / "parquet")
    return "Published: " + " and ".join(f"[{_text(file)}]({file.absolute().as_uri()})" for file in files)


def _incomplete(report: Report) -> str:
    found = report.result.incomplete
    if not found:
        return ""
    lines = [f"- {_text(line)}" for line in troubles(found)]
    return "## Not complete\n\n" + "\n".join(lines)


def _warnings(result: Result) -> str:
    lines = [f"- {_text(warning)}" for warning in result.warnings]
    return "\n".join(["## Worth a look", "", *lines]) if lines else ""


def _streams(report: Report) -> str:
    """Streams by the time spent on them, the slowest first."""
    totals: dict[str, list[float]] = {}
    for row in report.coverage:
        if row["request"] == "audit":  # days that were compared, not asked for
            continue
        total = totals.setdefault(row["stream"], [0, 0, 0, 0, 0])
        for i, name in enumerate(("complete", "slices", "requests", "records", "seconds")):
            total[i] += row[name] or 0
    slowest = sorted(totals.items(), key=lambda item: -item[1][-1])
    rows = [
        (_text(name), f"{whole:,} of {slices:,}", f"{requests:,}", f"{records:,}", f"{seconds:,.1f}")
        for name, (whole, slices, requests, records, seconds) in slowest
    ]
    heads = ("stream, slowest first", "slices complete", "requests", "records read", "seconds, added up")
    return _section("Streams", heads, rows)


def _rows(counts: dict[str, int]) -> str:
    rows = [(_code(name), f"{count:,}") for name, count in sorted(counts.items())]
    return _section("Rows in the warehouse", ("table", "rows"), rows)


def _notices(report: Report) -> str:
    drift = [
        (_text(row["stream"]), _code(row["path"]), _text(f"{row['kind']}, {row['found']}"), row["since"])
        for row in report.drift
    ]
    ending = [
        (_code(r["path"]), _text(r["date"] or ""), _text(r["replacement"] or "")) for r in report.deprecations
    ]
    parts = (
        _section("Fields that are not as declared", ("stream", "field", "what", "since"), drift),
        _section("Endpoints Sentry will withdraw", ("endpoint", "when", "use instead"), ending),
    )
    return "\n\n".join(part for part in parts if part)


def _section(title: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table; its cells are Markdown already."""
    if not rows:
        return ""
    lines = [_row(heads), _row(["---"] * len(heads)), *(_row(row) for row in rows[:MOST])]
    more = f"\n\n… and {len(rows) - MOST:,} more." if len(rows) > MOST else ""
    return f"## {title}\n\n" + "\n".join(lines) + more


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


MARKUP = re.compile(r"[\\`*_~\[\]|&@]|:(?=//)|(?<=www)\.", re.IGNORECASE)
"""What would be more than text in Markdown: emphasis, code, links and images, HTML, cells, and what is made a
link without being marked as one."""

MARKUP_AT_START = re.compile(r"^(\d+(?=[.)]))?([-+>#.)])")
"""What would begin a list, a heading or a quotation."""


def _text(value: object) -> str:
    """A stranger's words on one line, as Markdown that shows them as they are."""
    text = visible(" ".join(str(value).split()))
    return MARKUP_AT_START.sub(r"\1\\\2", MARKUP.sub(r"\\\g<0>", text)).replace("<", "&lt;")


def _code(value: object) -> str:
    """A name as code, where it holds nothing that ends code or a cell."""
    text = visible(" ".join(str(value).split()))
    return _text(text) if not text or re.search(r"[`|\\]", text) else f"`{text}`"
