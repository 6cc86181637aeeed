"""Asks for what a slice stands for: page by page, or one by one; older servers in the way they understand."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal, TypeVar

from extractors.answer import Answer
from extractors.errors import BadQuery, Gone, NotSentry, RetriesSpent, TooLarge
from extractors.plan import Slice, fill, page_size, path_of
from extractors.stream import EVERY_PROJECT, Parameters, Request
from flows.discovery import listed_projects

if TYPE_CHECKING:
    from flows.run import Run, SliceProgress

logger = logging.getLogger(__name__)

MOST_FAILING = 3
"""Items in a row that bring no answer: then it is not they, but the server."""

OUTSIDE_RETENTION = "more recent date range"
"""Words of Sentry's 400 for a window that lies wholly before what it keeps (facts §3.1)."""

NOT_KEPT = "outside of what Sentry keeps"
"""The reason of such a slice in meta.coverage, by which marts.completeness leaves its days out."""

SEVERAL_PROJECTS = ("from multiple projects", "multi project")
"""Words of the 400 of older servers whose plan has no questions about several projects (facts §4.0)."""

T = TypeVar("T")


def ask_once(
    run: Run, slice_: Slice, request: Request, filled: Sequence[tuple[str, str]], *, item: str = ""
) -> Answer:
    """One answer to a slice's request, or about one of its items, with these parameters."""
    return run.clients.of(slice_.organization_id).get(
        path_of(slice_, request).replace("{item}", item),
        filled,
        region=run.organizations[slice_.organization_id].region or None,
        retries=run.retries,
    )


def ask_listing(
    run: Run,
    slice_: Slice,
    request: Request,
    filled: Sequence[tuple[str, str]],
    *,
    paging: Literal["per_page", "limit"] | None = None,
    cursor: str = "",
    item: str = "",
) -> Iterator[Answer]:
    """The same, page by page from `cursor` on; `paging` where the request names none itself."""
    return run.clients.of(slice_.organization_id).pages(
        path_of(slice_, request).replace("{item}", item),
        filled,
        paging=request.paging or paging,
        page_size=page_size(slice_, request),
        cursor=cursor,
        region=run.organizations[slice_.organization_id].region or None,
        retries=run.retries,
    )


def ask_pages(run: Run, slice_: Slice, request: Request) -> Iterator[Answer]:
    """Answers to the request; a server that refuses its parameters is asked as older ones want it."""

    def begin(parameters: Parameters) -> tuple[Answer | None, Iterator[Answer]]:
        pages = _pages(run, slice_, request, parameters)
        return next(pages, None), pages

    first, rest = by_choice(run, slice_, request, begin)
    if first is not None:
        yield first
        yield from rest


def by_choice(run: Run, slice_: Slice, request: Request, ask: Callable[[Parameters], T]) -> T:
    """What `ask` gives for the request's parameters, or for the first of its alternatives that the server
    does not refuse."""
    key = (slice_.stream, slice_.request)
    if not request.alternatives or key in run.alternative:
        return _first_taken(run, slice_, request, ask)
    # the others wait until one has learnt which way it is, instead of being refused as well
    with run.choosing.setdefault(key, threading.Lock()):
        return _first_taken(run, slice_, request, ask)


def _first_taken(run: Run, slice_: Slice, request: Request, ask: Callable[[Parameters], T]) -> T:
    key = (slice_.stream, slice_.request)
    choices: tuple[Parameters, ...] = (request.parameters, *request.alternatives)
    number = run.alternative.get(key, 0)
    while True:
        try:
            answer = ask(choices[number])
        except BadQuery as error:
            if number + 1 == len(choices) or is_outside_retention(error):
                raise
            logger.info("%s: refused (%s), asked the older way", slice_.title, error)
            number += 1
        else:
            run.alternative[key] = number
            return answer


def is_outside_retention(error: Exception) -> bool:
    """Whether the server refuses a window because it lies wholly before what it keeps."""
    return isinstance(error, BadQuery) and OUTSIDE_RETENTION in str(error)


