"""Looks at all that an export needs before it is run: a line each, with what to do about it."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import msgspec

from extractors.answer import Answer
from extractors.client import Client
from extractors.errors import (
    BadQuery,
    Forbidden,
    Gone,
    SentryError,
    Unauthorized,
)
from extractors.governor import DEFAULT, Governor
from extractors.plan import Organization, Project, Slice, fill, floor, path_of, stamp
from extractors.stream import EVERY_PROJECT, Parameters, Request, Stream
from flows.answers import counted
from flows.asking import refuses_several
from flows.check_home import check_home
from flows.clients import Clients
from flows.discovery import ALLOW_LIST, ask_projects, find_organizations, is_listing, refuse_unknown
from flows.findings import Finding, Findings
from flows.loading import ids_of
from flows.planning import FOUNDATION, chosen_streams, wanted_requests
from flows.settings import Settings, UsageError, unknown_variables
from transforms.reader import make_reader
from transforms.repair import Unreadable, read_json

KINDS = {
    "sntryu_": "a user's token: sees what its owner sees",
    "sntryi_": "an internal integration's token",
    "sntrya_": "an OAuth application's token",
    "sntrys_": "an organization token",
}
"""Prefixes of tokens (facts §7)."""

INTEGRATION = "Make an internal integration with org:read, project:read, team:read, member:read, event:read."
OTHER_TOKEN = f"It is {KINDS['sntrys_']}, which could not read issues or events anyway. {INTEGRATION}"

SKEW = timedelta(seconds=60)
"""A clock this far off misleads people who compare times; windows follow the server's in any case."""

MANY = 100
"""Requests at once that nobody sends; limits of so many are not worth a word."""

PROJECTS_ASKED = 50
"""Projects asked for in one request: with more, the URL grows too long for some proxies."""

MOST_REQUESTS = 200
"""For finding projects that are refused; large organizations may be refused many."""

LONGEST_RETENTION = timedelta(days=400)
"""No plan keeps events longer."""

MORE_THAN_READ = (":write", ":admin", ":invite")
"""Ends of Sentry's scopes that let a token change something (facts §7)."""


def check(settings: Settings, show: Callable[[Finding], None] = lambda _: None) -> Findings:
    """Checks server, token, what each table needs, and the disk. Only cheap questions are asked."""
    found = Findings(show)
    streams = chosen_streams(settings)
    for variable in unknown_variables(os.environ):
        found.warn("settings", f"{variable} sets nothing", "docs/settings.md lists all variables.")
    _check_sentry(settings, streams, found)
    check_home(settings, found)
    return found


def _check_sentry(settings: Settings, streams: dict[str, Stream], found: Findings) -> None:
    if not settings.token and not settings.tokens:
        found.bad("token", "there is none", "Set SENTRY_AUTH_TOKEN.", 2)
        return
    governor = Governor()
    try:
        clients = Clients(settings, governor=governor)
    except SentryError as error:
        found.bad("server", settings.url, str(error), 2)
        return
    with clients:
        times = [_check_server(name, client, settings, found) for name, client in clients.by_name().items()]
        now = times[0]
        if now is None or None in times:
            return
        try:
            organizations = [f.organization for f in find_organizations(clients, settings.organizations)]
        except UsageError as error:
            found.bad("organizations", str(error), "", 2)
            return
        except SentryError as error:
            found.bad("organizations", str(error), "", 2 if isinstance(error, Unauthorized) else 1)
            return
        for organization in organizations:
            _tell_region(organization, clients.of(organization.organization_id), settings, found)
            _tell_rights(organization, clients.of(organization.organization_id), found)
        try:
            listed = _list_projects(organizations, clients, found)
            refuse_unknown([p for projects in listed.values() for p in projects], settings.projects)
        except UsageError as error:
            found.bad("projects", str(error), "", 2)
            return
        except SentryError as error:
            found.bad("projects", str(error), "", 1)
            return
        for organization, projects in listed.items():
            client = clients.of(organization.organization_id)
            chosen = [p for p in projects if p.is_wanted(settings.projects)]
            _Probe(client, settings, organization, now, found).check(streams, chosen)
        _tell_limits(governor, found)
        for path, headers in clients.deprecations():
            ends = "; ".join(f"{name} {value}" for name, value in headers.items())
            found.warn("deprecated", f"{path}: {ends}", "A newer sentry-warehouse may use what replaces it.")


