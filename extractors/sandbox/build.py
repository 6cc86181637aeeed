"""How an organization comes to be: from a seed, with a past."""

from __future__ import annotations

import random
from datetime import timedelta

from . import content
from .makers import new_event, new_issue, new_release, new_transaction
from .model import Issue, Member, Project, Team
from .options import SandboxOptions
from .rhythm import DAY_MS, HOUR_MS, moments
from .states import age_states, dress_issue
from .world import World, index_issue, note_release, to_ms

GHOST_RUN = 250
"""More than two pages of candidates that vanish at look-up: at least one page stays empty."""


def build_world(options: SandboxOptions) -> World:
    world = World(options)
    rng = random.Random(f"{options.seed}:world")
    world.created_ms = world.history_start_ms - 200 * DAY_MS
    if options.projects > 0:
        _make_people(world, rng)
        _make_projects(world, rng)
        for project in world.projects:
            _make_releases(world, project, random.Random(f"{options.seed}:releases:{project.project_id}"))
        _number_releases(world)
        _make_issues(world, rng)
        _make_transactions(world, rng)
        _sort_events(world)
        if options.short_pages:
            _make_ghosts(world, rng)
    else:
        _make_people(world, rng)
    age_states(world, list(world.issues.values()))
    world.settle()
    return world


