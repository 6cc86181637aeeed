"""A disk that is full, and a file that is damaged where it is not read at once: said plainly, then healed."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cli.command import run_command
from tests.resume.contents import contents
from tests.resume.kills import Scene, Trial

MUCH = "200m"


@contextmanager
def disk(folder: Path, size: str) -> Iterator[None]:
    """A disk of this size at the folder; skips where none can be mounted."""
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("a small disk can only be mounted by root, and not in every container")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.mark.parametrize(
    "size", ["3m", *(pytest.param(s, marks=pytest.mark.slow) for s in ("300k", "1100k", "7m", "14m"))]
)
def test_a_full_disk(scene: Scene, tmp_path: Path, size: str) -> None:
    with disk(tmp_path / "disk", size):
        home = tmp_path / "disk" / "home"
        outcome = run_command("export", folder=tmp_path, variables=scene.variables(home), seconds=300)
        outcome.says(1, "ake room and run")
        subprocess.run(["mount", "-o", f"remount,size={MUCH}", str(tmp_path / "disk")], check=True)
        trial = Trial(0, second_night=False)
        scene.judge(trial, home, scene.references[0], replayed=False)
        assert not trial.problems, str(trial)


def test_a_file_that_is_damaged_within(scene: Scene, tmp_path: Path) -> None:
    home = scene.copy(tmp_path)
    file = home / "warehouse.duckdb"
    content = bytearray(file.read_bytes())
    before = contents(home)
    for place in range(3 * 4096, len(content), 64 * 1024):
        content[place : place + 2000] = os.urandom(2000)
    file.write_bytes(content)
    variables = scene.variables(home)
    run_command("export", folder=tmp_path, variables=variables, seconds=300).says(
        1, "sentry-warehouse replay"
    )
    replayed = run_command("replay", folder=tmp_path, variables=variables, seconds=300)
    assert replayed.code == 0, replayed.err
    assert contents(home) == before
    assert list(home.glob("warehouse.damaged-*.duckdb"))
