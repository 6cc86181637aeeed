"""One strict Sentry, exported by the installed command on two nights."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.acceptance.strict import TOKEN, Asked, StrictSentry
from tests.acceptance.world import API, WEB, World
from tests.cli.command import Outcome, run_command

CONFIG = """
[[discover]]
name = "by_release"
fields = ["project.id", "tags[release]", "count()", "p95(transaction.duration)"]
interval = "1d"
days = 4

[[discover]]
name = "titles"
fields = ["title", "count()", "count_unique(user)"]
"""

TABLES = (
    *(
        "organizations",
        "projects",
        "teams",
        "members",
        "releases",
        "issues",
        "issue_history",
        "issue_activity",
    ),
    *("events", "event_tags", "event_exceptions", "event_frames", "outcomes", "sessions", "session_health"),
    *("discover_by_release", "discover_titles"),
)


def run(sentry: StrictSentry, folder: Path, *arguments: str, **variables: str) -> Outcome:
    """The command as a user runs it: in the folder, with variables only."""
    given = {"SENTRY_URL": sentry.url, "SENTRY_AUTH_TOKEN": TOKEN, "SENTRY_ORG": "acme", **variables}
    return run_command(
        *arguments, folder=folder, variables={k: v for k, v in given.items() if v}, seconds=120
    )


def rows(folder: Path, sql: str) -> list[tuple[Any, ...]]:
    """Rows of the published file."""
    with duckdb.connect(str(folder / "sentry-data/published/sentry.duckdb"), read_only=True) as connection:
        return connection.execute(sql).fetchall()


@dataclass
class Nights:
    """Nights of a warehouse: what was asked, how the command ended, and what went on between them."""

    folder: Path
    sentry: StrictSentry
    outcomes: list[Outcome] = field(default_factory=list)
    asked: list[list[Asked]] = field(default_factory=list)
    counts: list[dict[str, int]] = field(default_factory=list)
    changed: dict[str, str] = field(default_factory=dict)

    @property
    def world(self) -> World:
        """What the server holds now."""
        return self.sentry.world

    def export(self) -> None:
        """One night."""
        before = len(self.sentry.asked)
        self.outcomes.append(run(self.sentry, self.folder, "export"))
        self.asked.append(self.sentry.asked[before:])
        self.counts.append({t: rows(self.folder, f"select count(*) from {t}")[0][0] for t in TABLES})


def change(world: World) -> dict[str, str]:
    """What a day brings: a state, a merge, a deletion, a late event. Returns the ids by what happened."""
    listed = [i for i in world.issues if world.issues[i]["project"]["id"] == API]
    resolved, merged, deleted, into, late = listed[:5]
    world.issues[resolved] |= {"status": "resolved", "statusDetails": {"inNextRelease": True}}
    world.activity[resolved] = [
        {
            "id": "88",
            "type": "set_resolved",
            "dateCreated": "2026-01-02T00:00:00Z",
            "user": {"id": "5"},
            "data": {},
        }
    ]
    world.merge(merged, into)
    world.delete(deleted)
    event = world.add_event(late, world.now - timedelta(days=40))
    new = world.add_issue(WEB, 9_000_000_000, "unresolved")
    return {
        "resolved": resolved,
        "merged": merged,
        "into": into,
        "deleted": deleted,
        "late": event,
        "new": new,
    }


@pytest.fixture(scope="session")
def nights(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nights]:
    """Exported, exported once more, changed, exported again."""
    folder = tmp_path_factory.mktemp("nights")
    (folder / "sentry-warehouse.toml").write_text(CONFIG)
    with StrictSentry(World(), most_rows=20, row_cap=40) as sentry:
        nights = Nights(folder, sentry)
        nights.export()
        nights.export()
        nights.changed = change(sentry.world)
        nights.export()
        yield nights
