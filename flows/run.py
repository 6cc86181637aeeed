"""One run: what it shares between slices, and how one slice goes from request to committed rows."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol, TypeVar

import msgspec

from extractors.answer import Answer
from extractors.archive import Archive, Page
from extractors.errors import (
    BadQuery,
    Forbidden,
    Gone,
    NotSentry,
    RetriesSpent,
    SentryError,
    TooLarge,
    Unauthorized,
)
from extractors.plan import Organization, Slice, fill, page_size, path_of, split
from extractors.stream import DiscoverQuery, Parameters, Request, Stream
from flows.clients import Clients
from flows.loading import Loader
from flows.presence import FieldWatch
from flows.row_totals import count_rows
from flows.totals import Totals, ask_series
from transforms.frames import Batch, parse_times
from transforms.privacy import Privacy
from transforms.records import Unreadable
from transforms.repair import repair
from warehouse import state
from warehouse.store import Store

logger = logging.getLogger(__name__)

FLUSH_BYTES = 8_000_000
"""Pages are archived and loaded when a slice has gathered so much: bounds memory whatever its size."""

MOST_HELD_BYTES = 24_000_000
"""Gathered by all slices together; beyond it even those that hold little load what they have."""

MOST_CUTS = 5
"""A window of 30 days is cut down to one so often. Where an answer is far from its cap, smaller pieces hardly
hold more: it is asked again in halves, once, and further only where that brought more to light."""
CUT_HELPS = 1.1
"""Where a piece lists so many times the share that the whole did, the server has a smaller cap."""

MOST_THREADS = 512
"""Never reached: each stream has its own bound."""

MOST_FAILING = 3
"""Items in a row that bring no answer: then it is not they, but the server."""

OF_ONE_ORGANIZATION = ("sso", "2fa", "seat", "email")
"""Reasons for a 401 that an organization has, not the token: others that it sees go on."""

FRUITLESS_CUTS = 200
"""Windows of one listing that are cut in a row while no smaller one succeeds. 90 days are then pieces of
less than a day; a server that calls each second too much would be asked millions of times."""

OUTSIDE_RETENTION = "more recent date range"
"""Words of Sentry's 400 for a window that lies wholly before what it keeps (facts §3.1)."""


EVERY_PROJECT = ("project", "-1")
"""Asks for all projects that the token may see (facts §4.0)."""

SAMPLED = "Sentry answered from a part of its data; these figures are extrapolated."

T = TypeVar("T")


class Workers(Protocol):
    """Where the work of a run is done."""

    def start(self, slice_: Slice, work: Callable[[], list[Slice]]) -> Future[list[Slice]]:
        """Lets a slice be worked on, beside others; the caller bounds how many."""

    def step(self, title: str, work: Callable[[], T]) -> T:
        """Does something else that takes its time, and waits for it."""

    def close(self) -> None:
        """No more slices will come."""


class Threads:
    """Threads of this process."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(MOST_THREADS, thread_name_prefix="slice")

    def start(self, slice_: Slice, work: Callable[[], list[Slice]]) -> Future[list[Slice]]:
        del slice_
        return self._pool.submit(work)

    def step(self, title: str, work: Callable[[], T]) -> T:
        del title
        return work()

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)


class Observer(Protocol):
    """Is told how a run goes; may be called from several threads."""

    def planned(self, slices: Sequence[Slice]) -> None: ...
    def progressed(self, slice_: Slice, requests: int, rows: int) -> None: ...
    def finished(self, slice_: Slice, status: str, reason: str) -> None: ...


class Clock:
    """The server's time: windows must be in its hours, not in those of a clock that runs wrong here."""

    def __init__(self, offset: timedelta = timedelta(0)) -> None:
        self.offset = offset

    def now(self) -> datetime:
        """UTC without a zone."""
        return datetime.now(UTC).replace(tzinfo=None) + self.offset


