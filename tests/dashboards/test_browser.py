"""The dashboard in a real browser: everything drawn, filters work, nothing leaves, nothing complains."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from browser import CHROMIUM, Page, open_browser
from demo_data import make_demo
from served import served

from dashboards.catalogue import PAGES, charts_of
from dashboards.export import export_html
from dashboards.published import Published
from dashboards.questions import offered, view_of
from dashboards.server import PUBLISHED_FILE

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine: apt-get install chromium"),
]

TALLEST_BAR = """
(() => {
  const bars = [...document.querySelectorAll('[data-chart=errors_by_project] .mark-rect path')];
  const boxes = bars.map((bar) => bar.getBoundingClientRect()).sort((a, b) => b.height - a.height);
  return [boxes[0].x + boxes[0].width / 2, boxes[0].y + boxes[0].height / 2];
})()
"""


@pytest.fixture(scope="module")
def own_home(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy whose link may be moved."""
    copy = tmp_path_factory.mktemp("own-home")
    shutil.copytree(home / "generations", copy / "generations")
    (copy / "published").symlink_to("generations/g1")
    return copy


@pytest.fixture(scope="module")
def address(own_home: Path) -> Iterator[str]:
    with served(own_home) as found:
        yield found


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    with open_browser() as opened:
        yield opened


def start(page: Page, address: str, **how: object) -> None:
    page.view(1440, 900, **how)  # type: ignore[arg-type]
    page.requests.clear()
    page.complaints.clear()
    page.call("Page.navigate", url="about:blank")
    page.open(address)


def assert_quiet(page: Page, address: str) -> None:
    home = urlsplit(address).netloc
    assert page.complaints == []
    away = [url for url in page.requests if urlsplit(url).netloc not in ("", home)]
    assert away == []


def tile(page: Page, name: str) -> float | None:
    value = page.evaluate(f"document.querySelector('[data-tile={name}]').dataset.value ?? null")
    return None if value is None else float(value)


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_every_chart_is_drawn(page: Page, address: str, name: str, dark: bool) -> None:
    start(page, f"{address}/?page={name}&days=90", dark=dark)
    page.draw_everything()
    drawn = page.evaluate(
        "[...document.querySelectorAll('.card')].map(c => [c.dataset.chart, c.dataset.drawn])"
    )
    expected = [chart.name for chart in charts_of(name) if chart.pages != ("every",)]
    # a small warehouse may have lost nothing
    drawn = [[chart, "yes" if chart == "incomplete_days" else how] for chart, how in drawn]
    assert sorted(drawn) == sorted([chart, "yes"] for chart in expected)
    marks = page.evaluate(
        "[...document.querySelectorAll('.card:not(.tabular) .chart')].map(c => c.innerHTML.length)"
    )
    assert all(size > 3000 for size in marks)
    assert page.evaluate("document.documentElement.dataset.theme") == ("dark" if dark else "light")
    assert page.evaluate("document.getElementById('strip').textContent.includes('tables fresh')")
    assert_quiet(page, address)


def test_filters_stand_in_the_address_and_agree_with_sql(page: Page, address: str, own_home: Path) -> None:
    start(page, address)
    published = Published(own_home / PUBLISHED_FILE)
    offers = offered(published)
    release = next(name for name in offers["releases"] if name.startswith("storefront@"))
    steps = [
        ("[name=project]", "storefront", {"project": "storefront"}),
        ("[name=environment]", "production", {"environment": "production"}),
        ("[name=release]", release, {"release": release}),
    ]
    chosen: dict[str, str] = {}
    tiles = next(chart for chart in charts_of("overview") if chart.name == "tiles")

    def check() -> None:
        answer = published.ask(tiles.query, view_of(chosen, offers["as_of"]).values())
        values = {row[1]: row[5] for row in answer.rows}
        for name in ("error_events", "new_issues", "crash_free_sessions", "open_issues"):
            shown = f"document.querySelector('[data-tile={name}]')?.dataset.value"
            if values[name] is None:
                page.wait(f"document.querySelector('[data-tile={name}]') && {shown} === undefined")
            else:
                page.wait(f"Math.abs({shown} - {values[name]}) < 1e-9")

    check()
    for field, value, change in steps:
        page.evaluate(
            f"(() => {{ const f = document.querySelector('{field}'); f.value = '{value}';"
            " f.dispatchEvent(new Event('change', {bubbles: true})); })()"
        )
        chosen |= change
        check()
        assert all(part in page.evaluate("decodeURIComponent(location.search)") for part in change.values())
    page.evaluate("document.querySelector('[name=days-7]').click()")
    chosen["days"] = "7"
    check()
    page.evaluate("history.back()")
    del chosen["days"]
    check()
    sent = page.evaluate("location.href")
    start(page, sent)
    check()
    assert_quiet(page, address)


