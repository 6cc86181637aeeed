"""Normalising full events into all tables against merely decoding the same bytes with the same decoder."""

from __future__ import annotations

import cProfile
import gc
import io
import pstats
import time
from functools import partial

import msgspec

from bench.pages import CONTEXT, batches, full_request, sound_pages
from bench.row import Row, best_seconds
from transforms.records import RecordReader


def measure(events: int = 2_000) -> list[Row]:
    """Ratios and speeds, of the batches that a run makes. No search for objects that refer to themselves in
    any: normalising does without, so decoding alone must."""
    request = full_request()
    reader = RecordReader(request.tables, request.ignored)
    portions = batches(sound_pages(events))
    megabytes = sum(len(page) for portion in portions for page in portion) / 1e6
    reader.read(portions[0][:1], CONTEXT)
    decoding = whole = normalising = 0.0
    gc.disable()
    for portion in portions:
        one, both = best_seconds([partial(reader.decode, portion), partial(reader.read, portion, CONTEXT)])
        decoding, normalising = decoding + one, normalising + both
    for portion in portions:  # apart, as the memory of so many objects slows down what comes next
        whole += best_seconds([partial(_decode_whole, portion)])[0]
    gc.enable()
    rows = sum(frame.height for frame in reader.read(portions[0], CONTEXT).frames.values())
    an_event = rows / len(portions[0]) / 10
    return [
        Row(
            "normalising full events ÷ decoding the same bytes",
            f"{normalising / whole:.2f}",
            "≤ 1.5, at first ≤ 2.5",
            f"with the same decoder, msgspec, to Python objects; {len(request.tables)} tables, "
            f"{an_event:.0f} rows an event, batches of {megabytes / len(portions):.1f} MB",
        ),
        Row(
            "normalising them ÷ decoding what our declarations name",
            f"{normalising / decoding:.2f}",
            "≤ 1.5, at first ≤ 2.5",
            "with our typed decoder, which passes over columns of JSON, half of the bytes; normalising "
            "copies them; freeing the decoded is part of both",
        ),
        Row("decoding every value", f"{megabytes / whole:.0f} MB/s"),
        Row("decoding what our declarations name", f"{megabytes / decoding:.0f} MB/s"),
        Row("normalising", f"{megabytes / normalising:.0f} MB/s"),
    ]


def _decode_whole(pages: list[bytes]) -> list[object]:
    return [msgspec.json.decode(page) for page in pages]


def profile(events: int = 2_000) -> str:
    """Where the time of normalising goes, in processor time."""
    request = full_request()
    reader = RecordReader(request.tables, request.ignored)
    portions = batches(sound_pages(events))
    reader.read(portions[0][:1], CONTEXT)
    profiler = cProfile.Profile(time.process_time)
    profiler.enable()
    for portion in portions:
        reader.read(portion, CONTEXT)
    profiler.disable()
    text = io.StringIO()
    pstats.Stats(profiler, stream=text).sort_stats("tottime").print_stats(15)
    lines = [line.strip() for line in text.getvalue().splitlines()]
    return "\n".join(line for line in lines if line)
