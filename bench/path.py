"""The path of full events after fetching: privacy, archive, normalise, load. Also a process of its own, so
that its peak memory can be read: `python -m bench.path --events 1000 --privacy hash`."""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

from bench.machine import peak_megabytes
from bench.pages import full_pages, full_request
from extractors.archive import Archive, Page
from extractors.stream import Stream
from extractors.streams.events import STREAM
from flows.loading import Loader, known_fields
from flows.replay import replay
from flows.run import FLUSH_BYTES
from flows.settings import Settings, load_settings
from transforms.frames import Batch
from transforms.privacy import Policy, Privacy
from warehouse.store import Store

NOW = datetime(2026, 11, 2, 3)


class TimedLoader(Loader):
    """Takes the time that normalising takes, apart from loading."""

    normalising = 0.0

    def normalise(self, pages: Sequence[Page]) -> Batch:
        """Pages of one slice as a Batch."""
        begun = time.perf_counter()
        batch = super().normalise(pages)
        self.normalising += time.perf_counter() - begun
        return batch


def run(events: int, privacy: Literal["hash", "drop", "keep"], home: Path) -> dict[str, float]:
    """Seconds of each step and of a replay of it all, events, bytes, rows, peak memory of the steps in MB."""
    request, stream = full_request(), STREAM
    streams: dict[str, Stream] = {stream.name: stream}
    treat = Privacy(Policy(users=privacy, requests=privacy), b"k" * 32)
    personal, known = (*stream.personal, *request.personal), known_fields(request)
    archive = Archive(home / "raw")
    spent = dict.fromkeys(("generate", "privacy", "archive", "load"), 0.0)
    size = rows = 0
    with Store(home / "warehouse.duckdb", memory_limit=Settings().memory) as store:
        loader = TimedLoader(store, streams)
        pages: list[Page] = []
        held = number = 0

        def flush() -> None:
            nonlocal rows, number
            begun = time.perf_counter()
            file = archive.write(pages, number)
            spent["archive"] += time.perf_counter() - begun
            begun, before = time.perf_counter(), loader.normalising
            batch = loader.commit(pages, file)
            spent["load"] += time.perf_counter() - begun - (loader.normalising - before)
            rows += sum(frame.height for frame in batch.frames.values())
            number += 1
            pages.clear()

        begun = time.perf_counter()
        for body in full_pages(events):
            spent["generate"] += time.perf_counter() - begun
            begun = time.perf_counter()
            treated = treat.redact(stream.name, body, personal, known=known)
            spent["privacy"] += time.perf_counter() - begun
            pages.append(_page(treated, number, first=not number and not pages))
            size += len(body)
            held += len(treated)
            if held >= FLUSH_BYTES:
                flush()
                held = 0
            begun = time.perf_counter()
        if pages:
            flush()
        stored = sum(store.rows(f"select count(*) from {t.full_name}")[0][0] for t in request.tables)
    peak = peak_megabytes()
    disk = {name: sum(f.stat().st_size for f in home.rglob(name)) / 1e6 for name in ("*.parquet", "*.duckdb")}
    replayed = replay(load_settings(None, {"home": str(home)}, environment={}), force=True)
    if sum(replayed.rows.values()) != stored or replayed.unreadable:
        raise RuntimeError(f"replay made {replayed.rows}, and could not read {replayed.unreadable}")
    return {
        **spent,
        "normalise": loader.normalising,
        "replay": replayed.seconds,
        "events": events,
        "megabytes": size / 1e6,
        "rows": rows,
        "stored": stored,
        "peak": peak,
        "archive MB": disk["*.parquet"],
        "warehouse MB": disk["*.duckdb"],
    }


def _page(body: bytes, load: int, *, first: bool) -> Page:
    return Page(
        run_id="bench",
        slice_id="bench",
        stream="events",
        request="full",
        organization_id="1",
        project_id="2",
        window_start=NOW - timedelta(days=1),
        window_end=NOW,
        interval_seconds=None,
        path="/",
        parameters="[]",
        item="",
        status=200,
        fetched_at=NOW,
        loaded_at=NOW + timedelta(seconds=load),
        first=first,
        body=body,
    )


def run_apart(events: int, privacy: str = "hash") -> dict[str, float]:
    """The same in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.path", "--events", str(events), "--privacy", privacy],
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, float] = json.loads(done.stdout)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=1_000)
    parser.add_argument("--privacy", choices=("hash", "drop", "keep"), default="hash")
    parser.add_argument("--home", type=Path, default=None, help="kept afterwards; else a temporary folder")
    asked = parser.parse_args()
    home = asked.home or Path(tempfile.mkdtemp())
    try:
        print(json.dumps(run(asked.events, asked.privacy, home)))
    finally:
        if asked.home is None:
            shutil.rmtree(home)


if __name__ == "__main__":
    main()
