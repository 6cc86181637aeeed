"""What Prefect costs: an export as a flow run of a real server, against the same export without."""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path

from bench.row import Row
from extractors.sandbox import Sandbox, SandboxOptions
from tests.prefect.servers import PrefectServer, call, sentry
from warehouse.inspect import run_query

OPTIONS = SandboxOptions(
    projects=14, issues=140, events=1400, rate_limit=0, latency=0.05, refused_projects=0, odd_payloads=False
)
"""Some 200 slices without Discover, of a server that answers after 50 ms: a good one of sentry.io's."""

ROUNDS = 2
SLICES = "select count(*) from meta.coverage where request <> 'audit'"


def measure() -> list[Row]:
    """Ratio of wall times, the best of two rounds each, that take turns; cost of a task; size in Prefect."""
    best: dict[str, float] = {}
    whole: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as name, Sandbox(OPTIONS) as sandbox:
        folder = Path(name)
        server = PrefectServer(folder)
        server.start()
        try:
            for turn in range(ROUNDS):
                for kind in ("--no-prefect", "--prefect"):
                    home = folder / f"{kind}{turn}"
                    begun = time.perf_counter()
                    done = call(
                        ["sentry-warehouse", "export", "--json", kind],
                        server.environment(**sentry(sandbox, home)),
                        folder,
                    )
                    took = time.perf_counter() - begun
                    if done.returncode:
                        raise RuntimeError(done.stderr)
                    best[kind] = min(best.get(kind, took), json.loads(done.stdout)["seconds"])
                    whole[kind] = min(whole.get(kind, took), took)
            tasks = len(server.tasks(server.newest_run()["id"]))
            slices = run_query(home, SLICES).rows[0][0]
        finally:
            server.stop()
            server.client.close()
    rounds = f"best of {ROUNDS} each, answers after 50 ms"
    return [
        _row(f"export of {slices} slices", best, f"{tasks} tasks; {rounds}"),
        _row("the whole command", whole, "with Prefect's import and the start of a flow"),
    ]


def _row(what: str, seconds: dict[str, float], note: str) -> Row:
    plain, orchestrated = seconds["--no-prefect"], seconds["--prefect"]
    return Row(
        f"{what}, orchestrated ÷ in-process",
        f"{orchestrated / plain:.2f}",
        "",
        f"{orchestrated:.1f} s ÷ {plain:.1f} s; {note}",
    )