def ask_items(
    run: Run, slice_: Slice, request: Request, items: tuple[str, ...], progress: SliceProgress
) -> Iterator[tuple[str, Answer]]:
    """(id, answer) for each id asked by itself, as lists of one record, or as the pages of its list; an
    empty list with status 404 where there is no such thing. The cursor is the number of the next item,
    or of this one while it has more pages. One that brings no answer is left out, and makes the slice
    partial.

    Raises the error of the last of several that fail in a row, and Gone when even something that was
    listed just now is not found: then the server does not answer such requests, and a 404 says nothing.
    """
    trusted = not request.control
    failing = 0
    for number in range(int(slice_.page_cursor or 0), len(items)):
        item = items[number]
        cursor = str(number + 1) if number + 1 < len(items) else None
        try:
            for answer in _about(run, slice_, request, item):
                yield item, replace(answer, cursor=str(number) if answer.cursor else cursor)
        except Gone as error:
            if not trusted:
                _check_control(run, slice_, request)
                trusted = True
            yield (
                item,
                Answer(
                    status=404,
                    body=b"[]",
                    cursor=cursor,
                    date=_server_date(run),
                    requests=error.requests,
                ),
            )
        except (RetriesSpent, TooLarge, BadQuery, NotSentry) as error:
            failing += 1
            if failing >= MOST_FAILING or len(items) == 1:
                raise
            progress.status, progress.reason = "partial", f"At least one item brought no answer: {error}"
            continue
        failing = 0


def _about(run: Run, slice_: Slice, request: Request, item: str) -> Iterator[Answer]:
    """What the server tells of an item: one answer as a list, or the pages of a list."""
    filled = fill(request.parameters, slice_)
    if request.paging is None:
        answer = ask_once(run, slice_, request, filled, item=item)
        yield replace(answer, body=b"[" + answer.body + b"]", cursor=None)
        return
    yield from ask_listing(run, slice_, request, filled, item=item)


def _check_control(run: Run, slice_: Slice, request: Request) -> None:
    listed = run.store.rows(
        f"select {request.control.removesuffix('s')}_id from {request.control} where organization_id = ? "
        "and project_id = ? and _run_id = ? limit 1",
        [slice_.organization_id, slice_.project_id, run.run_id],
    )
    if listed:
        ask_once(run, slice_, request, fill(request.parameters, slice_), item=listed[0][0])


def _server_date(run: Run) -> datetime:
    """The server's time, aware."""
    return run.clock.now().replace(tzinfo=UTC)


def asked(run: Run, slice_: Slice, parameters: Parameters) -> list[tuple[str, str]]:
    """Parameters as they are sent: the slice's project or the chosen ones stand where all would be asked
    for."""
    filled = fill(parameters, slice_)
    if EVERY_PROJECT not in filled or (run.only is None and not slice_.project_id):
        return filled
    ids = [slice_.project_id] if slice_.project_id else (run.only or {}).get(slice_.organization_id, ())
    chosen = [("project", project_id) for project_id in ids]
    at = filled.index(EVERY_PROJECT)
    return [*filled[:at], *chosen, *filled[at + 1 :]]


def by_projects(
    run: Run,
    slice_: Slice,
    request: Request,
    parameters: Parameters,
    ask: Callable[[list[tuple[str, str]]], Iterable[T]],
) -> Iterator[T]:
    """What `ask` gives for all projects at once; for one after the other where the server refuses that, if
    rows name their project."""
    together = asked(run, slice_, parameters)
    organization_id = slice_.organization_id
    is_split = EVERY_PROJECT in parameters and request.names_project and not slice_.project_id
    if not is_split or organization_id not in run.one_by_one:
        try:
            yield from ask(together)
        except BadQuery as error:
            if not is_split or not refuses_several(error):
                raise
            logger.info("%s: refused (%s), asked one by one", slice_.title, error)
            run.one_by_one.add(organization_id)
        else:
            return
    others = [p for p in together if p[0] != "project"]
    for project in listed_projects(run.store, run.run_id, organization_id, ()):
        if project.has_access and (
            run.only is None or project.project_id in run.only.get(organization_id, ())
        ):
            yield from ask([*others, ("project", project.project_id)])


def refuses_several(error: BadQuery) -> bool:
    """Whether the server refuses a question because it is about several projects."""
    return any(words in str(error).lower() for words in SEVERAL_PROJECTS)


def asks_nobody(run: Run, slice_: Slice, parameters: Parameters) -> bool:
    """Whether no project is left to ask for: without one, Sentry would choose some itself."""
    none = run.only is not None and not run.only.get(slice_.organization_id)
    return none and EVERY_PROJECT in parameters


def _pages(run: Run, slice_: Slice, request: Request, parameters: Parameters) -> Iterator[Answer]:
    if asks_nobody(run, slice_, parameters):
        return iter(())

    def ask(filled: list[tuple[str, str]]) -> Iterator[Answer]:
        return ask_listing(run, slice_, request, filled, cursor=slice_.page_cursor)

    return by_projects(run, slice_, request, parameters, ask)
