"""Hourly figures that nobody stores event by event: outcomes and sessions, grown night by night."""

from __future__ import annotations

import random
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from .model import Project
from .rhythm import HOUR_MS, shares, weight
from .world import World

RESTATED_HOURS = 30
"""How far back a night still adds to figures that were told before."""

STATUSES = ("healthy", "errored", "crashed", "abnormal", "unhandled")
WIDTH = 2 * len(STATUSES)
"""One hour of a session series: five counts of sessions, then five of users."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One row of outcomes an hour: how often beside a stored event, and what one of it weighs."""

    category: str
    outcome: str
    reason: str
    rate: float
    unit: int = 1
    families: tuple[str, ...] = ()
    modern: bool = False
    incident: bool = False


KINDS = (
    Kind("error", "filtered", "web-crawlers", 0.15, families=("javascript", "python")),
    Kind("error", "filtered", "browser-extensions", 0.1, families=("javascript",)),
    Kind("error", "rate_limited", "key_quota", 0.6, incident=True),
    Kind("error", "invalid", "invalid_json", 0.01),
    Kind("error", "client_discard", "before_send", 0.08, 3),
    Kind("error", "client_discard", "network_error", 0.05, 2, families=("java", "cocoa", "javascript")),
    Kind("transaction", "accepted", "none", 8.0, families=("python", "javascript", "java", "cocoa", "node")),
    Kind("transaction", "client_discard", "sample_rate", 24.0, 12, families=("python", "javascript", "node")),
    Kind("transaction", "filtered", "filtered-transaction", 0.6, families=("python", "javascript", "node")),
    Kind("log_item", "accepted", "none", 12.0, families=("python", "node", "go"), modern=True),
    Kind("log_byte", "accepted", "none", 12.0, 1_834, families=("python", "node", "go"), modern=True),
    Kind("session", "accepted", "none", 6.0, 5, families=("javascript", "java", "cocoa", "node")),
    Kind("attachment", "accepted", "none", 0.05, 183_500, families=("java", "cocoa")),
    Kind("replay", "accepted", "none", 0.2, families=("javascript",)),
    Kind("span", "accepted", "none", 30.0, 40, families=("python", "javascript"), modern=True),
    Kind("span", "cardinality_limited", "too_many", 0.02, 90, families=("python",), modern=True),
)
STORED = Kind("error", "accepted", "none", 1.0)


