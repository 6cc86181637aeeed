"""Answers of `query` as text: for people within their terminal's width, for scripts whole."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from warehouse.inspect import Answer

MOST_ROWS = 100
"""Rows that a terminal is shown; files and pipes get all."""

LAST_ROWS = 20
"""How many of these are the last ones."""

WIDEST = 60
"""Characters of a cell that a terminal is shown while other columns need the room."""

NULL = "NULL"
"""No value at all, which an empty text is not."""

GAP = "  "
NUMBERS = ("INT", "DOUBLE", "DECIMAL", "FLOAT", "NUMBER")


def counted(number: int, noun: str) -> str:
    """A number of things, as it is said: `1 row`, `2,000 rows`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def visible(text: str) -> str:
    """The text with everything that could steer a terminal made visible: control characters, and those
    that turn the direction of writing. Line ends and tabs are shown, too: a cell is one line.
    """
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() or letter == "\xa0" else _shown(letter) for letter in text)


def _shown(letter: str) -> str:
    if letter == "\n":
        return "⏎"
    code = ord(letter)
    if code < 0x20:
        return chr(0x2400 + code)  # Unicode's pictures of control characters
    if code == 0x7F:
        return "␡"
    if unicodedata.category(letter) in ("Zs", "Zl", "Zp"):
        return " "
    return f"\\u{code:04x}"


def safe_text(text: str) -> str:
    """CSV or JSON for a terminal: line ends stay."""
    return "\n".join(visible(line) for line in text.split("\n"))


def markdown(answer: Answer) -> str:
    """All rows as a Markdown table."""
    rows = ((NULL if cell is None else cell for cell in row) for row in answer.rows)
    return "\n".join(_markdown_row(row) for row in (answer.names, ["---"] * len(answer.names), *rows))


def _markdown_row(cells: Iterable[Any]) -> str:
    return "| " + " | ".join(_markdown_cell(str(cell)) for cell in cells) + " |"


def _markdown_cell(text: str) -> str:
    lines = text.replace("\\", "\\\\").replace("|", "\\|").splitlines()
    return visible(" ".join(lines))


def grid(answer: Answer, width: int | None = None) -> str:
    """Rows as a table with a line that counts them. With a `width` it fits: long cells are cut, columns in
    the middle and rows before the last ones are left out, and the last line says so.
    """
    count = counted(len(answer.rows), "row")
    rows = [[_cell(value) for value in row] for row in answer.rows]
    notes = []
    if width is not None and len(rows) > MOST_ROWS:
        rows[MOST_ROWS - LAST_ROWS : -LAST_ROWS] = [["…"] * len(answer.names)]
        notes.append(f"{MOST_ROWS} shown")
    columns = [
        _Column(visible(name), any(n in type_.upper() for n in NUMBERS), [row[i] for row in rows])
        for i, (name, type_) in enumerate(zip(answer.names, answer.types, strict=True))
    ]
    if width is not None:
        columns, left_out = _fitted(columns, width)
        if left_out:
            notes.append(f"{len(answer.names) - left_out} of {counted(len(answer.names), 'column')} shown")
    if notes:
        count += f", {', '.join(notes)}; --format csv gives all"
    lines = [GAP.join(cells).rstrip() for cells in zip(*(column.lines() for column in columns), strict=True)]
    return "\n".join([*lines, f"({count})"])


def _cell(value: Any) -> str:
    return NULL if value is None else visible(str(value))


class _Column:
    def __init__(self, name: str, is_number: bool, cells: Sequence[str]) -> None:
        from rich.cells import cell_len

        self.name, self.is_number, self.cells = name, is_number, cells
        self.width = max(map(cell_len, (name, *cells)))

    def cut(self, width: int) -> None:
        self.width = min(self.width, width)

    def lines(self) -> Iterable[str]:
        yield self._fit(self.name)
        yield "─" * self.width
        yield from map(self._fit, self.cells)

    def _fit(self, text: str) -> str:
        from rich.cells import cell_len, set_cell_size

        size = cell_len(text)
        if size > self.width:
            return set_cell_size(text, self.width - 1) + "…"
        space = " " * (self.width - size)
        return space + text if self.is_number else text + space


def _fitted(columns: list[_Column], width: int) -> tuple[list[_Column], int]:
    """Columns that fit beside each other, and how many were left out in the middle for that."""

    def needed(some: Sequence[_Column]) -> int:
        return sum(column.width for column in some) + len(GAP) * (len(some) - 1)

    for limit in (WIDEST, WIDEST // 2, WIDEST // 3):
        if needed(columns) <= width:
            break
        for column in columns:
            if not column.is_number:
                column.cut(limit)
    left_out = 0
    kept = list(columns)
    gap = _Column("…", False, ["…"] * len(columns[0].cells)) if columns else None
    while gap is not None and len(kept) > 1 and needed([*kept, *([gap] if left_out else [])]) > width:
        # the first columns tell what a row is: more of them stay than of the last
        kept.pop(len(kept) * 2 // 3)
        left_out += 1
    if left_out and gap is not None:
        kept.insert((len(kept) + 1) * 2 // 3, gap)
    for column in kept:
        column.cut(max(width - (len(GAP) + 1 if left_out else 0), 2))
    return kept, left_out
