"""What the written pages show: code blocks by language, commands, tables."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
WRITTEN = ("README.md", "CONTRIBUTING.md", "DECISIONS.md", "CHANGELOG.md", "SECURITY.md")


def all_pages() -> list[Path]:
    """The pages of the root, and everything in docs/."""
    return [*(ROOT / name for name in WRITTEN), *sorted((ROOT / "docs").glob("*.md"))]


def blocks(page: Path, language: str) -> list[str]:
    """The page's code blocks in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", page.read_text("utf-8"), re.MULTILINE | re.DOTALL)


def inline(page: Path) -> list[str]:
    """What stands in backticks within text."""
    text = re.sub(r"^```.*?^```$", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    return re.findall(r"`([^`\n]+)`", text)


def shell_lines(page: Path) -> Iterator[str]:
    """Every command line shown, in blocks and within text."""
    for block in blocks(page, "sh"):
        yield from (line for line in block.splitlines() if line and not line.startswith("#"))
    yield from (code for code in inline(page) if re.match(r"(make|sentry-warehouse) \S", code))


def rows(page: Path, header: str) -> list[list[str]]:
    """The cells of the table with that header line."""
    lines = page.read_text("utf-8").split(header, 1)[1].splitlines()[2:]
    found = []
    for line in lines:
        if not line.startswith("|"):
            break
        found.append([cell.strip() for cell in line.strip("|").split("|")])
    return found


def names(cell: str) -> list[str]:
    """The names in backticks of a cell."""
    return re.findall(r"`([^`]+)`", cell)
