"""The marimo notebook runs, on the made-up data and where nothing is published."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from dashboards.catalogue import FOLDER

PACKAGES = ("marimo==0.25.2", "mosaic-widget==0.34.2", "polars", "duckdb==1.5.5")
NOTEBOOK = FOLDER / "marimo" / "explore.py"


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python with marimo: that of the environment a variable names, or of a new one."""
    if os.environ.get("SENTRY_WAREHOUSE_MARIMO"):
        return Path(os.environ["SENTRY_WAREHOUSE_MARIMO"], "bin", "python")
    folder = tmp_path_factory.mktemp("marimo") / "environment"
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    done = subprocess.run([*pip, *PACKAGES], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"marimo can not be installed here: {done.stderr[-200:]}")
    return folder / "bin" / "python"


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_the_notebook_runs(python: Path, home: Path, tmp_path: Path) -> None:
    notebook = tmp_path / "marimo" / NOTEBOOK.name  # a copy: marimo leaves a folder of its own beside it
    notebook.parent.mkdir()
    shutil.copy(NOTEBOOK, notebook)
    (tmp_path / "sql").symlink_to(FOLDER / "sql")

    def run(folder: Path) -> subprocess.CompletedProcess[str]:
        page = tmp_path / "page.html"
        words = ["export", "html", str(notebook), "-o", str(page), "--", "--home", str(folder)]
        return subprocess.run(
            [str(python), "-m", "marimo", *words], capture_output=True, text=True, check=False, timeout=600
        )

    done = run(home)
    assert done.returncode == 0, done.stderr[-2000:]
    shown = (tmp_path / "page.html").read_text("utf-8")
    assert "20 November 2026" in shown
    assert "MosaicWidget" in shown or "mosaic" in shown
    run(tmp_path / "none")
    assert "sentry-warehouse export" in (tmp_path / "page.html").read_text("utf-8")
