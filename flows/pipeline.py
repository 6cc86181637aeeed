"""The whole path of the data, plain Python: plan, fetch, archive, normalise, load, publish."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from hashlib import blake2b

from extractors.archive import Archive
from extractors.errors import SentryError
from extractors.governor import Governor
from extractors.plan import Slice, plan
from extractors.stream import Request, all_streams
from flows.audit import record, record_vanished, short_slices
from flows.clients import Clients, require_token
from flows.discovery import (
    Found,
    check_server,
    find_organizations,
    listed_no_more,
    listed_projects,
    refuse_unknown,
)
from flows.ending import Result, finish, tidy_archive
from flows.lanes import run_slices
from flows.planning import (
    FOUNDATION,
    chosen_streams,
    discover_queries,
    end_of_windows,
    item_slices,
    listing_slices,
    most_items,
    wanted_requests,
)
from flows.policy import privacy_of
from flows.publishing import publish_home
from flows.run import Run, plan_row
from flows.settings import Settings, UsageError
from flows.sweep import (
    Asked,
    lists_again,
    record_bodies,
    record_projects,
    record_sweep,
    slices_again,
)
from flows.workers import Clock, Observer, Threads, Workers
from warehouse import state
from warehouse.learnt import GOVERNOR
from warehouse.lock import hold
from warehouse.store import Store, remove_leftovers
from warehouse.worklist import worklist


def export(
    settings: Settings,
    observer: Observer,
    *,
    stop: threading.Event | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    workers: Workers | None = None,
) -> Result:
    """The nightly job: brings every stream up to now (less the lag), then publishes.

    With `since` it is a backfill instead, of the time from then to `until`, or now (UTC without a zone).
    `workers` is where slices are worked on: threads of this process, unless given.
    Raises UsageError for wrong settings, SentryError when Sentry can not be asked at all,
    WarehouseError for trouble with the files, Interrupted after `stop`.
    """
    stop = stop or threading.Event()
    require_token(settings)
    with hold(settings.home_path):
        return _export(settings, observer, stop, since, until, workers or Threads())


def _export(
    settings: Settings,
    observer: Observer,
    stop: threading.Event,
    since: datetime | None,
    until: datetime | None,
    workers: Workers,
) -> Result:
    began = datetime.now(UTC)
    remove_leftovers(settings.home_path)
    file = settings.home_path / "warehouse.duckdb"
    fresh, unused = not file.exists(), False
    store = Store(file, memory_limit=settings.memory)
    try:
        with _clients(settings, store, stop) as clients:
            result = _run(settings, store, clients, observer, stop, since, until, workers)
            usage = clients.usage()
            result.requests, result.retried = usage.requests, usage.retried
            result.throttled, result.bytes = usage.throttled, usage.bytes
    except (UsageError, SentryError):
        unused = fresh and not store.rows("select 1 from meta.runs limit 1")
        raise
    finally:
        workers.close()
        store.close()
        if unused:  # no organization could be asked: nothing is left that looks like a warehouse
            file.unlink(missing_ok=True)
    result.published = workers.step("publish", lambda: publish_home(settings))
    result.seconds = (datetime.now(UTC) - began).total_seconds()
    return result


@contextmanager
def _clients(settings: Settings, store: Store, stop: threading.Event) -> Iterator[Clients]:
    governor = Governor()
    learnt = state.recall(store, GOVERNOR)
    if learnt:
        governor.restore(learnt)
    clients = Clients(settings, governor=governor, stop=stop)
    try:
        yield clients
    finally:
        clients.close()
        state.remember(store, GOVERNOR, governor.snapshot())
        state.note_deprecations(store, clients.deprecations(), datetime.now(UTC).replace(tzinfo=None))


def _run(
    settings: Settings,
    store: Store,
    clients: Clients,
    observer: Observer,
    stop: threading.Event,
    since: datetime | None,
    until: datetime | None,
    workers: Workers,
) -> Result:
    command = "export" if since is None else "backfill"
    found = find_organizations(clients, settings.organizations)
    check_server(store, settings.url, found)
    clock = Clock(found[0].answer.date.astimezone(UTC) - datetime.now(UTC))
    now = clock.now()
    ahead = state.correct_runs(store, now, datetime.now(UTC).replace(tzinfo=None))
    organizations = {f.organization.organization_id: f.organization for f in found}
    asks = asked_for(settings, organizations, since, until)
    archive = Archive(settings.home_path / "raw")
    for cut_off, committed in state.open_runs(store).items():
        archive.remove_strays(cut_off, committed)
    opened = state.take_up(store, now, command, asks)
    as_of = opened.as_of if opened else end_of_windows(settings, now, since, until)
    run = Run(
        run_id=opened.run_id if opened else f"{now:%Y%m%dT%H%M%S}-{uuid.uuid4().hex[:6]}",
        as_of=as_of,
        clock=clock,
        clients=clients,
        store=store,
        archive=archive,
        privacy=privacy_of(settings),
        streams=chosen_streams(settings),
        queries=discover_queries(settings),
        organizations=organizations,
        observer=observer,
        retries=settings.retries,
        workers=workers,
        stop=stop,
    )
    result = Result(run.run_id, as_of, resumed=opened is not None)
    if ahead:
        result.warnings.append(
            f"The server's clock was ahead when the run {ahead[-1]} began: it is not yet as late as it said. "
            "What such a run did not read is read now."
        )
    if not settings.organizations and not settings.tokens:
        result.warnings += [
            f"Sentry lists the organization {slug!r} no more: it was deleted, or the token no longer sees "
            "it. What was read of it stays; to leave it out, name the others in SENTRY_ORG."
            for slug in listed_no_more(store, settings.url, found)
        ]
    if not opened:
        state.begin_run(
            store,
            {
                "run_id": run.run_id,
                "command": command,
                "version": version(),
                "as_of": as_of,
                "started_at": now,
            },
            asks,
        )
    try:
        _play(run, settings, found, result, since)
    except UsageError as error:
        # nothing was cut off: it is refused until the settings change
        state.end_run(store, run.run_id, status="failed", finished_at=clock.now(), note=str(error))
        raise
    except SentryError as error:  # it stays open, to be taken up
        state.note_run(store, run.run_id, str(error))
        raise
    finally:
        run.writer.shutdown(cancel_futures=True)
    return result


def _play(
    run: Run,
    settings: Settings,
    found: Sequence[Found],
    result: Result,
    since: datetime | None,
) -> None:
    """All of a run, from its tables to its checks; notes how it went in the result."""
    result.warnings += _make_tables(run)
    _foundation(run, found)
    refuse_unknown(
        [p for o in run.organizations for p in listed_projects(run.store, run.run_id, o, ())],
        settings.projects,
    )
    if settings.projects:
        run.only = {
            # one that may not be read would have the others refused along with it
            o: [
                p.project_id
                for p in listed_projects(run.store, run.run_id, o, settings.projects)
                if p.has_access
            ]
            for o in run.organizations
        }
    if not _main_planned(run):
        slices = plan_run(run, settings, since)
        state.save_plan(run.store, run.run_id, [plan_row(s) for s in slices])
    todo = [Slice(**row) for row in state.open_slices(run.store, run.run_id)]
    run_slices(
        run,
        todo,
        threads=settings.threads,
        then=lambda done, open_: early_follow_up(run, settings, todo, done, open_),
    )
    follow_up(run, settings, since)
    if since is None:  # what a backfill reads may be older than a field
        with run.store.transaction():
            run.fields.conclude(run.store, run.run_id, run.clock.now())
    state.keep_last_rejects(run.store)
    run.store.checkpoint()  # the checks have the memory that its rows took
    finish(run, settings, result)
    tidy_archive(run, settings, result)


def asked_for(
    settings: Settings, organizations: Iterable[str], since: datetime | None, until: datetime | None
) -> str:
    """A digest of what a run with these settings asks for: one that was cut off is taken up by its like."""
    asked = (
        version(),
        settings.url,
        sorted(organizations),
        sorted(settings.projects),
        list(chosen_streams(settings)),
        discover_queries(settings),
        settings.events,
        settings.full_audit,
        since,
        until,
    )
    return blake2b(repr(asked).encode(), digest_size=8).hexdigest()


def version() -> str:
    """The installed version."""
    from importlib.metadata import version as installed

    return installed("sentry-warehouse")


def _make_tables(run: Run) -> list[str]:
    """Makes the tables; returns what a reader should know of tables and columns that an older version did not
    have."""
    tables = {table: None for stream in all_streams() for r in stream.requests for table in r.tables}
    added = []
    with run.store.transaction():
        stored = [table for table in tables if run.store.columns(table)]
        for table in tables:
            added += [f"{table.name}.{name}" for name in run.store.fit(table)]
        if stored:
            added += [table.name for table in tables if table not in stored]
    if not added:
        return []
    return [
        f"This version has tables or columns that the warehouse lacked: {', '.join(added)}. What was loaded "
        "before has nothing there; `sentry-warehouse replay` fills them from the archive."
    ]


def _foundation(run: Run, found: Sequence[Found]) -> None:
    """Organizations and projects: always listed anew, also when a run is taken up again."""
    for name in FOUNDATION:
        (request,) = run.requests(name)
        slices = []
        for one in found:
            planned = plan(
                run.streams[name], request, one.organization, None, watermark=None, as_of=run.as_of
            )
            slices.append((planned[0], [one.answer] if name == "organizations" else None))
        with run.store.transaction():
            run.store.connection.execute(
                "delete from meta.slices where run_id = ? and stream = ?", [run.run_id, name]
            )
            state.add_slices(run.store, run.run_id, [plan_row(s) for s, _ in slices])
        run.observer.planned([s for s, _ in slices])
        for slice_, answers in slices:
            run.work(slice_, answers).result()
        for slice_ in lists_again(run, [name]):
            run.work(slice_).result()


def _main_planned(run: Run) -> bool:
    names = ", ".join(f"'{n}'" for n in FOUNDATION)
    return bool(
        run.store.rows(
            f"select 1 from meta.slices where run_id = ? and stream not in ({names}) limit 1", [run.run_id]
        )
    )


def plan_run(run: Run, settings: Settings, since: datetime | None = None) -> list[Slice]:
    """All slices of the run but the foundation's: for each stream, each scope, each window."""
    scopes = {
        organization: listed_projects(run.store, run.run_id, organization.organization_id, settings.projects)
        for organization in run.organizations.values()
    }
    streams = [stream for stream in run.streams.values() if stream.name not in FOUNDATION]
    return listing_slices(
        streams, scopes, settings, state.watermarks(run.store), as_of=run.as_of, since=since
    )


