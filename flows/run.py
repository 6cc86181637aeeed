"""One run: what it shares between slices, and how one slice goes from request to committed rows."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import UTC, datetime
from typing import Any

import msgspec

from extractors.answer import Answer
from extractors.archive import Archive, Page
from extractors.errors import (
    BadQuery,
    Forbidden,
    Gone,
    SentryError,
    TooLarge,
    Unauthorized,
)
from extractors.network import asking
from extractors.plan import Organization, Slice, page_size, path_of, split
from extractors.stream import EVERY_PROJECT, DiscoverQuery, Request, Stream
from flows.asking import NOT_KEPT, ask_items, ask_pages, asked, is_outside_retention
from flows.clients import Clients
from flows.discovery import listed_projects
from flows.loading import Loader
from flows.presence import FieldWatch
from flows.row_totals import count_rows
from flows.totals import Totals, ask_series
from flows.workers import Clock, Observer, Workers
from transforms.frames import Batch, parse_times
from transforms.privacy import Privacy
from transforms.repair import MISFIT, Unreadable, read_json
from warehouse import state
from warehouse.store import Store

logger = logging.getLogger(__name__)

FLUSH_BYTES = 6_000_000
"""Pages are archived and loaded when a slice has gathered so much: bounds memory whatever its size."""

MOST_HELD_BYTES = 12_000_000
"""Gathered by all slices together; beyond it even those that hold little load what they have."""

MOST_CUTS = 5
"""A window of 30 days is cut down to one so often. Where an answer is far from its cap, smaller pieces hardly
hold more: it is asked again in halves, once, and further only where that brought more to light."""
CUT_HELPS = 1.1
"""Where a piece lists so many times the share that the whole did, the server has a smaller cap."""

OF_ONE_ORGANIZATION = ("sso", "2fa", "seat", "email")
"""Reasons for a 401 that an organization has, not the token: others that it sees go on."""

FRUITLESS_CUTS = 200
"""Windows of one listing that are cut in a row while no smaller one succeeds. 90 days are then pieces of
less than a day; a server that calls each second too much would be asked millions of times."""

_read_records = msgspec.json.Decoder(list[dict[str, msgspec.Raw]]).decode

SAMPLED = "Sentry answered from a part of its data; these figures are extrapolated."


@dataclass(slots=True)
class SliceProgress:
    """What a slice has come to so far. Made in the thread that sends its requests; `handed` are those that
    were sent for it before."""

    started_at: datetime
    requests: int = 0
    handed: int = 0
    sent_before: int = field(default_factory=lambda: asking.sent)
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

    def count_requests(self) -> int:
        """Counts what its thread has sent, with or without an answer; returns how many are new."""
        known, self.requests = self.requests, self.handed + asking.sent - self.sent_before
        return self.requests - known

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
                self.doubt = "A full page came without a Link header that tells whether more follow"


def _one_thread() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, thread_name_prefix="writer")


@dataclass(slots=True)
class Run:
    """What the slices of one run share. `stop` asks all threads to end. `only` are the ids of the chosen
    projects by organization, None = all; `one_by_one` are organizations whose projects the server does not
    answer for together. Whoever makes one shuts its `writer` down."""

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
    one_by_one: set[str] = field(default_factory=set)
    stop: threading.Event = field(default_factory=threading.Event)
    totals: Totals = field(default_factory=Totals)
    alternative: dict[tuple[str, str], int] = field(default_factory=dict)
    choosing: dict[tuple[str, str], threading.Lock] = field(default_factory=dict)
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
        progress = SliceProgress(self.clock.now())
        try:
            self._fetch_and_load(slice_, answers, progress)
        except (SentryError, Unreadable) as error:
            self._tell_requests(slice_, progress)
            if not self._take_in(slice_, progress, error):
                return []
        self._tell_requests(slice_, progress)
        if not progress.closed:
            with self.store.transaction():
                self._close(slice_, progress)
        if progress.children:
            self.observer.planned(progress.children)
        self.observer.finished(slice_, "split" if progress.children else progress.status, progress.reason)
        return progress.children

    def _tell_requests(self, slice_: Slice, progress: SliceProgress) -> None:
        self.observer.progressed(slice_, progress.count_requests(), 0)

    def _take_in(self, slice_: Slice, progress: SliceProgress, error: Exception) -> bool:
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
            case BadQuery() if is_outside_retention(error):
                progress.reason = NOT_KEPT
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

    def _cut(self, slice_: Slice, progress: SliceProgress, status: str, reason: str) -> None:
        self._cuts[_listing(slice_)] += 1
        hopeless = self._cuts[_listing(slice_)] > FRUITLESS_CUTS
        progress.children = [] if hopeless else split(slice_, self.request(slice_))
        if hopeless:
            reason += " Smaller windows did not help."
        if not progress.children:
            progress.status, progress.reason = status, reason

    def _close(self, slice_: Slice, progress: SliceProgress) -> None:
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
            moves=self._moves(slice_),
        )
        progress.closed = True

    def _moves(self, slice_: Slice) -> list[str] | None:
        """The projects whose watermarks move with an organization's slice: those that were chosen, or all
        that it tells of, and the organization's; None where that is its own alone."""
        request = self.request(slice_)
        if EVERY_PROJECT not in request.parameters or slice_.project_id:
            return None
        if self.only is not None:
            return self.only.get(slice_.organization_id, [])
        if not request.catches_up:
            return None
        listed = listed_projects(self.store, self.run_id, slice_.organization_id, ())
        return ["", *(p.project_id for p in listed if p.has_access)]

    def _fetch_and_load(
        self, slice_: Slice, answers: Iterable[Answer] | None, progress: SliceProgress
    ) -> None:
        request = self.request(slice_)
        if answers is not None:
            answers = list(answers)
            progress.handed = sum(answer.requests for answer in answers)
            answered: Iterable[tuple[str, Answer]] = (("", answer) for answer in answers)
        elif slice_.items is not None:
            answered = ask_items(self, slice_, request, slice_.items, progress)
        elif request.totals is not None:
            answered = ask_series(self, slice_, request, progress)
        elif request.shape == "discover":
            slice_ = replace(slice_, page_cursor="")  # of pages before, nobody knows what they added up to
            count_rows(self, slice_, request, progress)
            answered = (("", answer) for answer in ask_pages(self, slice_, request))
        else:
            answered = (("", answer) for answer in ask_pages(self, slice_, request))
        try:
            self._gather(slice_, request, answered, progress)
        finally:
            self._held.pop(slice_.slice_id, None)

    def _gather(
        self, slice_: Slice, request: Request, answered: Iterable[tuple[str, Answer]], progress: SliceProgress
    ) -> None:
        pages: list[Page] = []
        size = 0
        for item, answer in answered:
            self._tell_requests(slice_, progress)
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
        if pages:
            self._load(slice_, pages, progress, "")

    def _judge(self, slice_: Slice, progress: SliceProgress) -> None:
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
            parameters=msgspec.json.encode(asked(self, slice_, request.parameters)).decode(),
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
            records = read_json(_read_records, body)
            text = msgspec.json.decode(records[-1][request.newest_first], type=str)
        except (Unreadable, *MISFIT, KeyError, IndexError):
            return False
        time = parse_times(pl.Series([text], dtype=pl.String())).to_list()[0]
        return time is not None and time < slice_.window_start

    def _load(self, slice_: Slice, pages: list[Page], progress: SliceProgress, cursor: str) -> None:
        """Archives and loads pages on the writer's thread: memory that polars and DuckDB free stays with the
        thread that used it, so that twenty threads kept 150 MB more."""
        self._tell_requests(slice_, progress)
        self.writer.submit(self._write, slice_, pages, progress, cursor).result()

    def _write(self, slice_: Slice, pages: list[Page], progress: SliceProgress, cursor: str) -> None:
        """Archives pages, then commits their rows together with the file's entry and the page cursor, or
        with the slice's coverage when these are its last."""
        loaded_at = self.clock.now()
        pages = [replace(page, loaded_at=loaded_at) for page in pages]
        (earlier,) = self.store.rows(
            "select count(*) from meta.archive where run_id = ? and slice_id = ?",
            [self.run_id, slice_.slice_id],
        )[0]
        file = self.archive.write(pages, earlier)

        begun = {f.name: getattr(progress, f.name) for f in fields(progress)}

        def keep_account(batch: Batch) -> None:
            for name, value in begun.items():  # of a transaction that is done again nothing counts
                setattr(progress, name, value)
            self._count(slice_, pages, batch, progress)
            if cursor:
                state.move_page_cursor(self.store, self.run_id, slice_.slice_id, cursor)
            else:
                self._judge(slice_, progress)
                self._close(slice_, progress)

        try:
            batch = self.loader.commit(pages, file, also=keep_account)
        except Unreadable:
            self.archive.remove(file)  # no row of meta.archive names it: it would stay for ever
            raise
        if tree := self.loader.tree(slice_.stream, slice_.request):
            self.fields.look(tree, pages)
        self.observer.progressed(slice_, 0, sum(f.height for f in batch.frames.values()))

    def _count(self, slice_: Slice, pages: Sequence[Page], batch: Batch, progress: SliceProgress) -> None:
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
        return read_json(count, body)  # an odd text in a record is no reason to lose count
    except Unreadable:
        return -1


def _listing(slice_: Slice) -> tuple[str, ...]:
    return slice_.stream, slice_.request, slice_.organization_id, slice_.project_id


def plan_row(slice_: Slice) -> dict[str, Any]:
    """A slice as a row of the plan."""
    return {**asdict(slice_), "slice_id": slice_.slice_id}
