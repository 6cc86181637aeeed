"""Publishes what BI tools read: a checked copy in a generation folder, swapped in by one rename."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from warehouse.mart_files import create_marts
from warehouse.schema import literal, quote
from warehouse.store import CATALOG, WarehouseDamaged, WarehouseError, make_private_folder

DATABASE = "sentry.duckdb"
LINK = "published"
GENERATIONS = "generations"


@dataclass(frozen=True, slots=True)
class Published:
    """Where a generation lies and what it holds."""

    folder: Path
    manifest: dict[str, Any]


def publish(home: Path, *, keep: int = 3, group_readable: bool = True) -> Path:
    """Copies the closed `warehouse.duckdb` into a new generation, builds marts and Parquet twins there,
    checks it, and lets `published` point to it. Returns the path of `published`.

    Readers of the old generation are not disturbed; the newest `keep` stay. Raises WarehouseError when
    there is nothing to publish, WarehouseDamaged when the copy does not check out (the old one stays).
    """
    source = home / "warehouse.duckdb"
    if not source.exists():
        raise WarehouseError(f"{source} does not exist: run `sentry-warehouse export` first.")
    if source.with_name(source.name + ".wal").exists():
        _fold_log(source)
    folder_mode, file_mode = (0o750, 0o640) if group_readable else (0o700, 0o600)
    generations = home / GENERATIONS
    make_private_folder(home)
    generations.mkdir(exist_ok=True)
    generations.chmod(folder_mode)
    name = f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}"
    partial = generations / f".{name}.partial"
    _remove_partial(generations)
    (partial / "parquet").mkdir(parents=True)
    try:
        shutil.copyfile(source, partial / DATABASE)
        (partial / DATABASE).chmod(0o600)
        manifest = _build(partial)
        (partial / "manifest.json").write_text(json.dumps(manifest, indent=2, default=str) + "\n")
        for path in (partial, *partial.rglob("*")):
            path.chmod(folder_mode if path.is_dir() else file_mode)
        final = generations / name
        partial.rename(final)
    except duckdb.Error as error:
        shutil.rmtree(partial, ignore_errors=True)
        raise WarehouseDamaged(
            f"The copy of {source} could not be published ({str(error).splitlines()[0][:200]}); "
            "the last published files stay as they are."
        ) from None
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    _point(home / LINK, final)
    _prune(generations, final, keep)
    return home / LINK


def _fold_log(source: Path) -> None:
    """Opens and closes a file that a killed writer left with a log, so that the copy is whole."""
    connection = duckdb.connect(str(source))
    connection.execute("checkpoint")
    connection.close()


def _remove_partial(generations: Path) -> None:
    for left in generations.glob(".*.partial"):
        shutil.rmtree(left, ignore_errors=True)


def _build(folder: Path) -> dict[str, Any]:
    connection = duckdb.connect(":memory:")
    try:
        connection.execute("set TimeZone = 'UTC'")
        connection.execute("set enable_progress_bar = false")
        connection.execute(f"attach {literal(str(folder / DATABASE))} as {CATALOG}")
        connection.execute(f"use {CATALOG}")
        connection.execute("begin")
        create_marts(connection)
        connection.execute("commit")
        connection.execute("checkpoint")
        tables = [
            _table(connection, folder, *row)
            for row in connection.execute(
                "select schema_name, table_name, comment from duckdb_tables() "
                "where database_name = current_database() "
                "union all select schema_name, view_name, comment from duckdb_views() "
                "where database_name = current_database() and not internal order by 1, 2"
            ).fetchall()
        ]
        (run,) = connection.execute(
            "select {run_id: run_id, as_of: as_of, status: status, version: version} from meta.runs "
            "where status in ('complete', 'incomplete') order by as_of desc, finished_at desc limit 1"
        ).fetchall() or [(None,)]
        completeness = connection.execute(
            "select table_name, status, count(*) as days from marts.completeness group by all order by all"
        ).fetchall()
    finally:
        connection.close()
    return {
        "published_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "run": run[0] if run and isinstance(run, tuple) else run,
        "database": {"file": DATABASE, **_file_facts(folder / DATABASE)},
        "tables": tables,
        "completeness": [dict(zip(("table", "status", "days"), row, strict=True)) for row in completeness],
    }


def _table(
    connection: duckdb.DuckDBPyConnection, folder: Path, schema: str, name: str, comment: str | None
) -> dict[str, Any]:
    full = f"{quote(schema)}.{quote(name)}"
    columns = connection.execute(
        "select column_name, data_type, comment from duckdb_columns() "
        "where database_name = current_database() and schema_name = ? and table_name = ? "
        "order by column_index",
        [schema, name],
    ).fetchall()
    (count,) = connection.execute(f"select count(*) from {full}").fetchall()[0]
    facts: dict[str, Any] = {
        "schema": schema,
        "name": name,
        "comment": comment,
        "rows": count,
        "columns": [{"name": n, "type": t, "comment": c} for n, t, c in columns],
    }
    if schema == "meta":
        return facts
    file = f"parquet/{name}.parquet" if schema == "main" else f"parquet/{schema}.{name}.parquet"
    if not _safe_file_name(name):
        return facts
    connection.execute(
        f"copy (select * from {full}) to {literal(str(folder / file))} (format parquet, compression zstd)"
    )
    return {**facts, "file": file, **_file_facts(folder / file)}


def _safe_file_name(name: str) -> bool:
    return name.replace("_", "").isalnum()


def _file_facts(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"bytes": path.stat().st_size, "sha256": digest}


def _point(link: Path, target: Path) -> None:
    """Lets the link point to the target in one step; where links can not be made, the folder is moved."""
    relative = Path(target.parent.name, target.name)
    fresh = link.with_name(f".{link.name}.new")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(relative, target_is_directory=True)
    if link.is_dir() and not link.is_symlink():
        raise WarehouseError(f"{link} is a folder, not a link of ours: move it away and publish again.")
    fresh.replace(link)


def _prune(generations: Path, newest: Path, keep: int) -> None:
    complete: Sequence[Path] = sorted(p for p in generations.iterdir() if not p.name.startswith("."))
    for old in complete[: -max(keep, 1)]:
        if old != newest:
            shutil.rmtree(old, ignore_errors=True)
