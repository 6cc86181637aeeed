"""The picture in README: the overview of a made-up organization of today, complete.

`python tests/dashboards/picture.py`, with a width to look at a phone's: `… 390 phone.png`.
"""

from __future__ import annotations

import socket
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from browser import open_browser
from demo_data import make_demo

from dashboards.server import PUBLISHED_FILE

PICTURE = Path(__file__).parents[2] / "docs" / "images" / "dashboard.png"
SERVE = "import sys; from pathlib import Path; from dashboards.server import serve; "
SERVE += "serve(Path(sys.argv[1]), port=int(sys.argv[2]))"


def take(file: Path, width: int = 1440) -> None:
    """Makes the data, serves it, and writes the page as a window of that width shows it."""
    with tempfile.TemporaryDirectory() as folder, socket.socket() as free:
        make_demo(Path(folder) / PUBLISHED_FILE, whole=True, as_of=f"{datetime.now(UTC):%Y-%m-%d 00:30:00}")
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        server = subprocess.Popen([sys.executable, "-c", SERVE, folder, str(port)])
        try:
            for _ in range(200):
                try:
                    socket.create_connection(("127.0.0.1", port), 0.2).close()
                    break
                except OSError:
                    time.sleep(0.05)
            with open_browser() as page:
                page.view(width, 900, phone=width < 600)
                page.open(f"http://127.0.0.1:{port}/")
                page.draw_everything()
                page.screenshot(file)
        finally:
            server.terminate()
            server.wait(10)


if __name__ == "__main__":
    if len(sys.argv) == 3:
        take(Path(sys.argv[2]), int(sys.argv[1]))
    else:
        take(PICTURE)
