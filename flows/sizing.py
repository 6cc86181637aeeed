"""Estimates what slices will bring: counted by Sentry where it counts, else as before, else by a sample."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import islice
from typing import Literal

from extractors.answer import Answer
from extractors.errors import (
    BadQuery,
    Forbidden,
    Gone,
    NotSentry,
    SentryError,
    Stopped,
    TooLarge,
    Unauthorized,
)
from extractors.plan import Organization, Project, Slice, counted_together, fill, floor, page_size, path_of
from extractors.sizing import Counts, count_errors
from extractors.stream import EVERY_PROJECT, Request, Stream
from flows.asking import refuses_several
from flows.clients import Clients
from flows.loading import ids_of
from flows.planning import ITEMS_A_SLICE
from transforms.reader import make_reader
from transforms.repair import Unreadable
from transforms.series import decode_answer
from warehouse.learnt import Learnt, Size

Basis = Literal["listed", "counted", "before", "sampled", "at least", "unknown", "refused"]
"""Where a figure comes from: listed just now · Sentry's own count · earlier runs · a few answers stand for
all · there is more than was looked at · nothing is known · Sentry refused to answer."""

SAMPLES = 4
"""Slices that stand for all of their kind, spread evenly over busy and quiet, old and new."""

SAMPLE_PAGES = 3
"""Pages read of a sample before a shorter window is tried."""

SHRINK = 8
"""By so much a window that is too full for a sample is shortened."""

MOST_COUNTS = 6
"""Windows for which Sentry is asked to count; others are taken in proportion."""

ASKED_AGAIN = timedelta(minutes=10)
"""How long before the last run the worklists begin, as their SQL says."""

HALVES, VALUES_APART = 2, 5
"""Requests that an answer beyond the cap takes besides: two halves, or one for each session status."""


@dataclass(slots=True)
class Sample:
    """What a few answers came to.

    slices     that were asked
    seconds    length of their windows together, 0 where they have none
    full_pages rows of each page that was not the last
    capped     slices whose answer was cut off, so that halves are asked
    more       not everything was read
    body       the first answer
    """

    slices: int = 0
    rows: int = 0
    body: bytes = b""
    bytes: int = 0
    seconds: float = 0
    full_pages: list[int] = field(default_factory=list)
    capped: int = 0
    more: bool = False


@dataclass(slots=True)
class Estimate:
    """What some slices of one request will come to; `refused` holds Sentry's words where it refused."""

    slices: int = 0
    requests: int = 0
    rows: int = 0
    bytes: int = 0
    basis: Basis = "counted"
    refused: str = ""