class OutcomeSeries:
    """times_seen an hour since the world's first; quantity is that many times the unit."""

    def __init__(self, world: World, project: Project, kind: Kind, per_hour: float) -> None:
        self.kind = kind
        self.project = project
        self.first_hour = world.first_hour
        self._seed = f"{world.options.seed}:{project.project_id}:{kind.category}:{kind.outcome}:{kind.reason}"
        self._rate = per_hour * kind.rate
        self._night = -1
        self._pending = 0
        self.times = array("I")
        self._quiet: tuple[int, int] | None = None
        if kind.incident:
            from .build import incident_of

            start, end = incident_of(world)
            self._quiet = (start // HOUR_MS, end // HOUR_MS)

    def grow(self, night: int, last_hour: int, fraction: float) -> None:
        """Bring the series to a night's end: new hours, the rest of the last one, and late reports."""
        if night == self._night:
            return
        rng = random.Random(f"{self._seed}:{night}")
        rand = rng.random
        old = len(self.times)
        if old:
            self.times[old - 1] += self._pending
            for index in range(max(0, old - RESTATED_HOURS), old):
                if rand() < 0.15:
                    self.times[index] += int(self.times[index] * 0.02 + rand() * 1.2)
        self._pending = 0
        rate, quiet = self._rate, self._quiet
        for hour in range(self.first_hour + old, last_hour + 1):
            if quiet is not None and not quiet[0] <= hour <= quiet[1]:
                self.times.append(0)
                continue
            value = int(rate * weight(hour * HOUR_MS) * (0.7 + 0.6 * rand()) + rand())
            if hour == last_hour:
                shown = int(value * fraction)
                self._pending = value - shown
                value = shown
            self.times.append(value)
        self._night = night


class Outcomes:
    """All outcome series of the organization, made when first asked for."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._series: dict[int, list[OutcomeSeries]] = {}
        self._stored: dict[int, dict[int, int]] = {}
        self._version = -1
        self._nights: list[tuple[int, float]] = []
        hours = max(1, world.options.days * 24)
        self._per_hour = {
            project.project_id: 0.0 if project.silent else max(0.05, len(project.errors) / hours)
            for project in world.projects
        }

    def mark(self) -> None:
        """Remember where a night ended, so that series asked for later grow as if asked for then."""
        last = self.world.data_until_ms
        self._nights.append((last // HOUR_MS, last % HOUR_MS / HOUR_MS))

    def of_project(self, project: Project) -> list[OutcomeSeries]:
        series = self._series.get(project.project_id)
        if series is None:
            per_hour = self._per_hour[project.project_id]
            series = [
                OutcomeSeries(self.world, project, kind, per_hour)
                for kind in KINDS
                if (not kind.families or project.platform.family in kind.families)
                and (not kind.modern or self.world.options.modern)
                and per_hour
            ]
            self._series[project.project_id] = series
        for one in series:
            for night in range(one._night + 1, len(self._nights)):
                one.grow(night, *self._nights[night])
        return series

    def stored(self, project: Project) -> dict[int, int]:
        """Accepted errors an hour: exactly the events the organization received and stored in it,
        those of issues deleted since included."""
        if self._version != self.world.version:
            self._version = self.world.version
            counts: dict[int, dict[int, int]] = {p.project_id: {} for p in self.world.projects}
            for event in self.world.events.values():
                if event.kind in ("error", "default"):
                    hours = counts[event.project.project_id]
                    hour = event.received_ms // HOUR_MS
                    hours[hour] = hours.get(hour, 0) + 1
            self._stored = counts
        return self._stored[project.project_id]

    def rows(self, project: Project, low_hour: int, high_hour: int) -> Iterator[tuple[Kind, int, int, int]]:
        """(kind, hour, quantity, times seen), none of them zero, from `low_hour` to before `high_hour`."""
        for hour, count in self.stored(project).items():
            if low_hour <= hour < high_hour:
                yield STORED, hour, count, count
        for series in self.of_project(project):
            unit, first, kind = series.kind.unit, series.first_hour, series.kind
            for index in range(max(0, low_hour - first), min(len(series.times), high_hour - first)):
                if times := series.times[index]:
                    yield kind, first + index, times * unit, times


class SessionSeries:
    """Sessions of one release in one environment, `WIDTH` figures an hour."""

    __slots__ = ("environment", "figures", "first_hour", "release")

    def __init__(self, release: str, environment: str, first_hour: int) -> None:
        self.release = release
        self.environment = environment
        self.first_hour = first_hour
        self.figures = array("I")

    def cell(self, hour: int) -> int:
        """Where an hour's figures begin, made if need be."""
        at = (hour - self.first_hour) * WIDTH
        missing = at + WIDTH - len(self.figures)
        if missing > 0:
            self.figures.extend([0] * missing)
        return at


class Sessions:
    """All session series, made project by project when first asked for."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._series: dict[int, dict[tuple[str, str], SessionSeries]] = {}
        self._grown: dict[int, int] = {}
        self._nights: list[tuple[int, float]] = []

    def mark(self) -> None:
        last = self.world.data_until_ms
        self._nights.append((last // HOUR_MS, last % HOUR_MS / HOUR_MS))

    def of_project(self, project: Project) -> list[SessionSeries]:
        if not project.platform.sessions or project.silent or not project.releases:
            return []
        book = self._series.setdefault(project.project_id, {})
        grown = self._grown.get(project.project_id, 0)
        for night in range(grown, len(self._nights)):
            self._grow(project, book, night)
        self._grown[project.project_id] = len(self._nights)
        return list(book.values())

    def _grow(self, project: Project, book: dict[tuple[str, str], SessionSeries], night: int) -> None:
        rng = random.Random(f"{self.world.options.seed}:sessions:{project.project_id}:{night}")
        rand = rng.random
        last, fraction = self._nights[night]
        first = self.world.first_hour
        if night:
            previous, before = self._nights[night - 1]
            for series in list(book.values()):
                for hour in range(max(series.first_hour, previous - RESTATED_HOURS), previous + 1):
                    at = (hour - series.first_hour) * WIDTH
                    if at < len(series.figures) and rand() < 0.1:
                        series.figures[at] += 1
                        series.figures[at + len(STATUSES)] += 1
            self._hour(project, book, previous, 1.0 - before, rand)
            first = previous + 1
        for hour in range(first, last + 1):
            self._hour(project, book, hour, fraction if hour == last else 1.0, rand)

    def _hour(
        self,
        project: Project,
        book: dict[tuple[str, str], SessionSeries],
        hour: int,
        part: float,
        rand: Callable[[], float],
    ) -> None:
        ms = hour * HOUR_MS
        total = 26.0 * project.weight * weight(ms) * part
        created = [release.created_ms for release in project.releases]
        for index, share in shares(created, ms + HOUR_MS - 1, depth=3):
            for environment, split in (("production", 0.94), ("staging", 0.06)):
                count = int(total * share * split + rand())
                if not count:
                    continue
                version = project.releases[index].version
                series = book.get((version, environment))
                if series is None:
                    series = book[(version, environment)] = SessionSeries(version, environment, hour)
                at = series.cell(hour)
                bad = 0
                if rand() < 0.5:
                    for status, odds in ((1, 0.03), (2, 0.008), (3, 0.004), (4, 0.005)):
                        number = int(count * odds * 2 + rand())  # by chance where the share is below one
                        number = min(number, count - bad)
                        if number:
                            series.figures[at + status] += number
                            series.figures[at + 5 + status] += max(1, number * 4 // 5)
                            bad += number
                if count > bad:
                    series.figures[at] += count - bad
                    series.figures[at + 5] += max(1, (count - bad) * 7 // 10)

    def rows(
        self, project: Project, low_hour: int, high_hour: int
    ) -> Iterator[tuple[SessionSeries, int, int]]:
        """(series, hour, where its figures begin) for the hours that have any."""
        for series in self.of_project(project):
            hours = len(series.figures) // WIDTH
            low = max(0, low_hour - series.first_hour)
            for index in range(low, min(hours, high_hour - series.first_hour)):
                at = index * WIDTH
                if any(series.figures[at : at + len(STATUSES)]):
                    yield series, series.first_hour + index, at


def together(largest: int, total: int) -> int:
    """Distinct people in several hours or groups: more than in any one, fewer than their sum."""
    return round(largest + 0.4 * (total - largest))
