"""What the strict Sentry holds: a few hundred made-up records, and the sums a warehouse must arrive at."""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

ORGANIZATION_ID = "4507000000000001"  # beyond 2^31, as on sentry.io
WEB, API, QUIET = "4508000000000001", "4508000000000002", "17"
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
LAG = timedelta(minutes=10)
"""What is newer than this is not asked for: of a day that has just begun nothing is."""


def iso(time: datetime) -> str:
    """A time as Sentry writes it: with microseconds only where there are some."""
    return time.isoformat() + "Z"


def parse(text: str) -> datetime:
    """A time as Sentry writes it, UTC without a zone."""
    return datetime.fromisoformat(text).astimezone(UTC).replace(tzinfo=None)


def _project(id_: str, slug: str) -> dict[str, Any]:
    return {
        "id": id_,
        "slug": slug,
        "name": slug.title(),
        "platform": None if id_ == QUIET else "python",
        "dateCreated": "2025-01-02T03:04:05.678901Z",
        "status": "active",
        "firstEvent": None,
        "features": ["releases"],
        "teams": [{"id": "9", "slug": "core", "name": "Core"}],
        "team": {"id": "9", "slug": "core", "name": "Core"},
        "environments": ["production", "staging"],
        "somethingNew": {"a": [1]},
    }


def _release(id_: int, version: str, status: str, created: datetime) -> dict[str, Any]:
    return {
        "id": id_,
        "version": version,
        "shortVersion": version,
        "status": status,
        "dateCreated": iso(created),
        "dateReleased": None,
        "firstEvent": None,
        "lastEvent": None,
        "newGroups": 2,
        "commitCount": 0,
        "deployCount": 0,
        "authors": [{"name": "A", "email": "a@example.com"}],
        "projects": [{"id": int(WEB), "slug": "web", "name": "Web", "newGroups": 2, "platform": "python"}],
    }


