"""What the writer puts on the disk while it works is for its owner alone, whatever the process allows."""

from __future__ import annotations

import stat
from pathlib import Path

from warehouse.store import Store


def test_log_and_temporary_files_are_for_the_owner_alone(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o755)
    with Store(home / "warehouse.duckdb", memory_limit="60MB") as store:
        store.connection.execute("checkpoint")
        store.connection.execute(
            "create table sorted as select range as i, repeat('x', 99) as t from range(1)"
        )
        store.connection.execute("insert into sorted select range, repeat('x', 99) from range(200_000)")
        store.connection.execute(
            "create temp table large as select repeat(md5(range::varchar), 5) as t from range(600_000)"
        )
        made = {p: stat.S_IMODE(p.stat().st_mode) for p in home.rglob("*")}
    assert {"warehouse.duckdb.wal", "tmp"} <= {p.name for p in made}
    assert any(p.parent.name == "tmp" for p in made)
    assert {p: oct(mode) for p, mode in made.items() if mode & 0o077} == {}
