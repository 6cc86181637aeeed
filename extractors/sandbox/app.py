"""The simulated server as one function from a request to an answer; no web server is known here."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any, cast
from urllib.parse import unquote

from .answers import HTML, TEXT, ApiError, Query, Response, encode, error, internal_error, not_found
from .build import build_world
from .discover import Discover
from .events import Events
from .faults import Fault, Faults
from .health import Health
from .issues import Issues
from .limits import Bucket, Limits
from .lists import Lists
from .losses import lose, spoil
from .nights import Nights
from .options import SandboxOptions
from .series import Outcomes, Sessions
from .stats import Stats
from .truth import Truth

LOG_LENGTH = 20_000
CACHE_BYTES = 192_000_000
_HEX = re.compile(r"^(?:[0-9a-fA-F]{32}|[0-9a-fA-F-]{36})$")
_NAMED_EVENTS = ("latest", "oldest", "recommended", "helpful")
_COMMON = [
    (b"allow", b"GET, HEAD, OPTIONS"),
    (b"access-control-allow-origin", b"*"),
    (b"access-control-expose-headers", b"X-Sentry-Error, Retry-After"),
    (b"vary", b"Accept-Language, Cookie"),
    (b"content-language", b"en"),
    (b"x-frame-options", b"deny"),
    (b"x-content-type-options", b"nosniff"),
]

View = Callable[[str, Query], Response]


class Answer:
    """What the server is to send, and what it is to give back once it has."""

    __slots__ = ("bucket", "headers", "manner", "response")

    def __init__(
        self,
        response: Response,
        headers: list[tuple[bytes, bytes]],
        bucket: Bucket | None,
        manner: str = "whole",
    ) -> None:
        self.response = response
        self.headers = headers
        self.bucket = bucket
        self.manner = manner


class App:
    def __init__(self, options: SandboxOptions) -> None:
        self.options = options
        self.world = build_world(options)
        self.base = f"https://{options.organization}.sentry.example"
        self.lists = Lists(self.world, self.base)
        self.events = Events(self.world, self.base)
        self.issues = Issues(self.world, self.base, self.lists, self.events)
        self.outcomes = Outcomes(self.world)
        self.sessions = Sessions(self.world)
        self.outcomes.mark()
        self.sessions.mark()
        self.stats = Stats(self.world, self.outcomes)
        self.health = Health(self.world, self.base, self.sessions)
        self.discover = Discover(self.world, self.base, self.events)
        self.truth = Truth(self.world, self.events, self.outcomes, self.sessions)
        self.nights = Nights(self.world, self.outcomes, self.sessions)
        self.limits = Limits(options)
        self.faults = Faults(options)
        self.problems: list[str] = []
        """What went wrong in the sandbox itself, which no caller should be able to bring about."""
        self.log: deque[tuple[str, str, str, int]] = deque(maxlen=LOG_LENGTH)
        self._route = lru_cache(maxsize=50_000)(self._find_route)
        self._cache: dict[tuple[str, str], Response] = {}
        self._cached_bytes = 0
        self._cached_version = -1

    # --- one request

    def answer(self, method: str, path: str, raw_path: str, query: str, authorization: bytes) -> Answer:
        with self.world.lock:
            made = (
                self._answer_api(method, path, raw_path, query, authorization)
                if path.startswith("/api/0/")
                else Answer(self._own(method, path, query), [], None)
            )
        if not path.startswith("/_sandbox/"):
            self.log.append((method, path, query, 0 if made.manner != "whole" else made.response.status))
        return made

    def _answer_api(self, method: str, path: str, raw_path: str, query: str, authorization: bytes) -> Answer:
        now = self.world.now().timestamp()
        view, run = self._route(path, raw_path)
        bucket, refusal = self.limits.take(view, now)
        if refusal is not None:
            return Answer(refusal, _COMMON, None)
        headers = _COMMON if bucket is None else [*_COMMON, *self.limits.headers(bucket)]
        fault = self.faults.next(view)
        if fault is not None:
            return self._faulty(fault, headers, bucket)
        try:
            response = self._look(method, path, query, authorization, run)
        except ApiError as refused:
            response = refused.response
        return Answer(response, headers, bucket)

    def _faulty(self, fault: Fault, headers: list[tuple[bytes, bytes]], bucket: Bucket | None) -> Answer:
        if fault.response is None:
            return Answer(Response(200, b'[{"id":"1","cut":"he'), headers, bucket, fault.manner)
        own = any(name.startswith(b"x-sentry-rate") for name, _ in fault.response.headers)
        return Answer(fault.response, _COMMON if own else headers, bucket)

    def _look(self, method: str, path: str, query: str, authorization: bytes, run: View) -> Response:
        if run is not _unknown and run is not _slashless:
            self._authenticate(authorization)
            if method not in ("GET", "HEAD"):
                raise error(405, f'Method "{method}" not allowed.')
        if self._cached_version != self.world.version or self._cached_bytes > CACHE_BYTES:
            self._cache.clear()
            self._cached_bytes, self._cached_version = 0, self.world.version
        known = self._cache.get((path, query))
        if known is not None:
            return known
        try:
            response = run(path, Query(query))
            if self.world.losses:
                response = spoil(self.world, path, Query(query), response, run)
        except ApiError:
            raise
        except Exception as problem:  # noqa: BLE001  a server answers 500; ours also remembers why
            self.problems.append(f"{path}?{query}: {problem!r}")
            raise internal_error(len(self.problems)) from None
        if response.cacheable:
            self._cache[(path, query)] = response
            self._cached_bytes += len(response.body) + 500
        return response

    def _authenticate(self, authorization: bytes) -> None:
        given = authorization.strip()
        scheme = given.split(b" ", 1)[0].lower()
        if not given:
            raise error(401, "Authentication credentials were not provided.")
        if scheme == b"basic":
            raise error(401, "API key is not valid")
        if scheme != b"bearer":
            raise error(401, "Authentication credentials were not provided.")
        token = given[7:].strip()
        if token != self.options.token.encode():
            raise error(401, "Invalid org token" if token.startswith(b"sntrys_") else "Invalid token")

    # --- routes

    def _find_route(self, path: str, raw_path: str) -> tuple[str, View]:
        if not path.endswith("/"):
            return "default", _slashless
        parts = [unquote(part) for part in raw_path[len("/api/0/") :].strip("/").split("/")]
        kind, rest = parts[0], parts[1:]
        if kind == "organizations" and not rest:
            return "default", self.lists.organizations
        if kind == "organizations":
            return self._organization_route(rest)
        if kind == "projects" and len(rest) >= 2:
            return self._project_route(rest)
        if kind in ("issues", "groups") and rest:
            return self._issue_route(rest)
        return "default", _unknown

    def _organization_route(self, parts: list[str]) -> tuple[str, View]:
        organization, rest = parts[0], parts[1:]
        one: dict[str, tuple[str, View]] = {
            "projects": ("default", self.lists.projects),
            "teams": ("default", self.lists.teams),
            "members": ("default", self.lists.members),
            "releases": ("default", self.lists.releases),
            "environments": ("default", self.lists.environments),
            "issues": ("organization-issues", self.issues.organization_list),
            "stats_v2": ("stats_v2", self.stats.stats_v2),
            "sessions": ("sessions", self.health.sessions),
            "events": ("discover", self.discover.table),
        }
        name, view = "default", cast(View, _unknown)
        if not rest:
            view = self.lists.one_organization
        elif len(rest) == 1 and rest[0] in one:
            name, view = one[rest[0]]
        elif rest[0] in ("issues", "groups"):
            name, view = self._issue_route(rest[1:])
        elif rest[0] == "releases" and len(rest) == 2:
            view = partial(self.lists.one_release, version=rest[1])
        if view is _unknown:
            return name, view
        return name, self._within(organization, view)

    def _project_route(self, parts: list[str]) -> tuple[str, View]:
        organization, slug, rest = parts[0], parts[1], parts[2:]
        name, view = "default", cast(View, _unknown)
        if not rest:
            view = partial(self.lists.one, slug=slug)
        elif rest in (["issues"], ["groups"]):
            name, view = "project-issues", lambda path, query: self.issues.project_list(path, query, slug)
        elif rest == ["events"]:
            name, view = "project-events", lambda path, query: self.events.of_project(path, query, slug)
        elif len(rest) == 2 and rest[0] == "events" and _HEX.match(rest[1]):
            view = partial(self.events.of_id, slug=slug, event_id=rest[1])
        if view is _unknown:
            return name, view
        return name, self._within(organization, view)

    def _issue_route(self, parts: list[str]) -> tuple[str, View]:
        if not parts:
            return "default", _unknown
        text, rest = parts[0], parts[1:]
        if not rest:
            return "issue", lambda path, query: self.issues.detail(path, query, text)
        if rest == ["activities"]:
            return "default", lambda path, query: self.issues.activity_list(path, query, text)
        if rest == ["events"]:
            return "issue-events", lambda path, query: self.issues.issue_events(path, query, text)
        if len(rest) == 2 and rest[0] == "events" and (rest[1] in _NAMED_EVENTS or _HEX.match(rest[1])):
            return "issue-event", lambda path, query: self.issues.issue_event(path, query, text, rest[1])
        return "default", _unknown

    def _within(self, organization: str, view: View) -> View:
        known = organization == self.world.slug or (
            self.options.modern and organization == str(self.world.organization_id)
        )
        return view if known else _no_such_organization

    # --- the sandbox's own addresses

    def _own(self, method: str, path: str, raw_query: str) -> Response:
        query = Query(raw_query)
        parts = path.strip("/").split("/")
        try:
            if parts == ["_sandbox", "night"] and method == "POST":
                return Response(
                    200,
                    encode(
                        {"happened": self.pass_night(int(query.get("nights") or 1), quiet="quiet" in query)}
                    ),
                )
            if parts == ["_sandbox", "lose"] and method == "POST":
                how: dict[str, Any] = {
                    key: int(v) if v.isdigit() else v for key, v in query.pairs if key != "what"
                }
                return Response(200, encode({"happened": [self.lose(query.get("what") or "", how)]}))
            if len(parts) == 3 and parts[:2] == ["_sandbox", "truth"]:
                return Response(200, encode(self.truth.raw(parts[2])))
            if parts == ["_sandbox", "requests"]:
                return Response(200, encode(self.requests()))
            if parts == ["_sandbox", "options"]:
                return Response(200, encode({"organization": self.world.slug, "now": self.world.now()}))
        except (KeyError, ValueError) as problem:
            return Response(400, encode({"detail": str(problem)}))
        return Response(404, b"", [HTML])

    def pass_night(self, nights: int = 1, *, quiet: bool = False) -> list[str]:
        with self.world.lock:
            return [line for _ in range(nights) for line in self.nights.one(quiet=quiet)]

    def lose(self, what: str, how: dict[str, Any]) -> str:
        with self.world.lock:
            return lose(self.world, what, how)

    def requests(self) -> list[dict[str, Any]]:
        return [{"method": m, "path": p, "query": q, "status": s} for m, p, q, s in list(self.log)]


def _unknown(path: str, query: Query) -> Response:
    return Response(404, b"", [HTML])


def _slashless(path: str, query: Query) -> Response:
    text = f"Route not found, did you forget a trailing slash?\n\ntry: {path}/\n{' ' * (len(path) + 5)}^\n"
    return Response(404, text.encode(), [TEXT])


def _no_such_organization(path: str, query: Query) -> Response:
    raise not_found()
