"""Cuts streams into slices: one request of a stream × one scope × one absolute window of time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from itertools import pairwise

from extractors.stream import DiscoverQuery, Parameters, Request, Stream, Window

EPOCH = datetime(1970, 1, 1)
CLOCKS_DIFFER = timedelta(minutes=10)
"""Between a server's machines: so much later than now, a watermark is no sign of a clock that was wrong."""

GROUPED_BY = {timedelta(hours=1): "timestamp.to_hour", timedelta(days=1): "timestamp.to_day"}
"""Length of a window → Discover's field that tells in which of them an event lies."""

NEWEST_TOGETHER, OTHERS_TOGETHER = 7, 30
"""Windows of a Discover query that one question counts: those that a night reads, and others. Fewer rows than
a page has, and no more of the past than Sentry goes through in time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Organization:
    """An organization the run covers; `region` is the URL of where its data lives, if Sentry names one."""

    organization_id: str
    slug: str
    region: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A project of an organization; `created` is UTC without a zone."""

    project_id: str
    slug: str
    created: datetime | None = None
    has_access: bool = True

    def is_wanted(self, wanted: Sequence[str]) -> bool:
        """Whether it is among those wanted, slugs or ids; all are if none is named."""
        return not wanted or self.slug in wanted or self.project_id in wanted


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """The unit of work, retry, progress and coverage. Times are UTC without a zone, the end exclusive.

    `window_start` is None where a listing is asked without a window. `items` are ids that are asked one
    by one. `page_cursor` is where an interrupted slice goes on.
    """

    stream: str
    request: str
    organization_id: str
    organization_slug: str
    project_id: str = ""
    project_slug: str = ""
    window_start: datetime | None
    window_end: datetime
    interval_seconds: int | None = None
    items: tuple[str, ...] | None = None
    page_cursor: str = ""

    @property
    def slice_id(self) -> str:
        """Stable name of what is asked, 16 hex digits."""
        asked = (
            self.stream,
            self.request,
            self.organization_id,
            self.project_id,
            self.window_start,
            self.window_end,
            self.interval_seconds,
            self.items,
        )
        return blake2b(repr(asked).encode(), digest_size=8).hexdigest()

    @property
    def title(self) -> str:
        """What people read: `issues · acme/web · 2026-11-22`."""
        name = f"{self.stream} {self.request}".strip()
        scope = f"{self.organization_slug}/{self.project_slug}".strip("/")
        start = f"{self.window_start:%Y-%m-%d}…" if self.window_start else ""
        return f"{name} · {scope} · {start}{self.window_end:%Y-%m-%d}"


def plan(
    stream: Stream,
    request: Request,
    organization: Organization,
    project: Project | None,
    *,
    watermark: datetime | None,
    as_of: datetime,
    since: datetime | None = None,
) -> list[Slice]:
    """The slices that bring one scope up to `as_of`, oldest first; none when it is there already.

    `watermark` is the end of what is loaded without a gap. `since` (backfill) overrides where to start.
    """
    base = Slice(
        stream=stream.name,
        request=request.name,
        organization_id=organization.organization_id,
        organization_slug=organization.slug,
        project_id=project.project_id if project else "",
        project_slug=project.slug if project else "",
        window_start=None,
        window_end=as_of,
    )
    if watermark is not None:
        if since is None and as_of <= watermark < as_of + CLOCKS_DIFFER:
            return []
        watermark = min(watermark, as_of)  # a server's clock that was ahead says nothing of what was read
    window = request.window
    if window is None:
        return [base]
    start = _start(window, watermark, as_of, since)
    if start is None:
        return [base]
    unread = None if since is not None else _unread(window, watermark, start)
    edges = [time for time in (unread, start, as_of) if time is not None]
    return [
        replace(
            base, window_start=a, window_end=b, interval_seconds=int(step.total_seconds()) if step else None
        )
        for begin, end in pairwise(edges)
        for a, b, step in _pieces(window, begin, end, as_of)
    ]


def _start(
    window: Window, watermark: datetime | None, as_of: datetime, since: datetime | None
) -> datetime | None:
    if since is not None:
        return floor(since, window.align)
    earliest = None if window.first is None else as_of - window.first
    if watermark is None:
        start = earliest
    elif earliest is None:
        start = watermark - window.overlap
    else:
        start = max(earliest, watermark - window.overlap)
    return None if start is None else floor(start, window.align)


def _unread(window: Window, watermark: datetime | None, start: datetime) -> datetime | None:
    """Where begins what no run has read after a long pause and a first run would not reach, if any is.
    It is asked in pieces of its own: Sentry may still have it, or say that it does not."""
    if watermark is None or window.first is None or window.overlap >= window.first:
        return None
    unread = floor(watermark, window.align)
    return unread if unread < start else None


