"""The blocking server, the lazy imports and the measuring script."""

from __future__ import annotations

import re
import signal
import subprocess
import sys

import httpx
import pytest

from extractors.sandbox import Sandbox, SandboxOptions
from extractors.sandbox.measure import measure


def test_serve_says_where_and_ends_cleanly():
    code = (
        "from extractors.sandbox import SandboxOptions, serve; serve(SandboxOptions(projects=2, events=50))"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            url = re.search(r"http://[\d.:]+", process.stdout.readline())[0]
            words = process.stdout.readline() + process.stdout.readline()
            token = re.search(r"sntryu_\w+", words)[0]
            answer = httpx.get(f"{url}/api/0/organizations/", headers={"Authorization": f"Bearer {token}"})
            assert answer.json()[0]["slug"] in words
            process.send_signal(signal.SIGINT)
            assert f"SENTRY_URL={url}" in process.stdout.read()
            assert process.wait(10) == 0
        finally:
            process.kill()


def test_naming_the_options_imports_no_web_server():
    code = "import sys; from extractors.sandbox import SandboxOptions; print('uvicorn' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize("bad", [{"age": "1999"}, {"fault_kinds": ("flood",)}, {"faults": 2.0}])
def test_bad_options(bad):
    with pytest.raises(ValueError, match=r"."):
        SandboxOptions(**bad)


def test_a_port_that_is_taken():
    with Sandbox(SandboxOptions(projects=1, events=1, issues=1)) as sandbox:
        port = int(sandbox.url.rsplit(":", 1)[1])
        with pytest.raises(OSError, match="in use"):
            Sandbox(SandboxOptions(projects=1, events=1, issues=1), port=port)


def test_the_same_seed_gives_the_same_organization():
    def ids():
        with Sandbox(SandboxOptions(seed=4, projects=2, issues=10, events=50)) as sandbox:
            return [row["event_id"] for row in sandbox.truth("events")]

    assert ids() == ids()


def test_measuring():
    results = measure(0.1, 2, events=500, issues=50)
    assert len(results) > 4
    assert all(rate > 0 and megabytes > 0 for _, rate, megabytes in results), results
