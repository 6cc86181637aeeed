"""The server: what it answers, to whom, and that a newly published file is noticed."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
from demo_data import make_demo

from dashboards.catalogue import PAGES, DashboardError, Query
from dashboards.published import Published, open_read_only
from dashboards.questions import view_of
from dashboards.server import PUBLISHED_FILE

AS_OF = datetime(2026, 11, 20, 3)


@pytest.mark.parametrize("page", PAGES)
def test_every_page_is_answered(client: Any, page: str) -> None:
    answers = client.get("/view", params={"page": page}).json()["answers"]
    assert {"tiles", "strip"} < set(answers)
    assert all(set(answer) == {"columns", "rows", "ms"} for answer in answers.values())


def test_the_page_asks_for_nothing_elsewhere(client: Any) -> None:
    page = client.get("/")
    assert page.headers["content-security-policy"].startswith("default-src 'none'")
    for name in ("dashboard.css", "dashboard.js", "vega.js"):
        assert f"/static/{name}" in page.text
        assert client.get(f"/static/{name}").status_code == 200


def test_other_hosts_are_turned_away(client: Any) -> None:
    assert client.get("/view", headers={"host": "evil.example"}).status_code == 400
    assert client.get("/view", headers={"host": "localhost:8765"}).status_code == 200


@pytest.mark.parametrize(
    "address",
    [
        {"days": "x"},
        {"from": "yesterday"},
        {"days": "999999999999"},
        {"from": "0001-01-01"},
        {"to": "2026-13-01"},
    ],
)
def test_bad_dates_are_said_to_be_bad(client: Any, address: dict[str, str]) -> None:
    answer = client.get("/view", params=address)
    assert answer.status_code == 400
    assert answer.json()["error"]


def test_filters_are_values_and_never_sql(client: Any) -> None:
    answer = client.get("/view", params={"project": "x' or 1=1 --", "release": '"; drop table issues'})
    assert answer.status_code == 200
    assert answer.json()["answers"]["errors_by_project"]["rows"] == []


def test_drill(client: Any) -> None:
    answer = client.get(
        "/drill", params={"drill": "events", "clicked_project": "storefront", "days": "90"}
    ).json()
    assert {row[answer["columns"].index("project")] for row in answer["rows"]} == {"storefront"}
    assert client.get("/drill", params={"drill": "no"}).status_code == 400
    assert client.get("/drill", params={"drill": "flow", "clicked_week": "soon"}).status_code == 400


def test_nothing_published_yet(tmp_path: Path, client_of: Any) -> None:
    client = client_of(tmp_path, base_url="http://localhost")
    assert client.get("/catalogue").json()["generation"] == ""
    answer = client.get("/view")
    assert answer.status_code == 503
    assert "sentry-warehouse export" in answer.json()["error"]


def test_days_of_a_view() -> None:
    view = view_of({"days": "7", "project": "shop", "other": "x"}, AS_OF)
    assert view.filters == (("project", "shop"),)
    assert (view.start, view.end) == (
        date(2026, 11, 13),
        date(2026, 11, 19),
    )  # the day of the run is not over
    values = view.values()
    assert (values["previous_start"], values["previous_end"]) == (date(2026, 11, 6), date(2026, 11, 12))
    turned = view_of({"from": "2026-11-05", "to": "2026-11-01"}, AS_OF)
    assert (turned.start, turned.end) == (date(2026, 11, 1), date(2026, 11, 5))


def test_the_connection_is_closed_to_writing_and_to_the_outside(home: Path, tmp_path: Path) -> None:
    connection = open_read_only(home / PUBLISHED_FILE)
    for statement in (
        "create table x (a int)",
        "delete from issues",
        f"copy issues to '{tmp_path / 'x.csv'}'",
        "select * from read_text('/etc/hostname')",
        f"attach '{tmp_path / 'x.duckdb'}'",
        "set enable_external_access = true",
        "install httpfs",
    ):
        with pytest.raises(duckdb.Error):
            connection.execute(statement)
    assert not list(tmp_path.iterdir())


COUNT = Query("count", "select count(*) from issues")


def test_a_new_generation_is_noticed_and_old_questions_end_in_peace(home: Path, tmp_path: Path) -> None:
    shutil.copytree(home / "generations", tmp_path / "generations")
    make_demo(tmp_path / "generations" / "g2" / "sentry.duckdb", empty=True)
    link = tmp_path / "published"
    link.symlink_to("generations/g1")
    published = Published(tmp_path / PUBLISHED_FILE)
    first = published.generation()
    before = published.ask(COUNT, {}).rows[0][0]
    assert before > 0
    slow = Query("slow", "select count(*) from range(30000000) as a(i) where hash(i) % 7 = 0")
    with ThreadPoolExecutor(4) as pool:
        running = [pool.submit(published.ask, slow, {}) for _ in range(2)]
        swap = tmp_path / "published.new"
        swap.symlink_to("generations/g2")
        swap.replace(link)
        assert published.generation() != first
        assert published.ask(COUNT, {}).rows == ((0,),)
        assert len({future.result().rows for future in running}) == 1


def test_a_hundred_swaps_under_load(home: Path, tmp_path: Path) -> None:
    for number in range(4):
        shutil.copytree(home / "generations" / "g1", tmp_path / "generations" / f"g{number}")
    link = tmp_path / "published"
    link.symlink_to("generations/g0")
    published = Published(tmp_path / PUBLISHED_FILE)
    expected = published.ask(COUNT, {}).rows

    def read(number: int) -> bool:
        query = Query("count", f"select count(*) from issues where {number} = {number}")
        return published.ask(query, {}).rows == expected

    with ThreadPoolExecutor(4) as pool:
        reads = []
        for number in range(100):
            swap = tmp_path / "published.new"
            swap.symlink_to(f"generations/g{number % 4}")
            swap.replace(link)
            reads += [pool.submit(read, number * 10 + i) for i in range(3)]
        assert all(future.result() for future in reads)


def test_answers_are_kept_until_the_file_changes(home: Path) -> None:
    published = Published(home / PUBLISHED_FILE)
    first, again = published.ask(COUNT, {}), published.ask(COUNT, {})
    assert first.milliseconds > 0
    assert again.milliseconds == 0
    assert again.rows == first.rows


def test_an_old_file_without_marts_says_what_to_do(tmp_path: Path, client_of: Any) -> None:
    (tmp_path / "published").mkdir()
    duckdb.connect(tmp_path / PUBLISHED_FILE).close()
    client = client_of(tmp_path, base_url="http://localhost")
    answer = client.get("/view")
    assert answer.status_code == 400
    assert "publish" in answer.json()["error"]


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "published").mkdir()
    (tmp_path / PUBLISHED_FILE).write_text("not a database at all, and long enough to be looked at")
    with pytest.raises(DashboardError, match="can not be opened"):
        Published(tmp_path / PUBLISHED_FILE).ask(COUNT, {})
