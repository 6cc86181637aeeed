"""Everything the pages show is so: commands, settings, SQL, links, the stream that CONTRIBUTING adds."""

from __future__ import annotations

import json
import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import click
import duckdb
import msgspec
import pytest

from docs import test_examples
from docs.pages import ROOT, all_pages, blocks, inline, names, rows, shell_lines
from extractors.stream import all_streams
from extractors.streams.discover import DEFAULT_QUERIES
from flows.cli import cli
from flows.dictionary import declared_tables, pages, setting_meaning, stale_pages, write_pages
from flows.examples import examples_of
from flows.planning import discover_queries
from flows.settings import PREFIX, SENTRY_VARIABLES, Settings
from transforms.frames import polars_schema
from transforms.reader import make_reader
from warehouse.bookkeeping import BOOKKEEPING
from warehouse.mart_files import all_marts, create_marts
from warehouse.schema import create_statements

README, CONTRIBUTING = ROOT / "README.md", ROOT / "CONTRIBUTING.md"
PAGES = pytest.mark.parametrize("page", all_pages(), ids=lambda p: p.name)


@pytest.fixture(scope="module")
def database() -> Iterator[duckdb.DuckDBPyConnection]:
    """Every declared table and mart, empty."""
    with duckdb.connect() as connection:
        connection.execute("create schema meta")
        for table in (*declared_tables(all_streams()), *BOOKKEEPING):
            for statement in create_statements(table):
                connection.execute(statement)
        create_marts(connection)
        yield connection


def test_generated_pages_are_current() -> None:
    assert stale_pages() == [], "run `make docs`"


def test_a_stale_page_is_named(tmp_path: Path) -> None:
    assert stale_pages(tmp_path) == list(pages())
    write_pages(tmp_path)
    assert stale_pages(tmp_path) == []
    (tmp_path / "tables.md").write_text("old")
    assert stale_pages(tmp_path) == ["tables.md"]


def test_every_table_and_column_is_in_the_dictionary() -> None:
    text = pages()["tables.md"]
    for table in declared_tables(all_streams()):
        section = text.split(f"\n### {table.name}\n", 1)[1].split("\n##", 1)[0]
        for column in table.columns:
            assert f"\n| {column.name} | {column.type.value} | " in section, f"{table.name}.{column.name}"
    for mart in all_marts():
        assert f"\n### marts.{mart.name}\n" in text


def test_every_setting_says_what_it_means() -> None:
    for field in msgspec.structs.fields(Settings):
        if isinstance(field.type, type) and issubclass(field.type, msgspec.Struct):
            for sub in msgspec.structs.fields(field.type):
                assert setting_meaning(sub.name, field.type).endswith(".")
        else:
            assert setting_meaning(field.name).endswith(".")


