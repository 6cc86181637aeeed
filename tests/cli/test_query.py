"""`query`: the same answer in every format, safe on a terminal, helpful after a typo."""

from __future__ import annotations

import csv
import io
import json
import os
import pty
import subprocess
from pathlib import Path

import duckdb
import pytest
from click.testing import CliRunner, Result

from flows.answers import MOST_ROWS, grid, markdown, safe_text, visible
from flows.cli import cli
from flows.report import make_console
from tests.cli.command import COMMAND, clean_environment
from warehouse.inspect import Answer, QueryError, query_as_text, run_query, write_query

ROW = """select 1 as number, 'a,"b"' as text, null as nothing, true as yes,
timestamp '2026-11-01 12:00:00' as moment, ['x', 'y'] as list"""


def ask(home: Path, *arguments: str) -> Result:
    return CliRunner().invoke(cli, ["--home", str(home), "query", *arguments])


def test_csv_and_json_are_what_files_hold(published: Path, tmp_path: Path) -> None:
    for format_ in ("csv", "json"):
        shown = ask(published, ROW, "--format", format_)
        assert shown.exit_code == 0, shown.output
        ask(published, ROW, "--format", format_, "--output", str(tmp_path / format_))
        assert (tmp_path / format_).read_text() == shown.stdout
    (row,) = csv.DictReader(io.StringIO((tmp_path / "csv").read_text()))
    assert row == {
        "number": "1",
        "text": 'a,"b"',
        "nothing": "",
        "yes": "true",
        "moment": "2026-11-01 12:00:00",
        "list": "[x, y]",
    }
    assert json.loads((tmp_path / "json").read_text()) == [
        {
            "number": 1,
            "text": 'a,"b"',
            "nothing": None,
            "yes": True,
            "moment": "2026-11-01T12:00:00.000000Z",
            "list": ["x", "y"],
        }
    ]


def test_json_is_short_for_the_format(published: Path) -> None:
    shown = ask(published, ROW, "--json")
    assert shown.exit_code == 0, shown.output
    assert shown.stdout == ask(published, ROW, "--format", "json").stdout
    refused = ask(published, ROW, "--json", "--format", "csv")
    assert refused.exit_code == 2
    assert "--json and --format csv" in refused.stderr


def test_line_ends_in_values_stay(published: Path, tmp_path: Path) -> None:
    sql = "select concat('a', chr(13), chr(10), 'b', chr(13), 'c') as text"
    shown = ask(published, sql, "--format", "csv")
    assert shown.stdout_bytes == b'text\n"a\r\nb\rc"\n'
    ask(published, sql, "--format", "csv", "--output", str(tmp_path / "csv"))
    assert (tmp_path / "csv").read_bytes() == shown.stdout_bytes


def test_json_has_null_where_a_figure_is_none(published: Path) -> None:
    shown = ask(
        published,
        """select 0 / 0 as share, -1 / 0 as "NaN", ['nan'::float, 1.5] as list,
        {'a': 'inf'::float} as object, 'NaN, \\ "Infinity"' as text from range(2)""",
        "--json",
    )
    assert shown.exit_code == 0, shown.output
    row = {
        "share": None,
        "NaN": None,
        "list": [None, 1.5],
        "object": {"a": None},
        "text": 'NaN, \\ "Infinity"',
    }
    assert json.loads(shown.stdout, parse_constant=pytest.fail) == [row, row]


def test_columns_of_the_same_name_are_numbered_in_json_as_in_csv(published: Path) -> None:
    twice = "select 1 as project_id, 2 as project_id, 3 as title order by 1"
    (row,) = csv.DictReader(io.StringIO(ask(published, twice, "--format", "csv").stdout))
    shown = ask(published, twice, "--format", "json")
    assert shown.exit_code == 0, shown.output
    assert json.loads(shown.stdout) == [{name: int(value) for name, value in row.items()}]
    assert list(row) == ["project_id", "project_id_1", "title"]
    wrong = ask(published, "select project_idd from issues", "--format", "json")
    assert "no column 'project_idd'" in str(wrong.exception)


