"""What a test may have the sandbox lose without a word, as real servers do, to see whether it is noticed."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import unquote_plus, urlencode

from .answers import Query, Response
from .world import World

LOSSES = ("event", "page", "early-end", "empty-search", "issue", "group", "link", "hits")

Row = TypeVar("Row")
View = Callable[[str, Query], Response]


def lose(world: World, what: str, how: dict[str, Any]) -> str:
    """Begin to lose something; the sentence that comes back says what.

    - `event`: one event (`event_id`, or any) that no list shows; counts and its own address know it.
    - `issue`: one issue (`issue_id`, or any) that the search never finds; its own address knows it.
    - `page`: a page after the first whose rows are skipped (`endpoint="events"`) or that comes empty
      (`endpoint="issues"`), once; at other endpoints, named by the last part of their path or "discover",
      the page that comes is the one after. `asks` makes it an answer whose question holds these words.
    - `link`: an answer with more to come has no Link header (`endpoint`).
    - `hits`: X-Hits says `hits` (0), whatever is listed.
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
    world.losses.append({"what": what, "used": 0, "times": 1 if what == "page" else None, "after": 50, **how})
    world.version += 1
    return f"losing {what}: " + ", ".join(f"{key}={value}" for key, value in how.items())


def active(world: World, what: str, where: str | None = None, question: str = "") -> dict[str, Any] | None:
    """The loss of that kind that still has its turn, at that endpoint and question where it names them."""
    for loss in world.losses:
        meant = loss.get("endpoint") in (None, where) and str(loss.get("asks", "")) in question
        if loss["what"] == what and (loss["times"] is None or loss["times"] > 0) and meant:
            return loss
    return None


def use(loss: dict[str, Any]) -> None:
    """Notes that something was lost."""
    loss["used"] += 1
    if loss["times"] is not None:
        loss["times"] -= 1


def spoil(world: World, path: str, query: Query, response: Response, again: View) -> Response:
    """The answer without what is lost of whole pages. `again` answers the same path to another query."""
    where = path.strip("/").rpartition("/")[2]
    if where == "events" and "/organizations/" in path:
        where = "discover"
    following = _next_cursor(response)
    if following is None:
        return response
    question = unquote_plus(query.raw)
    if loss := active(world, "link", where, question):
        use(loss)
        return Response(
            response.status, response.body, [h for h in response.headers if h[0] != b"link"], cacheable=False
        )
    loss = active(world, "page", where, question)
    if loss is None or where in ("events", "issues"):  # these two see to it themselves
        return response
    use(loss)
    rest = [pair for pair in query.pairs if pair[0] != "cursor"]
    skipped = again(path, Query(urlencode([*rest, ("cursor", following)])))
    return Response(skipped.status, skipped.body, skipped.headers, cacheable=False)


def _next_cursor(response: Response) -> str | None:
    links = b"".join(value for name, value in response.headers if name == b"link").decode()
    found = re.search(r'rel="next"; results="true"; cursor="([^"]*)"', links)
    return found[1] if found else None


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
