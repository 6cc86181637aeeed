"""A crash at each point where it may hurt most: the next run finishes, and nothing is missing or twice."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.resume.child import OFTEN, POINTS, REPLAY_POINTS
from tests.resume.kills import Scene, Trial

QUICK = ("between archive and commit", "before the follow-ups", "publish: before the link moves")
SEEDS = (3, 8, 12)
"""Random moments of the quick part; more are slow, and `python -m tests.resume.kills` plays any number."""


@pytest.mark.parametrize(
    "point", [p if p in QUICK else pytest.param(p, marks=pytest.mark.slow) for p in POINTS]
)
def test_crash_at_a_point(scene: Scene, tmp_path: Path, point: str) -> None:
    trial = Trial(0, second_night=point in OFTEN)
    reference = scene.references[trial.second_night]
    home = tmp_path / "home"
    if reference.base:
        shutil.copytree(reference.base, home, symlinks=True)
    scene.crash(trial, home, point, at=12 if point in OFTEN else 1)
    assert trial.kills, "the crash did not happen"
    scene.judge(trial, home, reference, replayed=point in OFTEN)
    assert not trial.problems, str(trial)


@pytest.mark.parametrize(
    "point",
    [p if p == "replay: between files" else pytest.param(p, marks=pytest.mark.slow) for p in REPLAY_POINTS],
)
def test_crash_of_a_replay(scene: Scene, tmp_path: Path, point: str) -> None:
    trial = Trial(0, second_night=True)
    reference = scene.references[1]
    assert reference.base is not None
    home = tmp_path / "home"
    shutil.copytree(reference.base, home, symlinks=True)
    scene.crash(trial, home, point, at=3 if point == "replay: between files" else 1)
    assert trial.kills, "the crash did not happen"
    scene.judge(trial, home, reference, replayed=True)
    assert not trial.problems, str(trial)


@pytest.mark.parametrize(
    "seed", [s if s in SEEDS else pytest.param(s, marks=pytest.mark.slow) for s in range(1, 21)]
)
def test_kill_at_a_random_moment(scene: Scene, seed: int) -> None:
    trial = scene.play(seed)
    assert not trial.problems, str(trial)
