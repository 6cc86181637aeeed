"""The charts: one SQL file each, beside it how it is drawn. Files are found, none is registered."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from warehouse.mart_files import split_header

FOLDER = Path(__file__).parent
PAGES = {
    "overview": "Overview",
    "errors": "Errors",
    "issues": "Issues",
    "releases": "Releases",
    "usage": "Usage",
}
PAGES |= {"data": "Data"}
FILTERS = ("organization", "project", "environment", "release")
PERIOD = ("start", "end", "previous_start", "previous_end")


class DashboardError(Exception):
    """A chart's files contradict each other, or the published file can not be read."""


class PackageMissing(DashboardError):
    """What was asked for needs a package that is not installed."""


@dataclass(frozen=True, slots=True)
class Query:
    """SQL with named parameters."""

    name: str
    sql: str

    @property
    def parameters(self) -> frozenset[str]:
        """Names of the parameters the SQL mentions."""
        return frozenset(re.findall(r"\$([a-z_]+)", self.sql))


@dataclass(frozen=True, slots=True)
class Chart:
    """One card: a question, its answer's definition, and how it is drawn (Vega-Lite `spec` or `table`)."""

    query: Query
    title: str
    question: str
    definition: str
    pages: tuple[str, ...]
    order: int
    size: str
    drill: str
    empty: str
    spec: dict[str, Any] | None
    table: dict[str, Any] | None

    @property
    def name(self) -> str:
        """Name of its files."""
        return self.query.name

    @property
    def follows(self) -> tuple[str, ...]:
        """Filters that change it."""
        return tuple(name for name in FILTERS if name in self.query.parameters)

    @property
    def follows_dates(self) -> bool:
        """Whether the chosen days change it."""
        return bool(self.query.parameters & set(PERIOD))


@cache
def all_charts() -> tuple[Chart, ...]:
    """Every chart of `charts/`, in the order they are shown."""
    charts = [_read_chart(path) for path in sorted((FOLDER / "charts").glob("*.sql"))]
    return tuple(sorted(charts, key=lambda chart: (chart.order, chart.name)))


@cache
def all_drills() -> dict[str, Query]:
    """The questions behind a bar, by name."""
    return {path.stem: _read_query(path) for path in sorted((FOLDER / "drills").glob("*.sql"))}


@cache
def filters_query() -> Query:
    """What the filters offer."""
    return _read_query(FOLDER / "filters.sql")


@cache
def theme() -> dict[str, Any]:
    """Colours for light and dark, and the Vega configuration made from them."""
    made: dict[str, Any] = json.loads((FOLDER / "theme.json").read_text("utf-8"))
    return made


def charts_of(page: str) -> tuple[Chart, ...]:
    """The charts of a page, with those that stand on every page."""
    return tuple(chart for chart in all_charts() if page in chart.pages or "every" in chart.pages)


def _read_query(path: Path) -> Query:
    return Query(path.stem, split_header(path.stem, path.read_text("utf-8"))[2])


def _read_chart(path: Path) -> Chart:
    question, lines, sql = split_header(path.stem, path.read_text("utf-8"))
    words = dict(lines)
    unknown = set(words) - {"title", "page", "order", "size", "drill", "empty", "definition"}
    if unknown or not (question and words.get("title") and words.get("definition") and words.get("page")):
        raise DashboardError(
            f"{path.name}: header lacks question, title, page or definition, or has {unknown}"
        )
    return Chart(
        query=Query(path.stem, sql),
        title=words["title"],
        question=question,
        definition=words["definition"],
        pages=tuple(page.strip() for page in words["page"].split(",")),
        order=int(words.get("order", "100")),
        size=words.get("size", "wide"),
        drill=words.get("drill", ""),
        empty=words.get("empty", "No data in these days."),
        spec=_read_json(path.with_suffix(".vl.json")),
        table=_read_json(path.with_suffix(".table.json")),
    )


def _read_json(path: Path) -> dict[str, Any] | None:
    if not path.exists():
        return None
    made: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return made