def _check_server(name: str, client: Client, settings: Settings, found: Findings) -> datetime | None:
    """The server's time, if a Sentry answers there and knows the token: the general one, or that of the
    organization named."""
    date = None
    subject = f"token of {name}" if name else "token"
    token = settings.tokens[name] if name else settings.token
    path = f"/organizations/{name}/" if name else "/organizations/"
    try:
        answer = client.get(path, () if name else (("per_page", "1"),), retries=2)
        date = answer.date
        if not name and not is_listing(answer.body):
            found.bad("server", f"{settings.url} answers, but not as Sentry does", "Check SENTRY_URL.", 1)
            return None
    except Unauthorized as error:
        if error.detail:  # words of its own are Sentry's way of refusing
            found.good("server", f"{settings.url} is a Sentry")
        found.bad(subject, str(error), OTHER_TOKEN if token.startswith("sntrys_") else "", 2)
        return None
    except (Forbidden, Gone) as error:  # integrations may not list organizations
        if error.reason == ALLOW_LIST:
            found.bad("server", f"{settings.url}: {error}", "", 1)
            return None
        if not error.detail:
            found.warn("server", f"{settings.url}: {error}")
    except SentryError as error:
        found.bad("server", f"{settings.url}: {error}", "", 1)
        return None
    if "server" not in {f.subject for f in found.all}:
        found.good("server", f"{settings.url} is a Sentry")
        if date is not None:
            _check_clock(date - datetime.now(UTC), found)
    kind = next((text for prefix, text in KINDS.items() if token.startswith(prefix)), "")
    if token.startswith("sntrys_"):
        found.bad(
            subject,
            f"{KINDS['sntrys_']}: made for CI, it may read releases and little else",
            INTEGRATION,
            3,
        )
    else:
        found.good(subject, kind or "known to Sentry; without a prefix, as tokens were until 2024")
    return date or datetime.now(UTC)


def _tell_rights(organization: Organization, client: Client, found: Findings) -> None:
    """A hint where the organization's own page says that the token may more than read."""
    path = f"/organizations/{organization.slug}/"
    try:
        answer = client.get(path, (("detailed", "0"),), region=organization.region or None, retries=2)
        access = read_json(msgspec.json.Decoder(_Rights).decode, answer.body).access
    except (SentryError, Unreadable):
        return  # some tokens may not see the page; an export does not need it
    more = sorted(scope for scope in access if scope.endswith(MORE_THAN_READ))
    if more:
        found.warn(
            f"rights in {organization.slug}",
            f"the token may more than read: {', '.join(more)}",
            "Nothing but reading is needed: take these scopes from it, in case it gets lost.",
        )


def _tell_region(organization: Organization, client: Client, settings: Settings, found: Findings) -> None:
    text = f"{organization.slug} ({organization.organization_id})"
    if organization.region and client.is_own(organization.region):
        text += f", asked at {client.base_of(organization.region)}"
    elif organization.region:
        text += (
            f", asked at {settings.url}; the address that it names for itself ({organization.region}) is of "
            "another domain, and the token is sent to yours only"
        )
    found.good("organization", text)


def _check_clock(ahead: timedelta, found: Findings) -> None:
    """`ahead` is by how much the server's clock is ahead of ours, give or take the answer's way."""
    seconds = ahead.total_seconds()
    if abs(ahead) < SKEW:
        found.good("clock", "agrees with the server's")
        return
    where = "behind" if seconds > 0 else "ahead of"
    found.warn(
        "clock",
        f"this machine's is {timedelta(minutes=round(abs(seconds) / 60))} {where} the server's, "
        "which exports use",
        "Set this machine's clock (NTP).",
    )


def _list_projects(
    organizations: Sequence[Organization], clients: Clients, found: Findings
) -> dict[Organization, list[Project]]:
    """The projects of each organization; a line where they are refused."""
    listed: dict[Organization, list[Project]] = {}
    for organization in organizations:
        try:
            listed[organization] = ask_projects(clients.of(organization.organization_id), organization)
        except (Forbidden, Gone) as error:
            found.bad(
                "projects",
                f"those of {organization.slug} are not listed ({error.status}), so that every table stays "
                "empty that is filled project by project",
                "Give the token org:read.",
                3,
            )
    return listed


