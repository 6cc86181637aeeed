"""What a run would take, before it is run: requests, rows, megabytes, and minutes under Sentry's limits."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from extractors.errors import Forbidden, Gone
from extractors.governor import LONG_WINDOW, MOST_IN_FLIGHT, UNLIMITED_IN_FLIGHT, Allowance, Governor
from extractors.plan import Organization, Project, Slice
from extractors.stream import Request, Stream
from flows.clients import Clients, require_token
from flows.discovery import Found, ask_projects, find_organizations, refuse_unknown
from flows.planning import (
    FOUNDATION,
    chosen_streams,
    end_of_windows,
    listing_slices,
    most_items,
    wanted_requests,
)
from flows.settings import Settings
from flows.sizing import Basis, Estimate, Sizer
from warehouse.learnt import Learnt, look_back


@dataclass(frozen=True, slots=True)
class Part:
    """One request of a stream in one organization.

    round      0 for listings, 1 for what is asked one by one
    after      stream whose listings that waits for
    allowance  the limit its requests fall under
    latency    seconds an answer takes, as just seen; 0 = not seen
    lanes      slices worked on at once
    """

    stream: str
    request: str
    organization: str
    slices: int
    requests: int
    rows: int
    bytes: int
    basis: Basis
    round: int
    allowance: Allowance
    latency: float
    lanes: int
    refused: str = ""
    after: tuple[str, ...] = ()

    @property
    def seconds(self) -> float:
        """What it needs when nothing else runs."""
        return max(_waiting(self.requests, self.allowance, self.latency), self._travelling)

    @property
    def _travelling(self) -> float:
        at_once = max(1, min(self.lanes, self.slices, _at_once(self.allowance)))
        return self.requests * self.latency / at_once


@dataclass(frozen=True, slots=True)
class Forecast:
    """A run's plan.

    as_of   end of its windows (UTC), `since` the start of a backfill
    first   nothing of it was exported before
    asked   requests that were sent to find out
    """

    as_of: datetime
    since: datetime | None
    first: bool
    organizations: tuple[str, ...]
    parts: tuple[Part, ...]
    asked: int
    notes: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        """3 when Sentry refused something, so that the run would end with 3 as well."""
        return 3 if any(part.refused for part in self.parts) else 0

    @property
    def seconds(self) -> float:
        """Of the whole run: what its slowest limit or lane needs, but what is asked one by one waits for the
        listings that name it."""
        items = [p for p in self.parts if p.round]
        awaited = {stream for p in items for stream in p.after}
        before = [p for p in self.parts if not p.round and p.stream in awaited]
        return max(_seconds_beside(self.parts), _seconds_beside(before) + _seconds_beside(items))

    @property
    def slowest(self) -> Part | None:
        """What the run waits for most."""
        return max(self.parts, key=lambda part: part.seconds, default=None)


def forecast(
    settings: Settings,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
) -> Forecast:
    """What an export, or the backfill of a time (UTC), would take. Writes nothing.

    Raises UsageError for wrong settings, SentryError when Sentry can not be asked at all, WarehouseError
    for a warehouse that can not be read.
    """
    require_token(settings)
    streams = chosen_streams(settings)
    learnt = look_back(settings.home_path)
    governor = Governor()
    governor.restore(learnt.limits)
    with Clients(settings, governor=governor) as clients:
        found = find_organizations(clients, settings.organizations)
        before = clients.usage().requests
        now = found[0].answer.date.astimezone(UTC).replace(tzinfo=None)
        as_of = end_of_windows(settings, now, since, until)
        refused: dict[str, str] = {}
        listed = {f.organization: _projects(clients, f.organization, refused) for f in found}
        refuse_unknown([p for projects in listed.values() for p in projects], settings.projects)
        scopes = {o: [p for p in ps if p.is_wanted(settings.projects)] for o, ps in listed.items()}
        sizers = _sizers(clients, learnt, scopes, streams.values(), settings, as_of)
        parts = _foundation(clients, learnt, found, listed, before, refused)
        parts += _listings(clients, sizers, scopes, streams, settings, learnt, as_of, since)
        parts += _items(clients, sizers, scopes, streams.values(), settings)
        known = {f.organization.organization_id for f in found} & set(learnt.last)
        return Forecast(
            as_of=as_of,
            since=since,
            first=not known,
            organizations=tuple(f.organization.slug for f in found),
            parts=tuple(parts),
            asked=clients.usage().requests,
            notes=(learnt.note,) if learnt.note else (),
        )


def _projects(clients: Clients, organization: Organization, refused: dict[str, str]) -> list[Project]:
    """Its projects; none where Sentry refuses to list them, as an export takes it."""
    try:
        return ask_projects(clients.of(organization.organization_id), organization)
    except (Forbidden, Gone) as error:
        refused[organization.slug] = str(error)
        return []


def _sizers(
    clients: Clients,
    learnt: Learnt,
    scopes: dict[Organization, list[Project]],
    streams: Iterable[Stream],
    settings: Settings,
    as_of: datetime,
) -> dict[str, Sizer]:
    measures = {r.measure for stream in streams for r in wanted_requests(stream, settings) if r.measure}
    return {
        organization.organization_id: Sizer(
            clients, learnt, organization, projects, as_of=as_of, measures=sorted(measures)
        )
        for organization, projects in scopes.items()
    }


def _foundation(
    clients: Clients,
    learnt: Learnt,
    found: Sequence[Found],
    listed: dict[Organization, list[Project]],
    asked: int,
    refused: dict[str, str],
) -> list[Part]:
    """What was asked just now is what the run asks first."""
    parts = []
    for one in found:
        organization = one.organization
        projects = len(listed[organization])
        client = clients.of(organization.organization_id)
        for name, rows in zip(FOUNDATION, (1, projects), strict=True):
            requests = max(1, math.ceil(rows / 100))
            if name == FOUNDATION[0]:
                requests = asked if one is found[0] else 0
            parts.append(
                Part(
                    stream=name,
                    request="",
                    organization=organization.slug,
                    slices=1,
                    requests=requests,
                    rows=rows,
                    bytes=round(learnt.row_bytes.get((name, ""), len(one.answer.body)) * rows),
                    basis="listed",
                    round=0,
                    allowance=client.allowance(
                        f"/organizations/{organization.slug}/projects/", organization.region
                    ),
                    latency=0.0,
                    lanes=1,
                    refused=refused.get(organization.slug, "") if name == FOUNDATION[1] else "",
                )
            )
    return parts


def _listings(
    clients: Clients,
    sizers: dict[str, Sizer],
    scopes: dict[Organization, list[Project]],
    streams: dict[str, Stream],
    settings: Settings,
    learnt: Learnt,
    as_of: datetime,
    since: datetime | None,
) -> list[Part]:
    wanted = [stream for stream in streams.values() if stream.name not in FOUNDATION]
    groups: dict[tuple[str, str, str], list[Slice]] = defaultdict(list)
    for slice_ in listing_slices(wanted, scopes, settings, learnt.marks, as_of=as_of, since=since):
        groups[slice_.organization_id, slice_.stream, slice_.request].append(slice_)
    requests = {(s.name, r.name): r for s in wanted for r in wanted_requests(s, settings)}
    by_id = {organization.organization_id: organization for organization in scopes}
    # counted ones first: their numbers tell which projects are busy
    order = sorted(groups.items(), key=lambda g: not requests[g[0][1], g[0][2]].measure)
    return [
        _part(
            clients,
            by_id[organization_id],
            streams[stream],
            requests[stream, name],
            sizers[organization_id].listing(streams[stream], requests[stream, name], slices),
            sizers[organization_id],
            settings,
        )
        for (organization_id, stream, name), slices in order
    ]


def _items(
    clients: Clients,
    sizers: dict[str, Sizer],
    scopes: dict[Organization, list[Project]],
    streams: Iterable[Stream],
    settings: Settings,
) -> list[Part]:
    parts = []
    for stream in streams:
        for request in wanted_requests(stream, settings):
            left = most_items(stream, settings)
            for organization in scopes if request.worklist else ():
                sizer = sizers[organization.organization_id]
                estimate = sizer.items(stream, request, left)
                left -= estimate.requests
                if estimate.requests:
                    parts.append(_part(clients, organization, stream, request, estimate, sizer, settings))
    return parts


def _part(
    clients: Clients,
    organization: Organization,
    stream: Stream,
    request: Request,
    estimate: Estimate,
    sizer: Sizer,
    settings: Settings,
) -> Part:
    path = request.path.replace("{organization}", organization.slug)
    client = clients.of(organization.organization_id)
    return Part(
        stream=stream.name,
        request=request.name,
        organization=organization.slug,
        slices=estimate.slices,
        requests=estimate.requests,
        rows=estimate.rows,
        bytes=estimate.bytes,
        basis=estimate.basis,
        round=1 if request.worklist else 0,
        allowance=client.allowance(path, organization.region),
        latency=sizer.fastest.get(request.path, 0.0),
        lanes=settings.threads,
        refused=estimate.refused,
        after=request.after,
    )


# time


def _at_once(allowance: Allowance) -> int:
    limit = allowance.limit
    if limit is None:
        return UNLIMITED_IN_FLIGHT
    return min(MOST_IN_FLIGHT, limit.concurrency or MOST_IN_FLIGHT)


def _waiting(requests: int, allowance: Allowance, latency: float) -> float:
    """Seconds that so many requests take under a limit alone."""
    limit = allowance.limit
    if limit is None or not requests:
        return 0.0
    if limit.window < LONG_WINDOW:
        return requests * limit.window / limit.requests
    windows, rest = divmod(requests - 1, limit.requests)
    return windows * limit.window + (rest + 1) * latency / _at_once(allowance)


def _seconds_beside(parts: Sequence[Part]) -> float:
    """Requests under one limit wait for each other, and so do slices of one lane; the slowest counts."""
    buckets: dict[tuple[str, str, str], list[Part]] = defaultdict(list)
    lanes: dict[tuple[object, ...], list[Part]] = defaultdict(list)
    for part in parts:
        buckets[part.allowance.bucket].append(part)
        lanes[part.stream, part.allowance.bucket].append(part)
    waits = [
        _waiting(sum(p.requests for p in some), some[0].allowance, max(p.latency for p in some))
        for some in buckets.values()
    ]
    travels = [
        sum(p.requests * p.latency for p in some)
        / max(1, min(some[0].lanes, sum(p.slices for p in some), max(_at_once(p.allowance) for p in some)))
        for some in lanes.values()
    ]
    return max([*waits, *travels], default=0.0)