def _pieces(
    window: Window, start: datetime, end: datetime, as_of: datetime
) -> Iterator[tuple[datetime, datetime, timedelta | None]]:
    recent = start
    if window.coarse:
        age, interval, longest = window.coarse
        recent = min(end, max(start, floor(as_of - age, window.align)))
        yield from ((a, b, interval) for a, b in _cut(start, recent, longest))
    yield from ((a, b, window.interval) for a, b in _cut(recent, end, window.longest))


def _cut(start: datetime, end: datetime, longest: timedelta | None) -> Iterator[tuple[datetime, datetime]]:
    while start < end:
        stop = end if longest is None else min(end, start + longest)
        yield start, stop
        start = stop


def floor(time: datetime, step: timedelta | None) -> datetime:
    """The last multiple of `step` since the epoch that is not after `time`."""
    return time if step is None else EPOCH + (time - EPOCH) // step * step


def split(slice_: Slice, request: Request, pieces: int = 2) -> list[Slice]:
    """About so many equal pieces of a slice, cut between intervals; empty when it can not be cut."""
    if slice_.window_start is None:
        return []
    if request.shape == "discover" and request.load == "replace":
        return []  # its rows are figures of the whole window, which those of pieces would replace
    step = timedelta(seconds=slice_.interval_seconds or 1)
    if request.window and request.shape == "discover" and request.window.longest:
        step = request.window.longest  # a row's interval_start is its slice's start
    length = slice_.window_end - slice_.window_start
    inner = {floor(slice_.window_start + length * i / pieces, step) for i in range(1, pieces)}
    cuts = sorted(c for c in inner if slice_.window_start < c < slice_.window_end)
    if not cuts:
        return []
    edges = [slice_.window_start, *cuts, slice_.window_end]
    return [replace(slice_, window_start=a, window_end=b, page_cursor="") for a, b in pairwise(edges)]


def counted_together(
    slice_: Slice, request: Request, as_of: datetime
) -> tuple[datetime, datetime, timedelta] | None:
    """The stretch of windows that one question can count along with the slice's, and the length of each; None
    where the windows are none that Sentry groups times by. `as_of` is the end of the run's last window."""
    length = request.window.longest if request.window else None
    if length not in GROUPED_BY or slice_.window_start is None:
        return None
    newest = floor(as_of - timedelta(microseconds=1), length)
    others = newest - (NEWEST_TOGETHER - 1) * length
    if slice_.window_start >= others:
        return others, as_of, length
    stretch = OTHERS_TOGETHER * length
    end = others - (others - length - slice_.window_start) // stretch * stretch
    return end - stretch, end, length


def intervals(slice_: Slice) -> int:
    """How many intervals a series answer to the slice has; Sentry ceils the end (facts §4.3)."""
    if slice_.window_start is None or not slice_.interval_seconds:
        return 1
    step = timedelta(seconds=slice_.interval_seconds)
    return max(1, -((floor(slice_.window_start, step) - slice_.window_end) // step))


def page_size(slice_: Slice, request: Request) -> int:
    """Records a page: as the request says, or as many groups as its points allow, less the one that Sentry
    adds to see whether more follow (facts §4.4)."""
    if not request.points:
        return request.page_size
    return max(1, min(request.page_size, request.points // intervals(slice_) - 1))


def fill(parameters: Parameters, slice_: Slice) -> list[tuple[str, str]]:
    """Query parameters of a slice; those that need a window are left out where it has none."""
    known = {
        "{start}": stamp(slice_.window_start) if slice_.window_start else None,
        "{end}": stamp(slice_.window_end) if slice_.window_start else None,
        "{interval}": interval_text(slice_.interval_seconds) if slice_.interval_seconds else None,
        "{project_id}": slice_.project_id,
    }
    filled = ((name, known.get(value, value)) for name, value in parameters)
    return [(name, value) for name, value in filled if value is not None]


def path_of(slice_: Slice, request: Request) -> str:
    """The request's path with the slice's slugs."""
    return request.path.replace("{organization}", slice_.organization_slug).replace(
        "{project}", slice_.project_slug
    )


def stamp(time: datetime) -> str:
    """A time as Sentry reads it for certain: ISO 8601 with Z (a naive one is shifted: facts §4.0)."""
    return time.replace(tzinfo=UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def interval_text(seconds: int) -> str:
    """An interval as Sentry writes it: 1d, 1h, 5m."""
    for unit, length in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds % length == 0:
            return f"{seconds // length}{unit}"
    return f"{seconds}s"


def requests_of(stream: Stream, queries: Sequence[DiscoverQuery]) -> tuple[Request, ...]:
    """The stream's requests, made from the configuration where they are not fixed."""
    return stream.configure(queries) if stream.configure else stream.requests