@PAGES
def test_commands_shown_exist(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for line in shell_lines(page):
        words = shlex.split(line, comments=True)
        while words and re.fullmatch(r"[A-Z_]+=\S*", words[0]):
            words.pop(0)
        if words[:1] == ["make"]:
            assert set(words[1:]) <= targets, line
        elif words and Path(words[0]).name == "sentry-warehouse":
            _check_command(words[1:], line)
        elif words[:3] == [".venv/bin/python", "-m", "pytest"]:
            assert all((ROOT / word).is_dir() for word in words if word.startswith("tests/")), line
        elif words[:1] == ["export"]:
            assert re.match(r"[A-Z_]+=", words[1]), line
        else:
            assert words[:1] in ([], ["git"], ["cd"], ["prefect"]), f"what is this? {line}"


def reads_a_zone(sql: str) -> bool:
    """Whether the answer depends on the session's time zone: what DuckDB calls now has one, our times have
    none."""
    here = r"(now|today|get_current_timestamp|transaction_timestamp)\(\)|\bcurrent_(timestamp|date|time)\b"
    return bool(re.search(rf"({here})(?! at time zone 'UTC')|timestamptz|to_timestamp\(", sql, re.IGNORECASE))


def test_no_sql_depends_on_the_reader_s_time_zone() -> None:
    files = [
        f for folder in ("dashboards", "warehouse", "flows/questions") for f in (ROOT / folder).rglob("*")
    ]
    shipped = [f for f in files if f.suffix in (".sql", ".json", ".yaml")]
    assert len(shipped) > 100
    assert [str(f) for f in shipped if reads_a_zone(f.read_text("utf-8"))] == []
    assert reads_a_zone("select now()::timestamp")
    assert not reads_a_zone("select now() at time zone 'UTC'")


def _check_command(words: list[str], line: str) -> None:
    known = {o for p in cli.params for o in p.opts}
    while words and words[0].startswith("-"):
        assert words[0] in known, line
        words = words[2:]
    assert words[0] in cli.commands, line
    command = cli.commands[words[0]]
    options = {o for p in command.params if isinstance(p, click.Option) for o in (*p.opts, *p.secondary_opts)}
    assert {w for w in words[1:] if w.startswith("--")} <= options, line


@PAGES
def test_sql_shown_runs(page: Path, database: duckdb.DuckDBPyConnection) -> None:
    shown = [*blocks(page, "sql"), *(c for c in inline(page) if re.match(r"(select|from) \S+ ", c))]
    for line in shell_lines(page):
        words = shlex.split(line, comments=True)
        if "query" in words and words[-1] != "…":
            shown.append(words[-1])
    for sql in shown:
        assert not reads_a_zone(sql), sql
        if "environments" not in sql or page != CONTRIBUTING:  # the table that is made there
            database.execute(sql)


@PAGES
def test_a_net_that_is_shown_can_be_added_up_by_the_reader(page: Path) -> None:
    for sql in blocks(page, "sql"):
        if "opened" in sql and re.search(r"\bnet\b", sql):
            assert [
                term for term in ("regressed", "reopened", "resolved", "ignored") if term not in sql
            ] == []


@PAGES
def test_links_lead_somewhere(page: Path) -> None:
    text = page.read_text("utf-8")
    anchors = {
        re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in re.findall(r"^#+ (.*)$", text, re.M)
    }
    for target in re.findall(r"\]\(([^)]+)\)", text):
        if target.startswith("#"):
            assert target[1:] in anchors, target
        elif not target.startswith("https://"):
            assert (page.parent / target.partition("#")[0]).exists(), target


@PAGES
def test_pages_speak_of_the_project_only(page: Path) -> None:
    text = page.read_text("utf-8")
    assert not re.search(r"/(home|root|work|tmp)/", text)
    assert not [line for line in text.splitlines() if line != line.rstrip()]


def test_the_readme_names_the_right_scopes() -> None:
    scopes = {s.name: list(s.scopes) for s in all_streams()}
    table = rows(README, "| stream | token scope |")
    assert table
    for streams, needed in table:
        for name in names(streams):
            assert scopes[name] == names(needed), name


def test_the_readme_names_tables_that_exist() -> None:
    tables = {t.name for t in declared_tables(all_streams())}
    for cell, _ in rows(README, "| table | a row is |"):
        shown = {name for name in names(cell) if not re.search(r"[<.*]", name)}
        assert shown <= tables


def test_the_readme_names_settings_that_exist() -> None:
    fields = {f.name for f in msgspec.structs.fields(Settings)}
    variables = {setting: variable for variable, setting in SENTRY_VARIABLES.items()}
    for setting, variable, _ in rows(README, "| setting | variable | what it does |"):
        (name,) = names(setting)
        assert name in fields
        assert names(variable) == [variables.get(name, f"{PREFIX}{name.upper()}")]


def test_the_settings_example_is_valid() -> None:
    example, defaults = blocks(ROOT / "docs" / "settings.md", "toml")
    import tomllib

    msgspec.convert(tomllib.loads(example), Settings, strict=False)
    written = msgspec.convert(tomllib.loads(defaults), Settings, strict=False)
    assert tuple(discover_queries(written)) == DEFAULT_QUERIES


def test_the_stream_that_contributing_adds_works(
    database: duckdb.DuckDBPyConnection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (source,), (payload,) = blocks(CONTRIBUTING, "python"), blocks(CONTRIBUTING, "json")
    (questions,) = blocks(CONTRIBUTING, "sql")
    module = ModuleType("environments")
    sys.modules[module.__name__] = module
    try:
        exec(compile(source, "environments.py", "exec"), module.__dict__)
    finally:
        del sys.modules[module.__name__]
    (request,) = module.STREAM.requests
    context = {"organization_id": "1", "_run_id": "run", "_loaded_at": None}
    compact = json.dumps(json.loads(payload)).encode()
    batch = make_reader(request.shape, request.tables, request.ignored).read([compact], context)
    (table,) = request.tables
    assert (batch.drift, batch.rejects) == (set(), [])
    assert batch.frames[table].schema == polars_schema(table)
    assert batch.frames[table].height == len(json.loads(payload))
    unheard = make_reader(request.shape, request.tables, ()).read([compact], context).drift
    assert f"{unheard.pop()}" in CONTRIBUTING.read_text("utf-8"), (
        "what the contract says of a forgotten field"
    )
    (tmp_path / f"{table.name}.sql").write_text(questions, "utf-8")
    monkeypatch.setattr("flows.examples.FOLDER", tmp_path)
    test_examples.test_each_table_has_three_questions_about_it(table.name)
    with database.cursor() as cursor:
        cursor.begin()
        for statement in create_statements(table):
            cursor.execute(statement)
        for example in examples_of(table.name):
            cursor.execute(example.sql)
        cursor.rollback()
