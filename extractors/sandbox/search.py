"""Issue search: which issues a query and a window find, and in which order."""

from __future__ import annotations

import re
import shlex
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass

from .answers import error
from .model import Issue, Project
from .windows import parse_moment, parse_period
from .world import World

DEFAULT_QUERY = {"2026": "is:unresolved issue.priority:[high, medium]", "2023": "is:unresolved"}
EVENT_ID = re.compile(r"^[0-9a-f]{32}$")
_TERM = re.compile(r"^(!?)([\w.\[\]:-]+?):(>=|<=|>|<|)(.*)$", re.S)


Test = Callable[[Issue], bool]


@dataclass(frozen=True, slots=True)
class Found:
    """One candidate; `issue` is None for one that is gone when it is looked up."""

    score: int
    tie: int
    issue: Issue | None
    low: int
    high: int


@dataclass(slots=True)
class Terms:
    """A parsed query: tests on the issue, tests on the last event in the window, and what they name."""

    issue_tests: list[Test]
    last_tests: list[Callable[[int], bool]]
    categories: set[str] | None = None
    status_term: bool = False


def split_query(text: str) -> list[str]:
    """White space separates terms, quotes and brackets hold them together."""
    text = re.sub(r"\[([^\]]*)\]", lambda m: "[" + m[1].replace(" ", "") + "]", text)
    try:
        lexer = shlex.shlex(text, posix=True)
        lexer.whitespace_split = True
        lexer.commenters = ""
        lexer.quotes = '"'
        return list(lexer)
    except ValueError:
        raise error(400, f"Parse error on line 1: unbalanced quotes in '{text}'") from None


def _moment_test(operator: str, value: str, now: float) -> Callable[[float], bool]:
    """`>=2024-01-01T00:00:00`, or `-24h` for within and `+24h` for older than."""
    if value[:1] in "+-":
        seconds = parse_period(value[1:])
        if seconds is None:
            raise error(400, f"Invalid date: {value}. Expected +/-duration (e.g. +1h) or ISO 8601-like")
        limit = now - seconds
        return (lambda at: at >= limit) if value[0] == "-" else (lambda at: at <= limit)
    limit = parse_moment(value)
    tests: dict[str, Callable[[float], bool]] = {
        ">=": lambda at: at >= limit,
        ">": lambda at: at > limit,
        "<=": lambda at: at <= limit,
        "<": lambda at: at < limit,
    }
    if operator in tests:
        return tests[operator]
    return lambda at: limit <= at < limit + 86400


def _number_test(operator: str, value: str) -> Callable[[int], bool]:
    try:
        limit = int(value)
    except ValueError:
        raise error(
            400, f"Invalid number: {value}. Expected number then optional k, m, or b suffix"
        ) from None
    tests: dict[str, Callable[[int], bool]] = {
        ">=": lambda number: number >= limit,
        ">": lambda number: number > limit,
        "<=": lambda number: number <= limit,
        "<": lambda number: number < limit,
    }
    return tests.get(operator, lambda number: number == limit)


def _is_test(world: World, value: str) -> Test:
    if value in ("unresolved", "resolved"):
        return lambda issue: issue.status == value
    if value in ("ignored", "archived", "muted"):
        return lambda issue: issue.status == "ignored"
    if value in ("assigned", "unassigned"):
        return lambda issue: (issue.assignee is not None) == (value == "assigned")
    if value == "for_review":
        return lambda issue: issue.status == "unresolved" and issue.substatus in ("new", "regressed")
    if value == "unhandled":
        return lambda issue: issue.unhandled
    if world.options.modern and (
        value in ("new", "ongoing", "escalating", "regressed") or value[:8] == "archived"
    ):
        return lambda issue: issue.substatus == value
    raise error(400, f"Error parsing search query: invalid status value of '{value}'")


def parse(world: World, text: str) -> Terms:
    terms = Terms([], [])
    now = world.now().timestamp()
    for token in split_query(text):
        if token in ("OR", "AND") or token[:1] == "(":
            raise error(
                400,
                'Error parsing search query: Boolean statements containing "OR" or "AND" are not '
                "supported in this search",
            )
        match = _TERM.match(token)
        if match is None:
            terms.issue_tests.append(_titled(token.lower()))
            continue
        negated, key, operator, value = match[1] == "!", match[2], match[3], match[4]
        values = value.strip("[]").split(",") if value.startswith("[") else [value]
        test: Test
        if key in ("lastSeen", "last_seen", "event.timestamp", "date", "timestamp"):
            terms.last_tests.append(_moment_test(operator, value, now))
            continue
        if key in ("issue.category", "category"):
            terms.categories = set(values)
            continue
        test = _term(world, key, operator, value, values=values, now=now)
        if key == "is" and value in ("unresolved", "for_review"):
            terms.status_term = True
        terms.issue_tests.append(_negated(test) if negated else test)
    return terms


