"""Questions about series: first what they must add up to, then as many pages or pieces as that takes.

The totals are asked once for all projects of an organization where that can be done, so that a quiet night
costs one question instead of one a project.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeVar

from extractors.answer import Answer
from extractors.errors import BadQuery, Forbidden, Gone
from extractors.plan import Slice, fill, intervals, split
from extractors.stream import Parameters, Request
from flows.asking import ask_listing, ask_once, ask_pages
from transforms.series import decode_answer, sum_of_series

if TYPE_CHECKING:
    from flows.run import Run, SliceProgress

MOST_GROUPS = 10_000
"""An answer with so many groups may lack others: Sentry cuts there without a word (facts §4.3, §4.4)."""

T = TypeVar("T")

Ask = Callable[[list[tuple[str, str]]], Answer]


@dataclass(frozen=True, slots=True)
class Total:
    """The totals of one project: their sum, how many groups they came in, and the sum by each value of the
    request's `apart`. `listed` is False where an answer for all projects does not name it."""

    sum: int = 0
    groups: int = 0
    apart: dict[str, int] = field(default_factory=dict)
    listed: bool = True


class Totals:
    """Totals of one run. Threads that need the same answer wait for the one that asks it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._asking: dict[tuple[object, ...], threading.Lock] = {}
        self._known: dict[tuple[object, ...], Any] = {}
        self._slices: set[str] = set()
        self._told: set[tuple[str, str, str]] = set()
        self.refused: dict[tuple[str, str, str], str] = {}
        """(organization_id, stream, request) whose totals the server does not tell → why not."""

    def once(self, key: tuple[object, ...], make: Callable[[], T]) -> T:
        """What `make` gave when it was first asked for by this key."""
        with self._lock:
            asking = self._asking.setdefault(key, threading.Lock())
        with asking:
            if key not in self._known:
                self._known[key] = make()
        made: T = self._known[key]
        return made

    @contextmanager
    def turn(self, scope: tuple[str, str, str]) -> Iterator[None]:
        """While totals of the scope are asked for: until one has learnt whether the server tells them, others
        wait."""
        if scope in self._told:
            yield
            return
        with self._lock:
            asking = self._asking.setdefault(scope, threading.Lock())
        with asking:
            yield
        self._told.add(scope)

    def comes_again(self, slice_: Slice) -> bool:
        """Whether totals of the slice were asked for before; from now on they were."""
        with self._lock:
            known = slice_.slice_id in self._slices
            self._slices.add(slice_.slice_id)
        return known

    def of_project(self, slice_: Slice, request: Request, ask: Ask) -> Total:
        """The totals of a slice's project, from an answer for all of them if there is one.

        `ask` sends a question's parameters and gives the answer; it raises SentryError.
        """
        parameters = fill(whole_organization(request), slice_)
        key = (slice_.organization_id, request.path, *parameters)
        known = self.once(key, lambda: _of_all(request, parameters, ask))
        if known is None:
            return self.alone(slice_, request, ask)
        return known.get(slice_.project_id, Total(listed=False))

    def alone(self, slice_: Slice, request: Request, ask: Ask) -> Total:
        """The totals of a slice's project, asked by itself."""
        answer = ask(fill(request.totals or (), slice_))
        return _by_project(answer.body, request.apart, every="").get("", Total())


def whole_organization(request: Request) -> Parameters:
    """The request's totals asked for all projects at once, grouped by them (last: facts §4.3)."""
    kept = tuple(p for p in request.totals or () if p[0] != "project")
    return (*kept, ("project", "-1"), ("groupBy", "project"))


def _of_all(request: Request, parameters: list[tuple[str, str]], ask: Ask) -> dict[str, Total] | None:
    """None where the answer can not be relied on: refused, cut off, or not by project."""
    try:
        body = ask(parameters).body
    except (BadQuery, Forbidden, Gone):
        return None
    groups = decode_answer(body).groups
    if len(groups) >= MOST_GROUPS or any(group.by.get("project") is None for group in groups):
        return None
    return _by_project(body, request.apart)


def _by_project(body: bytes, apart: str, every: str | None = None) -> dict[str, Total]:
    sums: dict[str, int] = {}
    groups: dict[str, int] = {}
    parts: dict[str, dict[str, int]] = {}
    for group in decode_answer(body).groups:
        project = str(group.by.get("project")) if every is None else every
        found = sum(int(v or 0) for f, v in group.totals.items() if f.startswith("sum("))
        sums[project] = sums.get(project, 0) + found
        groups[project] = groups.get(project, 0) + 1
        if apart and found:
            of_project = parts.setdefault(project, {})
            value = str(group.by.get(apart) or "")
            of_project[value] = of_project.get(value, 0) + found
    return {p: Total(sums[p], groups[p], parts.get(p, {})) for p in sums}


def ask_series(
    run: Run, slice_: Slice, request: Request, progress: SliceProgress
) -> Iterator[tuple[str, Answer]]:
    """(item, answer) for each answer to a series, after the totals that it must reach: numbers only grow
    meanwhile. An item is `group:value` where that was fixed instead of grouped by.

    Where the totals tell that it would not fit into one answer, smaller slices take its place.
    """

    def ask(parameters: list[tuple[str, str]]) -> Answer:
        return ask_once(run, slice_, request, parameters)

    def ask_apart() -> Iterator[tuple[str, Answer]]:
        """Each value that the totals know, page by page. The cursor is the value and its page."""
        values = list(total.apart)
        at, _, cursor = slice_.page_cursor.partition(" ")
        parameters = [p for p in request.parameters if p != ("groupBy", request.apart)]
        for number, value in enumerate(values):
            if slice_.page_cursor and at in values[number + 1 :]:
                continue
            item = f"{request.apart}:{value}"
            filled = fill((*parameters, ("query", item)), slice_)
            pages = ask_listing(run, slice_, request, filled, paging="per_page", cursor=cursor)
            cursor = ""
            for answer in pages:
                following = f"{value} {answer.cursor}" if answer.cursor else None
                if following is None and number + 1 < len(values):
                    following = f"{values[number + 1]} "
                yield item, replace(answer, cursor=following)

    def tells_apart() -> bool:
        """Whether the server answers for one value alone. One that ignores the condition would tell all of
        them each time, and rows would count twice; so it is asked in smaller windows."""
        value = next(iter(total.apart))
        parameters = fill((*(request.totals or ()), ("query", f"{request.apart}:{value}")), slice_)

        def only_this() -> bool:
            try:
                body = ask(parameters).body
            except BadQuery:
                return False
            return _by_project(body, request.apart, every="").get("", Total()).apart.keys() <= {value}

        return run.totals.once((slice_.organization_id, request.path, request.apart), only_this)

    total = run.totals.of_project(slice_, request, ask)
    progress.expected = total.sum
    if not request.apart and request.points and request.paging is None:
        pieces = -(-total.groups * intervals(slice_) // request.points)
        progress.children = split(slice_, request, pieces) if pieces > 1 else []
        if progress.children:
            return
    if request.apart and slice_.page_cursor:
        yield from ask_apart()
        return
    answers: Iterable[Answer] = ask_pages(run, slice_, request)
    if request.apart or not total.listed:
        answers = list(answers)
        field_of_sum = next(value for name, value in request.totals or () if name == "field")
        reached = sum(sum_of_series(decode_answer(a.body), field_of_sum) for a in answers)
        if not total.listed and reached:
            total = run.totals.alone(slice_, request, ask)
            progress.expected = total.sum
        if request.apart and reached < total.sum and total.apart and tells_apart():
            answers = ()
            yield from ask_apart()
    yield from (("", answer) for answer in answers)