def early_follow_up(
    run: Run, settings: Settings, todo: Sequence[Slice], done: str, open_: frozenset[str]
) -> list[Slice]:
    """What can be asked one by one as soon as a stream's listings are done, while those of `open_` are not;
    added to the run's plan."""
    begun = {(s.stream, s.request) for s in todo if s.items is not None}

    def is_ready(request: Request) -> bool:
        return done in request.after and not open_ & set(request.after)

    slices = [s for s in open_items(run, settings, is_ready) if (s.stream, s.request) not in begun]
    state.save_plan(run.store, run.run_id, [plan_row(s) for s in slices])
    return slices


def follow_up(run: Run, settings: Settings, since: datetime | None = None) -> None:
    """Asks one by one for what the listings left open: own pages of what changed, fate of what vanished."""
    run_more(run, lists_again(run, list(run.streams)), settings)
    known = state.planned(run.store, run.run_id)
    run_more(run, [s for s in plan_run(run, settings, since) if s.slice_id not in known], settings)
    asked: Asked = {}
    while again := slices_again(run, asked):
        run_more(run, again, settings)
    run_more(run, open_items(run, settings), settings)
    record_sweep(run)
    record_projects(run)
    if since is None:
        record_vanished(run)
    # after the fate of vanished issues is known: Sentry no longer counts the events of deleted ones
    run_more(run, short_slices(run), settings)
    record(run)
    run_more(run, record_bodies(run), settings)
    record_bodies(run)


def open_items(
    run: Run, settings: Settings, is_ready: Callable[[Request], bool] = lambda request: True
) -> list[Slice]:
    """Slices of the items that this run has not asked for yet, of requests that are ready for it."""
    asked = state.items_asked(run.store, run.run_id)
    slices: list[Slice] = []
    for stream in run.streams.values():
        for request in wanted_requests(stream, settings):
            if not request.worklist or not is_ready(request):
                continue
            before = asked.get((stream.name, request.name), set())
            most = max(0, most_items(stream, settings) - len(before))
            rows = worklist(run.store, request.worklist, run.run_id, everything=settings.full_audit)
            slices += item_slices(
                stream,
                request,
                [row for row in rows if (row[0], row[2]) not in before][:most],
                run.organizations,
                as_of=run.as_of,
                at_once=settings.threads,
            )
    return slices


def run_more(run: Run, slices: Sequence[Slice], settings: Settings) -> None:
    """Adds slices to the run's plan and runs them."""
    state.save_plan(run.store, run.run_id, [plan_row(s) for s in slices])
    run_slices(run, slices, threads=settings.threads)
