"""What is to be asked one by one, found by SQL in files: each gives organization_id, project_id, item."""

from __future__ import annotations

from pathlib import Path

from warehouse.store import Store

FOLDER = Path(__file__).with_name("worklists")


def worklist(store: Store, name: str, run_id: str) -> list[tuple[str, str, str]]:
    """(organization_id, project_id, id) rows in the order in which they should be asked."""
    sql = (FOLDER / f"{name}.sql").read_text("utf-8")
    with store.lock:
        rows = store.connection.execute(sql, {"run_id": run_id}).fetchall()
    return [(str(r[0]), str(r[1]), str(r[2])) for r in rows]
