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

    issue_tests: list[Callable[[Issue], bool]]
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


def _is_test(world: World, value: str) -> Callable[[Issue], bool]:
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
            raise error(400, 'Error parsing search query: Boolean statements containing "OR" or "AND" are not '
                             "supported in this search")  # fmt: skip
        match = _TERM.match(token)
        if match is None:
            word = token.lower()
            terms.issue_tests.append(lambda issue, word=word: word in issue.title.lower())  # type: ignore[misc]
            continue
        negated, key, operator, value = match[1] == "!", match[2], match[3], match[4]
        values = value.strip("[]").split(",") if value.startswith("[") else [value]
        test: Callable[[Issue], bool]
        if key in ("lastSeen", "last_seen", "event.timestamp", "date", "timestamp"):
            terms.last_tests.append(_moment_test(operator, value, now))
            continue
        if key in ("issue.category", "category"):
            terms.categories = set(values)
            continue
        test = _term(world, key, operator, value, values, now)
        if key == "is" and value in ("unresolved", "for_review"):
            terms.status_term = True
        terms.issue_tests.append((lambda issue, t=test: not t(issue)) if negated else test)  # type: ignore[misc]
    return terms


def _term(
    world: World, key: str, operator: str, value: str, values: list[str], now: float
) -> Callable[[Issue], bool]:
    if key == "is":
        return _is_test(world, value)
    if key in ("firstSeen", "first_seen", "age"):
        moment = _moment_test(operator, value, now)
        return lambda issue: moment(issue.first_seen_ms / 1000)
    if key in ("timesSeen", "times_seen"):
        number = _number_test(operator, value)
        return lambda issue: number(issue.times_seen)
    if key in ("issue.priority", "priority"):
        return lambda issue: issue.priority in values
    if key == "level":
        return lambda issue: issue.level in values
    if key in ("assigned", "assigned_to"):
        if value == "none":
            return lambda issue: issue.assignee is None
        emails = {f"#{team.slug}": ("team", team.team_id) for team in world.teams} | {
            member.email: ("user", member.user_id) for member in world.members if member.user_id is not None
        }
        wanted = [emails[name] for name in values if name in emails]
        return lambda issue: issue.assignee in wanted
    if key in ("project", "project.name"):
        return lambda issue: issue.project.slug in values
    if key in ("issue.id", "id"):
        return lambda issue: str(issue.issue_id) in values
    if key == "issue":
        return lambda issue: world.short_id(issue) in values
    if key in ("issue.type", "type"):
        return lambda issue: issue.category in values
    if key in ("release", "release.version"):
        return lambda issue: any(e.release is not None and e.release.version in values for e in issue.events)
    if key == "title":
        return lambda issue: value.strip("*").lower() in issue.title.lower()
    # Every other word is taken for the name of a tag, which these issues do not have.
    return lambda issue: False


def find(
    world: World,
    projects: list[Project],
    terms: Terms,
    low: int,
    high: int,
    environments: set[str | None] | None,
    sort: str,
) -> list[Found]:
    """All candidates with an event in the window, highest score first."""
    found: list[Found] = []
    categories = terms.categories
    for project in projects:
        for issue in project.issues:
            if not issue.alive or issue.hidden or not issue.seconds:
                continue
            if (issue.category == "feedback") if categories is None else (issue.category not in categories):
                continue
            first = bisect_left(issue.seconds, low)
            after = bisect_left(issue.seconds, high)
            if first >= after:
                continue
            last = issue.seconds[after - 1]
            count = after - first
            start = issue.seconds[first]
            if environments is not None:
                inside = [e.ts_ms // 1000 for e in issue.events[first:after] if e.environment in environments]
                if not inside:
                    continue
                start, last, count = inside[0], inside[-1], len(inside)
            if any(not test(last) for test in terms.last_tests):
                continue
            if any(not test(issue) for test in terms.issue_tests):
                continue
            if sort == "new":
                score = start * 1000
            elif sort == "freq":
                score = count
            elif sort == "user":
                score = len(set(issue.users[first:after]) - {None})
            else:
                score = last * 1000
            found.append(Found(score, issue.issue_id, issue, first, after))
    if (categories is None and not terms.issue_tests) or terms.status_term:
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
