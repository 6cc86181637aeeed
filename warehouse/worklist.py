"""What a run has still to ask for, and what it must say of itself, found by SQL in files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from warehouse.sql_files import put_together
from warehouse.store import Store

FOLDER = Path(__file__).with_name("worklists")


def worklist(store: Store, name: str, run_id: str, *, everything: bool = False) -> list[tuple[str, str, str]]:
    """(organization_id, project_id, id) rows in the order in which they should be asked. `everything`: also
    what did not change, where the list makes a difference."""
    return [(str(r[0]), str(r[1]), str(r[2])) for r in rows_of(store, name, run_id, everything=everything)]


def rows_of(store: Store, name: str, run_id: str, *, everything: bool = False) -> list[tuple[Any, ...]]:
    """All columns of a worklist's rows."""
    sql = sql_of(name)
    values = {"run_id": run_id} | ({"everything": everything} if "$everything" in sql else {})
    with store.lock, store.explained():
        return store.connection.execute(sql, values).fetchall()


def sql_of(name: str) -> str:
    """The SELECT of a worklist's file."""
    return put_together((FOLDER / f"{name}.sql").read_text("utf-8"), sql_of)
