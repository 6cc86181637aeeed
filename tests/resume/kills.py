"""Kills exports at seeded random moments, lets the next run finish, and compares with an undisturbed run.

python -m tests.resume.kills 100 --first 1 --minutes 5
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb

from extractors.sandbox import Sandbox, SandboxOptions
from flows.replay import replay
from flows.settings import load_settings
from tests.resume.child import OFTEN, POINTS, REPLAY_POINTS, finish_export, start_export, start_replay
from tests.resume.contents import Contents, contents, differences, disorder
from warehouse.publish import publish
from warehouse.schema import literal

OPTIONS = SandboxOptions(
    projects=2,
    issues=14,
    events=120,
    members=3,
    days=12,
    latency=0.01,
    rate_limit=0,
    refused_projects=0,
    short_pages=False,
)
SLOWEST = 90.0
"""Seconds an export may take before a trial is given up; on an idle machine it takes two."""


@dataclass(slots=True)
class Reference:
    """An undisturbed run: the home it began with, what it led to, how many requests it took."""

    base: Path | None
    tables: Contents
    requests: int


@dataclass(slots=True)
class Trial:
    """One story: kills, then a run to the end, then what is wrong with the outcome."""

    seed: int
    second_night: bool
    kills: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    shared: Counter[tuple[str, str]] = field(default_factory=Counter)

    def __str__(self) -> str:
        night = "second night" if self.second_night else "first run"
        verdict = "; ".join(self.problems) or "same tables"
        return f"seed {self.seed} ({night}): {' · '.join(self.kills) or 'no kill in time'} → {verdict}"


class Scene:
    """A Sentry on its second night, and what undisturbed runs make of it."""

    def __init__(self, folder: Path, sandbox: Sandbox) -> None:
        self.folder = folder
        self.sandbox = sandbox
        base = folder / "base"
        self._finish(base)
        sandbox.pass_night()
        self.references = [self._refer(None), self._refer(base)]

    def values(self, home: Path) -> dict[str, Any]:
        """Settings of all exports here."""
        return {
            "url": self.sandbox.url,
            "token": self.sandbox.token,
            "home": str(home),
            "lag_minutes": 0,
            "privacy_key": "0123456789abcdef0123456789abcdef",
            # two default queries over 90 days would be four requests of five
            "discover": [
                {"name": "errors", "fields": ["project.id", "level", "count()"], "interval": "1d", "days": 3}
            ],
        }

    def copy(self, folder: Path) -> Path:
        """A home as it was before the second night."""
        base = self.references[1].base
        if base is None:
            raise ValueError("the second night begins with a home")
        return shutil.copytree(base, folder / "home", symlinks=True)

    def variables(self, home: Path) -> dict[str, str]:
        """The same as variables of a command."""
        values = self.values(home)
        return {
            "SENTRY_URL": values["url"],
            "SENTRY_AUTH_TOKEN": values["token"],
            **{
                f"SENTRY_WAREHOUSE_{name.upper()}": str(values[name])
                for name in ("home", "lag_minutes", "privacy_key")
            },
            "SENTRY_WAREHOUSE_DISCOVER": json.dumps(values["discover"]),
        }

    def requests(self) -> int:
        """Requests since the last start."""
        return len(self.sandbox.app.log)

    def _shared_totals(self) -> set[tuple[str, str]]:
        """Questions since the last start whose answer serves several slices: totals of all projects."""
        asked = {(path, str(query)) for _, path, query, _ in self.sandbox.app.log}
        return {
            (path, query)
            for path, query in asked
            if "project=-1" in query
            and (
                path.endswith(("/sessions/", "/stats_v2/"))
                or (path.endswith("/events/") and "project.id" not in query)
            )
        }

    def _finish(self, home: Path) -> None:
        self.sandbox.app.log.clear()
        code = finish_export(self.values(home), seconds=SLOWEST)
        if code:
            raise RuntimeError(f"an undisturbed export ended with {code}")

    def _refer(self, base: Path | None) -> Reference:
        home = self.folder / f"reference-{base is not None}"
        if base:
            shutil.copytree(base, home, symlinks=True)
        self._finish(home)
        return Reference(base, contents(home), self.requests())

    def play(self, seed: int) -> Trial:
        """One trial; the same seed aims at the same moments."""
        aim = random.Random(seed)
        trial = Trial(seed, second_night=aim.random() < 0.5)
        self.sandbox.app.log.clear()
        reference = self.references[trial.second_night]
        home = self.folder / f"trial-{seed}"
        if reference.base:
            shutil.copytree(reference.base, home, symlinks=True)
        for _ in range(aim.choice((1, 1, 1, 2, 3))):
            self._kill(trial, home, aim, reference)
        self.judge(trial, home, reference, replayed=aim.random() < 0.2)
        if not trial.problems:
            shutil.rmtree(home)
        return trial

    def _kill(self, trial: Trial, home: Path, aim: random.Random, reference: Reference) -> None:
        trial.shared.update(self._shared_totals())
        self.sandbox.app.log.clear()
        if aim.random() < 0.4:
            point = aim.choice(list(POINTS))
            self.crash(trial, home, point, aim.randint(1, 25) if point in OFTEN else 1)
            return
        if reference.base and aim.random() < 0.1:
            self.crash(trial, home, aim.choice(list(REPLAY_POINTS)), 1)
            return
        # most of the time after a request; else up to a second and a half after the last: publishing
        count = aim.randint(1, reference.requests)
        pause = aim.uniform(0, 0.06) if aim.random() < 0.7 else aim.uniform(0, 1.5)
        process = start_export(self.values(home))
        give_up = time.monotonic() + SLOWEST
        while process.is_alive() and self.requests() < count and time.monotonic() < give_up:
            time.sleep(0.002)
        process.join(pause)
        if process.is_alive():
            trial.kills.append(f"{pause * 1000:.0f} ms after request {count}")
        process.kill()
        process.join()

    def crash(self, trial: Trial, home: Path, point: str, at: int) -> None:
        """An export, or a replay, that ends at a point."""
        start = start_replay if point in REPLAY_POINTS else start_export
        process = start(self.values(home), point=point, at=at)
        process.join(SLOWEST)
        if process.exitcode is None:
            process.kill()
            process.join()
            trial.problems.append(f"what was to crash {point} hung")
        elif process.exitcode < 0:
            trial.kills.append(f"{point}{f' ({at})' if at > 1 else ''}")

    def judge(self, trial: Trial, home: Path, reference: Reference, *, replayed: bool) -> None:
        """Finishes what was killed, and compares."""
        spared = requests_done(home)
        trial.shared.update(self._shared_totals())
        self.sandbox.app.log.clear()
        code = finish_export(self.values(home), seconds=SLOWEST)
        if code:
            trial.problems.append(f"the finishing run ended with {code}")
            return
        # these are asked once a start, for whatever of their window is still open
        trial.shared.update(self._shared_totals())
        allowed = reference.requests - spared + sum(starts - 1 for starts in trial.shared.values())
        if self.requests() > allowed:
            trial.problems.append(f"{self.requests()} requests where {allowed} were left to do")
        trial.problems += differences(contents(home), reference.tables)
        trial.problems += disorder(home)
        if replayed and not trial.problems:
            settings = load_settings(None, self.values(home), environment={})
            replay(settings)
            publish(home)
            trial.problems += [
                f"after replay: {line}" for line in differences(contents(home), reference.tables)
            ]


def requests_done(home: Path) -> int:
    """Requests of the finished slices of a run that was cut off: they need not be asked again. Listings of
    organizations and projects, which every start asks for, do not count."""
    if not (home / "warehouse.duckdb").exists():
        return 0
    copy = Path(tempfile.mkdtemp(prefix="killed-"))
    try:
        for file in home.glob("warehouse.duckdb*"):
            shutil.copyfile(file, copy / file.name)
        connection = duckdb.connect(":memory:")
        try:
            connection.execute(f"attach {literal(str(copy / 'warehouse.duckdb'))} as w")
            if not connection.execute(
                "select 1 from duckdb_tables() where database_name = 'w' and table_name = 'coverage'"
            ).fetchall():
                return 0
            (done,) = connection.execute(
                "select coalesce(sum(c.requests), 0) from w.meta.coverage c "
                "join w.meta.runs r using (run_id) join w.meta.slices s using (run_id, slice_id) "
                "where r.status = 'running' and s.state = 'done' "
                "and c.stream not in ('organizations', 'projects')"
            ).fetchall()[0]
            return int(done)
        finally:
            connection.close()
    finally:
        shutil.rmtree(copy)


def main() -> None:
    """Runs trials and reports n of n."""
    parser = argparse.ArgumentParser(prog="python -m tests.resume.kills", description=__doc__)
    parser.add_argument("trials", type=int, nargs="?", default=100)
    parser.add_argument("--first", type=int, default=1, help="seed of the first trial; others follow it")
    parser.add_argument("--minutes", type=float, default=1e6, help="no trial begins later")
    asked = parser.parse_args()
    began = time.monotonic()
    good = kills = played = 0
    with tempfile.TemporaryDirectory(prefix="kills-") as folder, Sandbox(OPTIONS) as sandbox:
        scene = Scene(Path(folder), sandbox)
        for seed in range(asked.first, asked.first + asked.trials):
            if time.monotonic() - began > asked.minutes * 60:
                break
            trial = scene.play(seed)
            played += 1
            good += not trial.problems
            kills += len(trial.kills)
            sys.stdout.write(f"{trial}\n")
            sys.stdout.flush()
    minutes = (time.monotonic() - began) / 60
    sys.stdout.write(
        f"{good} of {played} trials ended with the same tables; {kills} kills, {minutes:.1f} minutes.\n"
    )
    raise SystemExit(good != played)


if __name__ == "__main__":
    main()
