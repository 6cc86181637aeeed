"""The things a simulated organization is made of, held small because there may be a million of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from .content import Platform


@dataclass(slots=True)
class Member:
    member_id: int
    user_id: int | None
    name: str
    email: str
    role: str
    created_ms: int
    pending: bool = False
    inviter: str | None = None


@dataclass(slots=True)
class Team:
    team_id: int
    slug: str
    name: str
    created_ms: int
    is_member: bool
    member_count: int = 0


@dataclass(slots=True)
class Release:
    release_id: int
    version: str
    created_ms: int
    released_ms: int | None
    projects: list[Project]
    status: str = "open"
    author: Member | None = None
    commit: str | None = None
    new_groups: int = 0
    first_event_ms: int | None = None
    last_event_ms: int | None = None
    deploys: int = 0
    fix: bool = False


class Event:
    """One stored event; everything that is not here follows from its id."""

    __slots__ = (
        "duration",
        "environment",
        "event_id",
        "issue",
        "kind",
        "level",
        "listed",
        "logger",
        "lost",
        "nonce",
        "project",
        "received_ms",
        "release",
        "summary",
        "ts_ms",
        "unhandled",
        "user",
    )

    def __init__(
        self,
        event_id: str,
        project: Project,
        issue: Issue | None,
        ts_ms: int,
        *,
        received_ms: int,
        kind: str,
        level: str,
        release: Release | None,
        environment: str | None,
        user: int | None,
        nonce: int,
        duration: float | None = None,
    ) -> None:
        self.event_id = event_id
        self.project = project
        # these stay as they are when issues merge
        self.unhandled = issue is not None and issue.unhandled
        self.logger = issue.logger if issue is not None else None
        self.issue = issue
        self.ts_ms = ts_ms
        self.received_ms = received_ms
        self.kind = kind
        self.level = level
        self.release = release
        self.environment = environment
        self.user = user
        self.nonce = nonce
        self.duration = duration
        self.listed = False
        self.lost = False
        self.summary: bytes | None = None

    @property
    def order(self) -> tuple[int, str]:
        """Sentry's store keeps whole seconds; the id decides among equals."""
        return (self.ts_ms // 1000, self.event_id)


@dataclass(slots=True)
class Activity:
    activity_id: int
    kind: str
    at_ms: int
    data: dict[str, Any]
    member: Member | None


@dataclass(slots=True)
class State:
    """What `issue_history` is made of: one row per state an issue was in at the end of a night."""

    status: str
    substatus: str | None
    priority: str | None
    level: str
    assignee: tuple[str, int] | None
    valid_from: datetime
    night_from: int
    valid_to: datetime | None = None
    night_to: int | None = None
    closed_by: str | None = None

    @property
    def key(self) -> tuple[object, ...]:
        return (self.status, self.substatus, self.priority, self.level, self.assignee)


@dataclass(slots=True, eq=False)
class Issue:
    issue_id: int
    number: int
    project: Project
    error_type: str
    value: str
    title: str
    culprit: str | None
    level: str
    kind: str
    category: str
    first_seen_ms: int
    status: str = "unresolved"
    substatus: str | None = "ongoing"
    priority: str | None = "medium"
    assignee: tuple[str, int] | None = None
    unhandled: bool = False
    logger: str | None = None
    status_details: dict[str, Any] = field(default_factory=dict)
    status_since_ms: int = 0
    comments: int = 0
    extra_count: int = 0
    """Events that were counted but are stored no more: the counter and the list disagree, as they do."""
    odd: int = 0
    weight: float = 1.0
    seconds: list[int] = field(default_factory=list)
    """Whole seconds of all its events, ascending; `users` runs beside it."""
    users: list[int | None] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    activity: list[Activity] = field(default_factory=list)
    history: list[State] = field(default_factory=list)
    deleted_at: datetime | None = None
    merged_into: Issue | None = None
    absorbed: list[set[str]] = field(default_factory=list)
    """Ids of the events that each merge brought: what an unmerge can take out again."""
    listed: bool = False
    hidden: bool = False
    shown: dict[str, Any] = field(default_factory=dict)
    """The lifetime figures at the last moment the search would have listed it."""

    @property
    def alive(self) -> bool:
        return self.deleted_at is None and self.merged_into is None

    @property
    def times_seen(self) -> int:
        return len(self.seconds) + self.extra_count


@dataclass(slots=True, eq=False)
class Project:
    project_id: int
    slug: str
    name: str
    platform: Platform
    teams: list[Team]
    created_ms: int
    weight: float
    refused: bool = False
    gone: bool = False
    silent: bool = False
    shows_platform: bool = True
    resolve_age_hours: int = 0
    old_slugs: list[str] = field(default_factory=list)
    releases: list[Release] = field(default_factory=list)
    issues: list[Issue] = field(default_factory=list)
    errors: list[Event] = field(default_factory=list)
    """Ascending by (second, id); the lists show them from the end."""
    error_order: list[tuple[int, str]] = field(default_factory=list)
    transactions: list[Event] = field(default_factory=list)
    transaction_order: list[tuple[int, str]] = field(default_factory=list)
    next_short_id: int = 1

    @property
    def accessible(self) -> bool:
        return not self.refused and not self.gone

    @property
    def is_member(self) -> bool:
        return not self.refused and any(team.is_member for team in self.teams)


@dataclass(slots=True)
class EndUser:
    """Somebody who uses the products; the same person comes back in many events."""

    number: int
    user_id: str | None
    email: str | None
    username: str | None
    ip_address: str | None
    geo: dict[str, Any] | None
    name: str | None