def test_what_is_written_is_for_its_owner_alone(published: Path, tmp_path: Path) -> None:
    for format_ in ("csv", "json", "parquet", "markdown", "table"):
        asked = ["query", ROW, "--format", format_, "--output", str(tmp_path / format_)]
        done = subprocess.run(
            ["sh", "-c", 'umask 022; exec "$@"', "sh", str(COMMAND), "--home", str(published), *asked],
            env=clean_environment(tmp_path),
            check=True,
            capture_output=True,
        )
        assert b"Written" in done.stderr
        assert (tmp_path / format_).stat().st_mode & 0o777 == 0o600, format_
    report = tmp_path / "report.html"
    subprocess.run(
        [str(COMMAND), "--home", str(published), "dashboard", "--export", str(report)],
        env=clean_environment(tmp_path),
        check=True,
        capture_output=True,
    )
    assert report.stat().st_mode & 0o777 == 0o600


def test_parquet_and_markdown(published: Path, tmp_path: Path) -> None:
    file = tmp_path / "answer.parquet"
    assert ask(published, ROW, "--format", "parquet", "--output", str(file)).exit_code == 0
    assert duckdb.sql(f"select number, moment::varchar from '{file}'").fetchall() == [
        (1, "2026-11-01 12:00:00")
    ]
    shown = ask(published, r"select 'a|b' as x, E'1\n2' as y, null as z", "--format", "markdown")
    assert shown.stdout == "| x | y | z |\n| --- | --- | --- |\n| a\\|b | 1 2 | NULL |\n"
    ask(published, "select 1 as n", "--output", str(tmp_path / "table.txt"))
    assert (tmp_path / "table.txt").read_text() == "n\n─\n1\n(1 row)\n"


@pytest.mark.parametrize(
    "sql", ["describe issues", "show tables", "summarize projects", "from issues -- all", "values (1);"]
)
def test_whatever_answers_is_written(published: Path, tmp_path: Path, sql: str) -> None:
    write_query(published, sql, tmp_path / "answer.json", "json")
    written = json.loads((tmp_path / "answer.json").read_text())
    assert len(written) == len(run_query(published, sql).rows)


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("select * from isues", r"no table 'isues'. Did you mean issues"),
        ("select * from issue_flw", r"Did you mean marts\.issue_flow"),
        ("select * from mart.completenes", r"Did you mean marts\.completeness"),
        ("select * from marts.Issues", r"Did you mean issues"),
        ("select * from qqqqqqq", r"There are: .*event_breadcrumbs, "),
        ("select satus from issues", r"no column 'satus'.* Did you mean status or"),
        ("select project from events", r"Did you mean project_id\?"),
        ("select 1 from issues where qqqq = 1", r"tables that are asked\.$"),
        ('from issues where status = "resolved"', r"in single quotes: 'resolved'\.$"),
        ("select i.satus from issues as i", r"no column 'satus'.* Did you mean status"),
        ("select 1; select 2", r"These are 2 statements, and one is answered at a time"),
        ("select 'a;b'; -- once\nselect 2; select 3;", r"These are 3 statements"),
        ("", r"nothing to answer"),
        ("-- only a remark", r"nothing to answer"),
        ("selct 1", r'syntax error at or near "selct"'),
    ],
)
def test_mistakes(published: Path, sql: str, said: str) -> None:
    with pytest.raises(QueryError, match=said) as caught:
        run_query(published, sql)
    assert "LINE" not in str(caught.value)


@pytest.mark.parametrize("format_", ["table", "csv", "json", "markdown"])
def test_several_statements_are_one_too_many(published: Path, format_: str) -> None:
    refused = ask(published, "select 1; select 2", "--format", format_)
    assert isinstance(refused.exception, QueryError)
    assert "2 statements" in str(refused.exception)
    assert not refused.output
    assert ask(published, "select ';' as x; -- a remark; no statement", "--format", format_).exit_code == 0


def test_mistakes_in_what_is_to_be_written(published: Path) -> None:
    with pytest.raises(QueryError, match='syntax error at or near "selct"'):
        query_as_text(published, "selct 1", "csv")
    with pytest.raises(QueryError, match="only be shown as a table"):
        query_as_text(published, "explain select 1", "csv")