class Sizer:
    """Sizes what one organization is asked for; puts a few cheap questions and keeps the answers.

    organization, projects   what the run covers
    as_of                    end of its windows (UTC)
    measures                 aggregates that the wanted requests name
    """

    def __init__(
        self,
        clients: Clients,
        learnt: Learnt,
        organization: Organization,
        projects: Sequence[Project],
        *,
        as_of: datetime,
        measures: Sequence[str],
    ) -> None:
        self._client = clients.of(organization.organization_id)
        self._learnt = learnt
        self._organization = organization
        self._projects = {project.project_id for project in projects}
        self._one_by_one = False
        self._as_of = as_of
        self._measures = measures
        self._counts: dict[tuple[datetime, datetime], Counts] = {}
        self._uncounted = False
        self._samples: dict[tuple[str, str, int], Sample | SentryError] = {}
        self._choice: dict[tuple[str, str], int] = {}
        self._refused = dict(learnt.refused)
        self._listed: dict[str, dict[str, float]] = {}
        self._totals: set[tuple[object, ...]] = set()
        self._listed_basis: dict[str, Basis] = {}
        self.fastest: dict[str, float] = {}

    # listings

    def listing(self, stream: Stream, request: Request, slices: Sequence[Slice]) -> Estimate:
        """What these slices of one request will come to. Raises Unauthorized and Stopped."""
        made = Estimate(slices=len(slices))
        bases: list[Basis] = []
        kinds: dict[int, list[Slice]] = {}
        for slice_ in slices:
            kinds.setdefault(slice_.interval_seconds or 0, []).append(slice_)
        for some in kinds.values():
            rows, basis = self._rows(request, some)
            bases.append(basis)
            if request.totals is not None:  # asked once for all projects
                made.requests += self._new_totals(request, some)
            if request.adds_up:  # asked once for several windows
                made.requests += len({counted_together(s, request, self._as_of) or s.slice_id for s in some})
            for slice_, count in zip(some, rows, strict=True):
                made.refused = self._refused.get(_scope(slice_), made.refused)
                made.requests += self._requests(request, slice_, count)
                if not request.name:
                    found = self._listed.setdefault(stream.name, {})
                    found[slice_.project_id] = found.get(slice_.project_id, 0) + count
            made.rows += round(sum(rows))
            if sum(rows):
                made.bytes += round(self._row_bytes(stream, request, some) * sum(rows))
        made.basis = next((b for b in bases if b not in ("counted", "refused")), bases[0])
        if not request.name:
            self._listed_basis[stream.name] = made.basis
        return made

    def _rows(self, request: Request, slices: Sequence[Slice]) -> tuple[Sequence[float], Basis]:
        rows, basis = self._estimated(request, [s for s in slices if _scope(s) not in self._refused])
        found = iter(rows)
        return [0.0 if _scope(s) in self._refused else next(found) for s in slices], basis

    def _estimated(self, request: Request, slices: Sequence[Slice]) -> tuple[Sequence[float], Basis]:
        if not slices:
            return [], "refused"
        counted = self._counted(request, slices)
        if counted is not None:
            return counted, "counted"
        before = self._as_before(slices)
        if before is not None:
            return before, "before"
        sample = self._sample(request, slices)
        if sample is None:
            return [0.0] * len(slices), "refused"
        basis: Basis = "at least" if sample.more else "sampled"
        if len(slices) <= sample.slices and not sample.more:
            basis = "listed"
        shares = [_share(sample.rows, sample.slices, sample.seconds, s) for s in slices]
        return [0.0 if _scope(s) in self._refused else n for s, n in zip(slices, shares, strict=True)], basis

    def _counted(self, request: Request, slices: Sequence[Slice]) -> list[float] | None:
        """Rows of each slice by Sentry's own count; None where it does not count them."""
        if not request.measure or any(s.window_start is None for s in slices):
            return None
        counted = []
        for slice_ in slices:
            counts = self._count(slice_.window_start or self._as_of, slice_.window_end)
            if counts is None:
                return None
            counted.append(counts.get(slice_.project_id, {}).get(request.measure, 0.0))
        return counted

    def _count(self, start: datetime, end: datetime) -> Counts | None:
        known = self._counts.get((start, end))
        if known is not None or self._uncounted:
            return known
        if len(self._counts) >= MOST_COUNTS:
            (a, b), counts = max(self._counts.items(), key=lambda c: c[0][1] - c[0][0])
            share = (end - start) / (b - a)
            return {p: {m: n * share for m, n in some.items()} for p, some in counts.items()}
        try:
            counts = count_errors(self._client, self._organization, start, end, self._measures)
        except (Stopped, Unauthorized):
            raise
        except SentryError:
            self._uncounted = True
            return None
        self._counts[start, end] = counts
        return counts

    def _as_before(self, slices: Sequence[Slice]) -> list[float] | None:
        """Rows as they came in the last run, by length of window; None where too little is known."""
        sizes = [self._size(slice_) for slice_ in slices]
        known = [size for size in sizes if size is not None]
        if len(known) * 2 < len(slices):
            return None
        all_rows, all_slices = sum(s.rows for s in known), sum(s.slices for s in known)
        all_seconds = sum(s.seconds for s in known)
        return [
            _share(size.rows, size.slices, size.seconds, slice_)
            if size
            else _share(all_rows, all_slices, all_seconds, slice_)
            for size, slice_ in zip(sizes, slices, strict=True)
        ]

    def _size(self, slice_: Slice) -> Size | None:
        size = self._learnt.sizes.get((*_scope(slice_), slice_.interval_seconds or 0))
        # what came without a window says nothing of one, nor the other way round
        return size if size and (size.seconds > 0) == (slice_.window_start is not None) else None

    def _new_totals(self, request: Request, slices: Sequence[Slice]) -> int:
        before = len(self._totals)
        self._totals |= {
            (s.organization_id, request.path, request.totals, s.window_start, s.window_end) for s in slices
        }
        return len(self._totals) - before

    def _requests(self, request: Request, slice_: Slice, rows: float) -> int:
        if _scope(slice_) in self._refused:
            return 1
        sample = self._samples.get(_kind(slice_))
        taken = sample if isinstance(sample, Sample) else Sample()
        size = self._size(slice_)
        if request.paging and request.shape != "series":
            return max(1, math.ceil(rows / _page_rows(request, taken, size)))
        if size and size.seconds:
            share = _seconds(slice_) / size.seconds if size.was_cut else 1 / size.slices
            return max(1, round(size.requests * share))
        if taken.full_pages:  # pages of groups, which have as many rows as they have intervals with anything
            return max(1, math.ceil(rows * len(taken.full_pages) / max(1, sum(taken.full_pages))))
        more = VALUES_APART if request.apart else HALVES
        return 1 + more if taken.capped * 2 > taken.slices and not request.paging else 1

    def _row_bytes(self, stream: Stream, request: Request, slices: Sequence[Slice]) -> float:
        known = self._learnt.row_bytes.get((stream.name, request.name))
        if known is not None:
            return known
        sample = self._sample(request, slices)
        return sample.bytes / sample.rows if sample and sample.rows else 0.0

    # samples

    def _sample(self, request: Request, slices: Sequence[Slice]) -> Sample | None:
        """Answers for a few of the slices; None when Sentry refuses them all."""
        known = self._samples.get(_kind(slices[0]))
        if known is None:
            known = self._samples[_kind(slices[0])] = self._take(request, slices)
        return known if isinstance(known, Sample) else None

    def _take(self, request: Request, slices: Sequence[Slice]) -> Sample | SentryError:
        enough = 1 if request.measure and not self._uncounted else SAMPLES
        ordered = sorted(slices, key=self._activity, reverse=True)
        refusal: SentryError | None = None
        sample = Sample()
        for slice_ in _spread(ordered, enough):
            try:
                self._look_at(request, slice_, sample)
            except (Stopped, Unauthorized):
                raise
            except (SentryError, Unreadable) as error:
                refusal = error if isinstance(error, SentryError) else NotSentry(str(error))
                if isinstance(error, Forbidden | Gone) and slice_.project_id:
                    self._refused[_scope(slice_)] = str(error)
        return sample if sample.slices or refusal is None else refusal

    def _activity(self, slice_: Slice) -> tuple[float, datetime]:
        events = max(
            (
                max(counts.get(slice_.project_id, {}).values(), default=0.0)
                for counts in self._counts.values()
            ),
            default=0.0,
        )
        return events, slice_.window_end

    def _look_at(self, request: Request, slice_: Slice, sample: Sample) -> None:
        """Adds a slice's answers to the sample; of too full a window only its last part."""
        while True:
            taken = self._read(request, slice_)
            shorter = _shortened(request, slice_) if taken.more else None
            if shorter is None:
                break
            slice_ = shorter
        sample.slices += 1
        sample.rows += taken.rows
        sample.bytes += taken.bytes
        sample.seconds += _seconds(slice_)
        sample.full_pages += taken.full_pages
        sample.capped += taken.capped
        sample.more = sample.more or taken.more
        sample.body = sample.body or taken.body

    def _read(self, request: Request, slice_: Slice) -> Sample:
        taken = Sample(slices=1)
        reader = make_reader(request.shape, request.tables, request.ignored)
        context = {
            "organization_id": slice_.organization_id,
            "project_id": slice_.project_id,
            "interval_seconds": slice_.interval_seconds,
            "interval_start": slice_.window_start,
            "_run_id": "",
            "_loaded_at": self._as_of,
        }
        hits = None
        for answer in islice(self._answers(request, slice_), SAMPLE_PAGES):
            records = reader.read([answer.body], context).records
            taken.rows += records
            taken.bytes += len(answer.body)
            taken.body = taken.body or (answer.body if records else b"")
            taken.more = answer.cursor is not None
            hits = answer.hits if hits is None else hits
            if taken.more:
                taken.full_pages.append(records)
            if request.shape == "series":
                series = decode_answer(answer.body)
                taken.capped += len(series.groups) * len(series.intervals or ()) > 0.9 * request.points
        if taken.more and hits is not None and hits > taken.rows:
            taken.bytes = round(taken.bytes * hits / max(taken.rows, 1))
            taken.rows, taken.more = hits, False
        return taken

    def _answers(self, request: Request, slice_: Slice) -> Iterator[Answer]:
        """As the export asks, the older way where the server wants that."""
        choices = (request.parameters, *request.alternatives)
        key = (slice_.stream, slice_.request)
        number = self._choice.get(key, 0)
        while True:
            try:
                for filled in self._by_projects(fill(choices[number], slice_), request.names_project):
                    yield from self._timed(
                        request,
                        self._client.pages(
                            path_of(slice_, request),
                            filled,
                            paging=request.paging,
                            page_size=page_size(slice_, request),
                            region=self._organization.region or None,
                            retries=2,
                        ),
                    )
            except BadQuery as error:
                if refuses_several(error) and request.names_project and not self._one_by_one:
                    self._one_by_one = True
                    continue
                number += 1
                if number == len(choices):
                    raise
                self._choice[key] = number
            else:
                return

    def _by_projects(self, filled: list[tuple[str, str]], is_split: bool) -> list[list[tuple[str, str]]]:
        """The question about all projects, or one for each where the server refuses that."""
        if not (self._one_by_one and is_split and EVERY_PROJECT in filled):
            return [filled]
        return [
            [("project", project) if p == EVERY_PROJECT else p for p in filled]
            for project in sorted(self._projects)
        ]

    def _timed(self, request: Request, answers: Iterable[Answer]) -> Iterator[Answer]:
        began = time.monotonic()
        for answer in answers:
            took = time.monotonic() - began
            self.fastest[request.path] = min(took, self.fastest.get(request.path, took))
            yield answer
            began = time.monotonic()

    # items asked one by one

    def items(self, stream: Stream, request: Request, most: int) -> Estimate:
        """What a worklist will come to, of at most so many items."""
        by_project, basis = self._wanted_items(stream, request)
        wanted = sum(by_project.values())
        share = min(1.0, most / wanted) if wanted else 0.0
        counts = [count * share for count in by_project.values() if count]
        made = Estimate(basis=basis)
        made.requests = made.rows = round(sum(counts))
        made.slices = min(made.requests, sum(math.ceil(count / ITEMS_A_SLICE) for count in counts))
        if made.requests:
            made.bytes = round(made.rows * self._item_bytes(stream, request))
        return made

    def _wanted_items(self, stream: Stream, request: Request) -> tuple[dict[str, float], Basis]:
        organization_id = self._organization.organization_id
        last = self._learnt.last.get(organization_id)
        rate = self._learnt.a_second.get((stream.name, request.name, organization_id))
        if last is None:
            listed = self._listed.get(request.items_of, {})
            return dict(listed), self._listed_basis.get(request.items_of, "unknown")
        passed = max(0.0, (self._as_of - last).total_seconds())
        if rate is not None:
            each = rate * passed / max(1, len(self._projects))
            return dict.fromkeys(self._projects, each), "before"
        if not request.measure or not passed:
            return {}, "unknown"
        counts = self._count(last - ASKED_AGAIN, self._as_of) or {}
        return {p: n[request.measure] for p, n in counts.items() if p in self._projects}, "counted"

    def _item_bytes(self, stream: Stream, request: Request) -> float:
        known = self._learnt.row_bytes.get((stream.name, request.name))
        if known is not None:
            return known
        body = next(
            (
                sample.body
                for (name, _, _), sample in self._samples.items()
                if name == request.items_of and isinstance(sample, Sample) and sample.body
            ),
            b"",
        )
        try:
            item = ids_of(body)[0]
            path = request.path.replace("{organization}", self._organization.slug).replace("{item}", item)
            region = self._organization.region or None
            asked = (self._client.get(path, region=region, retries=2) for _ in range(1))
            (answer,) = self._timed(request, asked)
        except (Unreadable, IndexError, Gone, Forbidden, BadQuery, TooLarge):
            return 0.0
        return float(len(answer.body))


