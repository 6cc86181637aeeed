"""The demo with people whose every value is a canary: none of them is printed, none lies in a file."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from extractors import sandbox as sandboxes
from extractors.sandbox import SandboxOptions, content
from extractors.sandbox.model import EndUser
from extractors.sandbox.world import World
from extractors.streams.discover import DEFAULT_QUERIES
from flows import settings as settings_module
from flows.demo import demo
from tests.export.conftest import query
from tests.export.test_privacy import texts_on_disk

USERS = rb"canary|leak\.example|198\.51\.1\d\d\.|2001:db8::"
REQUESTS = rb"203\.0\.113\.7|0badc0ffee|visitor@example"
"""What the simulated organization has in bodies of requests and of feedback, whoever its users are."""
COLLEAGUES = rb"member\d+@acme\.test|colleague"


@pytest.fixture
def users(monkeypatch: pytest.MonkeyPatch) -> list[EndUser]:
    """The application's users that the sandbox made; every one a canary."""
    made: list[EndUser] = []
    make = World._make_user

    def make_canary(self: World, number: int) -> EndUser:
        user = make(self, number)
        made.append(
            replace(
                user,
                email=user.email and f"canary{number}@leak.example",
                username=user.username and f"canary.{number}",
                name=user.name and f"Canary Person {number}",
                geo=user.geo and user.geo | {"city": "Canaryville", "region": "Canaryshire"},
            )
        )
        return made[-1]

    monkeypatch.setattr(World, "_make_user", make_canary)
    monkeypatch.setattr(content, "FIRST_NAMES", ("Colleague",))
    small = partial(SandboxOptions, projects=2, issues=8, events=90, days=20, refused_projects=0)
    monkeypatch.setattr(sandboxes, "SandboxOptions", small)
    return made


@pytest.mark.parametrize(
    ("chosen", "hidden"),
    [
        ({}, USERS + b"|" + REQUESTS),  # as it comes: users hashed, colleagues kept
        pytest.param(
            {"privacy": "drop", "privacy_members": "drop"},
            b"|".join((USERS, REQUESTS, COLLEAGUES)),
            marks=pytest.mark.slow,
        ),
    ],
    ids=["hash", "drop"],
)
def test_the_demo_shows_and_keeps_nobody(
    chosen: dict[str, Any],
    hidden: bytes,
    users: list[EndUser],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    load = settings_module.load_settings
    queries = [
        {"name": q.name, "fields": q.fields, "dataset": q.dataset, "interval": q.interval, "days": 1}
        for q in DEFAULT_QUERIES
    ]
    monkeypatch.setattr(
        settings_module,
        "load_settings",
        lambda config, values, **how: load(config, {**values, "discover": queries, **chosen}, **how),
    )
    home = tmp_path / "home"
    assert demo(str(home)) == 0
    assert len({user.email for user in users}) > 10

    screen = capfd.readouterr()
    shown = f"{screen.out}\n{screen.err}\n{caplog.text}"
    assert "How healthy are the newest releases?" in shown
    traces = re.compile(hidden, re.IGNORECASE)
    assert not traces.search(shown.encode()), traces.search(shown.encode())
    searched = 0
    for name, text in texts_on_disk(home):
        found = traces.search(text)
        assert not found, (name, text[max(0, found.start() - 200) : found.end() + 100])
        searched += 1
    assert searched > 50
    assert query(home, "select count(*) > 50 from events") == [(True,)]
    assert ("Colleague" in shown) == (not chosen)