@pytest.mark.parametrize("sql", ["-- what\nselect 1 as n;", "--what\nselect 1 as n", "--\nselect 1 as n"])
def test_sql_may_begin_with_a_remark(published: Path, sql: str) -> None:
    assert ask(published, sql, "--format", "csv").stdout == "n\n1\n"
    assert ask(published, "--format=csv", sql).stdout == "n\n1\n"


def test_sql_of_standard_input(published: Path) -> None:
    asked = ["--home", str(published), "query", "-", "--format", "csv"]
    assert CliRunner().invoke(cli, asked, input="select 1 as n\n").stdout == "n\n1\n"


# on a terminal

HOSTILE = "\x1b]0;gone\x07\x1b[2J\x9b31mred\r\x00\u202etxt.exe\u2066"


def test_nothing_in_the_data_steers_a_terminal(published: Path) -> None:
    shown = visible(HOSTILE)
    assert shown.isprintable()
    assert shown.startswith("␛]0;gone␇␛[2J\\u009b31mred␍␀\\u202e")
    assert visible("ä 漢字 👍\nb") == "ä 漢字 👍⏎b"
    answer = Answer([HOSTILE], ["VARCHAR"], [(HOSTILE,)])
    for text in (grid(answer), grid(answer, 80), markdown(answer), safe_text(f"{HOSTILE}\n{HOSTILE}\n")):
        assert all(line.isprintable() for line in text.split("\n"))
    shown = ask(published, "select chr(27) || '[2J' as x, chr(155) || '2J' as y").stdout
    assert "\x1b" not in shown
    assert "\x9b" not in shown
    assert "\x1b" in ask(published, "select chr(27) as x", "--format", "csv").stdout  # data as it is


def many(columns: int, rows: int, text: str = "some text") -> Answer:
    names = [f"column_{i}" for i in range(columns)]
    return Answer(names, ["VARCHAR"] * columns, [tuple(f"{text} {i}" for _ in names) for i in range(rows)])


@pytest.mark.parametrize("width", [20, 40, 80, 200])
@pytest.mark.parametrize(
    "answer", [many(47, 3), many(3, 5000), many(2, 3, "x" * 400), many(2, 2, "漢字" * 90)]
)
def test_answers_fit_the_terminal(width: int, answer: Answer) -> None:
    from rich.cells import cell_len

    *lines, count = grid(answer, width).split("\n")
    assert max(map(cell_len, lines)) <= width
    assert len(lines) <= MOST_ROWS + 3
    assert f"{len(answer.rows):,} rows" in count
    if len(answer.names) == 47:
        assert "of 47 columns shown" in count
        assert lines[0].startswith("column_0")


def test_pipes_and_files_get_everything() -> None:
    assert len(grid(many(2, 5000)).split("\n")) == 5003
    assert "x" * 400 in grid(many(2, 1, "x" * 400))
    assert grid(Answer(["n", "word"], ["BIGINT", "VARCHAR"], [(1, "a"), (100, None)])) == (
        "  n  word\n───  ────\n  1  a\n100  NULL\n(2 rows)"
    )
    assert grid(Answer(["n"], ["BIGINT"], [])) == "n\n─\n(0 rows)"


def test_no_screen_is_cut_in_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    make_console().print("word " * 100)
    assert capsys.readouterr().out == "word " * 100 + "\n"


def test_on_a_real_terminal(published: Path, tmp_path: Path) -> None:
    parent, child = pty.openpty()
    done = subprocess.run(
        [str(COMMAND), "--home", str(published), "query", "select *, chr(27) as e from issues, range(500)"],
        stdout=child,
        env=clean_environment(tmp_path, COLUMNS="70"),
        check=False,
        timeout=60,
    )
    os.close(child)
    shown = os.read(parent, 100_000).decode()
    os.close(parent)
    assert done.returncode == 0
    assert max(map(len, shown.splitlines()[:-1])) <= 70
    assert "columns shown" in shown
