"""One night passes: what happens to an organization between two exports."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import timedelta

from .makers import new_event, new_issue, new_release, new_transaction
from .model import Event, Issue, Project
from .rhythm import DAY_MS, HOUR_MS, moments
from .series import Outcomes, Sessions
from .states import (
    add_note,
    age_states,
    archive,
    assign,
    dress_new_issue,
    record,
    regress,
    resolve,
    unassign,
)
from .world import World, index_issue

RENAME_EVERY = 9
LATEST_DAYS = 25
"""Events arrive up to this many days after they happened; servers take up to thirty."""


class Nights:
    """Each night follows from the seed and its number, whatever was asked of the server in between."""

    def __init__(self, world: World, outcomes: Outcomes, sessions: Sessions) -> None:
        self.world = world
        self.outcomes = outcomes
        self.sessions = sessions
        days = max(1, min(world.options.days, world.options.retention_days))
        self._per_day = {
            project.project_id: sum(1 for e in project.errors if e.ts_ms >= world.cutoff_ms) / days
            for project in world.projects
        }

    def one(self, *, quiet: bool = False) -> list[str]:
        """Pass a night. A quiet one brings no events and no decisions, only the passing of time."""
        world = self.world
        since = world.data_until_ms
        world.night += 1
        world.offset += timedelta(days=1)
        world.tick = world.now()
        night = _Night(world, since, self._per_day)
        lines = [f"night {world.night}: the clock says {world.tick:%Y-%m-%d %H:%M} UTC"]
        if not quiet and world.projects:
            lines += night.happen()
        if world.projects:
            aged = age_states(world, list(world.issues.values()))
            if aged:
                lines.append(f"no longer new, regressed or escalating but ongoing: {_counted(aged, 'issue')}")
        self.outcomes.mark()
        self.sessions.mark()
        gone = _leaving(world, since)
        if gone:
            lines.append(f"{_counted(gone, 'event')} left by retention")
        world.settle()
        return lines


def _leaving(world: World, since: int) -> int:
    before = world.cutoff_ms - DAY_MS
    return sum(
        1 for project in world.projects for event in project.errors if before <= event.ts_ms < world.cutoff_ms
    )


def _move(events: list[Event], source: Issue, target: Issue) -> None:
    gone = {event.event_id for event in events}
    for event in events:
        event.issue = target
        event.summary = None
    target.events = sorted([*target.events, *events], key=lambda event: event.order)
    source.events = [event for event in source.events if event.event_id not in gone]
    index_issue(target)
    index_issue(source)


class _Night:
    def __init__(self, world: World, since: int, per_day: dict[int, float]) -> None:
        self.world = world
        self.since = since
        self.until = world.data_until_ms
        self.per_day = per_day
        self.rng = random.Random(f"{world.options.seed}:night:{world.night}")
        self.taken: set[int] = set()
        """Issues something is decided about tonight: nothing else happens to them."""
        self.events: list[Event] = []

    def happen(self) -> list[str]:
        lines: list[str] = []
        steps: list[tuple[float, Callable[[], str | None]]] = [
            (0.35, self.release),
            (0.9, self.resolution),
            (0.8, self.reassignment),
            (0.6, self.regression),
            (0.45, self.merge),
            (0.4, self.deletion),
            (0.4, self.archival),
            (0.3, self.note),
            (0.3, self.priority),
            (0.2, self.level),
        ]
        first = self.world.night == 1
        for odds, step in steps:
            # The first night shows everything once, so that a demo has something to tell.
            if (first or self.rng.random() < odds) and (line := step()):
                lines.append(line)
        if self.world.night % RENAME_EVERY == RENAME_EVERY // 2 and (line := self.rename()):
            lines.append(line)
        lines += [self.new_issues(), self.ordinary(), self.late()]
        self.world.add_events(self.events)
        for event in self.events:
            if event.issue is not None and event.ts_ms < event.issue.first_seen_ms:
                event.issue.first_seen_ms = event.ts_ms
        # after everything else, from dice of their own: older nights stay what they were
        self.rng = random.Random(f"{self.world.options.seed}:night:{self.world.night}:later")
        for odds, later in ((0.5, self.flicker), (0.3, self.reprocessing), (0.6, self.unmerge)):
            if (first or self.rng.random() < odds) and (line := later()):
                lines.append(line)
        every = self.world.options.organization_renamed_every
        if every and self.world.night % every == 0:
            lines.append(self.rename_organization())
        return lines

    # --- choosing

    def _moment(self) -> int:
        return self.since + int((self.until - self.since) * self.rng.uniform(0.05, 0.95))

    def _pick(self, fits: Callable[[Issue], bool]) -> Issue | None:
        pool = [
            issue
            for issue in self.world.issues.values()
            if issue.issue_id not in self.taken and self.world.in_search(issue) and fits(issue)
        ]
        if not pool:
            return None
        issue = self.rng.choice(pool)
        self.taken.add(issue.issue_id)
        return issue

    def _name(self, issue: Issue) -> str:
        return f"{self.world.short_id(issue)} ({issue.issue_id})"

    def _active(self, project: Project) -> list[Issue]:
        return [
            issue
            for issue in project.issues
            if issue.alive
            and issue.category == "error"
            and issue.status != "resolved"
            and issue.issue_id not in self.taken
        ]

    # --- decisions

    def resolution(self) -> str | None:
        issue = self._pick(lambda i: i.status == "unresolved")
        if issue is None:
            return None
        resolve(self.world, issue, self.rng, self._moment())
        return f"{self._name(issue)} was resolved, without an event"

    def archival(self) -> str | None:
        issue = self._pick(lambda i: i.status == "unresolved")
        if issue is None:
            return None
        archive(self.world, issue, self.rng, self._moment())
        return f"{self._name(issue)} was archived ({issue.substatus})"

    def reassignment(self) -> str | None:
        issue = self._pick(lambda i: True)
        if issue is None:
            return None
        before = issue.assignee
        if before is not None and self.rng.random() < 0.3:
            unassign(self.world, issue, self.rng, self._moment())
            return f"{self._name(issue)} was taken from {before[0]} {before[1]}"
        assign(self.world, issue, self.rng, self._moment())
        if issue.assignee is None:
            return None
        return f"{self._name(issue)} was assigned to {issue.assignee[0]} {issue.assignee[1]}"

    def regression(self) -> str | None:
        issue = self._pick(lambda i: i.status == "resolved")
        if issue is None:
            return None
        at = self._moment()
        regress(self.world, issue, self.rng, at)
        count = self.rng.randint(1, 3)
        for _ in range(count):
            ts = at + int((self.until - at) * self.rng.random())
            self.events.append(new_event(self.world, issue, ts, self.rng))
        return f"{self._name(issue)} came back: {_counted(count, 'event')}"

    def merge(self) -> str | None:
        source = self._pick(lambda i: len(i.project.issues) > 1)
        partners = self._partners(source) if source is not None else []
        if source is None or not partners:
            return None
        target = self.rng.choice(partners)
        self.taken.add(target.issue_id)
        self.world.close_state(source, "merged")
        source.merged_into = target
        moved = source.events
        target.absorbed += [*source.absorbed, {event.event_id for event in moved}]
        _move(moved, source, target)
        target.first_seen_ms = min(target.first_seen_ms, source.first_seen_ms)
        target.extra_count += source.extra_count
        target.comments += source.comments
        target.activity += source.activity
        source.activity = []
        data = {"issues": [{"id": source.issue_id}]}
        record(self.world, target, "merge", self._moment(), data=data, member=None)
        return (
            f"{self._name(source)} was merged into {self._name(target)}, with {_counted(len(moved), 'event')}"
        )

    def _partners(self, issue: Issue) -> list[Issue]:
        return [
            other
            for other in issue.project.issues
            if other is not issue and other.issue_id not in self.taken and self.world.in_search(other)
        ]

    def deletion(self) -> str | None:
        issue = self._pick(lambda i: True)
        if issue is None:
            return None
        self.world.close_state(issue, "deleted")
        issue.deleted_at = self.world.tick.replace(tzinfo=None)
        self.world.remove_events(issue)
        return f"{self._name(issue)} was deleted, with {_counted(len(issue.events), 'event')}"

    def unmerge(self) -> str | None:
        """What a merge brought goes into a new issue: only what the store still has."""
        cutoff = self.world.cutoff_ms

        def parts(issue: Issue) -> list[list[Event]]:
            kept = [event for event in issue.events if event.ts_ms >= cutoff]
            found = [[event for event in kept if event.event_id in ids] for ids in issue.absorbed]
            return [part for part in found if part and len(part) < len(kept)]

        source = self._pick(lambda issue: bool(parts(issue)))
        if source is None:
            return None
        part = self.rng.choice(parts(source))
        made = self._like(source)
        made.first_seen_ms = min(event.ts_ms for event in part)
        made.status_since_ms = made.first_seen_ms
        _move(part, source, made)
        at = self._moment()
        fingerprints = [f"{self.rng.getrandbits(128):032x}"]
        for issue, kind, end, other in (
            (source, "unmerge_source", "destination_id", made),
            (made, "unmerge_destination", "source_id", source),
        ):
            data = {"fingerprints": fingerprints, end: other.issue_id}
            record(self.world, issue, kind, at, data=data, member=None)
        events = _counted(len(part), "event")
        return f"{self._name(made)} was taken out of {self._name(source)} again, with {events}"

    def reprocessing(self) -> str | None:
        """Another issue takes the place of one, with its short id, its state, its trail and its events."""
        source = self._pick(lambda issue: True)
        if source is None:
            return None
        made = self._like(source)
        made.project.next_short_id -= 1
        made.number, made.first_seen_ms = source.number, source.first_seen_ms
        made.status, made.substatus, made.priority = source.status, source.substatus, source.priority
        made.status_details, made.status_since_ms = source.status_details, source.status_since_ms
        made.assignee, made.comments, made.extra_count = source.assignee, source.comments, source.extra_count
        made.absorbed, made.activity, source.activity = source.absorbed, source.activity, []
        self.world.close_state(source, "reprocessed")
        source.merged_into = made
        count = len(source.events)
        _move(source.events, source, made)
        data = {"eventCount": count, "oldGroupId": source.issue_id, "newGroupId": made.issue_id}
        record(self.world, made, "reprocess", self._moment(), data=data, member=None)
        return f"{self._name(source)} was reprocessed: it is {made.issue_id} now"

    def _like(self, issue: Issue) -> Issue:
        """A new issue that looks like this one."""
        made = new_issue(self.world, issue.project, self.rng, 0)
        for name in ("error_type", "value", "title", "culprit", "level", "kind", "unhandled", "logger"):
            setattr(made, name, getattr(issue, name))
        made.odd = 0
        self.taken.add(made.issue_id)
        return made

    def flicker(self) -> str | None:
        """Assigned and given back within a day: no list ever shows it."""
        issue = self._pick(lambda i: i.assignee is None)
        if issue is None:
            return None
        at = self._moment()
        assign(self.world, issue, self.rng, at)
        if issue.assignee is None:
            return None
        unassign(self.world, issue, self.rng, at + (self.until - at) // 2)
        return f"{self._name(issue)} was assigned, and given back the same day"

    def note(self) -> str | None:
        issue = self._pick(lambda i: True)
        if issue is None:
            return None
        add_note(self.world, issue, self.rng, self._moment())
        return f"somebody wrote about {self._name(issue)}"

    def priority(self) -> str | None:
        if not self.world.options.modern:
            return None
        issue = self._pick(lambda i: True)
        if issue is None:
            return None
        issue.priority = self.rng.choice([p for p in ("high", "medium", "low") if p != issue.priority])
        data = {"priority": issue.priority, "reason": "manual"}
        record(self.world, issue, "set_priority", self._moment(), data=data, member=None)
        return f"{self._name(issue)} has now {issue.priority} priority"

    def level(self) -> str | None:
        """The level follows the newest event."""
        issue = self._pick(lambda i: i.status == "unresolved")
        if issue is None:
            return None
        issue.level = self.rng.choice(
            [level for level in ("fatal", "error", "warning") if level != issue.level]
        )
        self.events.append(new_event(self.world, issue, self._moment(), self.rng))
        return f"{self._name(issue)} is now {issue.level}"

    def rename(self) -> str | None:
        project = self.rng.choice(self.world.reachable)
        old = project.slug
        project.old_slugs.append(old)
        project.slug = f"{old.split('-next')[0]}-next{self.world.night}"
        for event in project.errors:
            event.summary = None
        return f"project {old} is now called {project.slug}"

    def rename_organization(self) -> str:
        old = self.world.slug
        self.world.slug = f"{self.world.options.organization}-{self.world.night}"
        return f"organization {old} is now called {self.world.slug}"

    def release(self) -> str | None:
        busy = [project for project in self.world.projects if project.releases]
        if not busy:
            return None
        project = self.rng.choice(busy)
        number = f"{9 + self.world.night // 50}.{self.world.night % 50}.{len(project.releases)}"
        release = new_release(self.world, project, number, self.since + HOUR_MS, self.rng)
        release.release_id = self.world.next_release_id
        self.world.next_release_id += 3
        return f"{project.slug} released {release.version}"

    # --- events

    def new_issues(self) -> str:
        count = max(1, self.world.options.issues // 150)
        made: list[Issue] = []
        busy = [project for project in self.world.projects if not project.silent]
        for _ in range(count if self.world.options.issues else 0):
            project = self.rng.choice(busy)
            issue = new_issue(self.world, project, self.rng, len(project.issues))
            at = self._moment()
            issue.first_seen_ms = at
            dress_new_issue(issue)
            for _ in range(self.rng.randint(1, 4)):
                ts = at + int((self.until - at) * self.rng.random() ** 2)
                self.events.append(new_event(self.world, issue, ts, self.rng))
            issue.first_seen_ms = min(event.ts_ms for event in self.events if event.issue is issue)
            self.taken.add(issue.issue_id)
            made.append(issue)
        return _counted(len(made), "new issue")

    def ordinary(self) -> str:
        stored = transactions = 0
        for project in self.world.projects:
            created = [release.created_ms for release in project.releases]
            active = self._active(project)
            share = (self.until - self.since) / DAY_MS
            count = int(
                self.per_day[project.project_id] * share * self.rng.uniform(0.75, 1.25) + self.rng.random()
            )
            if active:
                weights = [issue.weight for issue in active]
                chosen = self.rng.choices(active, weights, k=count)
                for issue, at in zip(chosen, moments(self.rng, count, self.since, self.until), strict=True):
                    self.events.append(new_event(self.world, issue, at, self.rng, created=created))
                stored += count
            if project.platform.tracing and not project.silent:
                for at in moments(self.rng, count // 2, self.since, self.until):
                    self.events.append(new_transaction(self.world, project, at, self.rng, created))
                    transactions += 1
        return f"{_counted(stored, 'event')} of the day, {_counted(transactions, 'transaction')}"

    def late(self) -> str:
        """Offline phones and stuck queues: they happened days ago and arrive tonight."""
        total = sum(self.per_day.values())
        wanted = max(2, int(total / 25))
        pool = [
            issue
            for project in self.world.projects
            for issue in self._active(project)
            if issue.seconds and self.world.in_search(issue)
        ]
        oldest = 0
        count = 0
        floor = max(self.world.cutoff_ms, self.world.history_start_ms)
        for _ in range(wanted if pool else 0):
            issue = self.rng.choice(pool)
            days = self.rng.choice((0.5, 1, 2, 4, 5, 8, LATEST_DAYS))
            at = max(self.since - int(days * DAY_MS * self.rng.uniform(0.5, 1.0)), issue.first_seen_ms, floor)
            if at >= self.since:
                continue
            self.events.append(new_event(self.world, issue, at, self.rng, received_ms=self._moment()))
            oldest = max(oldest, (self.since - at) // HOUR_MS)
            count += 1
        return f"{_counted(count, 'event')} came late, by up to {_counted(oldest, 'hour')}"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
