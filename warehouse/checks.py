"""Checks after each load: what must hold before a run is published, and what a person should look at.

Keys and parents are checked for every declared table; the rest are SELECTs in `checks/`, which give the
rows that offend. `before` is the file published last; checks that name it are left out where there is none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import duckdb

from warehouse.bookkeeping import CHECKS
from warehouse.schema import Table, keys_that_stand_twice, literal, quote
from warehouse.store import Store, WarehouseError

FOLDER = Path(__file__).with_name("checks")
SHOWN = 3
DRIFT_OF = "drift_of_"
"""Before a stream's name, the name of the check of its fields."""


class CheckFailed(WarehouseError):
    """A check of severity fail found rows: the run is not published."""


@dataclass(frozen=True, slots=True)
class Check:
    """One check; `sql` gives the offending rows."""

    name: str
    severity: Literal["warn", "fail"]
    meaning: str
    sql: str


@dataclass(frozen=True, slots=True)
class Finding:
    """A check that found rows: how many, and the first of them."""

    check: Check
    rows: int
    examples: tuple[str, ...]

    @property
    def text(self) -> str:
        """What a person reads."""
        rows = "row" if self.rows == 1 else "rows"
        return f"{self.check.meaning} {self.rows:,} {rows}, such as {'; '.join(self.examples)}."


def declared_checks(tables: Sequence[Table]) -> Iterator[Check]:
    """Keys are unique and never null; children have a parent."""
    by_name = {t.name: t for t in tables}
    for table in tables:
        keys = ", ".join(quote(k) for k in table.key)
        missing = " or ".join(f"{quote(k)} is null" for k in table.key if not table.nullable_key) or "false"
        yield Check(
            f"unique_{table.name}",
            "fail",
            f"Rows of {table.name} whose key is null or not unique.",
            f"{keys_that_stand_twice(table.full_name, table.key)} "
            f"union select {keys} from {table.full_name} where {missing}",
        )
        parent = by_name.get(table.parent)
        if parent is not None:
            keys_of = ", ".join(quote(k) for k in parent.key)
            yield Check(
                f"orphans_{table.name}",
                "fail",
                f"Rows of {table.name} without a row of {parent.name}.",
                # by hash as well: with whole keys it takes five times as long
                f"select {keys} from {table.full_name} anti join (select hash({keys_of}) as hashed from "
                f"{parent.full_name}) as parents on parents.hashed = hash({keys_of})",
            )


def written_checks() -> list[Check]:
    """The checks in files: a line with the severity, a line with the meaning, one SELECT."""
    found = []
    for path in sorted(FOLDER.glob("*.sql")):
        text = path.read_text("utf-8")
        head = re.match(r"-- severity: (warn|fail)\n-- (.+)\n", text)
        if head is None:
            raise WarehouseError(f"{path.name} does not open with its severity and meaning")
        severity: Literal["warn", "fail"] = "fail" if head[1] == "fail" else "warn"
        found.append(Check(path.stem, severity, head[2], text[head.end() :]))
    return found


def drift_check(stream: str, severity: Literal["warn", "fail"], accepted: Sequence[str]) -> Check:
    """What a run met of a stream's fields that is not as declared, but for `accepted` ones (`stream:path`,
    with a `*` at the end for the rest)."""
    name = "stream || ':' || path"
    left_out = [
        f"starts_with({name}, {literal(text[:-1])})" if text.endswith("*") else f"{name} = {literal(text)}"
        for text in accepted
    ]
    return Check(
        f"{DRIFT_OF}{stream}",
        severity,
        f"Fields of {stream} that are new, gone or of another type.",
        f"select path, kind, found, first_seen as since, example as seen_at from meta.drift "
        f"where stream = {literal(stream)} and kind in ('new', 'gone', 'type') and last_run_id = $run_id "
        f"and not ({' or '.join(left_out) or 'false'}) order by kind, path",
    )


def run_checks(
    store: Store,
    tables: Sequence[Table],
    run_id: str,
    published: Path,
    *,
    more: Sequence[Check] = (),
    record: bool = True,
) -> list[Finding]:
    """Runs all checks and `more`, returns what was found. With `record`, meta.checks holds the results."""
    before = _attach(store, published)
    findings = []
    try:
        stored = [replace(t, key=store.key(t)) for t in tables if store.columns(t)]
        checks = [*declared_checks(stored), *written_checks(), *more]
        results = []
        for check in checks:
            if "before." in check.sql and not before:
                continue
            finding = _run(store, check, run_id)
            results.append((check, finding))
            if finding:
                findings.append(finding)
    finally:
        if before:
            store.connection.execute("detach before")
    if not record:
        return findings
    with store.transaction():
        store.put(
            CHECKS,
            [
                {
                    "run_id": run_id,
                    "name": check.name,
                    "severity": check.severity,
                    "meaning": check.meaning,
                    "offending": finding.rows if finding else 0,
                    "examples": "; ".join(finding.examples) if finding else None,
                }
                for check, finding in results
            ],
        )
    return findings


def _attach(store: Store, published: Path) -> bool:
    if not published.exists():
        return False
    try:
        store.connection.execute(f"attach {literal(str(published))} as before (read_only)")
    except duckdb.Error:
        return False
    try:
        store.connection.execute("select 1 from before.main.events, before.main.issues limit 0")
    except duckdb.Error:
        store.connection.execute("detach before")
        return False
    return True


def _run(store: Store, check: Check, run_id: str) -> Finding | None:
    parameters = {"run_id": run_id} if "$run_id" in check.sql else {}
    sql = f"select count(*) over () as offending, * from ({check.sql}) as found limit {SHOWN}"
    with store.lock, store.explained():
        found = store.connection.execute(sql, parameters)
        names = [d[0] for d in found.description or []][1:]
        rows = found.fetchall()
    if not rows:
        return None
    examples = tuple(
        ", ".join(f"{n} {v}" for n, v in zip(names, row[1:], strict=True) if n != "organization_id")
        for row in rows
    )
    return Finding(check, rows[0][0], examples)
