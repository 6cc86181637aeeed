"""The picture in README: the overview of a made-up organization of today, complete.

`python tests/dashboards/picture.py`, with a width to look at a phone's: `… 390 phone.png`.
"""

from __future__ import annotations

import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from browser import open_browser
from demo_data import make_demo
from served import served

from dashboards.server import PUBLISHED_FILE

PICTURE = Path(__file__).parents[2] / "docs" / "images" / "dashboard.png"


def take(file: Path, width: int = 1440) -> None:
    """Makes the data, serves it, and writes the page as a window of that width shows it."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        make_demo(home / PUBLISHED_FILE, whole=True, as_of=f"{datetime.now(UTC):%Y-%m-%d 00:30:00}")
        with served(home) as address, open_browser() as page:
            page.view(width, 900, phone=width < 600)
            page.open(f"{address}/")
            page.draw_everything()
            page.screenshot(file)


if __name__ == "__main__":
    if len(sys.argv) == 3:
        take(Path(sys.argv[2]), int(sys.argv[1]))
    else:
        take(PICTURE)
