"""The exported file: whole, small, closed."""

from __future__ import annotations

import base64
import gzip
import json
import re
from pathlib import Path

import pytest

from dashboards import export
from dashboards.catalogue import DashboardError, all_charts
from dashboards.published import Published
from dashboards.questions import view_of
from dashboards.server import PUBLISHED_FILE


@pytest.fixture(scope="module")
def page(home: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(export, "MOST_PROJECTS", 2)
        patch.setattr(export, "MOST_ENVIRONMENTS", 1)
        out = tmp_path_factory.mktemp("out") / "deep" / "report.html"
        export.export_html(home / PUBLISHED_FILE, out)
    return out.read_text("utf-8")


def test_one_file_with_everything_in_it(page: str, home: Path) -> None:
    assert len(page) < 1_500_000
    assert not re.search(r'(src|href)="(?!data:|#)', page)
    packed = re.search(r'id="exported">([^<]*)<', page)
    assert packed
    data = json.loads(gzip.decompress(base64.b64decode(packed[1])))
    assert len(data["views"]) == 3 * 2 * 3  # all and two projects, all and one environment, three periods
    view = data["views"]['["storefront","","90"]']
    published = Published(home / PUBLISHED_FILE)
    values = view_of({"project": "storefront", "days": "90"}, published.ask(_as_of(), {}).rows[0][0]).values()
    for chart in all_charts():
        stored = data["pool"][view["answers"][chart.name]]
        answer = published.ask(chart.query, values)
        assert stored["columns"] == list(answer.columns)
        assert len(stored["rows"]) == len(answer.rows)


def _as_of() -> export.Query:
    return export.Query("as_of", "select max(as_of) from meta.runs")


def test_an_empty_warehouse_is_exported_too(empty_home: Path, tmp_path: Path) -> None:
    export.export_html(empty_home / PUBLISHED_FILE, tmp_path / "report.html")
    assert (tmp_path / "report.html").stat().st_size > 300_000


def test_png_says_what_is_missing(home: Path, tmp_path: Path) -> None:
    try:
        import vl_convert  # noqa: F401
    except ImportError:
        with pytest.raises(DashboardError, match="vl-convert-python"):
            export.export_png(home / PUBLISHED_FILE, tmp_path)
    else:
        files = export.export_png(home / PUBLISHED_FILE, tmp_path)
        assert all(file.read_bytes().startswith(b"\x89PNG") for file in files)


def test_drawings_hold_colours_and_rows(home: Path) -> None:
    published = Published(home / PUBLISHED_FILE)
    chart = next(chart for chart in all_charts() if chart.name == "errors_by_project")
    values = view_of({}, published.ask(_as_of(), {}).rows[0][0]).values()
    spec = export.drawing(chart, published.ask(chart.query, values), values)
    assert "@" not in json.dumps(spec["config"])
    assert spec["data"]["values"][0]["day"] == "2026-10-23"


def test_legends_name_what_is_drawn(home: Path) -> None:
    published = Published(home / PUBLISHED_FILE)
    values = view_of({}, published.ask(_as_of(), {}).rows[0][0]).values()
    chart = next(chart for chart in all_charts() if chart.name == "outcomes")
    spec = export.drawing(chart, published.ask(chart.query, values), values)
    domain = spec["encoding"]["color"]["scale"]["domain"]
    assert "accepted" in domain
    assert "cardinality_limited" not in domain
    assert "cardinality_limited" in json.dumps(chart.spec)  # the chart itself is as it was
