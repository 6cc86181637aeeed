"""What is to be asked one by one, found by SQL in files: each gives organization_id, project_id, item.

A file may read another's rows: `{name}` stands for that file's SELECT.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

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
    text = (FOLDER / f"{name}.sql").read_text("utf-8")
    return re.sub(r"\{(\w+)\}", lambda other: f"({sql_of(other[1])})", text)
