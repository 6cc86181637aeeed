"""The organization's events endpoint (Discover, Explore): tables over events, without a default order."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable
from typing import Any

from .access import chosen_environments, chosen_projects
from .answers import Query, Response, error, link_header, ok, page_by_offset, read_per_page
from .columns import FUNCTION, Columns, Getter, type_of
from .events import Events
from .model import Event
from .search import split_query
from .windows import parse_moment, parse_period, read_window, stored
from .world import World

MAX_FIELDS = 20
_OLD_DATASETS = (
    "discover", "metricsEnhanced", "metrics", "profiles", "issuePlatform", "profileFunctions", "spansIndexed",
    "spansMetrics",
)  # fmt: skip
_DATASETS = (
    "discover", "errors", "transactions", "metricsEnhanced", "metrics", "profiles", "issuePlatform",
    "profile_functions", "spans", "spansIndexed", "spansMetrics", "logs", "tracemetrics", "uptime_results",
)  # fmt: skip
_TERM = re.compile(r"^(!?)(tags\[[^\]]+\]|[\w.]+):(>=|<=|>|<|)(.*)$", re.S)


Test = Callable[[Event], bool]


class Discover:
    def __init__(self, world: World, base: str, events: Events) -> None:
        self.world = world
        self.base = base
        self.events = events
        self.columns = Columns(world, events)
        self._version = -1
        self._kept: dict[str, list[Any]] = {}

    def table(self, path: str, query: Query) -> Response:
        world = self.world
        dataset = self._dataset(query)
        projects = chosen_projects(world, query)
        if not projects:
            return ok({"data": [], "meta": {"tips": {"query": "Need at least one valid project to query."}}})
        fields = list(dict.fromkeys(query.all("field")))
        if not fields:
            raise error(400, "No columns selected")
        if len(fields) > MAX_FIELDS:
            raise error(
                400, f"You can view up to {MAX_FIELDS} fields at a time. Please delete some and try again."
            )
        per_page = read_per_page(query)
        window = read_window(world, query)
        low, high = stored(world, window)
        grouped = any(FUNCTION.match(name) for name in fields)
        sorts = [name for name in query.all("sort") if name]
        extra = [] if grouped else [name for name in ("id", "project.name") if name not in fields]
        for name in sorts:
            if name.lstrip("-") not in [*fields, *extra]:
                raise error(400, "Cannot sort by a field that is not selected.")
        test = self._tests(query.get("query") or "")
        environments = chosen_environments(world, query)
        key = repr((dataset, [p.project_id for p in projects], fields, sorts, low, high, query.get("query"),
                    query.all("environment")))  # fmt: skip
        if self._version != world.version or len(self._kept) > 24:
            self._version = world.version
            self._kept.clear()
        rows = self._kept.get(key)
        if rows is None:
            events = [
                event
                for event in self._stored(dataset, projects, low, high)
                if (environments is None or event.environment in environments) and all(t(event) for t in test)
            ]
            rows = self._grouped(events, fields, sorts, high - low) if grouped else self._plain(events, sorts)
            self._kept[key] = rows
        plain: list[Any] = rows
        part, previous, following = page_by_offset(len(rows), query, per_page)
        if grouped:
            data = rows[part]
        else:
            getters = [(name, self.columns.column(name)) for name in [*fields, *extra]]
            data = [{name: getter(event) for name, getter in getters} for event in plain[part]]
        body = {"data": data, "meta": self._meta([*fields, *extra], dataset)}
        links = [] if "noPagination" in query else [link_header(self.base, path, query, previous, following)]
        return ok(body, links, cacheable=not window.relative or not window.given)

    def _dataset(self, query: Query) -> str:
        modern = self.world.options.modern
        dataset = query.get("dataset") or "discover"
        known = _DATASETS if modern else _OLD_DATASETS
        if dataset not in known:
            raise error(400, f"dataset must be one of: {', '.join(known)}")
        return dataset

    def _stored(self, dataset: str, projects: list[Any], low: int, high: int) -> list[Event]:
        events: list[Event] = []
        for project in projects:
            if dataset in ("errors", "discover"):
                order = project.error_order
                events += project.errors[bisect_left(order, (low, "")) : bisect_left(order, (high, ""))]
            if dataset in ("transactions", "discover", "spans", "metricsEnhanced", "spansIndexed"):
                order = project.transaction_order
                events += project.transactions[bisect_left(order, (low, "")) : bisect_left(order, (high, ""))]
        return events

    def _plain(self, events: list[Event], sorts: list[str]) -> list[Event]:
        # Without a sort any order will do; this one is of the store's choosing, and always the same.
        events.sort(key=lambda event: event.event_id[::-1])
        for name in reversed(sorts):
            events.sort(key=self._rank_by(name.lstrip("-")), reverse=name.startswith("-"))
        return events

    def _rank_by(self, name: str) -> Callable[[Event], Any]:
        get = self._sort_getter(name)
        return lambda event: _rank(get(event))

    def _sort_getter(self, name: str) -> Getter:
        if name == "timestamp":
            return lambda event: event.ts_ms // 1000
        return self.columns.column(name)

    def _grouped(
        self, events: list[Event], fields: list[str], sorts: list[str], seconds: int
    ) -> list[dict[str, Any]]:
        keys = [(name, self.columns.column(name)) for name in fields if not FUNCTION.match(name)]
        figures = [(name, self.columns.aggregate(name, seconds)) for name in fields if FUNCTION.match(name)]
        groups: dict[tuple[Any, ...], list[Event]] = {}
        getters = [getter for _, getter in keys]
        if len(getters) == 1:
            only = getters[0]
            for event in events:
                groups.setdefault((_key(only(event)),), []).append(event)
        else:
            for event in events:
                groups.setdefault(tuple([_key(getter(event)) for getter in getters]), []).append(event)
        if not keys and not groups:
            groups[()] = []
        rows = []
        for key in sorted(groups, key=lambda values: repr(values)[::-1]):
            members = groups[key]
            values = {name: list(value) if isinstance(value, tuple) else value
                      for (name, _), value in zip(keys, key, strict=True)}  # fmt: skip
            values |= {name: figure(members) for name, figure in figures}
            rows.append({name: values[name] for name in fields})
        for name in reversed(sorts):
            rows.sort(key=_by(name.lstrip("-")), reverse=name.startswith("-"))
        return rows

    def _meta(self, fields: list[str], dataset: str) -> dict[str, Any]:
        types = {name: type_of(name) for name in fields}
        meta: dict[str, Any] = {
            "fields": {name: kind for name, (kind, _) in types.items()},
            "units": {name: unit for name, (_, unit) in types.items()},
            "isMetricsData": False,
            "tips": {"query": None, "columns": None},
        }
        if self.world.options.modern:
            meta |= {
                "isMetricsExtractedData": False,
                "datasetReason": "unchanged",
                "dataset": dataset,
                "dataScanned": "full",
            }
        return meta

    # --- the query

    def _tests(self, text: str) -> list[Test]:
        tests: list[Test] = []
        position = 0
        for token in split_query(text):
            match = _TERM.match(token)
            if token in ("OR", "AND") or token[:1] in "()" or (match is None and ":" in token):
                raise error(
                    400,
                    f"Parse error at '{token[:12]}' (column {position + 1}). This is commonly caused by "
                    "unmatched parentheses. Enclose any text in double quotes.",
                )
            position += len(token) + 1
            if match is None:
                tests.append(self._contains(token.lower()))
                continue
            test = self._term(match[2], match[3], match[4])
            tests.append(_negated(test) if match[1] else test)
        return tests

    def _contains(self, word: str) -> Test:
        message = self.columns.getters["message"]
        return lambda event: word in message(event).lower()

    def _term(self, name: str, operator: str, value: str) -> Test:
        if name == "has":
            present = self.columns.column(value)
            return lambda event: present(event) not in (None, "")
        if not self.columns.known(name):
            raise error(400, f"Invalid key for this search: {name}")
        getter = self.columns.column(name)
        if name == "timestamp":
            if value[:1] in ("+", "-"):
                ago = parse_period(value[1:])
                if ago is None:
                    raise error(
                        400, f"Invalid date: {value}. Expected +/-duration (e.g. +1h) or ISO 8601-like"
                    )
                limit = self.world.now().timestamp() - ago
                operator = ">=" if value[0] == "-" else "<="
            else:
                limit = parse_moment(value)
            return _compare(lambda event: event.ts_ms / 1000, operator, limit)
        if operator:
            try:
                return _compare(getter, operator, float(value))
            except ValueError:
                raise error(
                    400, f"Invalid number: {value}. Expected number then optional k, m, or b suffix"
                ) from None
        values = value.strip("[]").split(",") if value.startswith("[") else [value]
        values = [text.strip('"') for text in values]
        if any("*" in text for text in values):
            patterns = [
                re.compile(".*".join(map(re.escape, text.split("*"))), re.I | re.S) for text in values
            ]
            return lambda event: any(p.fullmatch(str(getter(event) or "")) for p in patterns)
        wanted = set(values)

        def equal(event: Event) -> bool:
            found = getter(event)
            if isinstance(found, list):
                return bool(wanted.intersection(map(str, found)))
            return ("" if found is None else str(found)) in wanted

        return equal


def _negated(test: Test) -> Test:
    return lambda event: not test(event)


def _compare(getter: Getter, operator: str, limit: float) -> Test:
    def test(event: Event) -> bool:
        value = getter(event)
        if not isinstance(value, int | float):
            return False
        if operator == ">=":
            return value >= limit
        if operator == "<=":
            return value <= limit
        if operator == ">":
            return value > limit
        return value < limit if operator == "<" else value == limit

    return test


def _key(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _by(column: str) -> Callable[[dict[str, Any]], Any]:
    return lambda row: _rank(row[column])


def _rank(value: Any) -> tuple[bool, Any]:
    return (value is not None, value if value is not None else 0)
