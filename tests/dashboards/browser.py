"""Drives headless Chromium over its DevTools protocol: opens pages, evaluates, records what goes wrong."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--remote-debugging-port=0",
)

SCROLL_THROUGH = """
(async () => {
  for (const card of document.querySelectorAll('.card')) {
    card.scrollIntoView();
    for (let i = 0; i < 200 && !card.dataset.drawn; i++) await new Promise((done) => setTimeout(done, 20));
  }
  scrollTo(0, 0);
})()
"""


class Page:
    """One tab."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.number = 0
        self.requests: list[str] = []
        self.complaints: list[str] = []
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Sends a command, waits for its answer; events in between are noted."""
        self.number += 1
        self.socket.send(json.dumps({"id": self.number, "method": method, "params": parameters}))
        while True:
            message = json.loads(self.socket.recv(timeout=60))
            if message.get("id") == self.number:
                if "error" in message:
                    raise RuntimeError(f"{method}: {message['error']}")
                result: dict[str, Any] = message["result"]
                return result
            self._note(message)

    def _note(self, message: dict[str, Any]) -> None:
        method, parameters = message.get("method"), message.get("params", {})
        if method == "Network.requestWillBeSent":
            self.requests.append(parameters["request"]["url"])
        elif method == "Runtime.exceptionThrown":
            self.complaints.append(str(parameters["exceptionDetails"]))
        elif method == "Runtime.consoleAPICalled" and parameters["type"] in ("error", "warning", "assert"):
            self.complaints.append(str(parameters["args"]))
        elif method == "Log.entryAdded" and parameters["entry"]["level"] in ("error", "warning"):
            self.complaints.append(str(parameters["entry"]))

    def view(
        self, width: int, height: int, *, dark: bool = False, zone: str = "", phone: bool = False
    ) -> None:
        """Size of the window, colour scheme, time zone."""
        scale = 2 if phone else 1
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=scale,
            mobile=phone,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        if zone:
            self.call("Emulation.setTimezoneOverride", timezoneId=zone)

    def open(self, address: str) -> None:
        """Goes to an address and waits until the page says that it is drawn."""
        self.call("Page.navigate", url=address)
        self.wait("document.documentElement.dataset.opened")

    def evaluate(self, expression: str) -> Any:
        """Value of an expression in the page; promises are awaited."""
        answer = self.call(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True, userGesture=True
        )
        if "exceptionDetails" in answer:
            raise RuntimeError(str(answer["exceptionDetails"]))
        return answer["result"].get("value")

    def wait(self, expression: str, seconds: float = 20) -> Any:
        """Waits until an expression is true."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                value = self.evaluate(f"Boolean({expression})")
            except RuntimeError:  # the page is being replaced
                value = None
            if value:
                return value
            time.sleep(0.03)
        raise TimeoutError(f"never true: {expression}; complaints: {self.complaints}")

    def draw_everything(self) -> None:
        """Scrolls through, so that every card is drawn."""
        self.evaluate(SCROLL_THROUGH)

    def screenshot(self, file: Path, *, whole: bool = True) -> None:
        """Writes a PNG of the window or the whole page."""
        answer = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        file.write_bytes(base64.b64decode(answer["data"]))


@contextmanager
def open_browser() -> Iterator[Page]:
    """A fresh browser with one tab; gone with everything it wrote afterwards."""
    assert CHROMIUM
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        process = subprocess.Popen(
            [CHROMIUM, *FLAGS, f"--user-data-dir={folder}", "about:blank"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "HOME": folder},
            start_new_session=True,
        )
        assert process.stderr
        try:
            port = ""
            for line in process.stderr:
                found = re.search(r"ws://127\.0\.0\.1:(\d+)/", line)
                if found:
                    port = found[1]
                    break
            import httpx

            with httpx.Client(trust_env=False) as client:
                tabs = client.get(f"http://127.0.0.1:{port}/json").json()
            tab = next(tab for tab in tabs if tab["type"] == "page")
            with connect(
                tab["webSocketDebuggerUrl"], max_size=None, proxy=None, ping_interval=None
            ) as socket:
                yield Page(socket)
        finally:
            process.terminate()
            process.wait(10)
            process.stderr.close()
