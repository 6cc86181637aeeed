"""The questions of the data dictionary, asked of a Sentry that was exported: they run, and have answers."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest

from extractors.sandbox import Sandbox, SandboxOptions
from extractors.stream import all_streams
from flows.dictionary import declared_tables
from flows.examples import EMPTY, FOLDER, NO_ROWS, examples_of
from flows.pipeline import export
from flows.progress import Progress
from flows.settings import load_settings
from warehouse.bookkeeping import BOOKKEEPING
from warehouse.mart_files import all_marts
from warehouse.schema import create_statements

TABLES = [
    *(table.name for table in declared_tables(all_streams())),
    *(mart.full_name for mart in all_marts()),
    *(f"meta.{table.name}" for table in BOOKKEEPING),
]


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small Sentry with full bodies, exported twice with a night between."""
    home = tmp_path_factory.mktemp("exported") / "data"
    options = SandboxOptions(
        projects=4, issues=30, events=200, members=5, days=30, rate_limit=0, clock_offset=timedelta(days=-1)
    )
    with Sandbox(options) as sandbox:
        values = {
            "home": str(home),
            "url": sandbox.url,
            "token": sandbox.token,
            "events": {"detail": "full"},
            "privacy_key": "0123456789abcdef0123456789abcdef",
        }
        settings = load_settings(None, values, environment={})
        export(settings, Progress())
        sandbox.pass_night()
        export(settings, Progress())
    return home


@pytest.mark.parametrize("table", TABLES)
def test_each_table_has_three_questions_about_it(table: str) -> None:
    examples = examples_of(table)
    assert len(examples) == 3, (
        f"flows/questions/{table}.sql: `-- A question?`, SQL and a semicolon, three times"
    )
    for example in examples:
        asked, _, why_empty = example.question.partition("?")
        assert asked
        assert example.question.endswith("?") or why_empty[1:].startswith((NO_ROWS, EMPTY))
        assert example.question.endswith(("?", "."))
        words = f"{example.sql} ".replace("\n", " ")
        assert f"from {table} " in words or f"join {table} " in words
        assert example.sql.startswith("select")
        assert max(map(len, example.sql.splitlines())) <= 110


@pytest.mark.parametrize("table", TABLES)
def test_no_row_is_called_well_only_where_it_is(table: str) -> None:
    """How fast, how long, when, what with: such questions have an answer or say where there is none."""
    for example in examples_of(table):
        if example.question.endswith(NO_ROWS):
            assert not re.match(
                r"How (?!many events of)|When were|Since|What does one|What did they", example.question
            )
            assert table not in ("event_measurements", "event_spans", "event_threads", "release_authors")


def test_who_left_is_no_member_any_more() -> None:
    columns = "organization_id, member_id, name, org_role, pending, has_2fa, _run_id"
    (table,) = (t for t in declared_tables(all_streams()) if t.name == "members")
    with duckdb.connect() as connection:
        for statement in create_statements(table):
            connection.execute(statement)
        connection.execute(
            f"insert into members ({columns}) values ('1', '1', 'left', 'owner', true, true, 'run 1'), "
            "('1', '2', 'ana', 'owner', true, true, 'run 2'), ('2', '3', 'ben', 'owner', true, true, 'run 1')"
        )
        administer, invited, factors = (
            connection.execute(example.sql).fetchall() for example in examples_of("members")
        )
    assert [name for name, _ in administer] == ["ana", "ben"]
    assert [name for name, _ in invited] == ["ana", "ben"]
    assert factors == [(True, 2)]


def test_no_questions_are_left_over() -> None:
    assert {path.stem for path in FOLDER.iterdir()} <= set(TABLES)


@pytest.mark.xdist_group("exported")
def test_every_question_has_an_answer(exported: Path) -> None:
    unanswered = []
    with duckdb.connect(str(exported / "published" / "sentry.duckdb"), read_only=True) as connection:
        for table in TABLES:
            for example in examples_of(table):
                rows = connection.execute(example.sql).fetchall()
                if rows and example.question.endswith("Empty while no run is unfinished."):
                    unanswered.append(f"{table}: {example.question} It has rows.")
                if not rows and not example.may_be_empty:
                    unanswered.append(f"{table}: {example.question}")
    assert unanswered == []


@pytest.mark.xdist_group("exported")
def test_marts_agree_with_the_tables_they_are_made_from(exported: Path) -> None:
    with duckdb.connect(str(exported / "published" / "sentry.duckdb"), read_only=True) as connection:
        for mart in all_marts():
            assert connection.execute(mart.reconcile).fetchall() == [], mart.name