@pytest.mark.parametrize("zone", ["Pacific/Auckland", "America/Los_Angeles", "UTC"])
def test_days_are_utc_days_everywhere(page: Page, address: str, zone: str) -> None:
    start(page, f"{address}/?page=errors&from=2026-11-02&to=2026-11-04", zone=zone)
    page.draw_everything()
    card = "document.querySelector('[data-chart=errors_by_project]')"
    labels = page.evaluate(f"[...{card}.querySelectorAll('.role-axis-label text')].map(t => t.textContent)")
    assert [label for label in labels if "Nov" in label][:3] == ["2 Nov", "3 Nov", "4 Nov"]
    tips = page.evaluate(
        f"[...new Set([...{card}.querySelectorAll('.mark-rect path')]"
        ".map(p => p.getAttribute('aria-label')).filter(Boolean)"
        ".map(t => t.match(/day: ([^;]*)/)?.[1]))].sort()"
    )
    assert tips == ["Mon 2 Nov 2026", "Tue 3 Nov 2026", "Wed 4 Nov 2026"]
    page.call("Emulation.setTimezoneOverride", timezoneId="")


def test_from_a_bar_to_the_issues_behind_it(page: Page, address: str) -> None:
    start(page, address)
    page.draw_everything()
    box = page.evaluate(TALLEST_BAR)
    for kind in ("mouseMoved", "mousePressed", "mouseReleased"):
        page.call("Input.dispatchMouseEvent", type=kind, x=box[0], y=box[1], button="left", clickCount=1)
    page.wait("document.querySelector('#drill[open] tbody tr')")
    assert page.evaluate("document.querySelector('#drill tbody a').href").startswith(
        "https://acme.sentry.example/"
    )
    assert "2026" in page.evaluate("document.getElementById('drill-title').textContent")
    page.call("Input.dispatchKeyEvent", type="keyDown", key="Escape", code="Escape", windowsVirtualKeyCode=27)
    page.wait("!document.querySelector('#drill[open]')")
    # the same by keyboard, through the table of a card
    page.evaluate("document.querySelector('[data-chart=issue_flow] .about-button').click()")
    assert "marts.issue_flow" in page.evaluate("document.querySelector('#about-issue_flow pre').textContent")
    page.evaluate("document.querySelector('#about-issue_flow tbody button').click()")
    page.wait("document.querySelector('#drill[open] tbody tr')")
    page.evaluate("document.getElementById('drill').close()")
    assert_quiet(page, address)


@pytest.mark.parametrize("name", PAGES)
def test_nothing_overflows_on_a_phone(page: Page, address: str, name: str) -> None:
    page.view(390, 844, phone=True)
    page.open(f"{address}/?page={name}")
    page.draw_everything()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    wide = page.evaluate(
        "[...document.querySelectorAll('.card:not(.tabular) svg')]"
        ".filter(drawn => drawn.getBoundingClientRect().right > 390).length"
    )
    assert wide == 0
    assert page.evaluate("document.getElementById('pages').scrollWidth") <= 390 - 2 * 8  # none is hidden


def test_columns_that_answer_the_question_are_seen_on_a_phone(page: Page, address: str) -> None:
    page.view(390, 844, phone=True)
    page.open(f"{address}/?page=releases")
    page.draw_everything()
    right = "Math.max(...[...document.querySelectorAll('th')].map(h => h.getBoundingClientRect().right))"
    assert page.evaluate(right) <= 390


