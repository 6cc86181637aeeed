"""The screen of `plan`, and what a script reads instead: the slowest first."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from extractors.governor import Allowance
from flows.answers import counted
from flows.forecast import Forecast, Part
from flows.report import WIDE, make_console, to_json
from flows.sizing import Basis

WORDS: dict[Basis, str] = {
    "listed": "as just listed",
    "counted": "Sentry's count",
    "before": "earlier runs",
    "sampled": "samples",
    "at least": "at least; more than was looked at",
    "unknown": "not known yet",
    "refused": "refused",
}
"""What the figures of a line rest on."""

SURENESS: tuple[Basis, ...] = ("refused", "unknown", "at least", "sampled", "before", "counted", "listed")
"""The first that a line's parts have is said."""


def forecast_as_json(planned: Forecast) -> str:
    """A plan for scripts. Everything but what is `listed` is an estimate."""
    return to_json(
        {
            "command": "backfill" if planned.since else "export",
            "since": planned.since,
            "as_of": planned.as_of,
            "organizations": planned.organizations,
            "first_run": planned.first,
            "exit_code": planned.exit_code,
            **_figures(planned.parts),
            "minutes": round(planned.seconds / 60, 2),
            "asked": planned.asked,
            "streams": [
                {
                    "stream": stream,
                    **_figures(parts),
                    "minutes": round(sum(p.seconds for p in parts) / 60, 2),
                    "parts": [_part(part) for part in parts],
                }
                for stream, parts in _by(planned.parts, lambda p: p.stream)
            ],
            "notes": planned.notes,
        }
    )


def _part(part: Part) -> dict[str, Any]:
    limit = part.allowance.limit
    return {
        "request": part.request,
        "organization": part.organization,
        **_figures([part]),
        "minutes": round(part.seconds / 60, 2),
        "basis": part.basis,
        "limit": None
        if limit is None
        else {
            "requests": limit.requests,
            "seconds": limit.window,
            "at_once": limit.concurrency,
            "known": part.allowance.known,
        },
        "refused": part.refused,
    }


def _figures(parts: Sequence[Part]) -> dict[str, Any]:
    return {
        "slices": sum(p.slices for p in parts),
        "requests": sum(p.requests for p in parts),
        "rows": sum(p.rows for p in parts),
        "megabytes": round(sum(p.bytes for p in parts) / 1e6, 2),
    }


def _by(parts: Sequence[Part], key: Any) -> list[tuple[Any, list[Part]]]:
    """Groups of parts, the slowest first."""
    groups: dict[Any, list[Part]] = defaultdict(list)
    for part in parts:
        groups[key(part)].append(part)
    return sorted(
        groups.items(), key=lambda g: (-sum(p.seconds for p in g[1]), -sum(p.requests for p in g[1]))
    )


def print_forecast(planned: Forecast) -> None:
    """The plan on one screen."""
    console = make_console()
    what = f"a backfill from {planned.since:%Y-%m-%d %H:%M}" if planned.since else "an export"
    first = ", the first one" if planned.first and not planned.since else ""
    console.print(
        f"Plan of {what} of {', '.join(planned.organizations)}, up to {planned.as_of:%Y-%m-%d %H:%M} UTC"
        f"{first}\n",
        style="bold",
        markup=False,
    )
    rows = [
        (name, *_cells(parts), limit_text(parts[0].allowance), WORDS[_basis(parts)])
        for name, parts in _by(planned.parts, lambda p: f"{p.stream} {p.request}".strip())
    ]
    together = ("together", *_cells(planned.parts)[:-1], duration(planned.seconds), "", "")
    grids = (_grid([*rows, together], LEFT_OUT[:count]) for count in range(len(LEFT_OUT) + 1))
    grid = next(grids)
    while _width(grid, console) > console.width and (narrower := next(grids, None)):
        grid = narrower
    console.print(grid)
    console.print(f"\n{_conclusion(planned)}", markup=False, soft_wrap=True)
    for text in (*planned.notes, *_refusals(planned)):
        console.print(text, style="yellow", markup=False, soft_wrap=True)


COLUMNS = ("what is asked", "slices", "requests", "rows", "MB", "time", "limit, requests", "rows from")
LEFT_OUT = ("slices", "rows from", "MB", "limit, requests")
"""Columns that a narrow terminal does without, the first one first."""


def _basis(parts: Sequence[Part]) -> Basis:
    return next(b for b in SURENESS if any(p.basis == b for p in parts))


def _cells(parts: Sequence[Part]) -> tuple[str, ...]:
    figures = _figures(parts)
    return (
        f"{figures['slices']:,}",
        f"{figures['requests']:,}",
        f"{figures['rows']:,}",
        f"{figures['megabytes']:,.1f}",
        duration(sum(p.seconds for p in parts)),
    )


def _grid(rows: Sequence[tuple[str, ...]], left_out: Sequence[str]) -> Any:
    """Rows, the last of them in bold, without the columns that are left out."""
    from rich.table import Table as Grid

    grid = Grid(box=None, pad_edge=False)
    kept = [i for i, name in enumerate(COLUMNS) if name not in left_out]
    for i in kept:
        grid.add_column(COLUMNS[i], justify="right" if 0 < i < 6 else "left")
    for row in rows:
        grid.add_row(*(row[i] for i in kept), style="bold" if row is rows[-1] else None)
    return grid


def _width(grid: Any, console: Any) -> int:
    return int(console.measure(grid, options=console.options.update(width=WIDE)).maximum)


def _conclusion(planned: Forecast) -> str:
    slowest = planned.slowest
    text = "All figures but what is just listed are estimates. "
    if slowest is not None and slowest.seconds >= 1:
        name = f"{slowest.stream} {slowest.request}".strip()
        text += f"Limits hold beside each other: the whole waits for the slowest, {name}. "
    text += "Loading takes this machine some time besides; what goes wrong is asked again. "
    return text + f"Finding this out took {counted(planned.asked, 'request')}."


def _refusals(planned: Forecast) -> list[str]:
    names = dict.fromkeys(f"{p.stream} {p.request}".strip() for p in planned.parts if p.refused)
    if not names:
        return []
    return [
        f"Sentry refuses a part of these: {', '.join(names)}. "
        "`sentry-warehouse check` says of which projects, why, and what to do."
    ]


def limit_text(allowance: Allowance) -> str:
    """A limit as people read it."""
    limit = allowance.limit
    if limit is None:
        return "none named"
    at_once = limit.concurrency if limit.concurrency and limit.concurrency < limit.requests else None
    text = f"{limit.requests} in {limit.window:g} s" + (f", {at_once} at once" if at_once else "")
    return text if allowance.known else f"{text} (assumed)"


def duration(seconds: float) -> str:
    """A time as people say it."""
    if seconds < 60:
        return f"{seconds:.0f} s" if seconds >= 1 else "< 1 s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes / 60:.1f} h"
