"""Notices declared fields that used to come and come no more: judged over whole runs, never over a page."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from math import lgamma
from typing import Any

from extractors.archive import Page
from transforms.presence import Seen, count_fields
from transforms.shape import Node
from warehouse.bookkeeping import DRIFT, FIELDS
from warehouse.store import Store

RECORDS_A_LOAD = 20
RECORDS_A_RUN = 400
"""Records looked at, of each file and of each request in a run: 400 full events cost 0.3 s."""

ALWAYS = -4.6
"""Logarithm of a chance of 1 in 100: for a field that every record had until now."""
SOMETIMES = -13.8
"""Logarithm of a chance of 1 in a million: for a field that some records lacked before."""
RUNS = 3
"""A field that some records lacked must have come in so many runs, and be missing in so many since."""

Key = tuple[str, str]
"""Stream and request."""


class FieldWatch:
    """What a run saw of the declared fields; on one thread, the writer's."""

    def __init__(self) -> None:
        self._looked: dict[Key, int] = {}
        self._counts: dict[Key, dict[str, Seen]] = {}
        self._examples: dict[Key, str] = {}

    def look(self, tree: Node, pages: Sequence[Page]) -> None:
        """Looks at some records of pages of one slice."""
        key = (pages[0].stream, pages[0].request)
        most = min(RECORDS_A_LOAD, RECORDS_A_RUN - self._looked.get(key, 0))
        if most > 0:
            bodies = (page.body for page in pages)
            looked = count_fields(tree, bodies, most, self._counts.setdefault(key, {}))
            self._looked[key] = self._looked.get(key, 0) + looked
            self._examples.setdefault(key, pages[0].path)

    def conclude(self, store: Store, run_id: str, now: datetime) -> None:
        """Adds what was seen to meta.fields, and notes in meta.drift what is gone; takes back from there
        what has come again. Inside the caller's transaction.
        """
        for key, counts in self._counts.items():
            known = _known(store, key)
            rows, gone = [], []
            for path, seen in counts.items():
                row = known.get(path, {"records": 0, "present": 0, "runs": 0, "absent": 0, "absent_runs": 0})
                identity = {"stream": key[0], "request": key[1], "path": path}
                if seen.present:
                    rows.append(identity | _came(row, seen, run_id, now))
                elif row["present"]:
                    rows.append(identity | row | _missed(row, seen, now))
                    if _is_gone(rows[-1]):
                        gone.append(_drift(rows[-1], self._examples[key], run_id, now))
            store.put(FIELDS, rows)
            back = [r for r in rows if not r["absent_runs"] and known.get(r["path"], r)["absent_runs"]]
            for row in back:
                store.connection.execute(
                    "delete from meta.drift where stream = ? and path = ? and kind = 'gone'",
                    [row["stream"], row["path"]],
                )
            store.put(DRIFT, gone)


def _known(store: Store, key: Key) -> dict[str, dict[str, Any]]:
    names = FIELDS.names
    rows = store.rows(
        f"select {', '.join(names)} from meta.fields where stream = ? and request = ?", list(key)
    )
    return {row[2]: dict(zip(names, row, strict=True)) for row in rows}


def _came(row: dict[str, Any], seen: Seen, run_id: str, now: datetime) -> dict[str, Any]:
    return {
        "records": row["records"] + row["absent"] + seen.objects,
        "present": row["present"] + seen.present,
        "runs": row["runs"] + 1,
        "absent": 0,
        "absent_runs": 0,
        "last_seen": now,
        "last_run_id": run_id,
    }


def _missed(row: dict[str, Any], seen: Seen, now: datetime) -> dict[str, Any]:
    return {
        "absent": row["absent"] + seen.objects,
        "absent_runs": row["absent_runs"] + 1,
        "absent_since": row["absent_since"] if row["absent_runs"] else now,
    }


def _is_gone(row: dict[str, Any]) -> bool:
    """Whether it would be too odd that so many records lack the field by chance, after so many had it.

    The chance is that of the rule of succession (a beta-binomial with an even prior), so that a few records
    prove little.
    """
    without = row["records"] - row["present"]
    chance = (
        lgamma(without + 1 + row["absent"])
        - lgamma(without + 1)
        - lgamma(row["records"] + 2 + row["absent"])
        + lgamma(row["records"] + 2)
    )
    if not without:
        return chance < ALWAYS
    return chance < SOMETIMES and min(row["runs"], row["absent_runs"]) >= RUNS


def _drift(row: dict[str, Any], example: str, run_id: str, now: datetime) -> dict[str, Any]:
    return {
        "stream": row["stream"],
        "path": row["path"],
        "kind": "gone",
        "found": "nothing",
        "first_seen": row["absent_since"],
        "last_seen": now,
        "first_run_id": row["last_run_id"],
        "last_run_id": run_id,
        "example": example,
    }
