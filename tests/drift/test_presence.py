"""Fields that used to come and come no more: told apart from those that are often missing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from extractors.archive import Page
from extractors.streams.projects import STREAM
from flows.loading import Loader
from flows.presence import FieldWatch
from warehouse.store import Store

START = datetime(2026, 11, 2, 3)


class Nights:
    """Runs one after the other, each of which brings some records."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.tree = Loader(store, {"projects": STREAM}).tree("projects", "")
        self.number = 0

    def pass_with(self, *records: dict[str, Any]) -> None:
        self.number += 1
        now = START + timedelta(days=self.number)
        watch = FieldWatch()
        if records:
            assert self.tree is not None
            watch.look(self.tree, [page(f"run{self.number}", now, list(records))])
        with self.store.transaction():
            watch.conclude(self.store, f"run{self.number}", now)

    def gone(self) -> list[tuple[Any, ...]]:
        return self.store.rows(
            "select path, first_seen, first_run_id, last_run_id, example from meta.drift where kind = 'gone'"
        )


def page(run_id: str, now: datetime, records: list[dict[str, Any]]) -> Page:
    return Page(
        run_id=run_id,
        slice_id="s",
        stream="projects",
        request="",
        organization_id="1",
        project_id="",
        window_start=None,
        window_end=now,
        interval_seconds=None,
        path="/organizations/acme/projects/",
        parameters="[]",
        item="",
        status=200,
        fetched_at=now,
        loaded_at=now,
        first=True,
        body=json.dumps(records).encode(),
    )


@pytest.fixture
def nights(tmp_path: Path) -> Iterator[Nights]:
    with Store(tmp_path / "warehouse.duckdb") as store:
        yield Nights(store)


def project(number: int, **fields: Any) -> dict[str, Any]:
    return {"id": str(number), "slug": f"p{number}", "name": f"P{number}", **fields}


WITH = [project(n, platform="python") for n in range(20)]
WITHOUT = [project(n) for n in range(20)]


def test_a_field_that_always_came_is_gone_after_one_run_without_it(nights: Nights) -> None:
    nights.pass_with(*WITH)
    nights.pass_with(*WITHOUT)
    second = START + timedelta(days=2)
    assert nights.gone() == [("platform", second, "run1", "run2", "/organizations/acme/projects/")]
    nights.pass_with(*WITHOUT)
    assert nights.gone() == [("platform", second, "run1", "run3", "/organizations/acme/projects/")]


def test_what_comes_again_is_no_longer_gone(nights: Nights) -> None:
    nights.pass_with(*WITH)
    nights.pass_with(*WITHOUT)
    nights.pass_with(*WITH)
    assert nights.gone() == []


def test_null_is_not_missing(nights: Nights) -> None:
    nights.pass_with(*WITH)
    nights.pass_with(*[project(n, platform=None) for n in range(20)])
    assert nights.gone() == []


def test_few_records_prove_little(nights: Nights) -> None:
    nights.pass_with(*WITH[:3])
    nights.pass_with(*WITHOUT[:3])
    assert nights.gone() == []
    nights.pass_with(*WITHOUT[:3])
    assert [path for path, *_ in nights.gone()] == ["platform"]


def test_a_field_that_is_often_missing_does_not_flap(nights: Nights) -> None:
    for _ in range(4):
        nights.pass_with(*WITH[:2], *WITHOUT[2:])
        assert nights.gone() == []
        nights.pass_with(*WITHOUT)
        assert nights.gone() == []
        nights.pass_with(*WITHOUT)
        assert nights.gone() == []


def test_a_field_that_is_often_missing_is_gone_in_the_end(nights: Nights) -> None:
    for _ in range(5):
        nights.pass_with(*WITH[:10], *WITHOUT[10:])
    for _ in range(2):
        nights.pass_with(*WITHOUT)
        assert nights.gone() == []
    nights.pass_with(*WITHOUT)
    assert [path for path, *_ in nights.gone()] == ["platform"]


def test_a_run_without_records_says_nothing(nights: Nights) -> None:
    nights.pass_with(*WITH)
    for _ in range(5):
        nights.pass_with()
    assert nights.gone() == []
    assert nights.store.rows("select distinct absent_runs from meta.fields") == [(0,)]
