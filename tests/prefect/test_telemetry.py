"""Nothing is sent home: no process of Prefect's or ours so much as tries to leave this machine."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import threading
from pathlib import Path

import pytest

from extractors.sandbox import Sandbox
from tests.prefect.servers import BIN, PATIENCE, PrefectServer, sentry

STRACE = shutil.which("strace")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(STRACE is None, reason="no strace is installed"),
]

TRACE = [str(STRACE), "-f", "--seccomp-bpf", "-e", "trace=connect,sendto,sendmsg,sendmmsg", "-o"]
ADDRESS = re.compile(r'sin6?_port=htons\((\d+)\).*?(?:inet_addr\("([^"]+)"|inet_pton\(AF_INET6, "([^"]+)")')


def left_for(trace: Path) -> set[str]:
    """Addresses outside of this machine, and name servers wherever they are."""
    found = {(port, four or six) for port, four, six in ADDRESS.findall(trace.read_text())}
    return {
        f"{host}:{port}"
        for port, host in found
        if port == "53" or not host.startswith(("127.", "::1", "::ffff:127."))
    }


def test_nothing_leaves_this_machine(sandbox: Sandbox, home: Path, tmp_path: Path) -> None:
    server = PrefectServer(tmp_path, prefix=[*TRACE, str(tmp_path / "server.trace")])
    server.start()
    try:
        environment = server.environment(**sentry(sandbox, home))
        for name in ("CI", "DO_NOT_TRACK", "PREFECT_SERVER_ANALYTICS_ENABLED"):
            environment.pop(name, None)  # the command must see to it itself
        assert (
            on_a_terminal(
                [*TRACE, str(tmp_path / "export.trace"), str(BIN / "sentry-warehouse"), "export"], environment
            )
            == 3
        )
        assert server.run_of(home)["state"]["name"] == "Incomplete"
    finally:
        server.stop()
        server.client.close()
    for name in ("server", "export"):
        trace = tmp_path / f"{name}.trace"
        assert f"htons({server.port})" in trace.read_text() or name == "server"
        assert left_for(trace) == set(), name


def on_a_terminal(arguments: list[str], environment: dict[str, str]) -> int:
    """Runs a command that believes a person is looking: only then Prefect counts milestones."""
    master, slave = os.openpty()
    reader = threading.Thread(target=drain, args=(master,), daemon=True)
    reader.start()
    try:
        return subprocess.run(
            arguments, env=environment, stdout=slave, stderr=slave, timeout=PATIENCE * 2, check=False
        ).returncode
    finally:
        os.close(slave)
        reader.join(10)
        os.close(master)


def drain(terminal: int) -> None:
    """Reads and forgets what is shown."""
    try:
        while os.read(terminal, 65536):
            pass
    except OSError:  # the last writer is gone
        return


def test_the_trace_would_show_it(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    program = "import socket; socket.create_connection(('192.0.2.1', 443), timeout=0.1)"
    subprocess.run([*TRACE, str(trace), str(BIN / "python"), "-c", program], capture_output=True, check=False)
    assert left_for(trace) == {"192.0.2.1:443"}
