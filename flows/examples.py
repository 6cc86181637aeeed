"""Three questions that each table answers, as the data dictionary shows them: `questions/<table>.sql`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).with_name("questions")
NO_ROWS = "No rows: all is well."
"""Follows questions for what should not be: no row is the best answer."""
EMPTY = "Empty "
"""Begins the sentence after other questions whose answer may have no row: where and why."""


@dataclass(frozen=True, slots=True)
class Example:
    """A question and the SQL that answers it."""

    question: str
    sql: str

    @property
    def may_be_empty(self) -> bool:
        """Whether an answer without rows is a good one; what follows the question says why."""
        return not self.question.endswith("?")


def examples_of(table: str) -> tuple[Example, ...]:
    """The examples of a table, as `issues` or `marts.issue_flow`; none where no file has its name."""
    file = FOLDER / f"{table}.sql"
    if not file.exists():
        return ()
    found = re.findall(r"^-- (.+)\n((?:.+\n)*?.+);$", file.read_text("utf-8"), re.MULTILINE)
    return tuple(Example(question, sql) for question, sql in found)
