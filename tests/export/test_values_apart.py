"""Series whose values are asked for one by one: each value page by page, and from where a run was cut off."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from types import SimpleNamespace
from typing import Any

import pytest

from extractors.answer import Answer
from extractors.plan import Slice
from extractors.streams.sessions import STREAM
from flows import totals
from flows.totals import Total, ask_series

DAY = datetime(2026, 11, 1)
(REQUEST, _) = STREAM.requests
ASKED = Slice(
    stream="sessions",
    request="",
    organization_id="1",
    organization_slug="acme",
    project_id="7",
    window_start=DAY,
    window_end=datetime(2026, 11, 2),
    interval_seconds=86400,
)
SHORT = Answer(status=200, body=b'{"groups": [], "intervals": []}', cursor=None, date=DAY)
PAGES = {"": "second", "second": None}


class Server:
    """Two pages for each value; knows what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []

    def pages(
        self, path: str, parameters: list[tuple[str, str]], *, cursor: str, **_: Any
    ) -> Iterator[Answer]:
        assert ("groupBy", "session.status") not in parameters
        while True:
            self.asked.append((dict(parameters)["query"].partition(":")[2], cursor))
            following = PAGES[cursor]
            yield replace(SHORT, cursor=following)
            if following is None:
                return
            cursor = following


def ask(
    monkeypatch: pytest.MonkeyPatch, values: list[str], page_cursor: str = ""
) -> tuple[list[tuple[str, str]], list[tuple[str, str | None]]]:
    """What the server was asked for, and what came of it: item and cursor."""
    server = Server()
    total = Total(sum=10, groups=len(values), apart=dict.fromkeys(values, 1))
    run: Any = SimpleNamespace(
        clients=SimpleNamespace(of=lambda _: server),
        organizations={"1": SimpleNamespace(region="")},
        retries=1,
        totals=SimpleNamespace(of_project=lambda *_: total, once=lambda *_: True),
    )
    progress: Any = SimpleNamespace(expected=None, children=[])
    monkeypatch.setattr(totals, "ask_pages", lambda *_: iter([SHORT]))
    found = list(ask_series(run, replace(ASKED, page_cursor=page_cursor), REQUEST, progress))
    return server.asked, [(item, answer.cursor) for item, answer in found]


def test_every_value_is_asked_for_page_by_page(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, found = ask(monkeypatch, ["healthy", "crashed"])
    assert asked == [("healthy", ""), ("healthy", "second"), ("crashed", ""), ("crashed", "second")]
    assert found == [
        ("session.status:healthy", "healthy second"),
        ("session.status:healthy", "crashed "),
        ("session.status:crashed", "crashed second"),
        ("session.status:crashed", None),
    ]


def test_a_value_without_a_name_leaves_no_other_out(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, _ = ask(monkeypatch, ["healthy", "", "crashed"])
    assert [value for value, _ in asked] == ["healthy", "healthy", "", "", "crashed", "crashed"]


@pytest.mark.parametrize(
    ("page_cursor", "asked"),
    [
        (
            "healthy second",
            [("healthy", "second"), ("", ""), ("", "second"), ("crashed", ""), ("crashed", "second")],
        ),
        (" second", [("", "second"), ("crashed", ""), ("crashed", "second")]),
        ("crashed ", [("crashed", ""), ("crashed", "second")]),
    ],
)
def test_what_was_cut_off_goes_on_where_it_was(
    monkeypatch: pytest.MonkeyPatch, page_cursor: str, asked: list[tuple[str, str]]
) -> None:
    assert ask(monkeypatch, ["healthy", "", "crashed"], page_cursor)[0] == asked
