"""What a storm of faults costs a whole export, and how many of the killed exports ended whole."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from bench.row import Row
from bench.simulated import export_from, simulated, temporary_home
from extractors.sandbox import Sandbox, SandboxOptions
from extractors.sandbox.options import FAULT_KINDS, RARE_FAULT_KINDS

SHARE = 0.1
TRIALS = 20


def measure(trials: int = TRIALS) -> list[Row]:
    """A storm over an export of some hundreds of requests, and so many kills."""
    sys.path.insert(0, str(Path(__file__).parents[1]))
    return [of_storm(), of_kills(trials)]


def of_storm() -> Row:
    """The same export twice, the second time with one bad answer in ten of every kind."""
    from tests.resume.contents import contents, differences

    options = SandboxOptions(
        projects=6, issues=120, events=1500, rate_limit=0, refused_projects=0, stall_seconds=0.5
    )
    with simulated(options) as sandbox, temporary_home() as calm, temporary_home() as storm:
        one = export_from(sandbox, calm)
        sandbox.fail(SHARE, (*FAULT_KINDS, *RARE_FAULT_KINDS))
        two = export_from(sandbox, storm)
        different = differences(contents(storm), contents(calm))
    return Row(
        f"storm, {SHARE:.0%} of answers bad: requests ÷ those of a calm run",
        f"{two.requests / one.requests:.2f}",
        "exit 0, tables equal",
        f"exit {two.exit_code}, {len(different)} tables differ; {two.requests} requests, "
        f"{two.retried} sent again, {two.seconds:.0f} against {one.seconds:.0f} s",
    )


def of_kills(trials: int) -> Row:
    """As `python -m tests.resume.kills` plays them."""
    from tests.resume.kills import OPTIONS, Scene

    with tempfile.TemporaryDirectory(prefix="kills-") as folder, Sandbox(OPTIONS) as sandbox:
        scene = Scene(Path(folder), sandbox)
        played = [scene.play(seed) for seed in range(1, trials + 1)]
    good = sum(not trial.problems for trial in played)
    return Row(
        "exports killed at random points that ended with the same tables",
        f"{good} of {trials}",
        f"{trials} of {trials}",
        f"{sum(len(trial.kills) for trial in played)} kills",
    )
