"""Measures what Prefect costs: wall time of an export as tasks ÷ the same export in one process.

python -m tests.prefect.measure
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path

from extractors.sandbox import Sandbox, SandboxOptions
from tests.prefect.servers import PrefectServer, call, sentry

OPTIONS = SandboxOptions(projects=4, issues=80, events=800, rate_limit=0, latency=0.05, refused_projects=0)


def measure() -> dict[str, float]:
    """Seconds of the export itself (`seconds` of its result, without imports) and of the whole command."""
    with tempfile.TemporaryDirectory() as name, Sandbox(OPTIONS) as sandbox:
        folder = Path(name)
        server = PrefectServer(folder)
        server.start()
        try:
            found: dict[str, float] = {}
            for kind, option in (("plain", "--no-prefect"), ("orchestrated", "--prefect")):
                variables = sentry(sandbox, folder / kind, SENTRY_WAREHOUSE_STREAMS_EXCLUDE="")
                began = time.monotonic()
                done = call(
                    ["sentry-warehouse", "export", "--json", option], server.environment(**variables), folder
                )
                found[f"{kind}_command"] = time.monotonic() - began
                if done.returncode:
                    raise SystemExit(done.stderr)
                found[kind] = json.loads(done.stdout)["seconds"]
            found["tasks"] = len(server.tasks(server.newest_run()["id"]))
        finally:
            server.stop()
            server.client.close()
    found["ratio"] = found["orchestrated"] / found["plain"]
    found["milliseconds_a_task"] = 1000 * (found["orchestrated"] - found["plain"]) / found["tasks"]
    return found


if __name__ == "__main__":
    sys.stdout.write(json.dumps(measure(), indent=2) + "\n")
