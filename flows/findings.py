"""What `check` finds: a line each, with what to do and the exit code that an export would come to by it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

State = Literal["good", "warning", "bad"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One line. `code` is the exit code that an export would come to by it."""

    subject: str
    state: State
    says: str
    fix: str = ""
    code: int = 0


@dataclass(slots=True)
class Findings:
    """All lines so far; each is shown as soon as it is found."""

    show: Callable[[Finding], None] = lambda _: None
    all: list[Finding] = field(default_factory=list)

    def good(self, subject: str, says: str) -> None:
        """Nothing to do."""
        self._add(Finding(subject, "good", says))

    def warn(self, subject: str, says: str, fix: str = "") -> None:
        """An export would be complete all the same."""
        self._add(Finding(subject, "warning", says, fix))

    def bad(self, subject: str, says: str, fix: str, code: int) -> None:
        """An export would end with the code."""
        self._add(Finding(subject, "bad", says, fix, code))

    def _add(self, finding: Finding) -> None:
        self.all.append(finding)
        self.show(finding)

    @property
    def exit_code(self) -> int:
        """1 not reachable, else 2 token or organization, else 3 tables would be missing, else 0."""
        codes = {finding.code for finding in self.all}
        return next((code for code in (1, 2, 3) if code in codes), 0)
