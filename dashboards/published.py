"""Reads the published file: read-only, closed to the outside, and always the newest generation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from time import perf_counter
from typing import Any

import duckdb

from dashboards.catalogue import DashboardError, Query
from warehouse.schema import literal
from warehouse.store import CATALOG, trouble_with

CACHED = 2000


@dataclass(frozen=True, slots=True)
class Answer:
    """Rows of a query, and how long it took (0 when it was known already)."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    milliseconds: float


class Published:
    """Answers queries from `<home>/published/sentry.duckdb`.

    `published` is a link to a generation folder. Every question looks where it points: when that changed, the
    new file is opened and the old one closed as soon as the last running query is done with it. Thread-safe.
    """

    def __init__(self, file: Path, *, threads: int = 0) -> None:
        self.file = file
        self._threads = threads
        self._lock = Lock()
        self._identity: tuple[str, int, int] | None = None
        self._connection: duckdb.DuckDBPyConnection | None = None
        self._answers: dict[tuple[str, str, tuple[Any, ...]], Answer] = {}

    def generation(self) -> str:
        """What tells one published file from the next; empty while there is none."""
        try:
            target = self.file.resolve(strict=True)
            state = target.stat()
        except OSError:
            return ""
        return f"{target.parent.name}-{state.st_mtime_ns:x}-{state.st_ino:x}"

    def ask(self, query: Query, values: Mapping[str, Any]) -> Answer:
        """Runs a query with those of the values its SQL names; the rest of its parameters are null."""
        cursor, generation = self._cursor()
        names = sorted(query.parameters)
        key = (generation, query.sql, tuple(values.get(name) for name in names))
        known = self._answers.get(key)
        if known is not None:
            return Answer(known.columns, known.rows, 0.0)
        began = perf_counter()
        try:
            cursor.execute(query.sql, {name: values.get(name) for name in names})
            columns = tuple(column[0] for column in cursor.description or ())
            rows = tuple(cursor.fetchall())
        except (duckdb.CatalogException, duckdb.BinderException) as error:
            raise DashboardError(
                f"The published file lacks what {query.name} reads: publish it anew. ({error})"
            ) from error
        except duckdb.ConversionException as error:
            raise DashboardError(f"{query.name} can not be asked so: {error}") from error
        except duckdb.Error as error:
            trouble = trouble_with(self.file, error)
            if trouble is None:
                raise
            raise DashboardError(str(trouble)) from error
        finally:
            cursor.close()
        answer = Answer(columns, rows, (perf_counter() - began) * 1000)
        with self._lock:
            while len(self._answers) >= CACHED:
                self._answers.pop(next(iter(self._answers)))
            self._answers[key] = answer
        return answer

    def close(self) -> None:
        """Lets the file go."""
        with self._lock:
            self._let_go()

    def _cursor(self) -> tuple[duckdb.DuckDBPyConnection, str]:
        with self._lock:
            generation = self.generation()
            if not generation:
                raise DashboardError(
                    f"Nothing is published yet at {self.file}: run `sentry-warehouse export`."
                )
            state = self.file.resolve().stat()
            identity = (str(self.file.resolve()), state.st_mtime_ns, state.st_ino)
            if identity != self._identity or self._connection is None:
                self._let_go()
                self._connection = open_read_only(self.file, threads=self._threads)
                self._identity = identity
            cursor = self._connection.cursor()
            cursor.execute(f"use {CATALOG}")  # a cursor does not inherit it
            return cursor, generation

    def _let_go(self) -> None:
        self._connection = None  # not closed: that would cut off the cursors of running queries
        self._identity = None
        self._answers.clear()


def open_read_only(file: Path, *, threads: int = 0) -> duckdb.DuckDBPyConnection:
    """A connection that can neither write nor reach any file or host but this one."""
    connection = duckdb.connect(":memory:", config={"threads": threads} if threads else {})
    try:
        # an instance of its own: one per path would still show the file that lay there before
        connection.execute(f"attach {literal(str(file.resolve(strict=True)))} as {CATALOG} (read_only)")
    except (OSError, duckdb.Error) as error:
        connection.close()
        raise DashboardError(f"{file} can not be opened: {error}") from error
    for setting in (f"use {CATALOG}", "set enable_external_access = false", "set lock_configuration = true"):
        connection.execute(setting)
    return connection
