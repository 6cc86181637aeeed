"""Mart files: what a header must say, and what becomes of it in the database."""

import re
from pathlib import Path

import duckdb
import pytest
from golden import Mart as RowsOf

from warehouse.mart_files import FOLDER, Mart, MartError, additive, all_marts, create_marts, parse_mart

NAMES = [mart.name for mart in all_marts()]
TEXT = """
-- One row per thing,
-- over two lines.
-- key: thing_id
-- definition: what is meant,
--   and more.
-- reconcile: select 1
--   where false
-- thing_id: The thing.
with things as (select 1 as thing_id)
-- a remark: not of the header
select thing_id from things, issues
cross join marts.other as other;
"""


def test_a_header_is_read() -> None:
    mart = parse_mart("things", TEXT)
    assert mart == Mart(
        name="things",
        grain="One row per thing, over two lines.",
        key=("thing_id",),
        columns=(("thing_id", "The thing."),),
        definition="what is meant, and more.",
        reconcile="select 1 where false",
        sql=mart.sql,
        materialised=False,
        needs=("marts.other",),
    )
    assert mart.sql.startswith("with things")
    assert mart.sql.endswith("as other")


@pytest.mark.parametrize(
    ("was", "becomes", "message"),
    [
        ("-- One row per thing,\n-- over two lines.\n", "", "no grain"),
        ("-- key: thing_id\n", "", "no key"),
        ("-- definition: what is meant,\n--   and more.\n", "", "no definition"),
        ("-- thing_id: The thing.\n", "", "no columns"),
        ("-- thing_id: The thing.", "-- the thing", "neither"),
        ("-- thing_id", "-- materialised: perhaps\n-- thing_id", "yes or no"),
    ],
)
def test_a_bad_header_is_an_error(was: str, becomes: str, message: str) -> None:
    with pytest.raises(MartError, match=message):
        parse_mart("things", TEXT.replace(was, becomes))


def test_header_and_select_must_agree(connection: duckdb.DuckDBPyConnection) -> None:
    text = TEXT.replace(", issues\ncross join marts.other as other", "")
    create_marts(connection, [parse_mart("things", text)])
    with pytest.raises(MartError, match="declares"):
        create_marts(connection, [parse_mart("things", text.replace("-- thing_id: ", "-- other_id: "))])


def test_a_missing_table_is_named(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("drop table outcomes")
    with pytest.raises(MartError, match=r"outcomes does not exist"):
        create_marts(connection)


def test_marts_come_after_those_they_read() -> None:
    for mart in all_marts():
        for need in mart.needs:
            if need.startswith("marts."):
                assert NAMES.index(need.removeprefix("marts.")) < NAMES.index(mart.name)


def test_marts_in_a_circle_are_an_error(connection: duckdb.DuckDBPyConnection) -> None:
    other = TEXT.replace("marts.other", "marts.things")
    with pytest.raises(MartError, match="circle"):
        create_marts(connection, [parse_mart("things", TEXT), parse_mart("other", other)])


def test_every_mart_exists_when_tables_are_empty_and_carries_comments(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    create_marts(connection)
    create_marts(connection)  # once more changes nothing
    for mart in all_marts():
        assert connection.execute(f"select count(*) from {mart.full_name}").fetchall() == [(0,)]
    missing = connection.execute(
        "select table_name, column_name from duckdb_columns() where schema_name = 'marts' and comment is null"
    ).fetchall()
    assert missing == []
    relations = "select view_name, comment from duckdb_views() where schema_name = 'marts' union all "
    relations += "select table_name, comment from duckdb_tables() where schema_name = 'marts'"
    assert {
        name: bool(comment) for name, comment in connection.execute(relations).fetchall()
    } == dict.fromkeys(NAMES, True)


@pytest.mark.parametrize("name", NAMES)
def test_reconciliation_holds_on_empty_tables(name: str, rows_of: RowsOf) -> None:
    assert rows_of(name) == []


def test_marts_have_plain_types_only(connection: duckdb.DuckDBPyConnection) -> None:
    create_marts(connection)
    types = connection.execute("select distinct data_type from duckdb_columns() where schema_name = 'marts'")
    plain = {"VARCHAR", "BIGINT", "DOUBLE", "BOOLEAN", "DATE", "TIMESTAMP"}
    assert {row[0] for row in types.fetchall()} <= plain


def test_every_number_says_whether_it_may_be_added_up(connection: duckdb.DuckDBPyConnection) -> None:
    create_marts(connection)
    numbers = connection.execute(
        "select table_name, column_name, comment from duckdb_columns() "
        "where schema_name = 'marts' and data_type in ('BIGINT', 'DOUBLE')"
    ).fetchall()
    assert numbers
    for mart, column, comment in numbers:
        assert additive(comment), f"{mart}.{column}: {comment}"
        if re.search(r"rate|ratio|share|hours|days|user|rank|mean_(?!per)", column):
            assert additive(comment) in ("no", "within a project"), f"{mart}.{column}"
        if "28d" in column or "7d" in column or "72h" in column:
            # its window is in its name, so that nobody takes it for a figure of the row's day
            assert additive(comment) != "yes" or mart == "issue_concentration", f"{mart}.{column}"


@pytest.mark.parametrize(
    ("meaning", "told"),
    [
        ("Events; additive.", "yes"),
        ("A rate; not additive.", "no"),
        ("Bytes; additive within a category.", "within a category"),
        ("A name.", ""),
    ],
)
def test_what_a_meaning_says_of_adding_up(meaning: str, told: str) -> None:
    assert additive(meaning) == told


def test_views_hold_under_another_file_name(connection: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    create_marts(connection)
    connection.execute(f"attach '{tmp_path / 'sentry.duckdb'}' as copied")
    connection.execute("copy from database memory to copied")
    connection.execute("detach copied")
    with duckdb.connect(tmp_path / "sentry.duckdb", read_only=True) as reader:
        for name in NAMES:
            assert reader.execute(f"select * from marts.{name}").fetchall() == []


def test_marts_never_ask_for_the_time() -> None:
    for path in FOLDER.glob("*.sql"):
        assert not re.search(r"\b(now\(|current_(date|timestamp|time)|today\()", path.read_text("utf-8")), (
            path.name
        )