def _make_people(world: World, rng: random.Random) -> None:
    options = world.options
    roles = ("owner", "manager", "admin", "member", "member", "member", "billing")
    for index in range(options.members):
        first = content.FIRST_NAMES[(index * 7) % len(content.FIRST_NAMES)]
        last = content.LAST_NAMES[(index * 5) % len(content.LAST_NAMES)]
        email = f"member{index + 1}@acme.test"
        pending = index == options.members - 1 and options.members > 2
        world.members.append(
            Member(
                member_id=index + 1,
                user_id=None if pending else 9_000 + index,
                name=email if pending or index == 4 else f"{first} {last}",
                email=email,
                role=roles[min(index, 3)] if index < 4 else rng.choice(roles[3:]),
                created_ms=world.created_ms + index * DAY_MS,
                pending=pending,
                inviter=world.members[0].name if index else None,
            )
        )
    count = min(len(content.TEAM_NAMES), max(1, options.projects // 2)) if options.projects else 0
    for index in range(count):
        name = content.TEAM_NAMES[index]
        world.teams.append(
            Team(
                team_id=700 + index,
                slug=name,
                name=name.replace("-", " ").title(),
                created_ms=world.created_ms + index * HOUR_MS,
                is_member=count < 3 or index != count - 1,
                member_count=1 + index % 5,
            )
        )


def _make_projects(world: World, rng: random.Random) -> None:
    options = world.options
    base = 4_508_112_300_100_000 if options.modern else 1
    refused = min(options.refused_projects, options.projects - 1)
    gone = min(options.deleted_projects, options.projects - 1 - refused)
    for index in range(options.projects):
        platform = content.PLATFORMS[index % len(content.PLATFORMS)]
        round_ = index // 30
        slug = f"{content.PRODUCTS[index % len(content.PRODUCTS)]}-{platform.suffix}" + (
            f"-{round_ + 1}" if round_ else ""
        )
        teams = [world.teams[index % len(world.teams)]]
        if index % 4 == 1 and len(world.teams) > 2:
            teams.append(world.teams[(index + 1) % (len(world.teams) - 1)])
        from_end = options.projects - 1 - index
        world.projects.append(
            Project(
                project_id=base + index * 16 + 1 if options.modern else base + index,
                slug=slug,
                name=slug.replace("-", " ").title() if index % 2 else slug,
                platform=platform,
                teams=teams,
                created_ms=world.created_ms + (2 + index) * HOUR_MS,
                weight=1.0 / (1 + index % 12) ** 0.7 * rng.uniform(0.8, 1.25),
                refused=from_end < refused,
                gone=refused <= from_end < refused + gone,
                silent=index == 6,
                shows_platform=index != 7,
                resolve_age_hours=30 * 24 if index == 3 else 0,
                old_slugs=["storefront-classic"] if index == 1 else [],
            )
        )


def _make_releases(world: World, project: Project, rng: random.Random) -> None:
    if project.silent:
        return
    at = world.history_start_ms - 5 * DAY_MS
    major, minor, patch = rng.randint(1, 4), rng.randint(0, 5), 0
    fix_at = incident_of(world)[1]
    fixed = project is not world.projects[0]
    while at < world.data_until_ms - 2 * HOUR_MS:
        if not fixed and at >= fix_at:
            at, fixed, patch = fix_at, True, patch + 1
        new_release(world, project, f"{major}.{minor}.{patch}", at, rng, fix=at == fix_at and fixed)
        if rng.random() < 0.55:
            patch += 1
        else:
            minor, patch = minor + 1, 0
        at += int(rng.uniform(4, 13) * DAY_MS)
    if world.options.odd_payloads and project is world.projects[0]:
        for index, version in enumerate(content.ODD_RELEASES):
            at = world.history_start_ms + (index + 1) * HOUR_MS
            release = new_release(world, project, version, at, rng, raw=True)
            release.status = "archived" if index == 0 else "open"


def _number_releases(world: World) -> None:
    world.releases.sort(key=lambda release: release.created_ms)
    for release in world.releases:
        release.release_id = world.next_release_id
        world.next_release_id += 3
    for project in world.projects:
        project.releases.sort(key=lambda release: release.created_ms)
    if len(world.projects) > 4 and world.projects[0].releases:
        shared = world.projects[0].releases[-1]
        shared.projects.append(world.projects[4])


def incident_of(world: World) -> tuple[int, int]:
    """(start, fix) of the one bad evening, in ms."""
    start = world.start - timedelta(days=min(12, world.options.days // 2))
    start_ms = to_ms(start.replace(hour=17, minute=20, second=0, microsecond=0))
    return start_ms, start_ms + 5 * HOUR_MS


def _make_issues(world: World, rng: random.Random) -> None:
    options = world.options
    active = [project for project in world.projects if not project.silent]
    total_weight = sum(project.weight for project in active)
    issues = max(options.issues, 0)
    events = max(options.events, issues)
    older = max(0, options.days - options.retention_days) / max(1, options.retention_days)
    for project, n_issues, n_events in zip(
        active,
        _split(issues, [p.weight / total_weight for p in active]),
        _split(events, [p.weight / total_weight for p in active]),
        strict=True,
    ):
        local = random.Random(f"{options.seed}:issues:{project.project_id}")
        made = [new_issue(world, project, local, index) for index in range(n_issues)]
        if not made:
            continue
        low = max(world.history_start_ms, world.cutoff_ms)
        _fill(world, made, max(n_events, n_issues), low, local)
        if older and world.history_start_ms < world.cutoff_ms:
            _fill_older(world, made, int(n_events * older), local)
    _settle_first_seen(world)
    for feedback in range(max(1, issues // 60) if issues else 0):
        project = world.reachable[feedback % len(world.reachable)]
        issue = new_issue(world, project, rng, feedback, category="feedback")
        at = moments(rng, 1, max(world.history_start_ms, world.cutoff_ms), world.data_until_ms)[0]
        event = new_event(world, issue, at, rng)
        event.kind = "feedback"
        issue.events.append(event)
        issue.first_seen_ms = at
        world.events[event.event_id] = event
        index_issue(issue)


def _split(total: int, parts: list[float]) -> list[int]:
    counts = [int(total * part) for part in parts]
    for index in range(total - sum(counts)):
        counts[index % len(counts)] += 1
    return counts


def _fill(world: World, issues: list[Issue], count: int, low: int, rng: random.Random) -> None:
    high = world.data_until_ms
    incident_start, incident_end = incident_of(world)
    weights = [issue.weight for issue in issues]
    spiking = issues[0].project is world.projects[0] and len(issues) > 3
    spike = min(count // 8, count - len(issues)) if spiking else 0
    total = sum(weights)
    counts = [max(1, int(weight / total * (count - spike))) for weight in weights]
    surplus = sum(counts) + spike - count
    index = 0
    while surplus:
        step = -1 if surplus > 0 else 1
        if counts[index % len(counts)] + step >= 1:
            counts[index % len(counts)] += step
            surplus += step
        index += 1
    for position, (issue, number) in enumerate(zip(issues, counts, strict=True)):
        span = high - low
        born = low if rng.random() < 0.45 else low + int(rng.random() * span * 0.98)
        died = high if rng.random() < 0.6 else born + int((high - born) * rng.uniform(0.1, 1.0))
        times = moments(rng, number, born, max(died, born + 1))
        if spiking and position == 2:
            times += [
                incident_start + int((incident_end - incident_start) * rng.random() ** 1.5)
                for _ in range(spike)
            ]
        _add(world, issue, times, rng)


def _fill_older(world: World, issues: list[Issue], count: int, rng: random.Random) -> None:
    """Events that retention has taken already: they count in the totals and are listed nowhere."""
    low, high = world.history_start_ms, world.cutoff_ms
    for _ in range(count):
        issue = issues[int(len(issues) * rng.random() ** 2)]
        _add(world, issue, moments(rng, 1, low, high), rng)


def _add(world: World, issue: Issue, times: list[int], rng: random.Random) -> None:
    created = [release.created_ms for release in issue.project.releases]
    project = issue.project
    for ts_ms in times:
        event = new_event(world, issue, ts_ms, rng, created=created)
        world.events[event.event_id] = event
        issue.events.append(event)
        project.errors.append(event)
        note_release(event)


def _settle_first_seen(world: World) -> None:
    for project in world.projects:
        rng = random.Random(f"{world.options.seed}:states:{project.project_id}")
        for issue in project.issues:
            issue.events.sort(key=lambda event: event.order)
            index_issue(issue)
            issue.first_seen_ms = issue.events[0].ts_ms if issue.events else world.data_until_ms
            if world.options.odd_payloads and rng.random() < 0.1:
                issue.extra_count = rng.randint(1, 40)
            dress_issue(world, issue, rng)
            first = issue.events[0].release if issue.events else None
            if first is not None:
                first.new_groups += 1


def _make_transactions(world: World, rng: random.Random) -> None:
    low = max(world.history_start_ms, world.cutoff_ms)
    traced = [p for p in world.projects if p.platform.tracing and not p.silent]
    for project in traced:
        created = [release.created_ms for release in project.releases]
        for ts_ms in moments(rng, len(project.errors) // 2, low, world.data_until_ms):
            event = new_transaction(world, project, ts_ms, rng, created)
            world.events[event.event_id] = event
            project.transactions.append(event)


def _sort_events(world: World) -> None:
    for project in world.projects:
        project.errors.sort(key=lambda event: event.order)
        project.error_order = [event.order for event in project.errors]
        project.transactions.sort(key=lambda event: event.order)
        project.transaction_order = [event.order for event in project.transactions]


def _make_ghosts(world: World, rng: random.Random) -> None:
    if not world.reachable or not world.issues:
        return
    project = world.reachable[0]
    day = min(20, world.options.days // 2, world.options.retention_days // 2)
    at = (world.data_until_ms - day * DAY_MS) // 1000
    for index in range(GHOST_RUN):
        world.ghosts.append((project, at - index % 40, 1_000 + index))
    for index in range(3):
        at = moments(rng, 1, max(world.history_start_ms, world.cutoff_ms), world.data_until_ms)[0] // 1000
        world.ghosts.append((rng.choice(world.reachable), at, 2_000 + index))
