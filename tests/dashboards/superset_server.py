"""A Superset of one's own: installed, set up, started on loopback, asked over its API."""

from __future__ import annotations

import io
import os
import socket
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from dashboards.catalogue import FOLDER
from dashboards.superset_assets import URI

PACKAGES = (
    "apache-superset==6.1.0",
    "duckdb-engine==0.17.0",
    "duckdb==1.5.5",
    "rich",
    "cachetools",
    "flask-caching==2.3.1",
)
"""What works together on Python 3.11; without the last four Superset does not start."""

CONFIG = """
SECRET_KEY = "for a test on loopback only, 0123456789"
SQLALCHEMY_DATABASE_URI = "sqlite:///{folder}/superset.db?check_same_thread=false"
WTF_CSRF_ENABLED = False
TALISMAN_ENABLED = False
"""


def find_or_install(folder: Path) -> Path:
    """`bin` of an environment with Superset: the one that a variable names, or a new one (some minutes)."""
    if os.environ.get("SENTRY_WAREHOUSE_SUPERSET"):
        return Path(os.environ["SENTRY_WAREHOUSE_SUPERSET"], "bin")
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    done = subprocess.run([*pip, *PACKAGES], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"Superset can not be installed here: {done.stderr[-200:]}")
    return folder / "bin"


@contextmanager
def start_superset(binaries: Path, folder: Path) -> Iterator[httpx.Client]:
    """A client of a fresh Superset, signed in."""
    folder.mkdir(exist_ok=True)
    (folder / "superset_config.py").write_text(CONFIG.format(folder=folder))
    variables = {
        **os.environ,
        "SUPERSET_CONFIG_PATH": str(folder / "superset_config.py"),
        "SUPERSET_HOME": str(folder),
        "FLASK_APP": "superset",
        "SCARF_ANALYTICS": "false",
    }

    def run(*words: str) -> None:
        done = subprocess.run(
            [str(binaries / "superset"), *words], env=variables, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr[-2000:]

    run("db", "upgrade")
    names = ("--firstname", "A", "--lastname", "B", "--email", "a@example.com", "--password", "admin")
    run("fab", "create-admin", "--username", "admin", *names)
    run("init")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [str(binaries / "superset"), "run", "-p", str(port), "--with-threads"],
        env=variables,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=120, trust_env=False) as client:
            for _ in range(600):
                try:
                    client.get("/health").raise_for_status()
                    break
                except httpx.HTTPError:
                    time.sleep(0.5)
            sign_in(client)
            yield client
    finally:
        server.terminate()
        server.wait(20)


def sign_in(client: httpx.Client) -> None:
    who = {"username": "admin", "password": "admin", "provider": "db", "refresh": True}
    answer = client.post("/api/v1/security/login", json=who).raise_for_status()
    client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"


def import_assets(client: httpx.Client, published: Path) -> None:
    """Imports `dashboards/superset`, with the path of the published file put in."""
    packed = io.BytesIO()
    root = FOLDER / "superset"
    with zipfile.ZipFile(packed, "w") as bundle:
        for path in sorted(root.rglob("*.yaml")):
            text = path.read_text("utf-8").replace(URI, f"duckdb:///{published}")
            bundle.writestr(f"assets/{path.relative_to(root)}", text)
    bundle_file = {"bundle": ("assets.zip", packed.getvalue(), "application/zip")}
    answer = client.post("/api/v1/assets/import/", files=bundle_file)
    assert answer.status_code == 200, answer.text[-2000:]


def all_of(client: httpx.Client, kind: str) -> list[dict[str, Any]]:
    """Charts or datasets that are there."""
    answer = client.get(f"/api/v1/{kind}/", params={"q": "(page_size:100)"}).raise_for_status()
    found: list[dict[str, Any]] = answer.json()["result"]
    return found


def ask(client: httpx.Client, dataset: int, query: dict[str, Any]) -> list[dict[str, Any]]:
    """Rows of a question to a dataset, as a chart asks it."""
    body = {
        "datasource": {"id": dataset, "type": "table"},
        "queries": [query],
        "result_format": "json",
        "result_type": "full",
        "force": True,
    }
    answer = client.post("/api/v1/chart/data", json=body)
    assert answer.status_code == 200, answer.text[-2000:]
    rows: list[dict[str, Any]] = answer.json()["result"][0]["data"]
    return rows
