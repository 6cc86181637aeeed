"""How single things come to be: a release, an issue, an event, a transaction."""

from __future__ import annotations

import random

from . import content
from .model import Event, Issue, Project, Release
from .rhythm import DAY_MS, HOUR_MS, pick_release
from .world import World

MOBILE = ("java", "cocoa")


def new_release(
    world: World,
    project: Project,
    number: str,
    at_ms: int,
    rng: random.Random,
    *,
    fix: bool = False,
    raw: bool = False,
) -> Release:
    platform = project.platform
    version = (
        number if raw else f"{project.slug if platform.family not in MOBILE else platform.package}@{number}"
    )
    if platform.family in MOBILE and not raw:
        version += f"+{at_ms // HOUR_MS}"
    known = next((r for r in project.releases if r.version == version), None)
    if known is not None:
        return known
    author = rng.choice(world.members[:-1] or world.members) if world.members and rng.random() < 0.6 else None
    release = Release(
        release_id=0,
        version=version,
        created_ms=at_ms + rng.randrange(1000),
        released_ms=at_ms if rng.random() < 0.5 else None,
        projects=[project],
        author=author,
        commit=f"{rng.getrandbits(160):040x}" if author else None,
        deploys=rng.randrange(3) if author else 0,
        fix=fix,
    )
    project.releases.append(release)
    world.releases.append(release)
    return release


def new_issue(
    world: World, project: Project, rng: random.Random, index: int, category: str = "error"
) -> Issue:
    word = rng.choice(content.WORDS)
    if category == "feedback":
        error_type, value = "User Feedback", f"The {word} page shows yesterday's figures"
    else:
        error_type, template = rng.choice(content.FAILURES[project.platform.family])
        value = template.format(
            word=word,
            number=rng.randint(1000, 99999),
            small=rng.randint(3, 60),
            octet=rng.randint(1, 250),
            port=rng.choice((5432, 6379, 8080)),
        )
    message_only = category == "error" and rng.random() < 0.08
    function = rng.choice(content.FUNCTIONS).format(w=word)
    title = value if message_only or category == "feedback" else f"{error_type}: {value}"
    odd = 0
    if world.options.odd_payloads and category == "error" and index % 17 == 5:
        odd = index // 17 % len(content.ODD_TITLES) + 1
        title = content.ODD_TITLES[odd - 1]
        value = title
    issue = Issue(
        issue_id=world.next_issue_id,
        number=project.next_short_id,
        project=project,
        error_type=error_type,
        value=value,
        title=title,
        culprit=None if message_only and rng.random() < 0.5 else f"{project.platform.folder} in {function}",
        level="info"
        if category == "feedback"
        else rng.choices(("error", "fatal", "warning", "info"), (80, 8, 9, 3))[0],
        kind="default" if message_only else "error",
        category=category,
        first_seen_ms=0,
        unhandled=rng.random() < 0.3,
        logger=f"acme.{word}" if message_only else None,
        odd=odd,
        weight=(index + 1) ** -0.9,
    )
    project.next_short_id += 1
    world.next_issue_id += rng.choice((1, 1, 2, 5))
    world.issues[issue.issue_id] = issue
    project.issues.append(issue)
    return issue


def new_event(
    world: World,
    issue: Issue,
    ts_ms: int,
    rng: random.Random,
    *,
    received_ms: int | None = None,
    created: list[int] | None = None,
) -> Event:
    project = issue.project
    rand = rng.random
    if received_ms is None:
        delay = 300 + int(rand() * 2500)
        if project.platform.family in MOBILE and rand() < 0.05:
            delay = int(rand() * 3 * DAY_MS)
        received_ms = min(ts_ms + delay, world.data_until_ms)
    releases = project.releases
    dates = created if created is not None else [release.created_ms for release in releases]
    pick = rand()
    return Event(
        f"{rng.getrandbits(128):032x}",
        project,
        issue,
        ts_ms,
        received_ms=max(received_ms, ts_ms),
        kind=issue.kind,
        level=issue.level,
        release=pick_release(rng, releases, dates, ts_ms) if pick < 0.96 else None,
        environment="production" if pick < 0.86 else "staging" if pick < 0.985 else None,
        user=int(world.audience * rand() ** 2.2) if rand() < 0.78 else None,
        nonce=rng.getrandbits(32),
    )


def new_transaction(
    world: World, project: Project, ts_ms: int, rng: random.Random, created: list[int]
) -> Event:
    pick = rng.random()
    return Event(
        f"{rng.getrandbits(128):032x}",
        project,
        None,
        ts_ms,
        received_ms=ts_ms + 400,
        kind="transaction",
        level="info",
        release=pick_release(rng, project.releases, created, ts_ms),
        environment="production" if pick < 0.9 else "staging",
        user=int(world.audience * rng.random() ** 2.2) if pick < 0.8 else None,
        nonce=rng.getrandbits(32),
        duration=round(rng.lognormvariate(5.3, 0.9), 3),
    )
