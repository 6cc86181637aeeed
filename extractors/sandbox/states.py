"""What people and rules do to issues: resolve, archive, assign, discuss, and the trail it leaves."""

from __future__ import annotations

import random
from typing import Any

from .model import Activity, Issue, Member
from .rhythm import DAY_MS
from .world import World

NOTES = (
    "Seen again after the weekend, looks like the cache.",
    "Rolled back on one node to be sure.",
    "Größere Kunden betroffen, bitte zuerst ansehen 🙏",
    "Duplicate of what support reported.",
)


def dress_issue(world: World, issue: Issue, rng: random.Random) -> None:
    """Give an issue of the past a state, an owner and the trail that leads there."""
    last_ms = issue.events[-1].ts_ms if issue.events else issue.first_seen_ms
    issue.status_since_ms = issue.first_seen_ms
    issue.priority = {"fatal": "high", "error": rng.choice(("high", "medium", "medium"))}.get(
        issue.level, "low"
    )
    young = world.data_until_ms - issue.first_seen_ms < 7 * DAY_MS
    issue.substatus = "new" if young else "ongoing"
    span = max(last_ms - issue.first_seen_ms, 60_000)
    if world.members and rng.random() < 0.4:
        assign(world, issue, rng, issue.first_seen_ms + int(span * rng.random() * 0.4))
    if world.members and rng.random() < 0.12:
        add_note(world, issue, rng, issue.first_seen_ms + int(span * rng.random() * 0.5))
    after = min(last_ms + int(rng.random() * 2 * DAY_MS), world.data_until_ms)
    fate = rng.random()
    if fate < 0.27:
        resolve(world, issue, rng, after)
    elif fate < 0.40:
        archive(world, issue, rng, issue.first_seen_ms + int(span * 0.7))
    elif fate < 0.46 and not young:
        middle = issue.first_seen_ms + span // 2
        resolve(world, issue, rng, middle)
        regress(world, issue, rng, min(middle + span // 4, world.data_until_ms))
    elif fate < 0.49 and not young:
        issue.substatus = "escalating"


def _member(world: World, rng: random.Random) -> Member | None:
    people = [member for member in world.members if member.user_id is not None]
    return rng.choice(people) if people else None


def record(
    world: World, issue: Issue, kind: str, at_ms: int, *, data: dict[str, Any], member: Member | None
) -> None:
    issue.activity.append(Activity(world.next_activity_id, kind, at_ms, data, member))
    world.next_activity_id += 1


def resolve(world: World, issue: Issue, rng: random.Random, at_ms: int) -> None:
    who = _member(world, rng)
    way = rng.random()
    releases = issue.project.releases
    issue.status, issue.substatus, issue.status_since_ms = "resolved", None, at_ms
    if way < 0.25 and releases:
        version = releases[-1].version
        issue.status_details = {"inRelease": version, "actor": who}
        record(world, issue, "set_resolved_in_release", at_ms, data={"version": version}, member=who)
    elif way < 0.35:
        issue.status_details = {"inNextRelease": True, "actor": who}
        record(world, issue, "set_resolved_in_release", at_ms, data={"version": ""}, member=who)
    elif way < 0.45:
        sha = f"{rng.getrandbits(160):040x}"
        issue.status_details = {"inCommit": {"id": sha, "message": "Guard against an empty answer"}}
        record(world, issue, "set_resolved_in_commit", at_ms, data={"commit": {"id": sha}}, member=None)
    else:
        issue.status_details = {}
        record(world, issue, "set_resolved", at_ms, data={}, member=who)


def archive(world: World, issue: Issue, rng: random.Random, at_ms: int) -> None:
    who = _member(world, rng)
    way = rng.choice(("archived_until_escalating", "archived_until_condition_met", "archived_forever"))
    issue.status, issue.status_since_ms = "ignored", at_ms
    issue.substatus = way if world.options.modern else None
    details: dict[str, Any] = {
        "ignoreCount": 100 if way == "archived_until_condition_met" else None,
        "ignoreUntil": None,
        "ignoreUserCount": None,
        "ignoreUserWindow": None,
        "ignoreWindow": None,
    }
    issue.status_details = {} if way == "archived_forever" else {**details, "actor": who}
    escalating = way == "archived_until_escalating" or None
    data = {**details, "ignoreDuration": None, "ignoreUntilEscalating": escalating}
    record(world, issue, "set_ignored", at_ms, data=data, member=who)


def regress(world: World, issue: Issue, rng: random.Random, at_ms: int) -> None:
    issue.status, issue.status_since_ms = "unresolved", at_ms
    issue.substatus = "regressed"
    issue.status_details = {}
    version = issue.project.releases[-1].version if issue.project.releases and rng.random() < 0.7 else ""
    record(world, issue, "set_regression", at_ms, data={"version": version}, member=None)


def assign(world: World, issue: Issue, rng: random.Random, at_ms: int) -> None:
    if issue.project.teams and rng.random() < 0.3:
        team = issue.project.teams[0]
        issue.assignee = ("team", team.team_id)
        data = {"assignee": str(team.team_id), "assigneeEmail": None, "assigneeType": "team"}
    else:
        who = _member(world, rng)
        if who is None or who.user_id is None:
            return
        issue.assignee = ("user", who.user_id)
        data = {"assignee": str(who.user_id), "assigneeEmail": who.email, "assigneeType": "user"}
    record(world, issue, "assigned", at_ms, data=data, member=_member(world, rng))


def unassign(world: World, issue: Issue, rng: random.Random, at_ms: int) -> None:
    issue.assignee = None
    record(world, issue, "unassigned", at_ms, data={}, member=_member(world, rng))


def add_note(world: World, issue: Issue, rng: random.Random, at_ms: int) -> None:
    issue.comments += 1
    record(world, issue, "note", at_ms, data={"text": rng.choice(NOTES)}, member=_member(world, rng))


def age_states(world: World, issues: list[Issue]) -> int:
    """A week after an issue is new, came back or escalated, it is merely ongoing; nobody does that."""
    week_ago = world.data_until_ms - 7 * DAY_MS
    changed = 0
    for issue in issues:
        if issue.status != "unresolved" or issue.substatus not in ("new", "regressed", "escalating"):
            continue
        since = issue.first_seen_ms if issue.substatus == "new" else issue.status_since_ms
        if since < week_ago:
            issue.substatus = "ongoing"
            changed += 1
    return changed


def dress_new_issue(issue: Issue) -> None:
    """The state an issue has on its first day."""
    issue.status_since_ms = issue.first_seen_ms
    issue.priority = {"fatal": "high", "error": "medium"}.get(issue.level, "low")
    issue.substatus = "new"
