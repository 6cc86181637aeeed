"""The hooks that docs/prefect.md shows do tell a chat and write a mail when a run fails."""

from __future__ import annotations

import re
import socketserver
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from extractors.sandbox import Sandbox
from tests.prefect.servers import BIN, PATIENCE, ROOT, PrefectServer, sentry

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600), pytest.mark.xdist_group("prefect")]

RUN = """
import runpy
nightly_export = runpy.run_path("hooks.py", run_name="hooks")["nightly_export"]
print(nightly_export(return_state=True).name)
"""


@contextmanager
def served(server: socketserver.BaseServer) -> Iterator[int]:
    """A server in a thread; its port."""
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield int(server.server_address[1])  # type: ignore[index]
    finally:
        server.shutdown()
        server.server_close()


def test_chat_and_mail(server: PrefectServer, sandbox: Sandbox, home: Path, tmp_path: Path) -> None:
    posted: list[bytes] = []
    mails: list[str] = []

    class Chat(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            posted.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            return

    class Mail(socketserver.StreamRequestHandler):
        """As little of SMTP as a mail needs."""

        def handle(self) -> None:
            self.wfile.write(b"220 here\r\n")
            for line in self.rfile:
                if line.upper().startswith(b"DATA"):
                    self.wfile.write(b"354 go on\r\n")
                    mails.append(b"".join(iter(self.rfile.readline, b".\r\n")).decode())
                self.wfile.write(b"221 bye\r\n" if line.upper().startswith(b"QUIT") else b"250 well\r\n")

    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "prefect.md").read_text(), re.DOTALL)
    (tmp_path / "hooks.py").write_text(code)
    wrong = sentry(sandbox, home, SENTRY_AUTH_TOKEN="sntryu_wrong")
    with (
        served(HTTPServer(("127.0.0.1", 0), Chat)) as chat,
        served(socketserver.ThreadingTCPServer(("127.0.0.1", 0), Mail)) as mail,
    ):
        environment = server.environment(
            **wrong, CHAT_WEBHOOK=f"http://127.0.0.1:{chat}/hook", MAIL_SERVER=f"127.0.0.1:{mail}"
        )
        done = subprocess.run(
            [BIN / "python", "-c", RUN],
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
    assert done.stdout.split() == ["Failed"], done.stderr
    assert len(posted) == 1, done.stderr
    assert b"nightly_export" in posted[0]
    assert b"401" in posted[0]
    (text,) = mails
    assert "Subject: nightly_export" in text
    assert "401" in text
