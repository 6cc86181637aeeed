"""What the rows of a Discover answer must add up to: asked without groups, so that a dropped page shows.

Windows of a day or an hour are counted many at a time where the server can do that, so that a night costs one
question for each query.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from extractors.answer import Answer
from extractors.errors import BadQuery, SentryError, Stopped, TooLarge, Unauthorized
from extractors.plan import GROUPED_BY, Slice, counted_together, stamp
from extractors.stream import Parameters, Request
from flows.asking import ask_once, asks_nobody, by_choice, by_projects, is_outside_retention
from transforms.repair import Unreadable, read_json

if TYPE_CHECKING:
    from flows.run import Run, SliceProgress

NO_FIGURE = (
    "Not proven: no field of the query adds up. With count() among its fields, its rows are held against "
    "Sentry's total."
)

Ask = Callable[[Parameters], list[Answer]]


class _Table(msgspec.Struct):
    data: list[dict[str, Any]]
    meta: Any = None


_decoder = msgspec.json.Decoder(_Table)


def count_rows(run: Run, slice_: Slice, request: Request, progress: SliceProgress) -> None:
    """Notes in `progress` what the slice's rows must add up to, or why that is not known. Asked before the
    rows are: numbers only grow meanwhile. A slice that comes again is counted anew, by itself.

    Raises Unauthorized and Stopped.
    """
    scope = (slice_.organization_id, slice_.stream, slice_.request)
    progress.again = run.totals.comes_again(slice_)
    if not request.adds_up:
        progress.unproven = NO_FIGURE
        return

    def get(filled: list[tuple[str, str]]) -> Iterator[Answer]:
        yield ask_once(run, slice_, request, filled)

    def ask(parameters: Parameters) -> list[Answer]:
        return list(by_projects(run, slice_, request, parameters, get))

    def count(parameters: Parameters) -> int:
        if asks_nobody(run, slice_, parameters):
            return 0
        if not progress.again:
            together = _together(run, slice_, request, parameters, ask)
            if together is not None:
                return together
        return _alone(request, parameters, ask)

    with run.totals.turn(scope):
        progress.unproven = run.totals.refused.get(scope, "")
        if progress.unproven:
            return
        try:
            progress.expected = by_choice(run, slice_, request, count)
        except (Stopped, Unauthorized):
            raise
        except (SentryError, Unreadable) as error:
            progress.unproven = f"Not proven: Sentry does not tell how many there are. {error}"
            # of too long a window others may be told, of one that Sentry no longer keeps newer ones
            if not isinstance(error, TooLarge) and not is_outside_retention(error):
                run.totals.refused[scope] = progress.unproven


def ungrouped(request: Request, parameters: Parameters, by: str = "") -> Parameters:
    """The same question without its groups, or only by a time; sorted, for some servers want that."""
    kept = tuple(p for p in parameters if p[0] not in ("field", "sort"))
    fields = (by, request.adds_up) if by else (request.adds_up,)
    return (*(("field", field) for field in fields), *kept, ("sort", fields[0]), ("per_page", "100"))


def _alone(request: Request, parameters: Parameters, ask: Ask) -> int:
    figure = 0
    for answer in ask(ungrouped(request, parameters)):
        rows = _read(answer)
        if len(rows) > 1:
            raise Unreadable(f"It gave {len(rows)} rows where one was asked for.")
        figure += sum(_figure(row, request) for row in rows)
    return figure


def _together(run: Run, slice_: Slice, request: Request, parameters: Parameters, ask: Ask) -> int | None:
    """The slice's figure out of an answer for its window and those around it; None where there is no such
    answer, or none that can be relied on."""
    stretch = counted_together(slice_, request, run.as_of)
    if stretch is None:
        return None
    start, end, length = stretch
    by = GROUPED_BY[length]
    window = {"{start}": start, "{end}": end}
    asked = tuple((name, stamp(window[v]) if v in window else v) for name, v in parameters)

    def figures() -> dict[datetime, int] | None:
        found: Counter[datetime] = Counter()
        try:
            for answer in ask(ungrouped(request, asked, by)):
                for row in _read(answer):
                    found[_time(row[by])] += _figure(row, request)
        except (BadQuery, TooLarge, Unreadable, KeyError, TypeError, ValueError):
            return None
        return found

    known = run.totals.once(
        (slice_.organization_id, slice_.project_id, request.path, asked, request.adds_up), figures
    )
    return None if known is None else known.get(slice_.window_start or start, 0)


def _read(answer: Answer) -> list[dict[str, Any]]:
    """The rows of an answer that has them all. Raises Unreadable."""
    try:
        table = read_json(_decoder.decode, answer.body)
    except Unreadable as error:
        raise Unreadable(f"no Discover answer: {error}") from None
    if answer.cursor:
        raise Unreadable("It gave a page of an answer to what has but a row.")
    if isinstance(table.meta, dict) and table.meta.get("dataScanned") == "partial":
        raise Unreadable("It counted a part of its data only.")
    return table.data


def _figure(row: dict[str, Any], request: Request) -> int:
    try:
        return int(row[request.adds_up] or 0)
    except (KeyError, OverflowError, TypeError, ValueError):
        raise Unreadable(f"It gave no {request.adds_up}.") from None


def _time(text: str) -> datetime:
    time = datetime.fromisoformat(text)
    return time.astimezone(UTC).replace(tzinfo=None) if time.tzinfo else time
