"""stats_v2: how much was sent and what became of it, with its caps and its silences."""

from __future__ import annotations

import random
from typing import Any

from .access import chosen_projects
from .answers import Query, Response, error, iso_seconds, ok
from .intervals import kept_hours, read_buckets
from .losses import active, use
from .model import Project
from .series import Outcomes
from .world import World

ROW_LIMIT = 10_000
FIELDS = ("sum(quantity)", "sum(times_seen)")
GROUPS = ("outcome", "category", "reason", "project")
CATEGORIES = (
    "error", "default", "security", "transaction", "attachment", "session", "profile", "replay",
    "transaction_processed", "transaction_indexed", "monitor", "profile_indexed", "span", "span_indexed",
    "monitor_seat", "user_report_v2", "feedback", "metric_bucket", "profile_duration", "profile_duration_ui",
    "profile_chunk", "profile_chunk_ui", "uptime", "attachment_item", "log_item", "log_byte", "seer_autofix",
    "seer_scanner", "prevent_user", "prevent_review", "size_analysis", "installable_build", "trace_metric",
    "trace_metric_byte",
)  # fmt: skip
OLD_CATEGORIES = CATEGORIES[:12]
OUTCOMES = ("accepted", "filtered", "rate_limited", "invalid", "abuse", "client_discard")


class Stats:
    def __init__(self, world: World, outcomes: Outcomes) -> None:
        self.world = world
        self.outcomes = outcomes

    def stats_v2(self, path: str, query: Query) -> Response:
        world = self.world
        fields = query.all("field")
        if not fields:
            raise error(400, 'At least one "field" is required.')
        for name in fields:
            if name not in FIELDS:
                raise error(400, f'Invalid field: "{name}"')
        groups = query.all("groupBy")
        for name in groups:
            if name not in GROUPS and not (name == "key_id" and not world.options.modern):
                raise error(400, f'Invalid groupBy: "{name}"')
        categories, outcomes, reason = self._filters(query)
        if "category" not in groups and not categories:
            raise error(400, "Query must have category as groupby or filter")
        buckets = read_buckets(world, query)
        projects = self._projects(query)
        low, high = kept_hours(world, buckets)
        by_project = "project" in groups
        totals: dict[tuple[Any, ...], list[int]] = {}
        points: dict[tuple[tuple[Any, ...], int], list[int]] = {}
        for project in projects:
            for kind, hour, quantity, times in self.outcomes.rows(project, low, high):
                if categories and kind.category not in categories:
                    continue
                if outcomes and kind.outcome not in outcomes:
                    continue
                if reason is not None and kind.reason != reason:
                    continue
                key = tuple(
                    project.project_id
                    if group == "project"
                    else ""
                    if group == "key_id"
                    else getattr(kind, group)
                    for group in groups
                )
                total = totals.setdefault(key, [0, 0])
                total[0] += quantity
                total[1] += times
                if not by_project:
                    point = points.setdefault((key, buckets.index(hour)), [0, 0])
                    point[0] += quantity
                    point[1] += times
        body = self._body(fields, groups, buckets, totals, None if by_project else points)
        return ok(body, cacheable=not buckets.relative and not world.losses)

    def _filters(self, query: Query) -> tuple[set[str], set[str], str | None]:
        known = CATEGORIES if self.world.options.modern else OLD_CATEGORIES
        categories: set[str] = set()
        for name in query.all("category"):
            if name not in known:
                raise error(400, f'Invalid category: "{name}"')
            categories |= {"error"} if name in ("default", "security") else {name}
        if "attachment" in categories and len(categories) > 1:
            raise error(400, "if filtering by attachment no other category may be present")
        outcomes = set(query.all("outcome"))
        for name in outcomes:
            if name not in OUTCOMES and not (self.world.options.modern and name == "cardinality_limited"):
                raise error(400, f'Invalid outcome: "{name}"')
        return categories, outcomes, query.get("reason")

    def _projects(self, query: Query) -> list[Project]:
        """Without a project filter the whole organization counts, also what the caller may not see; and
        only the last groupBy is looked at to tell whether that is so."""
        wanted = query.all("project")
        whole = not wanted or "-1" in wanted
        if whole and "project" not in (query.get("groupBy") or ""):
            return self.world.projects
        projects = chosen_projects(self.world, query)
        if not projects:
            raise error(400, "No projects available")
        return projects

    def _body(
        self,
        fields: list[str],
        groups: list[str],
        buckets: Any,
        totals: dict[tuple[Any, ...], list[int]],
        points: dict[tuple[tuple[Any, ...], int], list[int]] | None,
    ) -> dict[str, Any]:
        count = None if points is None else buckets.count
        total_rows = self._cut(sorted(totals.items(), key=repr))
        point_rows = self._cut(sorted((points or {}).items(), key=repr))
        columns = [FIELDS.index(name) for name in fields]
        rows: dict[tuple[Any, ...], dict[str, Any]] = {}
        for key, total in total_rows:
            rows[key] = self._group(fields, groups, key, count)
            for name, column in zip(fields, columns, strict=True):
                rows[key]["totals"][name] = total[column]
        for (key, index), point in point_rows:
            if key not in rows:
                rows[key] = self._group(fields, groups, key, count)
            for name, column in zip(fields, columns, strict=True):
                if 0 <= index < buckets.count:
                    rows[key]["series"][name][index] = point[column]
        listed = list(rows.values())
        if len(groups) > 1 and len(listed) > 1 and (loss := active(self.world, "group", "stats_v2")):
            use(loss)
            listed.pop(int(loss.get("position", 0)) % len(listed))
        # The server builds the list from a set: any order will do, and none may be relied upon.
        random.Random(f"{self.world.options.seed}:{groups}:{len(listed)}").shuffle(listed)
        body: dict[str, Any] = {
            "start": iso_seconds(buckets.start) + "Z",
            "end": iso_seconds(buckets.shown_end) + "Z",
        }
        if points is not None:
            body["intervals"] = buckets.names()
        body["groups"] = listed
        return body

    @staticmethod
    def _group(
        fields: list[str], groups: list[str], key: tuple[Any, ...], count: int | None
    ) -> dict[str, Any]:
        row: dict[str, Any] = {"by": dict(zip(groups, key, strict=True)), "totals": dict.fromkeys(fields, 0)}
        if count is not None:
            row["series"] = {name: [0] * count for name in fields}
        return row

    def _cut(self, rows: list[Any]) -> list[Any]:
        """Ten thousand rows in no order, and not a word about the others."""
        if len(rows) <= ROW_LIMIT:
            return rows
        random.Random(f"{self.world.options.seed}:cut:{len(rows)}").shuffle(rows)
        return rows[:ROW_LIMIT]