def test_small_rates_are_not_rounded_to_nothing(page: Page, address: str) -> None:
    start(page, f"{address}/")
    shown = page.evaluate("[0, 0.0417, 0.4, 0.96, 1.04, 12.34].map(FORMATS.decimal)")
    assert shown == ["0", "0.042", "0.4", "0.96", "1", "12.3"]


@pytest.mark.parametrize("days", ["from=2026-11-04&to=2026-11-04", "from=2026-11-03&to=2026-11-04"])
def test_a_day_is_named_once_on_an_axis(page: Page, address: str, days: str) -> None:
    start(page, f"{address}/?{days}")
    page.draw_everything()
    for chart in ("errors_by_project", "crash_free"):
        texts = f"document.querySelectorAll('[data-chart={chart}] .role-axis-label text')"
        labels = page.evaluate(f"[...{texts}].map(t => t.textContent)")
        named = [label for label in labels if "Nov" in label]
        assert "4 Nov" in named
        assert len(named) == len(set(named)), (chart, named)


def test_an_axis_of_time_spans_the_chosen_days(page: Page, address: str) -> None:
    """Days without data, such as the last ones, are seen to have none."""
    start(page, f"{address}/?from=2026-11-10&to=2026-12-20")
    page.draw_everything()
    labels = "document.querySelectorAll('[data-chart=errors_by_project] .role-axis-label text')"
    named = page.evaluate(f"[...{labels}].map(t => t.textContent)")
    assert [label for label in named if "Dec" in label], named


@pytest.mark.parametrize("width", [1440, 390], ids=["desktop", "phone"])
def test_the_objective_stands_beside_its_line(page: Page, address: str, width: int) -> None:
    page.view(width, 900, phone=width < 400)
    page.open(f"{address}/?page=releases&days=90")
    page.draw_everything()
    card = "document.querySelector('[data-chart=crash_free]')"
    edge = f"{card}.querySelector('.mark-rule.role-mark line').getBoundingClientRect().right"
    label = f"{card}.querySelector('.mark-text.role-mark text')"
    assert page.evaluate(f"{label}.textContent") == "99.5%"
    assert page.evaluate(f"{label}.getBoundingClientRect().left - {edge}") > 0
    svg = f"{card}.querySelector('svg').getBoundingClientRect().right"
    assert page.evaluate(f"{svg} - {label}.getBoundingClientRect().right") >= 0


def test_no_project_of_that_name(page: Page, address: str) -> None:
    start(page, f"{address}/?project=nothing-here")
    page.draw_everything()
    assert page.evaluate("document.querySelectorAll('.card .empty').length") >= 4
    assert_quiet(page, address)


def test_the_exported_file_works_without_a_server(page: Page, home: Path, tmp_path: Path) -> None:
    out = tmp_path / "report.html"
    export_html(home / PUBLISHED_FILE, out)
    start(page, out.as_uri())
    before = tile(page, "error_events")
    page.evaluate(
        "(() => { const f = document.querySelector('[name=project]'); f.value = 'search';"
        " f.dispatchEvent(new Event('change', {bubbles: true})); })()"
    )
    page.wait(f"Number(document.querySelector('[data-tile=error_events]').dataset.value) != {before}")
    page.draw_everything()
    assert page.evaluate("[...document.querySelectorAll('.card')].every(c => c.dataset.drawn)")
    assert page.complaints == []
    assert [url for url in page.requests if not url.startswith(("file:", "data:", "about:"))] == []


def test_a_newly_published_file_is_shown(page: Page, address: str, own_home: Path) -> None:
    """Runs last: the file behind the address is another one afterwards."""
    start(page, address)
    assert tile(page, "open_issues")
    make_demo(own_home / "generations" / "g2" / "sentry.duckdb", empty=True)
    swap = own_home / "published.new"
    swap.symlink_to("generations/g2")
    swap.replace(own_home / "published")
    page.wait("document.querySelector('[data-tile=open_issues]').dataset.value == '0'", 15)
    assert "No run is finished yet" in page.evaluate("document.getElementById('strip').textContent")
    assert_quiet(page, address)
