"""The reporting marts: one SELECT a file in `marts/`, whose header is comment, documentation and test.

A file opens with comment lines and goes on with one bare SELECT:

    -- One row per project and day.                   the grain, one sentence
    -- key: organization_id, project_id, day          columns that tell one row from all others
    -- definition: opened = issues first seen …       the metric's one written definition
    -- materialised: yes                              a table made at publish; a view where this is missing
    -- reconcile: select … except select …            returns no row while mart and source tables agree
    -- project_id: The project.                       one line per column, in the SELECT's order
    -- opened: Issues first seen; additive.           numbers say whether they may be added up: additive,
                                                      additive within a …, or not additive

A line goes on in the next one when that is indented by three blanks or more after the dashes. In the SELECT
`{name}` stands for what `parts/<name>.sql` holds.

The tables of all core streams and of `meta` must exist, empty ones too: then every mart exists, empty or not.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import duckdb

from warehouse.schema import literal, quote
from warehouse.sql_files import put_together, read_part

FOLDER = Path(__file__).with_name("marts")
SCHEMA = "marts"


class MartError(Exception):
    """A mart file is not as it must be, or lacks a table it reads; the message names file and cause."""


@dataclass(frozen=True, slots=True)
class Mart:
    """One mart as its file declares it. `needs` names the tables and marts its SELECT reads."""

    name: str
    grain: str
    key: tuple[str, ...]
    columns: tuple[tuple[str, str], ...]
    definition: str
    reconcile: str
    sql: str
    materialised: bool
    needs: tuple[str, ...]

    @property
    def full_name(self) -> str:
        """Name with its schema."""
        return f"{SCHEMA}.{self.name}"


@cache
def all_marts() -> tuple[Mart, ...]:
    """All marts, each after those it reads."""
    return _ordered([parse_mart(path.stem, path.read_text("utf-8")) for path in sorted(FOLDER.glob("*.sql"))])


def parse_mart(name: str, text: str) -> Mart:
    """A mart from the text of its file. Raises MartError when grain, key, definition, columns or SQL lack."""
    grain, words, select = split_header(name, text)
    sql = put_together(select, read_part)
    special = {"key": "", "definition": "", "reconcile": "", "materialised": "no"}
    columns = tuple((word, value) for word, value in words if word not in special)
    special |= {word: value for word, value in words if word in special}
    for part, value in (
        ("grain", grain),
        ("key", special["key"]),
        ("columns", columns),
        ("definition", special["definition"]),
        ("SQL", sql),
    ):
        if not value:
            raise MartError(f"{name}.sql: no {part}")
    if special["materialised"] not in ("yes", "no"):
        raise MartError(f"{name}.sql: materialised must be yes or no")
    return Mart(
        name=name,
        grain=grain,
        key=tuple(part.strip() for part in special["key"].split(",")),
        columns=columns,
        definition=special["definition"],
        reconcile=special["reconcile"].rstrip(";"),
        sql=sql,
        materialised=special["materialised"] == "yes",
        needs=_relations(sql),
    )


def split_header(name: str, text: str) -> tuple[str, list[tuple[str, str]], str]:
    """First sentence, `word: text` lines and SQL of a file that opens with comment lines."""
    lines = text.strip().splitlines()
    header = 0
    while header < len(lines) and lines[header].startswith("--"):
        header += 1
    sentence: list[str] = []
    words: list[tuple[str, str]] = []
    for line in lines[:header]:
        body = line[2:]
        found = re.match(r" ([a-z_][a-z0-9_]*): (.*)", body)
        if found:
            words.append((found[1], found[2].strip()))
        elif words and body.startswith("   "):
            words[-1] = (words[-1][0], f"{words[-1][1]} {body.strip()}")
        elif body.strip() and not words:
            sentence.append(body.strip())
        elif body.strip():
            raise MartError(f"{name}.sql: header line is neither `name: text` nor indented: {line}")
    return " ".join(sentence), words, "\n".join(lines[header:]).strip().rstrip(";")


def additive(meaning: str) -> str:
    """Whether a column's text says that its numbers may be added up: yes, no, or within what; empty where it
    says nothing.
    """
    found = re.search(r"\b(not )?additive\b( within an? \w+)?", meaning)
    if found is None:
        return ""
    return "no" if found[1] else (found[2] or "yes").strip()


def create_marts(
    connection: duckdb.DuckDBPyConnection, marts: Sequence[Mart] | None = None
) -> tuple[Mart, ...]:
    """Makes the marts anew in the connection's current catalog, with COMMENTs; all others are dropped.

    Names stay unqualified by catalog, so that views hold under any name the file is attached as.
    Begins no transaction: wrap it in one if readers of the same file must see all or nothing.
    Raises MartError when a source table is missing or a SELECT's columns are not those of its header.
    """
    chosen = all_marts() if marts is None else _ordered(marts)
    connection.execute(f"create schema if not exists {SCHEMA}")
    _drop_all(connection)
    for mart in chosen:
        kind = "table" if mart.materialised else "view"
        try:
            connection.execute(f"create {kind} {mart.full_name} as {mart.sql}")
        except duckdb.Error as error:
            raise MartError(f"{mart.name}.sql: {error}") from error
        _check_columns(connection, mart)
        for statement in _comments(mart, kind):
            connection.execute(statement)
    return chosen


def _drop_all(connection: duckdb.DuckDBPyConnection) -> None:
    existing = connection.execute(
        "select table_name, table_type from information_schema.tables "
        "where table_schema = ? and table_catalog = current_catalog()",
        [SCHEMA],
    ).fetchall()
    for name, kind in existing:
        connection.execute(f"drop {'view' if kind == 'VIEW' else 'table'} {SCHEMA}.{quote(name)}")


def _check_columns(connection: duckdb.DuckDBPyConnection, mart: Mart) -> None:
    made = [row[0] for row in connection.execute(f"describe {mart.full_name}").fetchall()]
    declared = [name for name, _ in mart.columns]
    if made != declared:
        raise MartError(f"{mart.name}.sql: the header declares {declared}, the SELECT gives {made}")


def _comments(mart: Mart, kind: str) -> Iterable[str]:
    about = f"{mart.grain} {mart.definition} Key: {', '.join(mart.key)}."
    yield f"comment on {kind} {mart.full_name} is {literal(about)}"
    for name, meaning in mart.columns:
        yield f"comment on column {mart.full_name}.{quote(name)} is {literal(meaning)}"


def _relations(sql: str) -> tuple[str, ...]:
    """Tables and marts a SELECT reads: what follows from and join, without its own CTEs."""
    code = re.sub(r"--[^\n]*", "", sql)
    defined = set(re.findall(r"(?:\bwith|,)\s*([a-z_][a-z0-9_]*)\s+as\s*(?:materialized\s*)?\(", code))
    read = re.findall(r"\b(?:from|join)\s+([a-z_][a-z0-9_.]*)(?!\s*\()\b", code)
    return tuple(sorted(set(read) - defined))


def _ordered(marts: Iterable[Mart]) -> tuple[Mart, ...]:
    waiting = {mart.name: mart for mart in marts}
    done: dict[str, Mart] = {}
    while waiting:
        ready = [
            mart
            for mart in waiting.values()
            if not any(need == other.full_name for need in mart.needs for other in waiting.values())
        ]
        if not ready:
            raise MartError(f"marts read each other in a circle: {', '.join(sorted(waiting))}")
        for mart in ready:
            done[mart.name] = waiting.pop(mart.name)
    return tuple(done.values())
