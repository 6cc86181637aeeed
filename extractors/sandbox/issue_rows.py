"""What an issue looks like: bytes made once an issue, and the few figures that depend on the window."""

from __future__ import annotations

from bisect import bisect_left
from typing import Any

from .answers import encode, iso, iso_seconds
from .model import Activity, Issue, Member
from .people import user_object
from .world import World

_STEPS = {"24h": (3600, 24), "14d": (86400, 14), "30d": (86400, 30)}


class IssueRows:
    def __init__(self, world: World, base: str) -> None:
        self.world = world
        self.base = base
        self._version = -1
        self._heads: dict[tuple[int, bool], bytes] = {}
        self._lifetimes: dict[int, bytes] = {}
        self._flat: dict[str, bytes] = {}

    def refresh(self) -> None:
        """Forget what a night has changed."""
        if self._version != self.world.version:
            self._version = self.world.version
            self._heads.clear()
            self._lifetimes.clear()
            self._flat.clear()

    def assignee(self, issue: Issue) -> dict[str, Any] | None:
        if issue.assignee is None:
            return None
        kind, number = issue.assignee
        if kind == "team":
            team = next(team for team in self.world.teams if team.team_id == number)
            return {"type": "team", "id": str(number), "name": team.slug}
        member = next(member for member in self.world.members if member.user_id == number)
        return {"type": "user", "id": str(number), "name": member.name, "email": member.email}

    def _status_details(self, issue: Issue, auto: bool) -> dict[str, Any]:
        if auto:
            return {"autoResolved": True}
        details = dict(issue.status_details)
        if isinstance(actor := details.get("actor"), Member):
            details["actor"] = user_object(actor)
        return details

    def base_row(self, issue: Issue) -> dict[str, Any]:
        world, modern = self.world, self.world.options.modern
        status, auto = world.reported_status(issue)
        metadata: dict[str, Any] = {"title": issue.title}
        if issue.category == "feedback":
            metadata = {"title": issue.title, "message": issue.value, "contact_email": "visitor@example.com"}
        elif issue.kind == "error":
            metadata = {
                "type": issue.error_type,
                "value": issue.value,
                "filename": f"{issue.project.platform.folder}/handlers.{issue.project.platform.extension}",
                "function": (issue.culprit or "").rsplit(" ", 1)[-1],
                "display_title_with_tree_label": False,
            }
            if issue.odd == 3:
                metadata["value"] = 404
        row: dict[str, Any] = {
            "id": str(issue.issue_id),
            "shareId": None,
            "shortId": world.short_id(issue),
            "title": issue.title,
            "culprit": issue.culprit if modern or issue.culprit else "",
            "permalink": f"{self.base}/organizations/{world.slug}/issues/{issue.issue_id}/",
            "logger": issue.logger,
            "level": issue.level,
            "status": status,
            "statusDetails": self._status_details(issue, auto),
            "substatus": issue.substatus,
            "isPublic": False,
            "platform": None if issue.odd == 1 else issue.project.platform.family,
            "project": {
                "id": str(issue.project.project_id),
                "name": issue.project.name,
                "slug": issue.project.slug,
                "platform": issue.project.platform.name if issue.project.shows_platform else None,
            },
            "type": issue.kind if issue.category != "feedback" else "generic",
            "metadata": metadata,
            "numComments": issue.comments,
            "assignedTo": self.assignee(issue),
            "isBookmarked": False,
            "isSubscribed": False,
            "subscriptionDetails": None,
            "hasSeen": False,
            "annotations": (
                [{"displayName": "TRACK-7", "url": "https://tracker.example.com/TRACK-7"}]
                if issue.odd == 2 and modern
                else ['<a href="https://tracker.example.com/TRACK-7">TRACK-7</a>']
                if issue.odd == 2
                else []
            ),
            "issueType": "feedback" if issue.category == "feedback" else "error",
            "issueCategory": issue.category,
        }
        if modern:
            row |= {
                "priority": issue.priority,
                "priorityLockedAt": None,
                "seerFixabilityScore": None if issue.issue_id % 3 else 0.5,
                "seerAutofixLastTriggered": None,
            }
        if issue.odd == 4:
            row["surpriseField"] = [1, "two", None, {"three": 3.5}]
        return row

    def head(self, issue: Issue, unhandled: bool) -> bytes:
        key = (issue.issue_id, unhandled)
        head = self._heads.get(key)
        if head is None:
            row = self.base_row(issue)
            if unhandled:
                row["isUnhandled"] = issue.unhandled
            head = self._heads[key] = encode(row)[:-1]
        return head

    def figures(self, issue: Issue, low: int, high: int, environments: set[str | None] | None) -> bytes:
        """count, userCount, firstSeen, lastSeen of a stretch of the issue's events."""
        seconds, users = issue.seconds[low:high], set(issue.users[low:high])
        if environments is not None:
            inside = [event for event in issue.events[low:high] if event.environment in environments]
            seconds, users = [event.ts_ms // 1000 for event in inside], {event.user for event in inside}
        if not seconds:
            return b'"count":"0","userCount":0,"firstSeen":null,"lastSeen":null'
        users.discard(None)
        return (
            f'"count":"{len(seconds)}","userCount":{len(users)},'
            f'"firstSeen":"{iso_seconds(seconds[0])}Z","lastSeen":"{iso_seconds(seconds[-1])}Z"'
        ).encode()

    def lifetime(self, issue: Issue) -> tuple[int, int, int, int | None]:
        """(count, users, first seen ms, last seen s): totals from one database, the rest from another."""
        low = bisect_left(issue.seconds, self.world.cutoff_ms // 1000)
        users = set(issue.users[low:])
        users.discard(None)
        last = issue.seconds[-1] if low < len(issue.seconds) else None
        return issue.times_seen, len(users), issue.first_seen_ms, last

    def lifetime_bytes(self, issue: Issue) -> bytes:
        known = self._lifetimes.get(issue.issue_id)
        if known is None:
            count, users, first, last = self.lifetime(issue)
            seen = "null" if last is None else f'"{iso_seconds(last)}Z"'
            known = self._lifetimes[issue.issue_id] = (
                f'"count":"{count}","userCount":{users},"firstSeen":"{iso(first)}","lastSeen":{seen}'
            ).encode()
        return known

    def sparkline(self, issue: Issue, period: str) -> bytes:
        step, count = _STEPS[period]
        end = self.world.data_until_ms // 1000 // step * step + step
        start = end - step * count
        flat = self._flat.get(period)
        if flat is None:
            flat = self._flat[period] = encode([[start + step * i, 0] for i in range(count)])
        if not issue.seconds or issue.seconds[-1] < start:
            return flat
        buckets = [0] * count
        for second in issue.seconds[bisect_left(issue.seconds, start) :]:
            buckets[(second - start) // step] += 1
        return encode([[start + step * i, number] for i, number in enumerate(buckets)])

    def activities(self, issue: Issue) -> list[dict[str, Any]]:
        """The newest hundred, and a made-up first row with the id "0"."""
        rows = [
            self._activity(activity)
            for activity in sorted(issue.activity, key=lambda a: (-a.at_ms, -a.activity_id))[:100]
        ]
        rows.append(
            {
                "id": "0",
                "user": None,
                "type": "first_seen",
                "data": {},
                "dateCreated": iso(issue.first_seen_ms),
            }
        )
        return rows

    def _activity(self, activity: Activity) -> dict[str, Any]:
        row: dict[str, Any] = {
            "id": str(activity.activity_id),
            "user": None if activity.member is None else user_object(activity.member),
            "type": activity.kind,
            "data": activity.data,
            "dateCreated": iso(activity.at_ms),
        }
        if self.world.options.modern:
            row["sentry_app"] = None
        return row