@dataclass(slots=True)
class Progress:
    """What a slice has come to so far."""

    started_at: datetime
    requests: int = 0
    records: int = 0
    bytes: int = 0
    files: int = 0
    expected: int | None = None
    loaded: int | None = None
    status: str = "complete"
    reason: str = ""
    missing: int = 0
    full_page: bool = False
    doubt: str = ""
    unproven: str = ""
    again: bool = False
    closed: bool = False
    children: list[Slice] = field(default_factory=list)

    def look(self, request: Request, answer: Answer, page_size: int) -> None:
        """Notes where a listing may have ended early: an empty page of a search after a full one, or a full
        page that says nothing of a next one."""
        if request.paging is None or request.shape == "series":
            return
        if request.search or not (answer.cursor or answer.linked):
            records = count_records(answer.body, "data" if request.shape == "discover" else "")
            if request.search and self.full_page and not records:
                self.doubt = "The search gave an empty page after a full one"
            self.full_page = records == page_size
            if self.full_page and not answer.linked:
                self.doubt = "A full page came without a Link header, which would tell whether more follow"


def _one_thread() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, thread_name_prefix="writer")


@dataclass(slots=True)
class Run:
    """What the slices of one run share. `stop` asks all threads to end. `only` are the ids of the chosen
    projects by organization, None = all. Whoever makes one shuts its `writer` down."""

    run_id: str
    as_of: datetime
    clock: Clock
    clients: Clients
    store: Store
    archive: Archive
    privacy: Privacy
    streams: dict[str, Stream]
    queries: Sequence[DiscoverQuery]
    organizations: dict[str, Organization]
    observer: Observer
    workers: Workers
    retries: int = 5
    only: dict[str, list[str]] | None = None
    stop: threading.Event = field(default_factory=threading.Event)
    totals: Totals = field(default_factory=Totals)
    _alternative: dict[tuple[str, str], int] = field(default_factory=dict)
    _choosing: dict[tuple[str, str], threading.Lock] = field(default_factory=dict)
    _shares: dict[str, float] = field(default_factory=dict)
    _held: dict[str, int] = field(default_factory=dict)
    _cuts: Counter[tuple[str, ...]] = field(default_factory=Counter)
    loader: Loader = field(init=False)
    writer: ThreadPoolExecutor = field(default_factory=_one_thread)
    fields: FieldWatch = field(default_factory=FieldWatch)

    def __post_init__(self) -> None:
        self.loader = Loader(self.store, self.streams, self.queries)

    def requests(self, stream: str) -> list[Request]:
        """The requests of a stream in this run."""
        return self.loader.requests(stream)

    def request(self, slice_: Slice) -> Request:
        """The request a slice belongs to."""
        return self.loader.request(slice_.stream, slice_.request)

    def work(self, slice_: Slice, answers: Iterable[Answer] | None = None) -> Future[list[Slice]]:
        """Lets `run_slice` be done by the workers."""
        return self.workers.start(slice_, lambda: self.run_slice(slice_, answers))

    def run_slice(self, slice_: Slice, answers: Iterable[Answer] | None = None) -> list[Slice]:
        """Fetches, archives, normalises and loads one slice; closes it with its coverage.

        Returns smaller slices that took its place, if any. `answers` stands for fetching where they are
        at hand. Raises Unauthorized (nothing more can be asked of anyone) and what the disk or the database
        raises; everything else becomes the slice's status.
        """
        progress = Progress(self.clock.now())
        try:
            self._fetch_and_load(slice_, answers, progress)
        except (SentryError, Unreadable) as error:
            progress.requests += getattr(error, "requests", 0)
            if not self._take_in(slice_, progress, error):
                return []
        if not progress.closed:
            with self.store.transaction():
                self._close(slice_, progress)
        if progress.children:
            self.observer.planned(progress.children)
        self.observer.finished(slice_, "split" if progress.children else progress.status, progress.reason)
        return progress.children

    def _take_in(self, slice_: Slice, progress: Progress, error: Exception) -> bool:
        """Makes an error the slice's status; False when the run was asked to stop: it stays open."""
        progress.reason = str(error)
        match error:
            case Unauthorized():
                if not self._leaves_others(slice_.organization_id, error):
                    raise error
                progress.status = "forbidden"
            case Forbidden():
                progress.status = "forbidden"
            case Gone():
                progress.status = "gone"
            case TooLarge():
                progress.reason = ""
                self._cut(slice_, progress, "failed", str(error))
            case BadQuery() if self.is_outside_retention(error):
                progress.reason = "outside of what Sentry keeps"
            case BadQuery():
                progress.status = "failed"
            case _ if self.stop.is_set():
                return False
            case _:
                progress.status = "partial" if progress.files else "failed"
        return True

    def _leaves_others(self, organization_id: str, error: Unauthorized) -> bool:
        """Whether there are organizations that this refusal does not concern."""
        client = self.clients.of(organization_id)
        others = [self.clients.of(other) for other in self.organizations if other != organization_id]
        return any(error.reason in OF_ONE_ORGANIZATION or other is not client for other in others)

    def _cut(self, slice_: Slice, progress: Progress, status: str, reason: str) -> None:
        self._cuts[_listing(slice_)] += 1
        hopeless = self._cuts[_listing(slice_)] > FRUITLESS_CUTS
        progress.children = [] if hopeless else split(slice_, self.request(slice_))
        if hopeless:
            reason += " Smaller windows did not help."
        if not progress.children:
            progress.status, progress.reason = status, reason

    def _close(self, slice_: Slice, progress: Progress) -> None:
        """Writes the slice's end inside the caller's transaction."""
        if not progress.children and progress.status == "complete":
            self._cuts.pop(_listing(slice_), None)
        coverage = {
            "slice_id": slice_.slice_id,
            "stream": slice_.stream,
            "request": slice_.request,
            "organization_id": slice_.organization_id,
            "project_id": slice_.project_id,
            "window_start": slice_.window_start,
            "window_end": slice_.window_end,
            "requests": progress.requests,
            "rows": progress.records,
            "bytes": progress.bytes,
            "status": progress.status,
            "expected": None if progress.status in ("forbidden", "gone") else progress.expected,
            "loaded": progress.loaded,
            "reason": progress.reason,
            "started_at": progress.started_at,
            "finished_at": self.clock.now(),
        }
        if progress.children:
            state.add_slices(self.store, self.run_id, [plan_row(c) for c in progress.children])
        state.finish_slice(
            self.store,
            self.run_id,
            coverage,
            state="split" if progress.children else "done",
            moves_watermark=slice_.items is None,
        )
        progress.closed = True

    def _fetch_and_load(self, slice_: Slice, answers: Iterable[Answer] | None, progress: Progress) -> None:
        request = self.request(slice_)
        if answers is not None:
            asked: Iterable[tuple[str, Answer]] = (("", answer) for answer in answers)
        elif slice_.items is not None:
            asked = self._ask_items(slice_, request, slice_.items, progress)
        elif request.totals is not None:
            asked = ask_series(self, slice_, request, progress)
        elif request.shape == "discover":
            slice_ = replace(slice_, page_cursor="")  # of pages before, nobody knows what they added up to
            count_rows(self, slice_, request, progress)
            asked = (("", answer) for answer in self.ask(slice_, request))
        else:
            asked = (("", answer) for answer in self.ask(slice_, request))
        try:
            self._gather(slice_, request, asked, progress)
        finally:
            self._held.pop(slice_.slice_id, None)

    def _gather(
        self, slice_: Slice, request: Request, asked: Iterable[tuple[str, Answer]], progress: Progress
    ) -> None:
        pages: list[Page] = []
        size = 0
        for item, answer in asked:
            progress.requests += answer.requests
            progress.bytes += len(answer.body)
            first = not slice_.page_cursor and not progress.files
            pages.append(self._page(slice_, request, answer, item=item, first=first))
            size += len(pages[-1].body)
            progress.look(request, answer, page_size(slice_, request))
            if self._reached_start(slice_, request, answer.body):
                break
            self._held[slice_.slice_id] = size
            crowded = size >= FLUSH_BYTES // 8 and sum(list(self._held.values())) >= MOST_HELD_BYTES
            if (size >= FLUSH_BYTES or crowded) and answer.cursor:
                self._load(slice_, pages, progress, answer.cursor)
                pages, size = [], 0
            self.observer.progressed(slice_, answer.requests, 0)
        if pages:
            self._load(slice_, pages, progress, "")

    def _judge(self, slice_: Slice, progress: Progress) -> None:
        """Whether all rows came: where they did not, smaller slices are asked, or coverage says so."""
        request = self.request(slice_)
        hopeless = slice_.items and progress.missing == len(slice_.items)
        if hopeless and not request.control and not request.may_be_gone:
            progress.status = "gone"
            progress.reason = f"Sentry answered 404 to each of {progress.missing} that it had listed."
        if progress.status == "sampled":
            progress.expected = progress.loaded = None  # of two samples neither tells what the other lacks
        short = progress.expected is not None and (progress.loaded or 0) < progress.expected
        if request.shape == "discover" and short:
            progress.status = "partial"
            progress.reason = f"Sentry counts {progress.expected} but listed {progress.loaded}" + (
                ", also when asked again." if progress.again else "."
            )
            return
        proven = progress.expected is not None and not short
        if progress.doubt and progress.status == "complete" and not proven:
            reason = f"{progress.doubt}, and the window can not be made smaller."
            self._cut(slice_, progress, "partial", reason)
        if progress.status == "complete" and not progress.reason:
            progress.reason = progress.unproven
        if progress.status == "capped" or short:
            reason = (
                f"Sentry counts {progress.expected} but listed {progress.loaded}"
                if progress.expected is not None
                else "Sentry left rows out without a word"
            )
            few = request.points and not request.apart and progress.records < request.points // 2
            share = (progress.loaded or 0) / progress.expected if progress.expected else 0.0
            helped = share > CUT_HELPS * self._shares.get(slice_.slice_id, share)
            progress.status = "complete"
            most = 1 if few and not helped else MOST_CUTS
            if state.times_cut(self.store, self.run_id, plan_row(slice_)) < most:
                self._cut(slice_, progress, "capped", f"{reason}, and the window can not be made smaller.")
                self._shares.update((child.slice_id, share) for child in progress.children)
            else:
                progress.status, progress.reason = "capped", f"{reason}, also when asked in pieces."

    def ask(self, slice_: Slice, request: Request) -> Iterator[Answer]:
        """Answers to the request; a server that refuses its parameters is asked as older ones want it."""

        def begin(parameters: Parameters) -> tuple[Answer | None, Iterator[Answer]]:
            pages = self._pages(slice_, request, parameters)
            return next(pages, None), pages

        first, rest = self.by_choice(slice_, request, begin)
        if first is not None:
            yield first
            yield from rest

    def by_choice(self, slice_: Slice, request: Request, ask: Callable[[Parameters], T]) -> T:
        """What `ask` gives for the request's parameters, or for the first of its alternatives that the server
        does not refuse."""
        key = (slice_.stream, slice_.request)
        if not request.alternatives or key in self._alternative:
            return self._first_taken(slice_, request, ask)
        # the others wait until one has learnt which way it is, instead of being refused as well
        with self._choosing.setdefault(key, threading.Lock()):
            return self._first_taken(slice_, request, ask)

    def _first_taken(self, slice_: Slice, request: Request, ask: Callable[[Parameters], T]) -> T:
        key = (slice_.stream, slice_.request)
        choices: tuple[Parameters, ...] = (request.parameters, *request.alternatives)
        number = self._alternative.get(key, 0)
        while True:
            try:
                answer = ask(choices[number])
            except BadQuery as error:
                if number + 1 == len(choices) or self.is_outside_retention(error):
                    raise
                logger.info("%s: refused (%s), asked the older way", slice_.title, error)
                number += 1
            else:
                self._alternative[key] = number
                return answer

    def is_outside_retention(self, error: Exception) -> bool:
        """Whether the server refuses a window because it lies wholly before what it keeps."""
        return isinstance(error, BadQuery) and OUTSIDE_RETENTION in str(error)

    def _ask_items(
        self, slice_: Slice, request: Request, items: tuple[str, ...], progress: Progress
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
                for answer in self._about(slice_, request, item):
                    yield item, replace(answer, cursor=str(number) if answer.cursor else cursor)
            except Gone as error:
                if not trusted:
                    self._check_control(slice_, request)
                    trusted = True
                yield (
                    item,
                    Answer(
                        status=404,
                        body=b"[]",
                        cursor=cursor,
                        date=self.client_date(),
                        requests=error.requests,
                    ),
                )
            except (RetriesSpent, TooLarge, BadQuery, NotSentry) as error:
                failing += 1
                if failing >= MOST_FAILING or len(items) == 1:
                    raise
                progress.requests += error.requests
                progress.status, progress.reason = "partial", f"At least one item brought no answer: {error}"
                continue
            failing = 0

    def _about(self, slice_: Slice, request: Request, item: str) -> Iterator[Answer]:
        """What the server tells of an item: one answer as a list, or the pages of a list."""
        if request.paging is None:
            answer = self._ask_item(slice_, request, item)
            yield replace(answer, body=b"[" + answer.body + b"]", cursor=None)
            return
        yield from self.clients.of(slice_.organization_id).pages(
            path_of(slice_, request).replace("{item}", item),
            fill(request.parameters, slice_),
            paging=request.paging,
            page_size=request.page_size,
            region=self.organizations[slice_.organization_id].region or None,
            retries=self.retries,
        )

    def _ask_item(self, slice_: Slice, request: Request, item: str) -> Answer:
        return self.clients.of(slice_.organization_id).get(
            path_of(slice_, request).replace("{item}", item),
            fill(request.parameters, slice_),
            region=self.organizations[slice_.organization_id].region or None,
            retries=self.retries,
        )

    def _check_control(self, slice_: Slice, request: Request) -> None:
        listed = self.store.rows(
            f"select {request.control.removesuffix('s')}_id from {request.control} where organization_id = ? "
            "and project_id = ? and _run_id = ? limit 1",
            [slice_.organization_id, slice_.project_id, self.run_id],
        )
        if listed:
            self._ask_item(slice_, request, listed[0][0])

    def client_date(self) -> datetime:
        """The server's time, aware."""
        return self.clock.now().replace(tzinfo=UTC)

    def asked(self, slice_: Slice, parameters: Parameters) -> list[tuple[str, str]]:
        """Parameters as they are sent: the chosen projects stand where all would be asked for."""
        filled = fill(parameters, slice_)
        if self.only is None or EVERY_PROJECT not in filled:
            return filled
        chosen = [("project", project_id) for project_id in self.only.get(slice_.organization_id, ())]
        at = filled.index(EVERY_PROJECT)
        return [*filled[:at], *chosen, *filled[at + 1 :]]

    def asks_nobody(self, slice_: Slice, parameters: Parameters) -> bool:
        """Whether no project is left to ask for: without one, Sentry would choose some itself."""
        none = self.only is not None and not self.only.get(slice_.organization_id)
        return none and EVERY_PROJECT in parameters

    def _pages(self, slice_: Slice, request: Request, parameters: Parameters) -> Iterator[Answer]:
        if self.asks_nobody(slice_, parameters):
            return iter(())
        return self.clients.of(slice_.organization_id).pages(
            path_of(slice_, request),
            self.asked(slice_, parameters),
            paging=request.paging,
            page_size=page_size(slice_, request),
            cursor=slice_.page_cursor,
            region=self.organizations[slice_.organization_id].region or None,
            retries=self.retries,
        )

    def _page(self, slice_: Slice, request: Request, answer: Answer, *, item: str, first: bool) -> Page:
        personal = (*self.streams[slice_.stream].personal, *request.personal)
        envelope = "data" if request.shape == "discover" else ""
        return Page(
            run_id=self.run_id,
            slice_id=slice_.slice_id,
            stream=slice_.stream,
            request=slice_.request,
            organization_id=slice_.organization_id,
            project_id=slice_.project_id,
            window_start=slice_.window_start,
            window_end=slice_.window_end,
            interval_seconds=slice_.interval_seconds,
            path=path_of(slice_, request).replace("{item}", item),
            parameters=msgspec.json.encode(self.asked(slice_, request.parameters)).decode(),
            item=item,
            status=answer.status,
            fetched_at=answer.date.astimezone(UTC).replace(tzinfo=None),
            loaded_at=self.clock.now(),
            first=first,
            body=self.privacy.redact(
                slice_.stream,
                answer.body,
                personal,
                known=self.loader.known_fields(slice_.stream, slice_.request),
                envelope=envelope,
            ),
        )

    def _reached_start(self, slice_: Slice, request: Request, body: bytes) -> bool:
        """Whether a server that ignores the window has come to its start."""
        if not request.newest_first or slice_.window_start is None:
            return False
        import polars as pl

        try:
            records = msgspec.json.decode(body, type=list[dict[str, msgspec.Raw]])
            text = msgspec.json.decode(records[-1][request.newest_first], type=str)
        except (msgspec.DecodeError, KeyError, IndexError):
            return False
        time = parse_times(pl.Series([text], dtype=pl.String())).to_list()[0]
        return time is not None and time < slice_.window_start

    def _load(self, slice_: Slice, pages: list[Page], progress: Progress, cursor: str) -> None:
        """Archives and loads pages on the writer's thread: memory that polars and DuckDB free stays with the
        thread that used it, so that twenty threads kept 150 MB more."""
        self.writer.submit(self._write, slice_, pages, progress, cursor).result()

    def _write(self, slice_: Slice, pages: list[Page], progress: Progress, cursor: str) -> None:
        """Archives pages, then commits their rows together with the file's entry and the page cursor, or
        with the slice's coverage when these are its last."""
        loaded_at = self.clock.now()
        pages = [replace(page, loaded_at=loaded_at) for page in pages]
        (earlier,) = self.store.rows(
            "select count(*) from meta.archive where run_id = ? and slice_id = ?",
            [self.run_id, slice_.slice_id],
        )[0]
        file = self.archive.write(pages, earlier)

        def keep_account(batch: Batch) -> None:
            self._count(slice_, pages, batch, progress)
            if cursor:
                state.move_page_cursor(self.store, self.run_id, slice_.slice_id, cursor)
            else:
                self._judge(slice_, progress)
                self._close(slice_, progress)

        batch = self.loader.commit(pages, file, also=keep_account)
        if tree := self.loader.tree(slice_.stream, slice_.request):
            self.fields.look(tree, pages)
        self.observer.progressed(slice_, 0, sum(f.height for f in batch.frames.values()))

    def _count(self, slice_: Slice, pages: Sequence[Page], batch: Batch, progress: Progress) -> None:
        progress.files += 1
        progress.records += batch.records
        progress.missing += sum(page.status == 404 for page in pages)
        if batch.complaint:
            progress.status = batch.complaint
            progress.reason = SAMPLED if batch.complaint == "sampled" else ""
        if progress.expected is not None:
            request = self.request(slice_)
            reached, unread = _reached(batch, request.totals_column)
            progress.loaded = (progress.loaded or 0) + reached
            if unread and request.shape == "discover":
                progress.expected = progress.loaded = None
                progress.unproven = f"Not proven: {unread} of its counts are no whole numbers."


def _reached(batch: Batch, column: str) -> tuple[int, int]:
    """The sum of a column of the batch's rows, and how many have no number there; without a column, how many
    records there were."""
    import polars as pl

    if not column:
        return batch.records, 0
    # an answer may name a type for it that is no number's
    numbers = [frame[column].cast(pl.Int64, strict=False) for frame in batch.frames.values()]
    return sum(int(n.sum() or 0) for n in numbers), sum(n.null_count() for n in numbers)


def count_records(body: bytes, envelope: str) -> int:
    """How many records a page lists, in its envelope if there is one; -1 for what is no such page."""

    def count(page: bytes) -> int:
        if envelope:
            page = msgspec.json.decode(page, type=dict[str, msgspec.Raw]).get(envelope, b"[]")
        return len(msgspec.json.decode(page, type=list[msgspec.Raw]))

    try:
        try:
            return count(body)
        except msgspec.DecodeError:
            return count(repair(body))  # an odd text in a record is no reason to lose count
    except (msgspec.DecodeError, RecursionError, Unreadable):
        return -1


def _listing(slice_: Slice) -> tuple[str, ...]:
    return slice_.stream, slice_.request, slice_.organization_id, slice_.project_id


def plan_row(slice_: Slice) -> dict[str, Any]:
    """A slice as a row of the plan."""
    return {**asdict(slice_), "slice_id": slice_.slice_id}
