"""What the sandbox holds and what was ever true of it, row by row, to hold a warehouse against."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import content
from .events import Events
from .model import Event, Issue
from .rhythm import HOUR_MS
from .series import STATUSES, Outcomes, Sessions
from .world import World, naive

Row = dict[str, Any]
_FREE_TEXT = ("title", "value", "culprit")


class Truth:
    """Times are naive UTC; ids are text. `listed` means: the API listed the row at the end of some night.

    - `issues`: the figures are the lifetime ones of the last night on which the search listed the issue.
    - `issue_history`: one row per state at the end of a night (states that came and went within a night
      leave none); `night_from`, `night_to` number the nights, 0 is the start.
    - `events`: errors and messages, and transactions with `event_type` "transaction" (never listed: the
      project's event list leaves them out).
    - `outcomes`, `sessions`: hourly, only rows that are not zero, as the API would tell them now;
      `retained` false where retention has taken them since.
    """

    def __init__(self, world: World, events: Events, outcomes: Outcomes, sessions: Sessions) -> None:
        self.world = world
        self.events = events
        self._outcomes = outcomes
        self._sessions = sessions
        self.tables: dict[str, Callable[[], list[Row]]] = {
            "organizations": self.organizations,
            "projects": self.projects,
            "teams": self.teams,
            "members": self.members,
            "releases": self.releases,
            "issues": self.issues,
            "issue_history": self.issue_history,
            "issue_activity": self.issue_activity,
            "events": self.event_rows,
            "event_tags": self.event_tags,
            "outcomes": self.outcomes,
            "sessions": self.sessions,
            "losses": self.losses,
        }

    def table(self, name: str) -> list[Row]:
        """The rows as Python sees them, half surrogate pairs included."""
        rows = self.raw(name)
        for row in rows:
            for key in _FREE_TEXT:
                value = row.get(key)
                if isinstance(value, str) and content.LONE_SURROGATE in value:
                    row[key] = value.replace(content.LONE_SURROGATE, "\ud83d")
        return rows

    def raw(self, name: str) -> list[Row]:
        """The rows as `answers.encode` takes them."""
        make = self.tables.get(name)
        if make is None:
            raise KeyError(f"no table {name!r}; there are {', '.join(self.tables)}")
        with self.world.lock:
            return make()

    @property
    def _organization_id(self) -> str:
        return str(self.world.organization_id)

    def organizations(self) -> list[Row]:
        options = self.world.options
        return [
            {
                "organization_id": self._organization_id,
                "slug": self.world.slug,
                "name": options.organization.title() + " Trading",
                "date_created": naive(self.world.created_ms + 321),
            }
        ]

    def projects(self) -> list[Row]:
        return [
            {
                "organization_id": self._organization_id,
                "project_id": str(project.project_id),
                "slug": project.slug,
                "name": project.name,
                "platform": project.platform.name if project.shows_platform else None,
                "date_created": naive(project.created_ms + 17),
                "is_member": project.is_member,
                "accessible": project.accessible,
                "refused": project.refused,
                "gone": project.gone,
                "old_slugs": list(project.old_slugs),
                "team_ids": [str(team.team_id) for team in project.teams],
            }
            for project in self.world.projects
        ]

    def teams(self) -> list[Row]:
        return [
            {
                "organization_id": self._organization_id,
                "team_id": str(team.team_id),
                "slug": team.slug,
                "name": team.name,
                "date_created": naive(team.created_ms + 45),
                "is_member": team.is_member,
                "member_count": team.member_count,
            }
            for team in self.world.teams
        ]

    def members(self) -> list[Row]:
        return [
            {
                "organization_id": self._organization_id,
                "member_id": str(member.member_id),
                "user_id": None if member.user_id is None else str(member.user_id),
                "email": member.email,
                "name": member.name,
                "role": member.role,
                "pending": member.pending,
                "date_created": naive(member.created_ms),
            }
            for member in self.world.members
        ]

    def releases(self) -> list[Row]:
        return [
            {
                "organization_id": self._organization_id,
                "release_id": str(release.release_id),
                "version": release.version,
                "status": release.status,
                "date_created": naive(release.created_ms),
                "date_released": naive(release.released_ms) if release.released_ms else None,
                "new_groups": release.new_groups,
                "first_event": naive(release.first_event_ms // 1000 * 1000)
                if release.first_event_ms
                else None,
                "last_event": naive(release.last_event_ms // 1000 * 1000) if release.last_event_ms else None,
                "project_ids": [str(project.project_id) for project in release.projects],
                "listed": any(project.accessible for project in release.projects),
            }
            for release in self.world.releases
        ]

    # --- issues

    def _assignee(self, assignee: tuple[str, int] | None) -> Row:
        if assignee is None:
            return {
                "assigned_to": None,
                "assigned_to_type": None,
                "assigned_to_id": None,
                "assigned_to_name": None,
            }
        kind, number = assignee
        if kind == "team":
            name = next(team.slug for team in self.world.teams if team.team_id == number)
        else:
            name = next(member.name for member in self.world.members if member.user_id == number)
        return {
            "assigned_to": f"{kind}:{number}",
            "assigned_to_type": kind,
            "assigned_to_id": str(number),
            "assigned_to_name": name,
        }

    def issues(self) -> list[Row]:
        rows: list[Row] = []
        for issue in self.world.issues.values():
            state = issue.history[-1] if issue.history else None
            rows.append(
                {
                    "organization_id": self._organization_id,
                    "issue_id": str(issue.issue_id),
                    "project_id": str(issue.project.project_id),
                    "short_id": issue.shown.get("short_id") or self.world.short_id(issue),
                    "title": issue.title,
                    "culprit": issue.culprit,
                    "status": state.status if state else self.world.reported_status(issue)[0],
                    "substatus": state.substatus if state else issue.substatus,
                    "priority": (state.priority if state else issue.priority)
                    if self.world.options.modern
                    else None,
                    "level": issue.level,
                    "issue_category": issue.category,
                    "is_unhandled": issue.unhandled,
                    **self._assignee(state.assignee if state else issue.assignee),
                    "event_count": issue.shown.get("event_count", issue.times_seen),
                    "user_count": issue.shown.get("user_count"),
                    "first_seen": issue.shown.get("first_seen", naive(issue.first_seen_ms)),
                    "last_seen": issue.shown.get("last_seen"),
                    "deleted_at": issue.deleted_at,
                    "merged_into_issue_id": str(self._survivor(issue).issue_id)
                    if issue.merged_into
                    else None,
                    "listed": issue.listed,
                    "in_search": self.world.in_search(issue),
                }
            )
        return rows

    @staticmethod
    def _survivor(issue: Issue) -> Issue:
        while issue.merged_into is not None:
            issue = issue.merged_into
        return issue

    def issue_history(self) -> list[Row]:
        return [
            {
                "organization_id": self._organization_id,
                "issue_id": str(issue.issue_id),
                "project_id": str(issue.project.project_id),
                "status": state.status,
                "substatus": state.substatus,
                "priority": state.priority,
                "level": state.level,
                **self._assignee(state.assignee),
                "valid_from": state.valid_from,
                "valid_to": state.valid_to,
                "night_from": state.night_from,
                "night_to": state.night_to,
                "closed_by": state.closed_by,
            }
            for issue in self.world.issues.values()
            for state in issue.history
        ]

    def issue_activity(self) -> list[Row]:
        rows: list[Row] = []
        for issue in self.world.issues.values():
            base = {
                "organization_id": self._organization_id,
                "issue_id": str(issue.issue_id),
                "listed": issue.listed,
            }
            rows.extend(
                {
                    **base,
                    "activity_id": str(activity.activity_id),
                    "activity_type": activity.kind,
                    "date_created": naive(activity.at_ms),
                    "user_id": str(activity.member.user_id) if activity.member else None,
                    "data": activity.data,
                }
                for activity in issue.activity
            )
        return rows

    # --- events

    def event_rows(self) -> list[Row]:
        return [self._event(event) for event in self.world.events.values() if event.kind != "feedback"]

    def _event(self, event: Event) -> Row:
        issue = event.issue
        person = self.world.user(event.user) if event.user is not None else None
        return {
            "organization_id": self._organization_id,
            "event_id": event.event_id,
            "project_id": str(event.project.project_id),
            "issue_id": str(issue.issue_id) if issue is not None else None,
            "event_type": event.kind,
            "title": self.events.title(event),
            "level": event.level,
            "platform": event.project.platform.family,
            "environment": event.environment,
            "release": event.release.version if event.release else None,
            "user_id": person.user_id if person else None,
            "user_email": person.email if person else None,
            "date_created": naive(self.events.date_created(event)),
            "date_received": naive(event.received_ms),
            "listed": event.listed,
            "lost": event.lost,
            "retained": event.ts_ms // 1000 >= self.world.cutoff_ms // 1000,
            "deleted": issue is not None and issue.deleted_at is not None,
        }

    def event_tags(self) -> list[Row]:
        return [
            {"organization_id": self._organization_id, "event_id": event.event_id, "key": key, "value": value}
            for event in self.world.events.values()
            if event.listed
            for key, value in self.events.tags(event)
        ]

    # --- figures

    def outcomes(self) -> list[Row]:
        floor = self.world.cutoff_ms // HOUR_MS
        return [
            {
                "organization_id": self._organization_id,
                "project_id": str(project.project_id),
                "category": kind.category,
                "outcome": kind.outcome,
                "reason": kind.reason,
                "interval_start": naive(hour * HOUR_MS),
                "quantity": quantity,
                "times_seen": times,
                "listed": project.accessible,
                "retained": hour >= floor,
            }
            for project in self.world.projects
            for kind, hour, quantity, times in self._outcomes.rows(project, 0, 1 << 40)
        ]

    def sessions(self) -> list[Row]:
        floor = self.world.cutoff_ms // HOUR_MS
        rows: list[Row] = []
        for project in self.world.projects:
            base = {"organization_id": self._organization_id, "project_id": str(project.project_id)}
            for series, hour, at in self._sessions.rows(project, 0, 1 << 40):
                sessions = list(series.figures[at : at + len(STATUSES)])
                users = list(series.figures[at + len(STATUSES) : at + 2 * len(STATUSES)])
                if not self.world.options.modern:
                    sessions[1] += sessions[4]
                    users[1] += users[4]
                for index, status in enumerate(STATUSES if self.world.options.modern else STATUSES[:4]):
                    if not sessions[index] and not users[index]:
                        continue
                    rows.append(
                        {
                            **base,
                            "release": series.release,
                            "environment": series.environment,
                            "session_status": status,
                            "interval_start": naive(hour * HOUR_MS),
                            "session_count": sessions[index],
                            "user_count": users[index],
                            "listed": project.accessible,
                            "retained": hour >= floor,
                        }
                    )
        return rows

    def losses(self) -> list[Row]:
        return [dict(loss) for loss in self.world.losses]
