"""The sessions endpoint: release health, its cap of ten thousand points and what it drops without a word."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from .access import chosen_environments, chosen_projects
from .answers import Query, Response, error, iso_seconds, link_header, ok, page_by_offset
from .intervals import Buckets, kept_hours, read_buckets
from .losses import active, use
from .model import Project
from .search import split_query
from .series import STATUSES, Sessions, SessionSeries, together
from .world import World

POINT_LIMIT = 10_000
PAGE = 5000
GROUPS = ("project", "release", "environment", "session.status")
_DURATION = re.compile(r"^(avg|p50|p75|p90|p95|p99|max)\(session\.duration\)$")
_RATES = {"crash_rate", "crash_free_rate"}
_NEW_RATES = {"errored_rate", "abnormal_rate", "unhandled_rate", "unhealthy_rate"}
_RATE = re.compile(r"^(\w+_rate)\((session|user)?\)$")
_STATUS_OF_RATE = {"crash_rate": "crashed", "errored_rate": "errored", "abnormal_rate": "abnormal",
                   "unhandled_rate": "unhandled"}  # fmt: skip


class Tally:
    """Sessions and people of one group in one bucket, by status."""

    __slots__ = ("largest", "people", "sessions")

    def __init__(self) -> None:
        self.sessions = [0] * len(STATUSES)
        self.people = [0] * len(STATUSES)
        self.largest = [0] * len(STATUSES)

    def add(self, figures: Any, at: int) -> None:
        for index in range(len(STATUSES)):
            self.sessions[index] += figures[at + index]
            people = figures[at + len(STATUSES) + index]
            self.people[index] += people
            self.largest[index] = max(self.largest[index], people)

    def session_count(self, status: int | None) -> int:
        return sum(self.sessions) if status is None else self.sessions[status]

    def user_count(self, status: int | None) -> int:
        if status is None:
            return together(max(self.largest), sum(self.people))
        return together(self.largest[status], self.people[status])


Tallies = dict[tuple[Any, ...], tuple[Tally, dict[int, Tally]]]
Group = tuple[tuple[Any, ...], Tally, dict[int, Tally]]


@dataclass(frozen=True, slots=True)
class Asked:
    """One question to the endpoint, checked."""

    fields: list[str]
    groups: list[str]
    filters: dict[str, set[str]]
    projects: list[Project]
    environments: set[str | None] | None
    buckets: Buckets
    with_series: bool
    per_page: int
    paged: bool

    @property
    def base_groups(self) -> list[str]:
        return [name for name in self.groups if name != "session.status"]

    def wants(self, project: Project, series: SessionSeries) -> bool:
        values = {"project": project.slug, "environment": series.environment, "release": series.release}
        if self.environments is not None and series.environment not in self.environments:
            return False
        return all(name not in self.filters or value in self.filters[name] for name, value in values.items())

    def key(self, project: Project, series: SessionSeries) -> tuple[Any, ...]:
        values = {
            "project": project.project_id,
            "release": series.release,
            "environment": series.environment,
        }
        return tuple(values[name] for name in self.base_groups)


class Health:
    def __init__(self, world: World, base: str, sessions: Sessions) -> None:
        self.world = world
        self.base = base
        self.series = sessions

    @property
    def statuses(self) -> tuple[str, ...]:
        return STATUSES if self.world.options.modern else STATUSES[:4]

    def sessions(self, path: str, query: Query) -> Response:
        asked = self._read(query)
        tallies: Tallies = {}
        low, high = kept_hours(self.world, asked.buckets)
        for project in asked.projects:
            for series, hour, at in self.series.rows(project, low, high):
                if not asked.wants(project, series):
                    continue
                key = asked.key(project, series)
                if key not in tallies:
                    tallies[key] = (Tally(), {})
                total, by_bucket = tallies[key]
                total.add(series.figures, at)
                by_bucket.setdefault(asked.buckets.index(hour), Tally()).add(series.figures, at)
        ordered = self._ordered(query, asked, tallies)
        if asked.base_groups and len(ordered) > 1 and (loss := active(self.world, "group", "sessions")):
            use(loss)
            ordered.pop(int(loss.get("position", 0)) % len(ordered))
        body, link = self._page(path, query, asked, ordered)
        return ok(body, [link], cacheable=not asked.buckets.relative and not self.world.losses)

    # --- reading the question

    def _read(self, query: Query) -> Asked:
        fields = query.all("field")
        if not fields:
            raise error(400, 'Request is missing a "field"')
        for name in fields:
            self._check_field(name)
        groups = query.all("groupBy")
        for name in groups:
            if name not in GROUPS:
                raise error(400, f"'{name}' is not a valid groupBy")
        filters = self._read_query(query.get("query") or "")
        by_status = "session.status" in groups or "session.status" in filters
        if by_status and any(_RATE.match(name) for name in fields):
            raise error(400, "Cannot group field by session.status")
        projects = chosen_projects(self.world, query)
        if not projects:
            raise error(400, "No projects available")
        environments = chosen_environments(self.world, query)
        buckets = read_buckets(self.world, query)
        with_series = query.get("includeSeries", "1") != "0"
        per_page, paged = self._per_page(query, buckets.count if with_series else 1)
        return Asked(fields, groups, filters, projects, environments, buckets, with_series, per_page, paged)

    def _check_field(self, name: str) -> None:
        if name in ("sum(session)", "count_unique(user)", "anr_rate()", "foreground_anr_rate()"):
            return
        if _DURATION.match(name):
            return
        match = _RATE.match(name)
        if match and (match[1] in _RATES or (self.world.options.modern and match[1] in _NEW_RATES)):
            return
        raise error(400, f"Invalid field: '{name}'")

    def _read_query(self, text: str) -> dict[str, set[str]]:
        filters: dict[str, set[str]] = {}
        for token in split_query(text):
            key, colon, value = token.partition(":")
            if not colon or key not in (*GROUPS,):
                raise error(400, f"Invalid search filter: {token}")
            filters[key] = set(value.strip("[]").split(",")) if value.startswith("[") else {value}
        return filters

    def _per_page(self, query: Query, points: int) -> tuple[int, bool]:
        """Without per_page the server takes the top groups that fit; with one, all of them must."""
        text = query.get("per_page")
        if not text:
            return max(1, POINT_LIMIT // max(1, points)), False
        try:
            number = int(text)
        except ValueError:
            raise error(400, "Invalid per_page parameter.") from None
        if number > PAGE:
            raise error(400, f"Invalid per_page value. Cannot exceed {PAGE}.")
        if (number + 1) * points > POINT_LIMIT:
            raise error(
                400,
                f"Requested interval of {query.get('interval', '1h')} with statsPeriod of "
                f"{query.get('statsPeriod', 'this length')} is too granular for a per_page of "
                f"{number} elements. Increase your interval, decrease your statsPeriod, "
                "or decrease your per_page parameter.",
            )
        return max(1, number), True

    # --- answering

    def _ordered(self, query: Query, asked: Asked, tallies: Tallies) -> list[Group]:
        order = query.get("orderBy")
        name = "sum(session)" if "sum(session)" in asked.fields else asked.fields[0]
        down = True
        if order:
            down = order.startswith("-")
            name = order.lstrip("-")
            if name not in asked.fields and name != "release.timestamp":
                raise error(400, "'orderBy' must be one of the provided fields")
            if "session.status" in asked.groups:
                raise error(400, "Cannot use 'orderBy' when grouping by sessions.status")

        def rank(row: Group) -> tuple[float, str]:
            value = self._value(name, row[1], None) if name != "release.timestamp" else 0
            return (-(value or 0) if down else (value or 0), repr(row[0]))

        return sorted(((key, total, by_bucket) for key, (total, by_bucket) in tallies.items()), key=rank)

    def _page(
        self, path: str, query: Query, asked: Asked, ordered: list[Group]
    ) -> tuple[dict[str, Any], tuple[bytes, bytes]]:
        if asked.paged:
            part, previous, following = page_by_offset(len(ordered), query, asked.per_page)
            chosen = ordered[part]
        else:
            # What does not fit is left out, and paging, which counts to 5000, sees no reason to go on.
            chosen = ordered[: asked.per_page]
            previous, following = ("0:0:1", False), (f"0:{PAGE}:0", False)
        explode = "session.status" in asked.groups
        wanted = asked.filters.get("session.status")
        rows: list[dict[str, Any]] = []
        for group in chosen:
            base = dict(zip(asked.base_groups, group[0], strict=True))
            if not explode and not wanted:
                rows.append(self._row(base, asked, group, None))
                continue
            for index, status in enumerate(self.statuses):
                if wanted is None or status in wanted:
                    by = {**base, "session.status": status} if explode else base
                    rows.append(self._row(by, asked, group, index))
        if asked.paged and explode and len(rows) != asked.per_page + 1:
            # More groups are looked for after each has become one row per status: the test never holds.
            following = (following[0], False)
        body: dict[str, Any] = {
            "start": iso_seconds(asked.buckets.start) + "Z",
            "end": iso_seconds(asked.buckets.shown_end) + "Z",
            "query": query.get("query") or "",
            "intervals": asked.buckets.names(),
            "groups": rows,
        }
        return body, link_header(self.base, path, query, previous, following)

    def _row(self, by: dict[str, Any], asked: Asked, group: Group, status: int | None) -> dict[str, Any]:
        _, total, by_bucket = group
        row: dict[str, Any] = {
            "by": by,
            "totals": {name: self._value(name, total, status) for name in asked.fields},
        }
        if asked.with_series:
            nothing = Tally()
            row["series"] = {
                name: [
                    self._value(name, by_bucket.get(i, nothing), status) for i in range(asked.buckets.count)
                ]
                for name in asked.fields
            }
        return row

    def _value(self, name: str, tally: Tally, status: int | None) -> float | int | None:
        if name == "sum(session)":
            return self._old_errored(tally.sessions, status, tally.session_count(status))
        if name == "count_unique(user)":
            return self._old_errored(tally.people, status, tally.user_count(status))
        match = _RATE.match(name)
        if match is None or not match[2]:
            # Durations are recorded no longer, and these applications report no freezes.
            return None
        by_session = match[2] == "session"
        count = tally.session_count if by_session else tally.user_count
        total = count(None)
        if not total:
            return None
        if match[1] == "crash_free_rate":
            return 1 - count(STATUSES.index("crashed")) / total
        if match[1] == "unhealthy_rate":
            return min(1.0, sum(count(index) for index in range(1, len(STATUSES))) / total)
        return count(STATUSES.index(_STATUS_OF_RATE[match[1]])) / total

    def _old_errored(self, figures: list[int], status: int | None, value: int) -> int:
        """Before 2026 an unhandled session was told among the errored ones."""
        if self.world.options.modern or status != STATUSES.index("errored"):
            return value
        return value + figures[STATUSES.index("unhandled")]
