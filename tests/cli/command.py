"""The real command in a process of its own, with nothing of this machine's settings."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

COMMAND = Path(sys.executable).with_name("sentry-warehouse")
KEPT = ("PATH", "PYTHONPATH", "LANG")
KEY = "0123456789abcdef0123456789abcdef"
"""Key of privacy's hashes, so that two exports give the same ones."""

READ_ONLY = """
import os, subprocess, sys
folder, *command = sys.argv[1:]
for options in (["--bind", folder, folder], ["-o", "remount,bind,ro", folder]):
    subprocess.run(["mount", *options], check=True)
os.chdir(os.getcwd())
os.execv(command[0], command)
"""
"""Runs a command that sees the folder read-only; root can write to folders of any mode."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a command ended."""

    code: int
    out: str
    err: str

    def says(self, code: int, *words: str) -> None:
        """Asserts the exit code, that all words are said in one line, and that no traceback is shown."""
        shown = f"exit {self.code}\n{self.out}\n{self.err}"
        assert self.code == code, shown
        assert "Traceback" not in self.err + self.out, shown
        lines = [line for line in self.err.splitlines() if line.strip()]
        assert any(all(word in line for word in words) for line in lines), shown

    def says_only(self, code: int, *words: str) -> None:
        """The same, and nothing else is said."""
        self.says(code, *words)
        assert len(self.err.strip().splitlines()) == 1, self.err
        assert not self.out, self.out


def clean_environment(folder: Path, **variables: str) -> dict[str, str]:
    """Variables for a process that knows nothing but these."""
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    return {**kept, "HOME": str(folder), "PYTHONDONTWRITEBYTECODE": "1", "COLUMNS": "200", **variables}


def run_command(
    *arguments: str,
    folder: Path,
    variables: Mapping[str, str] | None = None,
    below: str = "",
    read_only: Path | None = None,
    seconds: float = 60,
) -> Outcome:
    """Runs it in the folder, its HOME, or in one below. It can not write below `read_only`."""
    before: list[str] = []
    if read_only is not None and os.geteuid() == 0:
        before = ["unshare", "--mount", sys.executable, "-c", READ_ONLY, str(read_only)]
    elif read_only is not None:
        read_only.chmod(0o555)
    done = subprocess.run(
        [*before, str(COMMAND), *arguments],
        cwd=folder / below,
        env=clean_environment(folder, **(variables or {})),
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    return Outcome(done.returncode, done.stdout, done.stderr)


def start_command(
    *arguments: str, folder: Path, variables: Mapping[str, str] | None = None
) -> subprocess.Popen[str]:
    """Starts it, and leaves it running."""
    return subprocess.Popen(
        [str(COMMAND), *arguments],
        cwd=folder,
        env=clean_environment(folder, **(variables or {})),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def can_mount() -> bool:
    """Whether this user may mount; the superuser of a container often may not."""
    made = subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False)
    return made.returncode == 0