class _Probe:
    """Asks one organization the smallest question of each kind that an export would ask."""

    def __init__(
        self,
        client: Client,
        settings: Settings,
        organization: Organization,
        now: datetime,
        found: Findings,
    ) -> None:
        self._client = client
        self._settings = settings
        self._organization = organization
        self._found = found
        self._requests = 0
        self._items: dict[str, str] = {}
        self._end = (now.astimezone(UTC) - timedelta(minutes=settings.lag_minutes)).replace(
            microsecond=0, tzinfo=None
        )

    def check(self, streams: dict[str, Stream], projects: Sequence[Project]) -> None:
        """A line for the projects, one for each stream, one for retention."""
        if not projects:
            self._found.warn("projects", f"{self._organization.slug} has none that the token sees")
            return
        open_ = self._check_access(projects)
        self._list_items(streams, open_)
        for stream in streams.values():
            if stream.name not in FOUNDATION:
                self._check_stream(stream, open_)
        self._tell_retention()

    def _check_access(self, projects: Sequence[Project]) -> Sequence[Project]:
        """The projects whose data the token may read; all of them where that can not be told."""
        slug = self._organization.slug
        refused = [
            p
            for i in range(0, len(projects), PROJECTS_ASKED)
            for p in self._refused(projects[i : i + PROJECTS_ASKED])
        ]
        open_ = [p for p in projects if p not in refused]
        if not open_:  # not the projects' fault: a scope is missing, which the streams will tell
            return projects
        if refused:
            names = ", ".join(p.slug for p in refused)
            self._found.bad(
                "projects",
                f"{slug}: {len(refused)} of {len(projects)} refused: {names}",
                "Give the token's owner access to them, or leave them out with SENTRY_PROJECT.",
                3,
            )
        else:
            self._found.good("projects", f"{slug}: {len(projects)}, all readable")
        return open_

    def _refused(self, projects: Sequence[Project]) -> list[Project]:
        """Those that are refused: one that is refuses the whole request, so halves are asked in turn."""
        self._requests += 1
        if self._requests > MOST_REQUESTS:
            return []
        try:
            self._get(
                f"/organizations/{self._organization.slug}/issues/",
                (
                    *(("project", p.project_id) for p in projects),
                    ("query", ""),
                    ("limit", "1"),
                    ("start", stamp(self._end - timedelta(hours=1))),
                    ("end", stamp(self._end)),
                ),
            )
        except (Forbidden, BadQuery) as error:  # 400: older servers may not ask several projects at once
            if len(projects) == 1:
                return list(projects) if isinstance(error, Forbidden) else []
            half = len(projects) // 2
            return [*self._refused(projects[:half]), *self._refused(projects[half:])]
        except Gone:
            return list(projects) if len(projects) == 1 else []
        return []

    def _get(self, path: str, parameters: Parameters) -> Answer:
        return self._client.get(path, parameters, region=self._organization.region or None, retries=2)

    def _check_stream(self, stream: Stream, projects: Sequence[Project]) -> None:
        """One line: what the stream fills, or what stays empty because of the first request that fails."""
        project = projects[0] if stream.scope == "project" else None
        kept: set[str] = set()
        lost: set[str] = set()
        failure: tuple[Request, SentryError | Unreadable] | None = None
        for request in wanted_requests(stream, self._settings):
            tables = {name for t in request.tables for name in (t.name, t.history) if name}
            try:
                if not request.worklist:
                    self._ask(stream, request, project, projects)
                elif not self._ask_item(request):
                    continue
            except (SentryError, Unreadable) as error:
                failure = failure or (request, error)
                lost |= tables
            else:
                kept |= tables
        name = f"{stream.name} of {self._organization.slug}"
        if failure is None:
            self._found.good(name, f"fills {', '.join(sorted(kept))}")
        else:
            self._explain(stream, name, *failure, sorted(lost - kept or lost))

    def _explain(
        self, stream: Stream, name: str, request: Request, error: SentryError | Unreadable, lost: list[str]
    ) -> None:
        empty = f"so these stay empty: {', '.join(lost)}"
        leave_out = f'Leave it out: [streams] exclude = ["{stream.name}"].'
        match error:
            case Unauthorized():
                self._found.bad(name, str(error), "", 2)
            case Forbidden(reason="scope"):
                scopes = " or ".join(request.scopes or stream.scopes)
                self._found.bad(name, f"refused (403), {empty}", f"Give the token {scopes}.", 3)
            case Forbidden():
                self._found.bad(name, f"refused (403: {error.reason}), {empty}", leave_out, 3)
            case Gone():
                self._found.bad(name, f"not there ({error.status}: {error.reason}), {empty}", leave_out, 3)
            case BadQuery():
                self._found.bad(name, f"refused ({error.status}: {error.detail}), {empty}", leave_out, 3)
            case Unreadable():
                self._found.bad(name, f"not what Sentry sends ({error}), {empty}", "Check SENTRY_URL.", 3)
            case _:
                self._found.warn(name, str(error), "Check again; an export asks more often.")

    def _ask(
        self, stream: Stream, request: Request, project: Project | None, projects: Sequence[Project]
    ) -> None:
        slice_ = self._smallest(stream, request, project)
        page = ((request.paging, "1"),) if request.paging else ()
        choices = [(*fill(c, slice_), *page) for c in (request.parameters, *request.alternatives)]
        try:
            answer = self._first_answer(path_of(slice_, request), choices)
        except BadQuery as error:
            if not projects or not refuses_several(error) or not request.names_project:
                raise
            one = ("project", projects[0].project_id)
            choices = [tuple(one if p == EVERY_PROJECT else p for p in c) for c in choices]
            answer = self._first_answer(path_of(slice_, request), choices)
        self._read(request, slice_, answer.body)

    def _read(self, request: Request, slice_: Slice, body: bytes) -> None:
        """Raises Unreadable for an answer of another shape."""
        reader = make_reader(request.shape, request.tables, request.ignored)
        context = {
            "organization_id": slice_.organization_id,
            "project_id": slice_.project_id,
            "interval_seconds": slice_.interval_seconds,
            "interval_start": slice_.window_start,
            "_run_id": "",
            "_loaded_at": self._end,
        }
        reader.read([body], context)

    def _list_items(self, streams: dict[str, Stream], projects: Sequence[Project]) -> None:
        """Finds one thing of each kind that an export asks for one by one."""
        requests = [r for s in streams.values() for r in wanted_requests(s, self._settings)]
        for name in {r.items_of for r in requests} & streams.keys():
            stream = streams[name]
            request = wanted_requests(stream, self._settings)[0]
            slice_ = self._smallest(stream, request, projects[0] if stream.scope == "project" else None)
            if slice_.window_start and request.window and request.window.first:
                slice_ = replace(slice_, window_start=slice_.window_end - request.window.first)
            page = ((request.paging, "1"),) if request.paging else ()
            with suppress(SentryError, Unreadable, IndexError):
                body = self._get(path_of(slice_, request), (*fill(request.parameters, slice_), *page)).body
                self._items[name] = ids_of(body)[0]

    def _ask_item(self, request: Request) -> bool:
        """Asks for one of the things that are asked one by one; whether there is any."""
        item = self._items.get(request.items_of)
        if item is None:
            return False
        path = request.path.replace("{organization}", self._organization.slug).replace("{item}", item)
        try:
            self._get(path, ())
        except Gone:
            if not request.may_be_gone:
                raise
        return True

    def _first_answer(self, path: str, choices: Sequence[Parameters]) -> Answer:
        """The answer to the first of several ways of asking that the server understands."""
        for parameters in choices[:-1]:
            with suppress(BadQuery):
                return self._get(path, parameters)
        return self._get(path, choices[-1])

    def _smallest(self, stream: Stream, request: Request, project: Project | None) -> Slice:
        step = request.window and (request.window.interval or request.window.align or timedelta(hours=1))
        return Slice(
            stream=stream.name,
            request=request.name,
            organization_id=self._organization.organization_id,
            organization_slug=self._organization.slug,
            project_id=project.project_id if project else "",
            project_slug=project.slug if project else "",
            window_start=floor(self._end - step, step) if step else None,
            window_end=self._end,
            interval_seconds=int(step.total_seconds())
            if request.window and request.window.interval and step
            else None,
        )

    def _tell_retention(self) -> None:
        """The oldest event that Sentry still lists; nothing where it can not be asked for."""
        try:
            answer = self._first_answer(
                f"/organizations/{self._organization.slug}/events/",
                [_oldest(self._end, "errors", ""), _oldest(self._end, "discover", "!event.type:transaction")],
            )
            rows = read_json(msgspec.json.Decoder(_Rows).decode, answer.body).data
            oldest = _time(rows[0].timestamp) if rows else None
        except (SentryError, ValueError):  # Unreadable is one
            return
        if oldest is None:
            self._found.good("retention", f"{self._organization.slug} has no error event")
            return
        ago = counted((self._end - oldest).days, "day")
        self._found.good(
            "retention",
            f"the oldest error event of {self._organization.slug} is of {oldest:%Y-%m-%d}, {ago} ago",
        )


