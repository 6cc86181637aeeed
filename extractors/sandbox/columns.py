"""What can be selected in discover: columns of an event, tags, and figures over many."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from typing import Any

from .answers import error, iso_seconds
from .events import Events
from .model import Event
from .world import World

Getter = Callable[[Event], Any]
Aggregate = Callable[[Sequence[Event]], Any]

FUNCTION = re.compile(r"^(\w+)\((.*)\)$")
_PLAIN = re.compile(r"^[\w.:/-]+$|^tags\[[^\]]+\]$")

TYPES: dict[str, tuple[str, str | None]] = {
    "timestamp": ("date", None),
    "timestamp.to_day": ("date", None),
    "timestamp.to_hour": ("date", None),
    "received": ("date", None),
    "error.received": ("date", None),
    "project.id": ("integer", None),
    "issue.id": ("integer", None),
    "transaction.duration": ("duration", "millisecond"),
    "span.duration": ("duration", "millisecond"),
    "error.type": ("array", None),
    "error.value": ("array", None),
    "error.handled": ("array", None),
    "stack.filename": ("array", None),
}
TAG_NAMES = (
    "browser", "browser.name", "device", "device.class", "handled", "level", "logger", "os", "release",
    "server_name", "transaction", "url", "user", "environment", "Customer", "customer", "empty", "emoji",
    "nul",
)  # fmt: skip


class Columns:
    def __init__(self, world: World, events: Events) -> None:
        self.world = world
        self.events = events
        user = self._user
        self.getters: dict[str, Getter] = {
            "id": lambda e: e.event_id,
            "title": events.title,
            "message": lambda e: events.message(e) or events.title(e),
            "timestamp": lambda e: iso_seconds(e.ts_ms // 1000) + "+00:00",
            "timestamp.to_hour": lambda e: iso_seconds(e.ts_ms // 3_600_000 * 3600) + "+00:00",
            "timestamp.to_day": lambda e: iso_seconds(e.ts_ms // 86_400_000 * 86400) + "+00:00",
            "received": lambda e: iso_seconds(e.received_ms // 1000) + "+00:00",
            "error.received": lambda e: iso_seconds(e.received_ms // 1000) + "+00:00",
            "project": lambda e: e.project.slug,
            "project.name": lambda e: e.project.slug,
            "project.id": lambda e: e.project.project_id,
            "issue": lambda e: "unknown" if e.issue is None else world.short_id(e.issue),
            "issue.id": lambda e: 0 if e.issue is None else e.issue.issue_id,
            "level": lambda e: e.level,
            "release": lambda e: None if e.release is None else e.release.version,
            "environment": lambda e: e.environment,
            "event.type": lambda e: e.kind,
            "platform": lambda e: e.project.platform.family,
            "platform.name": lambda e: e.project.platform.family,
            "transaction": lambda e: events.transaction(e) if e.project.platform.tracing else "",
            "transaction.duration": lambda e: e.duration,
            "span.duration": lambda e: e.duration,
            "transaction.status": lambda e: "internal_error" if e.nonce % 23 == 0 else "ok",
            "culprit": lambda e: (e.issue.culprit or "") if e.issue else "",
            "location": lambda e: events.location(e) or "",
            "error.type": lambda e: [e.issue.error_type] if e.kind == "error" and e.issue else [],
            "error.value": lambda e: [e.issue.value] if e.kind == "error" and e.issue else [],
            "error.handled": lambda e: [int(not e.issue.unhandled)] if e.kind == "error" and e.issue else [],
            "stack.filename": lambda e: [events.location(e)] if e.kind == "error" else [],
            "user": user("tag"),
            "user.display": user("display"),
            "user.id": user("user_id"),
            "user.email": user("email"),
            "user.username": user("username"),
            "user.ip": user("ip_address"),
            "sdk.name": lambda e: e.project.platform.sdk,
            "sdk.version": lambda e: e.project.platform.sdk_version,
            "dist": lambda e: str(e.nonce % 4) if e.nonce % 5 == 0 else "",
        }

    def _user(self, part: str) -> Getter:
        def get(event: Event) -> Any:
            if event.user is None:
                return None
            person = self.world.user(event.user)
            if part == "tag":
                return Events.user_tag(person.user_id, person.email, person.ip_address)
            if part == "display":
                return person.email or person.username or person.user_id or person.ip_address
            return getattr(person, part)

        return get

    def column(self, name: str) -> Getter:
        """A column by its name; every other name is that of a tag."""
        getter = self.getters.get(name)
        if getter is not None:
            return getter
        if not _PLAIN.match(name):
            raise error(400, f"Invalid characters in field {name}")
        tag = name[5:-1] if name.startswith("tags[") else name
        if tag in ("environment", "release", "level"):
            return self.getters[tag]
        return lambda event: next((value for key, value in self.events.tags(event) if key == tag), None)

    def known(self, name: str) -> bool:
        return name in self.getters or name.startswith("tags[") or name in TAG_NAMES

    def aggregate(self, name: str, seconds: float) -> Aggregate:
        match = FUNCTION.match(name)
        if match is None:
            raise error(400, f"Invalid characters in field {name}")
        function = match[1]
        arguments = [argument.strip() for argument in match[2].split(",")] if match[2].strip() else []
        if function == "count":
            return len
        if function in ("eps", "epm", "tps", "tpm"):
            per = 60 if function.endswith("m") else 1
            return lambda rows: len(rows) / max(seconds, 1) * per
        if function in ("failure_rate", "failure_count"):
            status = self.getters["transaction.status"]

            def failures(rows: Sequence[Event]) -> float:
                bad = sum(1 for event in rows if status(event) != "ok")
                return bad if function == "failure_count" else bad / len(rows) if rows else 0.0

            return failures
        if function == "last_seen":
            return lambda rows: iso_seconds(max(event.ts_ms for event in rows) // 1000) + "+00:00"
        if function == "count_if":
            return self._count_if(name, arguments)
        if not arguments and function in ("p50", "p75", "p90", "p95", "p99", "p100"):
            arguments = ["transaction.duration"]
        if not arguments:
            raise error(400, f"{function}: expected 1 argument(s)")
        getter = self.column(arguments[0])
        if function in ("count_unique", "uniq"):
            return lambda rows: len({_hashable(value) for value in map(getter, rows) if value is not None})
        if function in ("p50", "p75", "p90", "p95", "p99", "p100"):
            return lambda rows: quantile(
                [v for v in map(getter, rows) if _is_number(v)], int(function[1:]) / 100
            )
        if function == "percentile" and len(arguments) == 2:
            part = float(arguments[1])
            return lambda rows: quantile([v for v in map(getter, rows) if _is_number(v)], part)
        if function in ("min", "max", "sum", "avg"):
            return _fold(function, getter)
        raise error(400, f"{function} is not a valid function")

    def _count_if(self, name: str, arguments: list[str]) -> Aggregate:
        if len(arguments) != 3:
            raise error(400, "count_if: expected 3 argument(s)")
        getter, operator, wanted = self.column(arguments[0]), arguments[1], arguments[2].strip('"')
        compare: dict[str, Callable[[Any], bool]] = {
            "equals": lambda v: str(v) == wanted,
            "notEquals": lambda v: str(v) != wanted,
            "less": lambda v: _is_number(v) and v < float(wanted),
            "lessOrEquals": lambda v: _is_number(v) and v <= float(wanted),
            "greater": lambda v: _is_number(v) and v > float(wanted),
            "greaterOrEquals": lambda v: _is_number(v) and v >= float(wanted),
        }
        if operator not in compare:
            raise error(
                400, f"{name}: condition argument invalid: {operator} is not one of {sorted(compare)}"
            )
        test = compare[operator]
        return lambda rows: sum(1 for event in rows if test(getter(event)))


def _fold(function: str, getter: Getter) -> Aggregate:
    def fold(rows: Sequence[Event]) -> Any:
        values = [value for value in map(getter, rows) if value is not None]
        if not values:
            return 0
        if function in ("min", "max"):
            return min(values) if function == "min" else max(values)
        numbers = [value for value in values if _is_number(value)]
        total = sum(numbers)
        return total if function == "sum" else total / len(numbers) if numbers else 0

    return fold


def quantile(values: list[float], part: float) -> float:
    """Nothing to measure is not-a-number in the store, which the API turns into 0."""
    if not values:
        return 0
    values.sort()
    position = (len(values) - 1) * part
    low = math.floor(position)
    high = min(low + 1, len(values) - 1)
    return values[low] + (values[high] - values[low]) * (position - low)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float)


def _hashable(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def type_of(name: str) -> tuple[str, str | None]:
    """(type, unit) as `meta` tells them."""
    match = FUNCTION.match(name)
    if match is None:
        return TYPES.get(name, ("string", None))
    function = match[1]
    if function in ("count", "count_unique", "count_if", "uniq", "failure_count"):
        return ("integer", None)
    if function == "failure_rate":
        return ("percentage", None)
    if function in ("eps", "tps"):
        return ("rate", "1/second")
    if function in ("epm", "tpm"):
        return ("rate", "1/minute")
    if function == "last_seen":
        return ("date", None)
    argument = match[2].split(",")[0].strip() or "transaction.duration"
    return TYPES.get(argument, ("number", None))