def _kind(slice_: Slice) -> tuple[str, str, int]:
    return slice_.stream, slice_.request, slice_.interval_seconds or 0


def _scope(slice_: Slice) -> tuple[str, str, str, str]:
    return slice_.stream, slice_.request, slice_.organization_id, slice_.project_id


def _seconds(slice_: Slice) -> float:
    return (slice_.window_end - slice_.window_start).total_seconds() if slice_.window_start else 0.0


def _share(rows: float, slices: int, seconds: float, slice_: Slice) -> float:
    """The slice's part of rows that came in so many slices, or so many seconds of windows."""
    if seconds and slice_.window_start is not None:
        return rows / seconds * _seconds(slice_)
    return rows / slices if slices else 0.0


def _page_rows(request: Request, sample: Sample, size: Size | None) -> float:
    """Rows of a full page: what is asked for, unless the server gives fewer each time."""
    pages = sample.full_pages
    if len(pages) > 1 and len(set(pages)) == 1 and pages[0]:
        return min(pages[0], request.page_size)
    if size and size.requests > 2 * size.slices and size.rows < size.requests * request.page_size / 2:
        return max(1.0, size.rows / size.requests)
    return request.page_size


def _spread(ordered: Sequence[Slice], count: int) -> list[Slice]:
    """The first when one is enough, else so many, evenly spread."""
    if count == 1 or len(ordered) <= count:
        return list(ordered[:count])
    return [ordered[len(ordered) * (2 * i + 1) // (2 * count)] for i in range(count)]


def _shortened(request: Request, slice_: Slice) -> Slice | None:
    """The last part of a slice's window; None when it can not be shorter."""
    if slice_.window_start is None:
        return None
    step = (request.window.align if request.window else None) or timedelta(hours=1)
    start = floor(slice_.window_end - (slice_.window_end - slice_.window_start) / SHRINK, step)
    if start <= slice_.window_start or start >= slice_.window_end:
        return None
    return replace(slice_, window_start=start)
