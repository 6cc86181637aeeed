"""Issue lists, the organization's and the project's form, and one issue with its trail."""

from __future__ import annotations

from bisect import bisect_left
from typing import Any

from . import search
from .access import chosen_environments, chosen_projects, one_project
from .answers import (
    JSON,
    NO_PERMISSION,
    Query,
    Response,
    array,
    encode,
    error,
    internal_error,
    iso,
    link_header,
    not_found,
    ok,
    page_by_score,
    read_cursor,
)
from .events import Events
from .issue_rows import IssueRows
from .lists import Lists
from .losses import active, lossy, use
from .model import Issue
from .windows import read_window, stored
from .world import World

MAX_HITS = 1000


class Issues:
    """The searches are kept until the next night; the pages are cut from them."""

    def __init__(self, world: World, base: str, lists: Lists, events: Events) -> None:
        self.world = world
        self.base = base
        self.lists = lists
        self.events = events
        self.rows = IssueRows(world, base)
        self._version = -1
        self._searches: dict[tuple[object, ...], list[search.Found]] = {}

    def _fresh(self) -> None:
        self.rows.refresh()
        if self._version != self.world.version:
            self._version = self.world.version
            self._searches.clear()

    # --- the organization's form

    def organization_list(self, path: str, query: Query) -> Response:
        self._fresh()
        world = self.world
        ids = query.all("group")
        text = query.get("query")
        if text and search.EVENT_ID.match(text.strip()):
            return self._direct_hit(text.strip())
        if ids:
            return self._look_up(ids, query)
        limit = self._limit(query)
        period = query.get("groupStatsPeriod", "24h" if not world.options.modern else "")
        if period not in ("", "24h", "14d", "auto", None):
            raise error(400, "Invalid stats_period. Valid choices are '', '24h', '14d', and 'auto'")
        sort = query.get("sort") or "date"
        if sort not in ("date", "new", "freq", "user", "trends", "inbox", "recommended"):
            raise error(400, f"Invalid sort value '{sort}'")
        projects = chosen_projects(world, query)
        if not projects:
            return ok([], cacheable=True)
        window = read_window(world, query)
        low, high = stored(world, window)
        environments = chosen_environments(world, query)
        if text is None:
            text = search.DEFAULT_QUERY[world.options.age]
        found = self._search(projects, text, low, high, environments=environments, sort=sort)
        found, cut = lossy(world, "issues", found)
        part, previous, following = page_by_score([candidate.score for candidate in found], query, limit)
        if limit < 0:
            part = slice(0, 0)
        page = [candidate for candidate in found[part] if candidate.issue is not None]
        loss = active(world, "page", "issues") if "cursor" in query else None
        if loss is not None:
            use(loss)
            page, cut = [], True
        if "is:unresolved" in text:
            page = [
                c for c in page if c.issue is not None and world.reported_status(c.issue)[0] == "unresolved"
            ]
        collapse = set(query.all("collapse"))
        rows = [
            self._organization_row(
                c.issue, self.rows.figures(c.issue, c.low, c.high, environments), period or "", collapse
            )
            for c in page
            if c.issue is not None
        ]
        hits = min(len(found), MAX_HITS)
        if "cursor" in query and hits:
            hits = max(1, hits * (80 + hits % 40) // 100)  # from the second page on it is an estimate
        if wrong := active(world, "hits"):
            use(wrong)
            hits = int(wrong.get("hits", 0))
        headers = [
            JSON,
            (b"x-hits", str(hits).encode()),
            (b"x-max-hits", str(MAX_HITS).encode()),
            link_header(self.base, path, query, previous, following),
        ]
        absolute = not window.relative or not window.given
        relative_query = any(sign in text for sign in (":-", ":+"))
        return Response(200, array(rows), headers, cacheable=absolute and not cut and not relative_query)

    def _search(
        self,
        projects: list[Any],
        text: str,
        low: int,
        high: int,
        *,
        environments: set[str | None] | None = None,
        sort: str = "date",
    ) -> list[search.Found]:
        ids = tuple(project.project_id for project in projects)
        names = tuple(sorted(name or "" for name in environments)) if environments is not None else None
        key = (ids, text, low, high, names, sort)
        found = self._searches.get(key)
        if found is None or ":-" in text or ":+" in text:
            terms = search.parse(self.world, text)
            found = search.find(self.world, projects, terms, low, high, environments=environments, sort=sort)
            if len(self._searches) > 200:
                self._searches.clear()
            self._searches[key] = found
        return found

    def _organization_row(self, issue: Issue, figures: bytes, period: str, collapse: set[str]) -> bytes:
        if "base" in collapse:
            parts = [b'{"id":"%d"' % issue.issue_id]
        else:
            parts = [self.rows.head(issue, "unhandled" not in collapse)]
        if "stats" not in collapse:
            if "lifetime" not in collapse:
                parts.append(figures)
            if period in ("24h", "14d", "auto"):
                name = "24h" if period == "auto" else period
                parts.append(b'"stats":{"%s":%s}' % (period.encode(), self.rows.sparkline(issue, name)))
        if "lifetime" not in collapse:
            parts.append(b'"lifetime":{%s,"stats":null}' % self.rows.lifetime_bytes(issue))
        if "filtered" not in collapse:
            parts.append(b'"filtered":null')
        return b",".join(parts) + b"}"

    def _limit(self, query: Query) -> int:
        text = query.get("limit")
        if text is None or text == "":
            return 100
        try:
            value = int(text)
        except ValueError:
            raise error(400, "invalid limit") from None
        return min(value, 100)

    def _direct_hit(self, event_id: str) -> Response:
        event = self.world.events.get(event_id)
        issue = event.issue if event is not None else None
        rows = [] if issue is None or not issue.alive else [self._project_row(issue, "24h")]
        return Response(200, array(rows), [JSON, (b"x-sentry-direct-hit", b"1")])

    def _look_up(self, ids: list[str], query: Query) -> Response:
        if len(ids) > 100:
            raise error(400, "Too many group ids")
        rows: list[bytes] = []
        projects = chosen_projects(self.world, query)
        for text in ids:
            if not text.isdigit():
                raise error(400, "Invalid group id")
            issue = self.world.issues.get(int(text))
            if issue is None or not issue.alive or issue.project not in projects:
                continue
            low = bisect_left(issue.seconds, self.world.cutoff_ms // 1000)
            figures = self.rows.figures(issue, low, len(issue.seconds), None)
            rows.append(self._organization_row(issue, figures, "", set(query.all("collapse"))))
        return Response(200, array(rows))

    # --- the project's form

    def project_list(self, path: str, query: Query, slug: str) -> Response:
        """Page one stands on one database, the pages after it on another whose times are cut to seconds:
        at the border a row may come twice or not at all."""
        self._fresh()
        world = self.world
        project = one_project(world, slug, path, query)
        period = query.get("statsPeriod", "24h")
        if period not in ("", "24h", "14d"):
            raise error(400, "Invalid stats_period. Valid choices are '', '24h', and '14d'")
        limit = self._limit(query)
        text = query.get("query")
        if text is None:
            text = search.DEFAULT_QUERY[world.options.age]
        low, high = stored(world, read_window(world, Query("")))
        cursor = read_cursor(query)
        if not world.options.modern and cursor is not None and cursor.value == 0:
            raise internal_error(17)
        found = [c for c in self._search([project], text, low, high) if c.issue is not None]
        if cursor is None:
            exact = sorted(found, key=lambda c: -(c.issue.events[-1].ts_ms if c.issue else 0))
            scores = [c.issue.events[-1].ts_ms for c in exact if c.issue is not None]
            found = exact
        else:
            scores = [candidate.score for candidate in found]
        part, previous, following = page_by_score(scores, query, max(limit, 0))
        rows = [self._project_row(c.issue, period or "") for c in found[part] if c.issue is not None]
        headers = [
            JSON,
            (b"x-hits", str(min(len(found), MAX_HITS)).encode()),
            (b"x-max-hits", str(MAX_HITS).encode()),
            link_header(self.base, path, query, previous, following),
        ]
        return Response(200, array(rows), headers, cacheable=":-" not in text and ":+" not in text)

    def _project_row(self, issue: Issue, period: str) -> bytes:
        count, users, first, _ = self.rows.lifetime(issue)
        last = issue.events[-1].ts_ms if issue.events else first
        parts = [
            self.rows.head(issue, True),
            (
                f'"count":"{count}","userCount":{users},"firstSeen":"{iso(first)}","lastSeen":"{iso(last)}"'
            ).encode(),
        ]
        if period:
            parts.append(b'"stats":{"%s":%s}' % (period.encode(), self.rows.sparkline(issue, period)))
        return b",".join(parts) + b"}"

    # --- one issue

    def _one(self, text: str) -> Issue:
        issue = self.world.survivor(int(text)) if text.isdigit() else None
        if issue is None or issue.project.gone:
            raise not_found()
        if issue.project.refused:
            raise error(403, NO_PERMISSION)
        return issue

    def detail(self, path: str, query: Query, text: str) -> Response:
        self._fresh()
        issue = self._one(text)
        row = self.rows.base_row(issue)
        count, users, first, last = self.rows.lifetime(issue)
        row |= {
            "isUnhandled": issue.unhandled,
            "count": str(count),
            "userCount": users,
            "firstSeen": iso(first),
            "lastSeen": iso(last * 1000) if last is not None else None,
        }
        releases = [event.release for event in issue.events if event.release is not None]
        tags: dict[str, int] = {}
        for event in issue.events:
            for key, _ in self.events.tags(event):
                tags[key] = tags.get(key, 0) + 1
        row |= {
            "firstRelease": self.lists.release(releases[0]) if releases else None,
            "lastRelease": self.lists.release(releases[-1]) if releases else None,
            "tags": [{"key": k, "name": k.title(), "totalValues": n} for k, n in sorted(tags.items())],
            "activity": self.rows.activities(issue),
            "seenBy": [],
            "participants": [],
            "pluginActions": [],
            "pluginIssues": [],
            "pluginContexts": [],
            "userReportCount": 0,
        }
        stats = b'"stats":{"24h":%s,"30d":%s}' % (
            self.rows.sparkline(issue, "24h"),
            self.rows.sparkline(issue, "30d"),
        )
        return Response(200, encode(row)[:-1] + b"," + stats + b"}", cacheable=True)

    def activity_list(self, path: str, query: Query, text: str) -> Response:
        return ok({"activity": self.rows.activities(self._one(text))}, cacheable=True)

    def issue_events(self, path: str, query: Query, text: str) -> Response:
        return self.events.of_issue(path, query, self._one(text))

    def issue_event(self, path: str, query: Query, text: str, which: str) -> Response:
        return self.events.one_of_issue(self._one(text), which)
