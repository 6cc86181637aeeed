"""What every stream declares holds together: names, keys, comments, requests, DDL."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

import duckdb
import pytest

from contract.cases import CASES, TABLES, Case, tables_of
from contract.shapes import declared_paths
from extractors import streams as package
from extractors.stream import Parameters, Stream, all_streams
from transforms.privacy import KINDS
from warehouse.bookkeeping import BOOKKEEPING
from warehouse.schema import Table, Type, create_statements, history_table, stored_columns
from warehouse.worklist import FOLDER as WORKLISTS

STREAMS = pytest.mark.parametrize("stream", all_streams(), ids=lambda s: s.name)
REQUESTS = pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)
ALL_TABLES = [*TABLES, *(history_table(t) for t in TABLES if t.history), *BOOKKEEPING]
EACH_TABLE = pytest.mark.parametrize("table", ALL_TABLES, ids=lambda t: f"{t.schema}.{t.name}")
SNAKE_CASE = re.compile(r"_?[a-z][a-z0-9]*(_[a-z0-9]+)*")
PLACEHOLDERS = {"{start}", "{end}", "{interval}", "{project_id}"}


def test_every_file_is_a_stream_of_its_name() -> None:
    files = {p.stem for folder in package.__path__ for p in Path(folder).glob("*.py")} - {"__init__"}
    assert {s.name for s in all_streams()} == files
    assert files


def test_table_names_are_unique() -> None:
    owners = defaultdict(set)
    for stream in all_streams():
        for table in tables_of([stream]):
            owners[table.name].add(stream.name)
            if table.history:
                owners[table.history].add(stream.name)
    assert {name: who for name, who in owners.items() if len(who) > 1} == {}


def test_tables_of_one_name_are_one_table() -> None:
    seen: dict[str, Table] = {}
    for case in CASES:
        for table in case.request.tables:
            assert seen.setdefault(table.name, table) == table


def test_request_names_are_unique() -> None:
    names = [case.name for case in CASES]
    assert len(set(names)) == len(names)


def test_same_name_same_type() -> None:
    types: dict[str, dict[Type, list[str]]] = defaultdict(lambda: defaultdict(list))
    for table in TABLES:
        for column in stored_columns(table):
            if column.name != "value":  # of a tag a text, of a measurement a number
                types[column.name][column.type].append(table.name)
    assert {name: dict(found) for name, found in types.items() if len(found) > 1} == {}


@STREAMS
def test_a_stream_says_what_it_is(stream: Stream) -> None:
    assert stream.about.endswith(".")
    assert re.match(r"GET /api/0/\S+", stream.source)
    assert stream.scopes
    assert bool(stream.requests) != bool(stream.configure), "fixed requests, or configured ones"


@EACH_TABLE
def test_a_table_is_documented(table: Table) -> None:
    assert table.comment.endswith((".", "…"))
    assert table.comment.startswith("One row per ")
    for column in stored_columns(table):
        assert column.comment.endswith((".", "…")), column.name


@EACH_TABLE
def test_names_and_ids(table: Table) -> None:
    for name in (table.name, *(c.name for c in stored_columns(table))):
        assert SNAKE_CASE.fullmatch(name), name
    names = [c.name for c in stored_columns(table)]
    assert len(set(names)) == len(names)
    for column in stored_columns(table):
        if column.name == "id" or column.name.endswith("_id"):
            assert column.type is Type.VARCHAR, column.name


@EACH_TABLE
def test_the_key_is_there(table: Table) -> None:
    assert set(table.key) <= set(table.names)
    assert len(set(table.key)) == len(table.key)
    if table.schema == "main":
        assert table.key[0] == table.names[0] == "organization_id"
        assert table.names[-2:] == ("_run_id", "_loaded_at")


@pytest.mark.parametrize("table", [t for t in TABLES if t.history], ids=lambda t: t.name)
def test_history_tracks_columns_of_the_table(table: Table) -> None:
    assert table.tracked
    assert set(table.tracked) <= set(table.names)


@REQUESTS
def test_child_tables_have_their_parent(case: Case) -> None:
    names = [t.name for t in case.request.tables]
    for table in case.request.tables:
        assert bool(table.lists) <= bool(table.parent)
        if table.parent:
            assert names.index(table.parent) < names.index(table.name), "parents are loaded first"
            (parent,) = (t for t in case.request.tables if t.name == table.parent)
            assert set(parent.key) < set(table.key), "rows are replaced together with their parent's"


@REQUESTS
def test_paths_and_parameters_have_known_placeholders(case: Case) -> None:
    request = case.request
    assert request.path.startswith("/")
    assert request.path.endswith("/"), "Sentry answers 404 without"
    in_path = set(re.findall(r"\{[^}]*\}", request.path))
    assert in_path <= {"{organization}", "{project}", "{item}"}
    assert ("{item}" in in_path) <= bool(request.worklist)
    assert "{project}" not in in_path or case.stream.scope == "project"
    for parameters in (request.parameters, *request.alternatives, request.totals or ()):
        _check_parameters(case, parameters)


def _check_parameters(case: Case, parameters: Parameters) -> None:
    names = [name for name, _ in parameters]
    assert not {"cursor", "statsPeriod"} & set(names), (
        "the client's own, and one that moves from page to page"
    )
    assert case.request.paging not in names
    for name, value in parameters:
        # discover conditions and fields may hold braces of their own, but never one of ours inside a text
        assert value in PLACEHOLDERS or not any(p in value for p in PLACEHOLDERS), (name, value)
    used = {value for _, value in parameters} & PLACEHOLDERS
    assert ("{start}" in used) == ("{end}" in used)
    if "{start}" in used or "{interval}" in used:
        assert case.request.window is not None
    if "{interval}" in used:
        assert case.request.window is not None
        assert case.request.window.interval
    if "{project_id}" in used:
        assert case.stream.scope == "project"


@REQUESTS
def test_an_early_worklist_waits_for_all_listings_it_reads(case: Case) -> None:
    """Else it is drawn up of what is listed so far, and the rest is asked for when all others are done."""
    if case.request.after:
        sql = (WORKLISTS / f"{case.request.worklist}.sql").read_text()
        read = set(re.findall(r"\b(?:from|join)\s+(\w+)", sql))
        listed = {
            s.name: {t.name for r in s.requests if not r.worklist for t in r.tables} for s in all_streams()
        }
        assert {name for name, tables in listed.items() if tables & read} <= set(case.request.after)


@REQUESTS
def test_what_a_request_names_exists(case: Case) -> None:
    request = case.request
    columns = {c.name for t in request.tables for c in t.all_columns}
    if request.worklist:
        assert (WORKLISTS / f"{request.worklist}.sql").is_file()
    if request.control:
        assert request.control in {t.name for t in TABLES}
    assert bool(request.totals_column) <= bool(request.totals or request.adds_up)
    assert not request.totals or request.totals_column
    assert not request.adds_up or request.shape == "discover"
    if request.totals_column:
        assert request.totals_column in columns
    if request.newest_first:
        assert request.newest_first in declared_paths(case)
    if request.shape != "records":
        assert len(request.tables) == 1
        assert not request.ignored
    if request.shape == "series":
        assert request.paging is None or request.points, "pages of series are planned by their points"
        assert not request.points or request.totals, "a cap is silent: only totals show it"
    if request.apart:
        for parameters in (request.parameters, request.totals or ()):
            assert ("groupBy", request.apart) in parameters
    assert not request.search or request.window


@STREAMS
def test_personal_fields_are_places_of_the_payload(stream: Stream) -> None:
    cases = [c for c in CASES if c.stream is stream]
    for case in cases:
        for path, kind in case.request.personal:
            assert kind in KINDS
            assert _known(case, path), path
    for path, kind in stream.personal:
        assert kind in KINDS
        assert any(_known(case, path) for case in cases), f"{path} is no place of any request"


def _known(case: Case, path: str) -> bool:
    """Whether a path is a place, holds one, or lies in one."""
    if case.request.shape != "records":
        return path in {c.at for t in case.request.tables for c in t.all_columns}
    return any(f"{path}/".startswith(f"{p}/") or p.startswith(f"{path}/") for p in declared_paths(case))


def test_every_ddl_runs_and_comments_are_there() -> None:
    with duckdb.connect() as connection:
        connection.execute("create schema meta")
        for table in ALL_TABLES:
            for statement in create_statements(table):
                connection.execute(statement)
        described = connection.execute(
            "select schema_name, table_name, column_name, data_type, comment from duckdb_columns()"
        ).fetchall()
        comments = dict(connection.execute("select table_name, comment from duckdb_tables()").fetchall())
    found = {(schema, table, column): rest for schema, table, column, *rest in described}
    for table in ALL_TABLES:
        assert comments[table.name].startswith(table.comment)
        for column in stored_columns(table):
            assert found[table.schema, table.name, column.name] == [column.type.value, column.comment]


@EACH_TABLE
def test_figures_that_do_not_add_up_say_so(table: Table) -> None:
    for column in stored_columns(table):
        if re.search(r"(^|_)(p\d+|rate|unique|user_count)(_|$)", column.name):
            assert re.search(r"not additive|not add up|never add up", column.comment), column.name