def _oldest(end: datetime, dataset: str, query: str) -> Parameters:
    return (
        ("field", "timestamp"),
        ("field", "id"),
        ("dataset", dataset),
        ("query", query),
        ("project", "-1"),
        ("sort", "timestamp"),
        ("start", stamp(end - LONGEST_RETENTION)),
        ("end", stamp(end)),
        ("per_page", "1"),
    )


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC).replace(tzinfo=None)


class _Rights(msgspec.Struct):
    access: list[str] = []


class _Row(msgspec.Struct):
    timestamp: str


class _Rows(msgspec.Struct):
    data: list[_Row]


def _tell_limits(governor: Governor, found: Findings) -> None:
    for host, limits in sorted(governor.snapshot().items()):
        texts = []
        for family, limit in sorted(limits.items(), key=lambda f: f[0] != DEFAULT):
            count, seconds, concurrency = limit
            if family != DEFAULT and limit[:2] == limits.get(DEFAULT, [])[:2]:
                continue
            at_once = f", {concurrency} at once" if concurrency and concurrency < min(count, MANY) else ""
            name = "most endpoints" if family == DEFAULT else family.strip("/").replace("{organization}/", "")
            texts.append(f"{name} {count} in {seconds:g} s{at_once}")
        found.good("rate limits", f"{host}: {'; '.join(texts)}")
    if not governor.snapshot():
        found.good("rate limits", "the server names none")
