"""Ctrl-C and SIGTERM end a command at once, wherever it is, and the next run goes on."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

from flows.stopping import TOLD
from tests.client.servers import Reply, serving
from tests.resume.child import start_command
from tests.resume.kills import Scene, Trial

PATIENCE = 60.0
"""Seconds until a test gives up; what is waited for takes two."""


def wait_for(said: Path, word: str, process: BaseProcess) -> None:
    end = time.monotonic() + PATIENCE
    while not (said.exists() and word in said.read_text()):
        assert process.is_alive(), said.read_text()
        assert time.monotonic() < end, f"never {word}"
        time.sleep(0.02)


def stop(process: BaseProcess, said: Path, number: int = signal.SIGINT) -> str:
    """Sends the signal; what was said in the end. Without the listening thread this would hang."""
    assert process.pid is not None
    os.kill(process.pid, number)
    process.join(PATIENCE)
    assert process.exitcode == 1, said.read_text()
    text = said.read_text()
    assert "Traceback" not in text, text
    return text


@pytest.mark.parametrize(
    ("command", "busy", "number"),
    [
        ("export", "warehouse.publish:create_marts", signal.SIGTERM),
        pytest.param("export", "flows.pipeline:plan_run", signal.SIGINT, marks=pytest.mark.slow),
        ("replay", "flows.replay:_carry_over", signal.SIGINT),
    ],
)
def test_in_a_library_that_knows_no_signals(
    scene: Scene, tmp_path: Path, command: str, busy: str, number: int
) -> None:
    base = scene.references[1].base
    assert base is not None
    home, said = tmp_path / "home", tmp_path / "said"
    shutil.copytree(base, home, symlinks=True)
    process = start_command(command, values=scene.variables(home), busy=busy, said=said)
    wait_for(said, "busy", process)
    assert TOLD in stop(process, said, number)
    trial = Trial(0, second_night=True)
    scene.judge(trial, home, scene.references[1], replayed=False)
    assert not trial.problems, str(trial)


IMPATIENT = """
import signal, time
from flows.stopping import ending_soon
with ending_soon():
    for _ in range(3):
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt:
            time.sleep(0.1)
"""


def test_ctrl_c_pressed_again_adds_no_lines() -> None:
    said = subprocess.run([sys.executable, "-c", IMPATIENT], capture_output=True, text=True, check=True)
    assert said.stderr == ""


def used_up() -> Reply:
    """A limit that has a minute to go."""
    reset = str(int(time.time()) + 60)
    return Reply(429, b'"Limit is 1 requests in 60 seconds"', {"X-Sentry-Rate-Limit-Reset": reset})


def stalled() -> Reply:
    """The beginning of a body, then silence."""
    return Reply(raw=b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n[", then=lambda _: time.sleep(PATIENCE))


@pytest.mark.parametrize("reply", [used_up, stalled])
def test_while_waiting_for_the_server(tmp_path: Path, reply: Callable[[], Reply]) -> None:
    said = tmp_path / "said"
    with serving(lambda _: reply()) as server:
        values = {"SENTRY_URL": server.url, "SENTRY_AUTH_TOKEN": "sntryu_stop"}
        process = start_command("--home", str(tmp_path), "export", values=values, busy="", said=said)
        end = time.monotonic() + PATIENCE
        while not server.asked:
            assert time.monotonic() < end
            time.sleep(0.02)
        assert "run the same command again" in stop(process, said)
