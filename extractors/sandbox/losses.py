"""What a test may have the sandbox lose without a word, as real servers do, to see whether it is noticed."""

from __future__ import annotations

import random
from typing import Any, TypeVar

from .world import World

LOSSES = ("event", "page", "early-end", "empty-search", "issue", "group")

Row = TypeVar("Row")


def lose(world: World, what: str, how: dict[str, Any]) -> str:
    """Begin to lose something; the sentence that comes back says what.

    - `event`: one event (`event_id`, or any) that no list shows; counts and its own address know it.
    - `issue`: one issue (`issue_id`, or any) that the search never finds; its own address knows it.
    - `page`: a page after the first whose rows are skipped (`endpoint="events"`) or that comes empty
      (`endpoint="issues"`), once.
    - `early-end`: the issue search ends after `after` rows (50) without a word, if there are more.
    - `empty-search`: the issue search finds nothing and says that is all.
    - `group`: grouped figures lack one group (`endpoint="sessions"`, or "stats_v2" with two groupBy or
      more; `position` says which), totals do not.

    `times` says how often; a page is lost once, the others until the end.
    """
    if what not in LOSSES:
        raise ValueError(f"unknown loss {what!r}; known: {', '.join(LOSSES)}")
    rng = random.Random(f"{world.options.seed}:lose:{what}:{len(world.losses)}")
    if what == "event":
        event_id = how.get("event_id")
        pool = [e for p in world.reachable for e in p.errors if not e.lost and e.ts_ms >= world.cutoff_ms]
        event = world.events[str(event_id)] if event_id else rng.choice(pool)
        event.lost = True
        event.listed = False
        how = {**how, "event_id": event.event_id, "project_id": str(event.project.project_id)}
    elif what == "issue":
        issue_id = how.get("issue_id")
        seen = [issue for issue in world.issues.values() if world.in_search(issue)]
        issue = world.issues[int(issue_id)] if issue_id else rng.choice(seen)
        issue.hidden = True
        how = {**how, "issue_id": str(issue.issue_id)}
    # A dropped page is an accident of one crawl; the others are how that server is until told otherwise.
    world.losses.append({"what": what, "times": 1 if what == "page" else None, "after": 50, **how})
    world.version += 1
    return f"losing {what}: " + ", ".join(f"{key}={value}" for key, value in how.items())


def active(world: World, what: str, where: str | None = None) -> dict[str, Any] | None:
    """The loss of that kind, at that endpoint if it names one, that still has its turn."""
    for loss in world.losses:
        at = loss.get("endpoint")
        if loss["what"] == what and (loss["times"] is None or loss["times"] > 0) and at in (None, where):
            return loss
    return None


def use(loss: dict[str, Any]) -> None:
    if loss["times"] is not None:
        loss["times"] -= 1


def lossy(world: World, where: str, rows: list[Row]) -> tuple[list[Row], bool]:
    """The rows that are left of a list, and whether something was taken."""
    if not world.losses:
        return rows, False
    if where == "issues":
        if loss := active(world, "empty-search"):
            use(loss)
            return [], True
        loss = active(world, "early-end")  # the search ran out of time, for more than it can go through
        if loss is not None and len(rows) > int(loss["after"]):
            use(loss)
            return rows[: int(loss["after"])], True
    return rows, False
