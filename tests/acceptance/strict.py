"""A Sentry that is strict: written from Sentry's own documents alone, so that it shares no mistake with the
simulated one. It answers by the letter, and notes whatever a careful client would not have asked."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.acceptance.world import World, iso, parse

TOKEN = "sntryi_0123456789abcdefcafe"
ELSEWHERE = "https://acme.elsewhere.invalid"
"""Where the Link header's URLs lead: a client that follows them sends its token to a stranger."""
MOST_INTERVALS = 1000
MOST_FIELDS = 20
RETENTION = timedelta(days=90)
Answer = tuple[int, Any, dict[str, str]]
Handler = Callable[["Asked", "re.Match[str]"], Answer]


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as it came."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]

    def one(self, name: str, default: str = "") -> str:
        """The last value of a parameter."""
        return self.query.get(name, [default])[-1]


class Refused(Exception):
    """An answer other than 200."""

    def __init__(self, status: int, body: Any) -> None:
        super().__init__(status, body)
        self.status = status
        self.body = body


def bad(text: str) -> Refused:
    """A 400 as Sentry words it."""
    return Refused(400, {"detail": text})


@dataclass
class StrictSentry:
    """Serves a world on loopback, by a clock that starts at the world's `now`. `asked` has every request,
    `complaints` what was wrong with them.

    most_rows  of a page, whatever is asked for
    row_cap    rows of a series answer beyond which they are left out without a word (10,000 at Sentry)
    overrides  (pattern of the path, answer) tried before all others
    """

    world: World
    most_rows: int = 100
    row_cap: int = 10_000
    overrides: list[tuple[str, Callable[[Asked], Answer]]] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def __enter__(self) -> StrictSentry:
        sentry = self

        class Handling(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do(self) -> None:
                parts = urlsplit(self.path)
                query = parse_qs(parts.query, keep_blank_values=True)
                headers = {name.lower(): value for name, value in self.headers.items()}
                asked = Asked(self.command, parts.path, query, headers)
                sentry.asked.append(asked)
                status, body, more = sentry.answer(asked)
                data = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status)
                for name, value in {"Content-Type": "application/json", **more}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def date_time_string(self, timestamp: float | None = None) -> str:
                return format_datetime(sentry.now().replace(tzinfo=UTC), usegmt=True)

            def log_message(self, *_: object) -> None: ...

        for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
            setattr(Handling, f"do_{method}", Handling.do)

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handling)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    # what every request has to be like

    def answer(self, asked: Asked) -> Answer:
        """Status, body and headers for a request."""
        try:
            self._inspect(asked)
            for pattern, make in self.overrides:
                if re.fullmatch(pattern, asked.path):
                    return make(asked)
            for pattern, name in ROUTES:
                found = re.fullmatch("/api/0" + pattern, asked.path)
                if found:
                    answer: Answer = getattr(self, name)(asked, *(unquote(g) for g in found.groups()))
                    return answer
        except Refused as refused:
            return refused.status, refused.body, {}
        self.complain(asked, "no such path, or ROUTES lacks it")
        return 404, b"", {"Content-Type": "text/html"}

    def complain(self, asked: Asked, what: str) -> None:
        """Notes what is wrong with a request."""
        self.complaints.append(f"{what}: {asked.method} {asked.path} {asked.query}")

    def _inspect(self, asked: Asked) -> None:
        if asked.method != "GET":
            self.complain(asked, "not GET")
        if asked.headers.get("host") != self.url.removeprefix("http://"):
            self.complain(asked, "another host")
        if asked.headers.get("authorization") != f"Bearer {TOKEN}":
            raise Refused(401, {"detail": "Invalid token"})
        if not asked.path.endswith("/"):
            self.complain(asked, "no slash at the end")
            raise Refused(404, "did you forget a trailing slash")
        per_page = asked.one("per_page", "100")
        if not per_page.isdigit() or int(per_page) > 100:
            self.complain(asked, "per_page")
            raise bad("Invalid per_page value. Cannot exceed 100.")
        if "statsPeriod" in asked.query:
            self.complain(asked, "a window that drifts")

    def window(
        self, asked: Asked, *, must: bool = True, behind: timedelta | None = None
    ) -> tuple[datetime, datetime]:
        """The window asked for, UTC without a zone."""
        now = self.now()
        texts = asked.one("start"), asked.one("end")
        if not all(texts):
            if must or any(texts):
                self.complain(asked, "no window")
            return now - RETENTION, now
        if not all(t.endswith("Z") for t in texts):
            self.complain(asked, "times without Z")
        start, end = (datetime.fromisoformat(t).astimezone(UTC).replace(tzinfo=None) for t in texts)
        if behind is not None and end > now - behind:
            self.complain(asked, "an end too near")
        if start >= end:
            raise bad("start must be before end")
        if end < now - RETENTION:
            raise bad("Invalid date range. Please try a more recent date range.")
        return max(start, now - RETENTION), end

    def projects(self, asked: Asked) -> list[str]:
        """Ids of the projects asked for."""
        wanted = asked.query.get("project", [])
        if not wanted:
            self.complain(asked, "no project")
            return []
        known = [p["id"] for p in self.world.projects if p.get("hasAccess", True)]
        if wanted == ["-1"]:
            return known
        if any(p not in known for p in wanted):
            raise Refused(403, {"detail": "You do not have permission to perform this action."})
        return wanted

    def page(
        self, asked: Asked, rows: list[Any], size: int = 100, drop: Callable[[Any], bool] | None = None
    ) -> Answer:
        """A page by offset. Rows that `drop` names go after paging, so that pages are short or empty."""
        _, offset, _ = (asked.one("cursor") or "0:0:0").split(":")
        start, size = int(offset), min(size, self.most_rows)
        if start and not any(f'cursor="{asked.one("cursor")}"' in link for link in self._links):
            self.complain(asked, "a cursor that no answer named")
        part = [r for r in rows[start : start + size] if not (drop and drop(r))]
        more = "true" if start + size < len(rows) else "false"
        link = ", ".join(
            f'<{ELSEWHERE}{asked.path}?&cursor={cursor}>; rel="{rel}"; results="{results}"; cursor="{cursor}"'
            for rel, results, cursor in (
                ("previous", "false" if not start else "true", f"0:{max(0, start - size)}:1"),
                ("next", more, f"0:{start + size}:0"),
            )
        )
        self._links.append(link)
        return 200, part, {"Link": link}

    def __post_init__(self) -> None:
        self._links: list[str] = []
        self._started = time.monotonic()

    def now(self) -> datetime:
        """The server's clock, UTC without a zone."""
        return self.world.now + timedelta(seconds=time.monotonic() - self._started)

    # lists

    def organization(self, asked: Asked, org: str) -> Answer:
        self._org(org)
        return 200, self.world.organization, {}

    def nothing(self, asked: Asked, org: str) -> Answer:
        self._org(org)
        return self.page(asked, [])

    def organizations(self, asked: Asked) -> Answer:
        return self.page(asked, [self.world.organization])

    def _org(self, org: str) -> None:
        if org not in (self.world.organization["slug"], self.world.organization["id"]):
            raise Refused(404, {"detail": "The requested resource does not exist"})

    def listing(self, asked: Asked, org: str, name: str) -> Answer:
        self._org(org)
        rows = getattr(self.world, name)
        if name == "members":
            return 200, rows, {}  # a list without Link
        if name != "releases":
            return self.page(asked, rows, int(asked.one("per_page", "100")))
        if "status" not in asked.query:
            self.complain(asked, "archived releases are hidden")
            rows = [r for r in rows if r["status"] == "open"]
        self.projects(asked)
        if "start" in asked.query:
            start, end = self.window(asked)
            rows = [r for r in rows if start <= parse(r["dateCreated"]) < end]
        return self.page(asked, rows, int(asked.one("per_page", "100")))

    # issues

    def issues(self, asked: Asked, org: str) -> Answer:
        self._org(org)
        projects = self.projects(asked)
        start, end = self.window(asked, behind=timedelta(minutes=9))
        rows = [i for i in self.world.listed(start, end) if i["project"]["id"] in projects]
        if "query" not in asked.query:
            self.complain(asked, "only unresolved issues")
            rows = [i for i in rows if i["status"] == "unresolved"]
        if "per_page" in asked.query or asked.one("limit") != "100":
            self.complain(asked, "limit not used")
        collapsed = set(asked.query.get("collapse", []))
        if collapsed & {"stats", "lifetime", "base"}:
            self.complain(asked, "counts collapsed away")
        return self.page(asked, rows, drop=lambda i: i["id"] in self.world.dropped)

    def issue(self, asked: Asked, org: str, issue_id: str) -> Answer:
        self._org(org)
        found = self.world.detail(issue_id)
        if found is None:
            raise Refused(404, {"detail": "The requested resource does not exist"})
        return 200, found, {}

    def latest(self, asked: Asked, org: str, issue_id: str) -> Answer:
        self._org(org)
        events = [e for e in self.world.events if e["groupID"] == issue_id]
        if not events:
            raise Refused(404, {"detail": "Event not found"})
        return 200, self.world.full(max(events, key=lambda e: e["dateCreated"])), {}

    def issue_events(self, asked: Asked, org: str, issue_id: str) -> Answer:
        self._org(org)
        rows = [e for e in self.world.events if e["groupID"] == issue_id]
        rows.sort(key=lambda e: (e["dateCreated"], e["id"]), reverse=True)
        return self.page(asked, rows, int(asked.one("per_page", "100")))

    def events(self, asked: Asked, org: str, project: str) -> Answer:
        self._org(org)
        ids = [p["id"] for p in self.world.projects if project in (p["slug"], p["id"])]
        if not ids:
            raise Refused(404, {"detail": "The requested resource does not exist"})
        start, end = self.window(asked, behind=timedelta(minutes=9))
        rows = [
            e
            for e in self.world.events
            if e["projectID"] == ids[0]
            and start <= parse(e["dateCreated"]) < end
            and e["event.type"] == "error"
        ]
        rows.sort(key=lambda e: (e["dateCreated"], e["id"]), reverse=True)
        full = asked.one("full") in ("1", "true")
        rows = [self.world.full(e) for e in rows] if full else rows
        return self.page(asked, rows, 10 if full else int(asked.one("per_page", "100")))

    # series

    def intervals(self, asked: Asked) -> tuple[list[datetime], timedelta]:
        """Starts of the intervals asked for, as Sentry rounds them, and their length."""
        start, end = self.window(asked)
        text = asked.one("interval", "1h")
        length = timedelta(**{{"h": "hours", "d": "days", "m": "minutes"}[text[-1]]: int(text[:-1])})
        first = start.replace(minute=0, second=0, microsecond=0)
        first = first.replace(hour=0) if length == timedelta(days=1) else first
        starts = []
        while first < end:
            starts.append(first)
            first += length
        if len(starts) > MOST_INTERVALS:
            self.complain(asked, "too many intervals")
            raise bad("Your interval and date range would create too many results.")
        return starts, length

    def series(self, asked: Asked, org: str, kind: str) -> Answer:
        self._org(org)
        fields, by = asked.query.get("field", []), asked.query.get("groupBy", [])
        projects = self.projects(asked)
        starts, length = self.intervals(asked)
        if not fields:
            raise bad('At least one "field" is required.')
        if kind == "stats_v2" and "category" not in by and "category" not in asked.query:
            self.complain(asked, "no category")
            raise bad("Query must have category as groupby or filter")
        if kind == "sessions" and "session.status" in by and any("rate(" in f for f in fields):
            self.complain(asked, "rates by status")
            raise bad("Cannot group by session.status")
        status = asked.one("query").removeprefix("session.status:")
        groups = self.world.grouped(kind, projects, by, fields, starts, length, status=status)
        without_series = kind == "stats_v2" and "project" in by
        if kind == "stats_v2":
            self._cut_rows(groups)
        headers: dict[str, str] = {}
        if kind == "sessions":
            groups, headers = self._page_of_groups(asked, groups, len(starts))
        body: dict[str, Any] = {"start": iso(starts[0]), "end": iso(starts[-1] + length), "groups": groups}
        if without_series:
            groups[:] = [{k: v for k, v in g.items() if k != "series"} for g in groups]
        else:
            body["intervals"] = [iso(s) for s in starts]
        return 200, body, headers

    def _page_of_groups(
        self, asked: Asked, groups: list[dict[str, Any]], intervals: int
    ) -> tuple[list[dict[str, Any]], dict[str, str]]:
        """Sessions: the largest groups up to the cap, and silence on the rest; true pages with per_page, but
        never a second one when statuses are groups."""

        def base(group: dict[str, Any]) -> tuple[Any, ...]:
            return tuple(v for k, v in group["by"].items() if k != "session.status")

        ranked = sorted(groups, key=lambda g: -(g["totals"].get("sum(session)") or 0))
        bases = list({base(g): None for g in ranked})
        if "per_page" not in asked.query:
            kept = bases[: max(1, self.row_cap // intervals)]
            return [g for g in groups if base(g) in kept], {}
        size = int(asked.one("per_page"))
        if (size + 1) * intervals > 10_000:
            self.complain(asked, "too granular")
            raise bad(f"Your interval and date range is too granular for a per_page of {size}")
        _, kept, headers = self.page(asked, bases, size)
        if "session.status" in asked.query.get("groupBy", []):
            headers = {"Link": headers["Link"].replace('results="true"', 'results="false"')}
        return [g for g in groups if base(g) in kept], headers

    def _cut_rows(self, groups: list[dict[str, Any]]) -> None:
        """Leaves out what is beyond the cap, without a word; totals stay whole."""
        left = self.row_cap
        for group in groups:
            for values in group["series"].values():
                filled = [i for i, v in enumerate(values) if v]
                for i in filled[max(0, left) :]:
                    values[i] = 0
            left -= len(filled)

    # discover

    def discover(self, asked: Asked, org: str) -> Answer:
        self._org(org)
        fields = asked.query.get("field", [])
        projects = self.projects(asked)
        start, end = self.window(asked)
        if len(fields) > MOST_FIELDS:
            self.complain(asked, "too many fields")
            raise bad("You can view up to 20 fields at a time.")
        if asked.one("dataset") not in ("errors", "transactions", "spans", "logs"):
            raise bad("dataset must be one of: errors, logs, spans, transactions")
        sort = [s.lstrip("-") for s in asked.query.get("sort", [])]
        if not sort or any(s not in fields for s in sort):
            self.complain(asked, "no order, or by what is not selected")
        rows, types = self.world.discovered(asked.one("dataset"), fields, projects, start, end)
        meta = {
            "fields": types,
            "units": dict.fromkeys(types),
            "dataset": asked.one("dataset"),
            "dataScanned": "full",
        }
        status, part, headers = self.page(asked, rows, int(asked.one("per_page", "100")))
        return status, {"data": part, "meta": meta}, headers

    # what was asked

    def requests_of(self, pattern: str) -> list[Asked]:
        """Requests whose path matches."""
        return [a for a in self.asked if re.search(pattern, a.path)]


ORG = r"/organizations/([^/]+)/"
ROUTES = (
    (r"/organizations/", "organizations"),
    (ORG, "organization"),
    (ORG + r"(projects|teams|members|releases)/", "listing"),
    (ORG + r"environments/", "nothing"),
    (ORG + r"issues/", "issues"),
    (ORG + r"issues/(\d+)/", "issue"),
    (ORG + r"issues/(\d+)/events/latest/", "latest"),
    (ORG + r"issues/(\d+)/events/", "issue_events"),
    (r"/projects/([^/]+)/([^/]+)/events/", "events"),
    (ORG + r"(stats_v2|sessions)/", "series"),
    (ORG + r"events/", "discover"),
)
