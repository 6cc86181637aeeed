"""The simulated organization: what it holds now, what it ever held, and what of it may be seen."""

from __future__ import annotations

import random
import threading
from bisect import bisect_left, insort
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from . import content
from .model import EndUser, Event, Issue, Member, Project, Release, State, Team
from .options import SandboxOptions
from .rhythm import DAY_MS, HOUR_MS

QUIET = timedelta(minutes=30)
"""Nothing is younger than this when a night ends, so that an export that stays a few minutes behind the
clock sees all there is."""

SHORT_ID_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def to_ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def from_ms(ms: int) -> datetime:
    return datetime.fromtimestamp(ms // 1000, UTC) + timedelta(milliseconds=ms % 1000)


def naive(ms: int) -> datetime:
    return from_ms(ms).replace(tzinfo=None)


class World:
    """Everything at one moment of the simulated clock.

    What leaves by retention leaves at midnight UTC, a whole day at a time: the oldest day shown is
    `retention_days - 1` days before the day of the last tick (the start, or the end of the last night).
    Between two ticks nothing changes, however long an export takes.
    """

    def __init__(self, options: SandboxOptions) -> None:
        self.options = options
        self.lock = threading.RLock()
        self.offset = options.clock_offset
        self.night = 0
        self.version = 0
        self.start = self.now()
        self.tick = self.start
        self.slug = options.organization
        self.organization_id = 4_508_112_300_000_001 if options.modern else 2
        self.teams: list[Team] = []
        self.members: list[Member] = []
        self.projects: list[Project] = []
        self.releases: list[Release] = []
        self.issues: dict[int, Issue] = {}
        self.events: dict[str, Event] = {}
        self.ghosts: list[tuple[Project, int, int]] = []
        """(project, second, id) of issues that the search still counts but the database has not."""
        self.losses: list[dict[str, Any]] = []
        self.created_ms = 0
        self.audience = max(40, options.events // 12)
        self.next_issue_id = 6_100_200_300 if options.modern else 1
        self.next_release_id = 7_300_100_200 if options.modern else 1
        self.next_activity_id = 1
        self._end_users: dict[int, EndUser] = {}

    # --- the clock

    def now(self) -> datetime:
        return datetime.now(UTC) + self.offset

    @property
    def tick(self) -> datetime:
        """The start, or the end of the last night."""
        return self._tick

    @tick.setter
    def tick(self, moment: datetime) -> None:
        self._tick = moment
        midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
        self.data_until_ms = to_ms(moment - QUIET)
        """Nothing is younger."""
        self.cutoff_ms = to_ms(midnight - timedelta(days=self.options.retention_days - 1))
        """The oldest moment that retention still shows."""
        self.search_floor = max(self.cutoff_ms, self.data_until_ms - 90 * DAY_MS) // 1000
        """Issues without an event since are not found: 90 days, or retention if that is shorter."""

    @property
    def history_start_ms(self) -> int:
        """The first moment of the history made at start."""
        midnight = self.start.replace(hour=0, minute=0, second=0, microsecond=0)
        return to_ms(midnight - timedelta(days=max(1, self.options.days) - 1))

    @property
    def first_hour(self) -> int:
        return self.history_start_ms // HOUR_MS

    @property
    def last_hour(self) -> int:
        return self.data_until_ms // HOUR_MS

    # --- look-up

    @property
    def reachable(self) -> list[Project]:
        return [project for project in self.projects if project.accessible]

    def project_by(self, slug_or_id: str) -> Project | None:
        for project in self.projects:
            if project.slug == slug_or_id:
                return project
        if self.options.modern and slug_or_id.isdigit():
            return next((p for p in self.projects if p.project_id == int(slug_or_id)), None)
        return None

    def renamed_from(self, slug: str) -> Project | None:
        return next((project for project in self.projects if slug in project.old_slugs), None)

    def survivor(self, issue_id: int) -> Issue | None:
        """The issue an id answers with: itself, or what it was merged into."""
        issue = self.issues.get(issue_id)
        while issue is not None and issue.merged_into is not None:
            issue = issue.merged_into
        return issue if issue is not None and issue.deleted_at is None else None

    def short_id(self, issue: Issue) -> str:
        digits, number = "", issue.number
        while number:
            number, rest = divmod(number, 32)
            digits = SHORT_ID_ALPHABET[rest] + digits
        return f"{issue.project.slug.upper()}-{digits}"

    def user(self, number: int) -> EndUser:
        known = self._end_users.get(number)
        if known is None:
            known = self._end_users[number] = self._make_user(number)
        return known

    def _make_user(self, number: int) -> EndUser:
        rng = random.Random(f"{self.options.seed}:user:{number}")
        first, last = rng.choice(content.FIRST_NAMES), rng.choice(content.LAST_NAMES)
        username = f"{first}.{last}{number}".lower()
        code, city, region = rng.choice(content.PLACES)
        kind = rng.random()
        return EndUser(
            number=number,
            user_id=None if kind > 0.92 else str(40_000 + number),
            email=None if kind > 0.7 else f"{username}@example.com",
            username=username if kind < 0.85 else None,
            ip_address=f"198.51.{100 + number % 100}.{number % 251}"
            if kind < 0.97
            else f"2001:db8::{number:x}",
            geo={"country_code": code, "city": city, "region": region} if kind > 0.15 else None,
            name=f"{first} {last}" if kind < 0.5 else None,
        )

    # --- adding

    def add_events(self, events: Iterable[Event]) -> None:
        """Store events and keep every list in order; cheap for one night's worth, not for a million."""
        touched: dict[int, Issue] = {}
        for event in events:
            self.events[event.event_id] = event
            project = event.project
            if event.kind == "transaction":
                position = bisect_left(project.transaction_order, event.order)
                project.transaction_order.insert(position, event.order)
                project.transactions.insert(position, event)
            elif event.kind != "feedback":
                position = bisect_left(project.error_order, event.order)
                project.error_order.insert(position, event.order)
                project.errors.insert(position, event)
            if event.issue is not None:
                insort(event.issue.events, event, key=lambda e: e.order)
                touched[id(event.issue)] = event.issue
            note_release(event)
        for issue in touched.values():
            index_issue(issue)

    def remove_events(self, issue: Issue) -> None:
        gone = {event.event_id for event in issue.events}
        project = issue.project
        kept = [event for event in project.errors if event.event_id not in gone]
        project.errors = kept
        project.error_order = [event.order for event in kept]

    # --- what is seen

    def reported_status(self, issue: Issue) -> tuple[str, bool]:
        """(status as the API tells it, whether only the project's resolve age makes it so)."""
        age = issue.project.resolve_age_hours
        if (
            age
            and issue.status == "unresolved"
            and issue.seconds
            and issue.seconds[-1] < self.tick.timestamp() - age * 3600
        ):
            return "resolved", True
        return issue.status, False

    def in_search(self, issue: Issue) -> bool:
        """Whether the issue search with an empty query and its widest window lists the issue."""
        return (
            issue.alive
            and issue.category != "feedback"
            and issue.project.accessible
            and not issue.hidden
            and bool(issue.seconds)
            and issue.seconds[-1] >= self.search_floor
        )

    def settle(self) -> None:
        """After a tick: write down what can be seen now, for whoever asks later what was ever true."""
        self.version += 1
        cutoff = self.cutoff_ms // 1000
        moment = self.tick.replace(tzinfo=None)
        for issue in self.issues.values():
            if not self.in_search(issue):
                continue
            issue.listed = True
            first = bisect_left(issue.seconds, cutoff)
            users = set(issue.users[first:])
            users.discard(None)
            issue.shown = {
                "short_id": self.short_id(issue),
                "event_count": issue.times_seen,
                "user_count": len(users),
                "first_seen": naive(issue.first_seen_ms),
                "last_seen": naive(issue.seconds[-1] * 1000),
            }
            state = State(
                status=self.reported_status(issue)[0],
                substatus=issue.substatus,
                priority=issue.priority if self.options.modern else None,
                level=issue.level,
                assignee=issue.assignee,
                valid_from=moment,
                night_from=self.night,
            )
            if issue.history and issue.history[-1].key == state.key:
                continue
            self.close_state(issue, None)
            issue.history.append(state)
        for project in self.reachable:
            first = bisect_left(project.error_order, (cutoff, ""))
            for event in project.errors[first:]:
                if not event.lost:
                    event.listed = True

    def close_state(self, issue: Issue, reason: str | None) -> None:
        if issue.history and issue.history[-1].valid_to is None:
            issue.history[-1].valid_to = self.tick.replace(tzinfo=None)
            issue.history[-1].night_to = self.night
            issue.history[-1].closed_by = reason


def index_issue(issue: Issue) -> None:
    """Rebuild the two lists that the search reads."""
    issue.seconds = [event.ts_ms // 1000 for event in issue.events]
    issue.users = [event.user for event in issue.events]


def note_release(event: Event) -> None:
    release = event.release
    if release is None:
        return
    if release.first_event_ms is None or event.ts_ms < release.first_event_ms:
        release.first_event_ms = event.ts_ms
    if release.last_event_ms is None or event.ts_ms > release.last_event_ms:
        release.last_event_ms = event.ts_ms
