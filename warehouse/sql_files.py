"""SQL in files that hold each other's: `{name}` stands for what the file of that name holds.

What marts, worklists and `status` share is in `parts/`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

PARTS = Path(__file__).with_name("parts")


def put_together(sql: str, find: Callable[[str], str]) -> str:
    """The SQL, with what `find` gives for each `{name}` in its place."""
    return re.sub(r"\{(\w+)\}", lambda found: f"({find(found[1])})", sql)


def read_part(name: str) -> str:
    """What a file of `parts/` holds."""
    return put_together((PARTS / f"{name}.sql").read_text("utf-8"), read_part)