def _titled(word: str) -> Test:
    return lambda issue: word in issue.title.lower()


def _negated(test: Test) -> Test:
    return lambda issue: not test(issue)


def _term(world: World, key: str, operator: str, value: str, *, values: list[str], now: float) -> Test:
    if key in ("firstSeen", "first_seen", "age"):
        moment = _moment_test(operator, value, now)
        return lambda issue: moment(issue.first_seen_ms / 1000)
    if key in ("timesSeen", "times_seen"):
        number = _number_test(operator, value)
        return lambda issue: number(issue.times_seen)
    if key in ("assigned", "assigned_to"):
        return _assigned_test(world, value, values)
    tests: dict[str, Test] = {
        "issue.priority": lambda issue: issue.priority in values,
        "priority": lambda issue: issue.priority in values,
        "level": lambda issue: issue.level in values,
        "project": lambda issue: issue.project.slug in values,
        "project.name": lambda issue: issue.project.slug in values,
        "issue.id": lambda issue: str(issue.issue_id) in values,
        "id": lambda issue: str(issue.issue_id) in values,
        "issue": lambda issue: world.short_id(issue) in values,
        "issue.type": lambda issue: issue.category in values,
        "release": lambda issue: any(e.release and e.release.version in values for e in issue.events),
        "title": lambda issue: value.strip("*").lower() in issue.title.lower(),
    }
    # Every other word is taken for the name of a tag, which these issues do not have.
    return _is_test(world, value) if key == "is" else tests.get(key, lambda issue: False)


def _assigned_test(world: World, value: str, values: list[str]) -> Test:
    if value == "none":
        return lambda issue: issue.assignee is None
    owners: dict[str, tuple[str, int]] = {f"#{team.slug}": ("team", team.team_id) for team in world.teams}
    owners |= {m.email: ("user", m.user_id) for m in world.members if m.user_id is not None}
    wanted = [owners[name] for name in values if name in owners]
    return lambda issue: issue.assignee in wanted


def find(
    world: World,
    projects: list[Project],
    terms: Terms,
    low: int,
    high: int,
    *,
    environments: set[str | None] | None,
    sort: str,
) -> list[Found]:
    """All candidates with an event in the window, highest score first."""
    found: list[Found] = []
    for project in projects:
        for issue in project.issues:
            candidate = _candidate(issue, terms, low, high, environments=environments, sort=sort)
            if candidate is not None:
                found.append(candidate)
    if (terms.categories is None and not terms.issue_tests) or terms.status_term:
        chosen = {id(project) for project in projects}
        found.extend(
            Found(second * 1000 if sort in ("date", "new") else 1, number, None, 0, 0)
            for project, second, number in world.ghosts
            if id(project) in chosen
            and low <= second < high
            and all(test(second) for test in terms.last_tests)
        )
    found.sort(key=lambda candidate: (-candidate.score, -candidate.tie))
    return found


def _candidate(
    issue: Issue, terms: Terms, low: int, high: int, *, environments: set[str | None] | None, sort: str
) -> Found | None:
    if not issue.alive or issue.hidden or not issue.seconds:
        return None
    categories = terms.categories
    if (issue.category == "feedback") if categories is None else (issue.category not in categories):
        return None
    first = bisect_left(issue.seconds, low)
    after = bisect_left(issue.seconds, high)
    inside = issue.seconds[first:after]
    if environments is not None:
        inside = [e.ts_ms // 1000 for e in issue.events[first:after] if e.environment in environments]
    if not inside:
        return None
    if not all(test(inside[-1]) for test in terms.last_tests):
        return None
    if not all(test(issue) for test in terms.issue_tests):
        return None
    scores = {
        "new": inside[0] * 1000,
        "freq": len(inside),
        "user": len(set(issue.users[first:after]) - {None}),
    }
    return Found(scores.get(sort, inside[-1] * 1000), issue.issue_id, issue, first, after)
