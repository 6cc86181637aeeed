"""Three questions that each table answers, as the data dictionary shows them: `questions/<table>.sql`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).with_name("questions")
MAY_BE_EMPTY = "None is well."
"""Ends questions whose answer may have no row."""


@dataclass(frozen=True, slots=True)
class Example:
    """A question and the SQL that answers it."""

    question: str
    sql: str

    @property
    def may_be_empty(self) -> bool:
        """Whether no row is a good answer."""
        return self.question.endswith(MAY_BE_EMPTY)


def examples_of(table: str) -> tuple[Example, ...]:
    """The examples of a table, as `issues` or `marts.issue_flow`; none where no file has its name."""
    file = FOLDER / f"{table}.sql"
    if not file.exists():
        return ()
    found = re.findall(r"^-- (.+)\n((?:.+\n)*?.+);$", file.read_text("utf-8"), re.MULTILINE)
    return tuple(Example(question, sql) for question, sql in found)
