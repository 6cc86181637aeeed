"""What a run asks for: the streams chosen, and their slices. Export, plan and check share it, so that they
cannot come to differ."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from extractors.plan import Organization, Project, Slice, floor, plan, requests_of
from extractors.stream import EVERY_PROJECT, DiscoverQuery, Request, Stream, Window, all_streams
from flows.settings import Settings, UsageError
from warehouse.checks import Check, drift_check

FOUNDATION = ("organizations", "projects")
"""Streams that tell what the others are asked for; they come first, in this order."""

DAY = timedelta(days=1)

ITEMS_A_SLICE = 200
"""Ids asked one by one in one slice at most: at 5 requests a second (facts §2.2) about 40 s of work."""

FEWEST_ITEMS = 20
"""A slice costs as much as a few requests, whatever is in it."""


def chosen_streams(settings: Settings) -> dict[str, Stream]:
    """The streams that the settings ask for, by name; the foundation is always among them.

    Raises UsageError for a name that is no stream.
    """
    known = {s.name: s for s in all_streams()}
    for name in (*settings.streams.only, *settings.streams.exclude, *settings.drift.streams):
        if name not in known:
            raise UsageError(f"There is no stream {name!r}. There are: {', '.join(known)}.")
    only = set(settings.streams.only) or set(known)
    chosen = [n for n in known if n in FOUNDATION or (n in only and n not in settings.streams.exclude)]
    return {name: known[name] for name in sorted(chosen, key=lambda n: (n not in FOUNDATION, n))}


def drift_checks(settings: Settings, streams: Iterable[str]) -> list[Check]:
    """The checks of drift that the settings ask for, one a stream that is not merely noted."""
    levels = {name: settings.drift.streams.get(name, settings.drift.default) for name in streams}
    return [
        drift_check(name, level, settings.drift.accepted) for name, level in levels.items() if level != "note"
    ]


def discover_queries(settings: Settings) -> Sequence[DiscoverQuery]:
    """The configured queries, or the default ones."""
    from extractors.streams.discover import DEFAULT_QUERIES

    if settings.discover is None:
        return DEFAULT_QUERIES
    return [
        DiscoverQuery(
            name=q.name,
            fields=tuple(q.fields),
            query=q.query,
            dataset=q.dataset,
            sort=tuple(q.sort),
            interval=q.interval,
            days=q.days,
        )
        for q in settings.discover
    ]


def end_of_windows(
    settings: Settings, now: datetime, since: datetime | None, until: datetime | None
) -> datetime:
    """Up to when a run that starts now reads: what Sentry shows later may still be incomplete. A day in which
    a backfill ends is read whole, for figures of a part of it would take the place of the day's.

    Raises UsageError when a backfill would begin after it.
    """
    settled = now - timedelta(minutes=settings.lag_minutes)
    end = floor(until - timedelta.resolution, DAY) + DAY if until else settled
    as_of = min(end, settled).replace(microsecond=0)
    if since is not None and since >= as_of:
        raise UsageError(
            f"There is nothing to read since {since:%Y-%m-%d %H:%M}: Sentry's figures are final up to "
            f"{as_of:%Y-%m-%d %H:%M} UTC. Give an earlier --since."
        )
    return as_of


def listing_slices(
    streams: Iterable[Stream],
    scopes: Mapping[Organization, Sequence[Project]],
    settings: Settings,
    marks: Mapping[tuple[str, str, str, str], datetime],
    *,
    as_of: datetime,
    since: datetime | None = None,
) -> list[Slice]:
    """The slices of all listings: for each stream, each scope, each window.

    `marks` are watermarks by (stream, request, organization_id, project_id); `since` makes it a backfill, for
    which no snapshots are taken: they would show the past as if it were now.
    What is asked one by one for listed items comes later: see `item_slices`.
    """
    slices: list[Slice] = []
    for organization, projects in scopes.items():
        for stream in streams:
            for request in wanted_requests(stream, settings):
                if request.worklist or (since is not None and request.is_snapshot):
                    continue
                # series are replaced: older intervals may be gone by now, or only be told by the day
                again = settings.full_audit and request.load == "upsert"
                name = (stream.name, request.name, organization.organization_id)
                is_about_chosen = bool(settings.projects) and EVERY_PROJECT in request.parameters
                readable = [p for p in projects if p.has_access]
                if is_about_chosen and not readable:
                    continue
                for project in projects if stream.scope == "project" else [None]:
                    mark = marks.get((*name, project.project_id if project else ""))
                    if is_about_chosen:
                        mark = _all_reached(marks, name, readable, apart=request.catches_up)
                    slices += plan(
                        stream,
                        adjusted(request, stream, settings),
                        organization,
                        project,
                        watermark=None if again else mark,
                        as_of=as_of,
                        since=since,
                    )
                if request.catches_up and since is None and not settings.projects:
                    for project, mark in _out_of_sight(marks, name, request.window, projects, as_of):
                        slices += plan(stream, request, organization, project, watermark=mark, as_of=as_of)
    return slices


def _out_of_sight(
    marks: Mapping[tuple[str, str, str, str], datetime],
    name: tuple[str, str, str],
    window: Window | None,
    projects: Sequence[Project],
    as_of: datetime,
) -> list[tuple[Project, datetime]]:
    """Projects of which the last run that asked for all was told nothing, as they were out of sight; each
    with the time from which on it is to be read."""
    last = marks.get((*name, ""))
    if last is None or window is None or window.first is None:
        return []
    earliest = as_of - window.first
    # older versions noted only up to when all are loaded
    is_noted = any(key[:3] == name and key[3] and mark >= last for key, mark in marks.items())
    found: list[tuple[Project, datetime]] = []
    for project in projects:
        mark = marks.get((*name, project.project_id))
        created = max(project.created or earliest, earliest)
        if not project.has_access:
            continue
        if mark is not None and mark < last:
            found.append((project, mark))
        elif mark is None and is_noted and created < last - window.overlap:
            found.append((project, created))
    return found


def _all_reached(
    marks: Mapping[tuple[str, str, str, str], datetime],
    name: tuple[str, str, str],
    projects: Sequence[Project],
    *,
    apart: bool,
) -> datetime | None:
    """Up to when what is asked of an organization is loaded of each of these projects: by runs that chose it,
    or by those that asked for all. With `apart` these note each that they were told of."""
    reached = []
    for project in projects:
        own, every = marks.get((*name, project.project_id)), marks.get((*name, ""))
        reached.append([mark for mark in (own, None if apart and own else every) if mark])
    return min(map(max, reached)) if all(reached) else None


def wanted_requests(stream: Stream, settings: Settings) -> list[Request]:
    """The requests of a stream that the settings ask for."""
    known = requests_of(stream, discover_queries(settings))
    return [request for request in known if is_wanted(request, stream, settings)]


def most_items(stream: Stream, settings: Settings) -> int:
    """How many items one run may ask for one by one, for each request of the stream."""
    most: int = getattr(getattr(settings, stream.name, None), "detail_requests", settings.details)
    return most


def item_slices(
    stream: Stream,
    request: Request,
    rows: Sequence[tuple[str, str, str]],
    organizations: Mapping[str, Organization],
    *,
    as_of: datetime,
    at_once: int = 1,
) -> list[Slice]:
    """Slices of (organization_id, project_id, id) rows, by project, of a bounded number of ids each; small
    enough for `at_once` of them, since those of one slice are asked one after the other.
    """
    most = max(FEWEST_ITEMS, min(ITEMS_A_SLICE, -(-len(rows) // at_once)))
    by_scope: dict[tuple[str, str], list[str]] = {}
    for organization_id, project_id, item in rows:
        by_scope.setdefault((organization_id, project_id), []).append(item)
    return [
        Slice(
            stream=stream.name,
            request=request.name,
            organization_id=organization_id,
            organization_slug=organizations[organization_id].slug,
            project_id=project_id,
            window_start=None,
            window_end=as_of,
            items=tuple(items[i : i + most]),
        )
        for (organization_id, project_id), items in by_scope.items()
        if organization_id in organizations
        for i in range(0, len(items), most)
    ]


def is_wanted(request: Request, stream: Stream, settings: Settings) -> bool:
    """Whether the settings ask for as much detail as the request brings."""
    section = getattr(settings, stream.name, None)
    return request.detail in ("", getattr(section, "detail", ""))


def adjusted(request: Request, stream: Stream, settings: Settings) -> Request:
    """The request with the overlap that the settings ask for."""
    section = getattr(settings, stream.name, None)
    days = getattr(section, "overlap_days", None)
    if days is None or request.window is None:
        return request
    return replace(request, window=replace(request.window, overlap=timedelta(days=days)))
