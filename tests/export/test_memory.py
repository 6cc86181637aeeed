"""What a hostile server may cost in memory: bombs and floods from every side at once."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from tests.cli.command import COMMAND, KEY, clean_environment
from tests.client.servers import Asked, Reply, serving
from tests.export.test_hostile import PROJECT, TOKEN, peaceful

AT_ONCE = 4
"""Attacks that are under way at the same time."""

MOST_BYTES = 512 << 20
"""A whole export takes some 150 MB; eight bombs and floods, each read up to its limit at the same
time, 2 GB."""

MEASURED = """
import json, resource, subprocess, sys
done = subprocess.run(sys.argv[1:], capture_output=True, text=True)
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
print(json.dumps([done.returncode, done.stdout, done.stderr, peak]))
"""
"""Runs a command in a process of its own and tells its peak of memory, in bytes. One step away from the
tests, as a process that is forked begins with the peak of the one that it was forked from."""

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n["


def bomb(gigabytes: int) -> bytes:
    """Blanks in a list, packed a thousand times smaller; one piece over and over, as packing takes time."""
    packer = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    first = packer.compress(b"[") + packer.flush(zlib.Z_FULL_FLUSH)
    piece = packer.compress(b" " * (16 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
    return first + piece * (64 * gigabytes)


def wait_until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 2
    while not true() and time.monotonic() < end:
        time.sleep(0.02)


def flood(connection: socket.socket) -> None:
    with suppress(OSError):
        while True:
            connection.sendall(b" " * 65536)


@pytest.mark.slow
def test_bombs_and_floods_cost_little(tmp_path: Path) -> None:
    packed = bomb(1)
    projects = [{**PROJECT, "id": str(i), "slug": f"p{i}"} for i in range(3 * AT_ONCE)]
    arrived: list[int] = []
    attacks = iter(
        range(-AT_ONCE, AT_ONCE)
    )  # the first answers are good, or the command would ask one by one

    def answering(asked: Asked) -> Reply:
        path = asked.path.partition("?")[0]
        if path.endswith("/acme/projects/"):
            return Reply(body=json.dumps(projects).encode())
        number = next(attacks, None) if "/acme/p" in path else None
        if number is None or number < 0:
            return Reply(body=json.dumps(peaceful(path)).encode())
        arrived.append(number)
        wait_until(lambda: len(arrived) >= AT_ONCE)
        if number % 2:
            return Reply(raw=HEAD, then=flood)
        return Reply(body=packed, headers={"Content-Encoding": "gzip"})

    with serving(answering) as server:
        variables = {
            "SENTRY_URL": server.url,
            "SENTRY_AUTH_TOKEN": TOKEN,
            "SENTRY_WAREHOUSE_PRIVACY_KEY": KEY,
            "SENTRY_WAREHOUSE_STREAMS_ONLY": "events",
        }
        done = subprocess.run(
            [sys.executable, "-c", MEASURED, str(COMMAND), "export", "--json"],
            cwd=tmp_path,
            env=clean_environment(tmp_path, **variables),
            capture_output=True,
            text=True,
            timeout=100,
            check=True,
        )
    code, out, err, peak = json.loads(done.stdout)
    assert (code, len(arrived)) == (0, AT_ONCE), err
    assert "complete" in out
    assert peak < MOST_BYTES