@dataclass
class World:
    """Records as the API shows them, and what was counted. `now` is UTC without a zone."""

    now: datetime = field(default_factory=lambda: datetime.now(UTC).replace(tzinfo=None, microsecond=0))
    web_issues: int = 50

    def __post_init__(self) -> None:
        now = self.now
        self.organization: dict[str, Any] = {
            "id": ORGANIZATION_ID,
            "slug": "acme",
            "name": "Acme",
            "status": {"id": "active", "name": "active"},
            "dateCreated": "2024-01-01T00:00:00Z",
            "links": {
                "organizationUrl": "https://acme.elsewhere.invalid",
                "regionUrl": "https://us.elsewhere.invalid",
            },
            "features": [],
        }
        self.projects = [_project(WEB, "web"), _project(API, "api"), _project(QUIET, "quiet")]
        self.teams = [
            {"id": str(n), "slug": f"team-{n}", "name": f"Team {n}", "dateCreated": None, "memberCount": n}
            for n in range(1, 31)
        ]
        self.members: list[dict[str, Any]] = [
            {
                "id": "1",
                "email": "a@example.com",
                "name": "A",
                "user": {"id": "5"},
                "role": "owner",
                "flags": {},
            },
            {
                "id": "2",
                "email": "b@example.com",
                "name": "b",
                "user": None,
                "role": "member",
                "pending": True,
            },
        ]
        self.releases = [
            _release(3_000_000_001, "shop@1.0.0+β/1 ", "open", now - 9 * DAY),
            _release(3_000_000_002, "old", "archived", now - 400 * DAY),
        ]
        self.issues: dict[str, dict[str, Any]] = {}
        self.events: list[dict[str, Any]] = []
        self.made = 0
        self.merged: dict[str, str] = {}
        self.dropped: set[str] = set()
        self.activity: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for n in range(self.web_issues):
            self.add_issue(WEB, 5_000_000_000 + n, ("unresolved", "resolved", "ignored")[n % 3])
        for n in range(7):
            self.add_issue(API, 6_000_000_000 + n, "unresolved")
        # the whole second page of issues goes after paging: its cursor still leads on
        web = [i["id"] for i in self.listed(now - 90 * DAY, now) if i["project"]["id"] == WEB]
        self.dropped = set(web[20:40])
        self.counted: dict[tuple[str, str, str, str, datetime], tuple[int, int]] = {}
        self.sessions: dict[tuple[str, str, str, str, datetime], tuple[int, int]] = {}
        settled = now - LAG
        today = settled.replace(hour=0, minute=0, second=0)
        for project in (WEB, API):
            for day in range(85):
                for category, outcome, reason in (
                    ("error", "accepted", ""),
                    ("error", "filtered", "web-crawlers"),
                    ("transaction", "rate_limited", "smart_rate_limit"),
                    ("attachment", "accepted", ""),
                ):
                    hour = today - day * DAY + (day % 24) * HOUR
                    if hour <= settled:
                        self.counted[project, category, outcome, reason, hour] = (2**33 + day, day + 1)
                for release in ("shop@1.0.0", ""):
                    for status, count in (("healthy", 90), ("crashed", 2), ("errored", 0), ("abnormal", 1)):
                        self.sessions[project, release, "production", status, today - day * DAY] = (
                            count,
                            count // 2,
                        )

    def add_issue(self, project: str, number: int, status: str, events: int = 2) -> str:
        """A new issue with events, the newest ones an hour and more ago. Returns its id."""
        id_ = str(number)
        self.issues[id_] = {
            "id": id_,
            "shortId": f"S-{number % 1000}",
            "title": f"Error {number}",
            "culprit": None,
            "level": "error",
            "status": status,
            "substatus": None,
            "priority": "low",
            "issueType": "error",
            "issueCategory": "error",
            "type": "error",
            "isUnhandled": True,
            "project": {"id": project, "slug": "x", "name": "x", "platform": None},
            "assignedTo": None,
            "metadata": {"type": "Error", "value": str(number)},
            "statusDetails": {"autoResolved": True} if status == "resolved" else {},
            "annotations": [{"displayName": "JIRA-1", "url": "https://example.com"}],
            "numComments": 0,
            "permalink": None,
            "seerSomethingNew": None,
        }
        for n in range(events):
            self.add_event(id_, self.now - HOUR - (number % 80) * DAY - n * timedelta(seconds=0.5))
        return id_

    def add_event(self, issue: str, time: datetime) -> str:
        """A new event of an issue. Returns its id."""
        number = self.made = self.made + 1
        id_ = f"{number:032x}"
        self.events.append(
            {
                "id": id_,
                "eventID": id_,
                "event.type": "error",
                "groupID": issue,
                "projectID": self.issues[issue]["project"]["id"],
                "message": "",
                "title": f"Error {issue}",
                "location": None,
                "culprit": None,
                "platform": "python",
                "user": {"id": f"u{number % 5}", "email": f"u{number % 5}@example.com", "ip_address": None},
                "tags": [
                    {"key": "environment", "value": "production"},
                    {"key": "release", "value": "shop@1.0.0"},
                ],
                "dateCreated": iso(time),
                "crashFile": None,
            }
        )
        return id_

    def full(self, event: dict[str, Any]) -> dict[str, Any]:
        """An event with its body: `type` instead of `event.type`."""
        body = {k: v for k, v in event.items() if k not in ("event.type", "location")}
        frame = {
            "filename": "a.py",
            "function": "f",
            "lineNo": 3,
            "inApp": True,
            "vars": {"x": 2**70},
            "context": [[3, "f()"]],
        }
        return {
            **body,
            "type": "error",
            "size": 900,
            "entries": [
                {
                    "type": "exception",
                    "data": {"values": [{"type": "E", "value": "v", "stacktrace": {"frames": [frame]}}]},
                }
            ],
            "dist": None,
            "contexts": {"trace": {"type": "trace", "trace_id": "ab"}},
            "context": {"k": 1},
            "sdk": None,
            "packages": {},
            "metadata": {"type": "E"},
            "dateReceived": event["dateCreated"],
            "errors": [],
            "occurrence": None,
            "_meta": {},
            "fingerprints": ["f"],
            "groupingConfig": {},
        }

    def _events_of(self, issue: str) -> list[dict[str, Any]]:
        return [e for e in self.events if e["groupID"] == issue]

    def _times_of(self, issue: str) -> list[datetime]:
        return sorted(parse(e["dateCreated"]) for e in self._events_of(issue))

    def row(self, issue: str, start: datetime, end: datetime) -> dict[str, Any] | None:
        """An issue as a list shows it: counts of the window above, of its life below."""
        every = self._times_of(issue)
        inside = [t for t in every if start <= t < end]
        if not inside:
            return None
        return {
            **self.issues[issue],
            "count": str(len(inside)),
            "userCount": 1,
            "firstSeen": iso(inside[0]),
            "lastSeen": iso(inside[-1]),
            "lifetime": {
                "count": str(1000 + len(every)),
                "userCount": 77,
                "firstSeen": "2024-02-03T04:05:06Z",
                "lastSeen": iso(every[-1]),
                "stats": None,
            },
        }

    def listed(self, start: datetime, end: datetime) -> list[dict[str, Any]]:
        """Issues with an event in the window, newest first."""
        rows = [row for i in self.issues if (row := self.row(i, start, end))]
        return sorted(rows, key=lambda r: (parse(r["lastSeen"]), r["id"]), reverse=True)

    def detail(self, issue: str) -> dict[str, Any] | None:
        """An issue's own page; the survivor's for a merged one."""
        issue = self.merged.get(issue, issue)
        if issue not in self.issues:
            return None
        every = self._times_of(issue)
        return {
            **copy.deepcopy(self.issues[issue]),
            "count": str(1000 + len(every)),
            "userCount": 77,
            "firstSeen": "2024-02-03T04:05:06Z",
            "lastSeen": iso(every[-1]) if every else None,
            "activity": [
                *self.activity[issue],
                {
                    "id": "0",
                    "type": "first_seen",
                    "dateCreated": "2024-02-03T04:05:06Z",
                    "user": None,
                    "data": {},
                },
            ],
            "firstRelease": None,
            "lastRelease": {"version": "shop@1.0.0"},
            "tags": [],
            "participants": [],
            "seenBy": [],
            "userReportCount": 0,
        }

    def merge(self, issue: str, into: str) -> None:
        """Merges an issue: its events move, its id answers with the survivor."""
        for event in self._events_of(issue):
            event["groupID"] = into
        del self.issues[issue]
        self.merged[issue] = into

    def delete(self, issue: str) -> None:
        """Deletes an issue and its events."""
        self.events = [e for e in self.events if e["groupID"] != issue]
        del self.issues[issue]

    def grouped(
        self,
        kind: str,
        projects: Iterable[str],
        by: list[str],
        fields: list[str],
        starts: list[datetime],
        length: timedelta,
        status: str = "",
    ) -> list[dict[str, Any]]:
        """Groups of a series answer, with their series filled with zeros."""
        source = self.counted if kind == "stats_v2" else self.sessions
        names = (
            ("category", "outcome", "reason")
            if kind == "stats_v2"
            else ("release", "environment", "session.status")
        )
        groups: dict[tuple[Any, ...], dict[str, Any]] = {}
        for (project, a, b, c, time), amounts in source.items():
            if (
                status not in ("", c)
                or project not in projects
                or not starts[0] <= time < starts[-1] + length
            ):
                continue
            values = dict(zip(names, (a, b, c), strict=True)) | {"project": int(project)}
            key = tuple(values[name] for name in by)
            group = groups.setdefault(
                key, {"by": dict(zip(by, key, strict=True)), "raw": [[0, 0, 0] for _ in starts]}
            )
            cell = group["raw"][(time - starts[0]) // length]
            cell[0] += amounts[0]
            cell[1] += amounts[1]
            cell[2] += amounts[0] if c == "crashed" else 0
        for group in groups.values():
            raw = group.pop("raw")
            group["series"] = {f: [_measure(f, cell) for cell in raw] for f in fields}
            total = [sum(cell[i] for cell in raw) for i in range(3)]
            group["totals"] = {f: _measure(f, total) for f in fields}
        return list(groups.values())

    def discovered(
        self, dataset: str, fields: list[str], projects: list[str], start: datetime, end: datetime
    ) -> tuple[list[dict[str, Any]], dict[str, str]]:
        """Rows of a Discover query over the error events, and the types of its fields."""
        groups: dict[tuple[Any, ...], list[dict[str, Any]]] = defaultdict(list)
        plain = [f for f in fields if "(" not in f]
        for event in self.events if dataset == "errors" else []:
            if event["projectID"] in projects and start <= parse(event["dateCreated"]) < end:
                groups[tuple(_value(event, f) for f in plain)].append(event)
        rows = [
            dict(zip(plain, key, strict=True)) | {f: _aggregate(f, found) for f in fields if "(" in f}
            for key, found in groups.items()
        ]
        types = {f: "integer" if f.startswith("count") or f == "project.id" else "string" for f in fields}
        types |= {f: "date" for f in fields if f.startswith("timestamp")}
        types |= {f: "duration" for f in fields if f.startswith(("p50", "p95"))}
        return rows, types


def _measure(field_: str, cell: list[int]) -> float | int | None:
    sessions, users, crashed = cell
    if field_ == "sum(quantity)" or field_ == "sum(session)":
        return sessions
    if field_ in ("sum(times_seen)", "count_unique(user)"):
        return users
    if field_.startswith("crash_free_rate"):
        return 1 - crashed / sessions if sessions else None
    return None


def _value(event: dict[str, Any], field_: str) -> Any:
    tags = {t["key"]: t["value"] for t in event["tags"]}
    if field_ == "timestamp.to_day":
        return event["dateCreated"][:10] + "T00:00:00+00:00"
    if field_ == "project.id":
        return int(event["projectID"])
    if field_ == "project":
        return {WEB: "web", API: "api"}[event["projectID"]]
    if field_.startswith("tags["):
        return tags.get(field_[5:-1], "")
    return {"level": "error", "title": event["title"], "issue.id": int(event["groupID"])}.get(
        field_, tags.get(field_)
    )


def _aggregate(field_: str, events: list[dict[str, Any]]) -> Any:
    if field_ == "count()":
        return len(events)
    if field_.startswith("count_unique"):
        return len({(e["user"] or {}).get("id") for e in events})
    return 1.5
