"""The same pages through what others use: polars' JSON reader, DuckDB's, dlt's pipeline."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from bench.pages import CONTEXT, batches, full_request, sound_pages
from bench.row import Row, best_seconds
from transforms.records import RecordReader

DLT = "SENTRY_WAREHOUSE_BENCH_DLT"
"""Variable: a Python that has dlt[duckdb], kept apart from our own dependencies (`make bench` makes one)."""

FRAME = {
    "filename": "VARCHAR", "function": "VARCHAR", "module": "VARCHAR", "absPath": "VARCHAR",
    "lineNo": "BIGINT", "inApp": "BOOLEAN", "context": "JSON", "vars": "JSON",
}  # fmt: skip
CRUMB = {
    "type": "VARCHAR", "timestamp": "VARCHAR", "level": "VARCHAR", "message": "VARCHAR",
    "category": "VARCHAR", "data": "JSON",
}  # fmt: skip
FRAMES = json.dumps({"values": [{"stacktrace": {"frames": [FRAME]}}]})
CRUMBS = json.dumps({"values": [CRUMB]})
UNNEST = """
create table events as select eventID, projectID, title, dateCreated, tags, contexts, entries
from read_json('FILE', format = 'newline_delimited', columns = {
    eventID: 'varchar', projectID: 'varchar', title: 'varchar', dateCreated: 'timestamp',
    tags: 'struct(key varchar, value varchar)[]', contexts: 'map(varchar, json)',
    entries: 'struct(type varchar, data json)[]'}, maximum_object_size = 100000000);
create table tags as select eventID, unnest(tags, recursive := true) from events;
create table contexts as select eventID, unnest(map_entries(contexts), recursive := true) from events;
create table entries as select eventID, unnest(entries, recursive := true) from events;
create table chains as select eventID, unnest(from_json(data, 'FRAMES').values, recursive := true) as frames
from entries where type = 'exception';
create table frames as select eventID, unnest(frames, recursive := true) from chains;
create table crumbs as select eventID, unnest(from_json(data, 'CRUMBS').values, recursive := true)
from entries where type = 'breadcrumbs';
"""
HUGE = re.compile(rb"(?<=[:,\[])-?\d{19,}(?=[,}\]])")
"""Integers beyond 64 bits: dlt takes none."""


def through_polars(pages: list[bytes]) -> None:
    """read_json as it infers, tags and entries exploded; deeper than this its schema does not hold."""
    frame = pl.concat([pl.read_json(page) for page in pages], how="diagonal_relaxed")
    frame.select("eventID", "tags").explode("tags").unnest("tags")
    frame.select("eventID", "entries").explode("entries").unnest("entries")


def through_polars_typed(pages: list[bytes]) -> None:
    """read_json with the parts' schema given; what varies (variables, contexts, data) is left out, because
    an object where text is declared stops it."""
    stack = pl.Struct(
        {
            "frames": pl.List(
                pl.Struct(
                    {
                        "filename": pl.String,
                        "function": pl.String,
                        "module": pl.String,
                        "absPath": pl.String,
                        "lineNo": pl.Int64,
                        "inApp": pl.Boolean,
                    }
                )
            )
        }
    )
    value = pl.Struct({"type": pl.String, "value": pl.String, "message": pl.String, "stacktrace": stack})
    entry = pl.Struct({"type": pl.String, "data": pl.Struct({"values": pl.List(value)})})
    tag = pl.Struct({"key": pl.String, "value": pl.String})
    schema: dict[str, Any] = {"eventID": pl.String, "tags": pl.List(tag), "entries": pl.List(entry)}
    frame = pl.concat([pl.read_json(page, schema=schema) for page in pages])
    frame.select("eventID", "tags").explode("tags").unnest("tags")
    values = frame.select("eventID", "entries").explode("entries").unnest("entries").unnest("data")
    values = (
        values.select("eventID", pl.col("type").alias("entry"), "values").explode("values").unnest("values")
    )
    values.unnest("stacktrace").explode("frames").unnest("frames")


def through_duckdb(file: Path) -> None:
    """read_json with its columns given, unnested into tables of an in-memory database."""
    with duckdb.connect() as connection:
        connection.execute(
            UNNEST.replace("FILE", str(file)).replace("FRAMES", FRAMES).replace("CRUMBS", CRUMBS)
        )


def through_dlt(file: Path, python: str) -> float:
    """Seconds that dlt's pipeline takes into a DuckDB file, its import not counted."""
    script = (
        "import sys,time,json,tempfile,dlt\n"
        "rows=[json.loads(l) for l in open(sys.argv[1],'rb')]\n"
        "d=tempfile.mkdtemp()\n"
        "p=dlt.pipeline('bench',pipelines_dir=d,destination=dlt.destinations.duckdb(d+'/b.duckdb'))\n"
        "t=time.perf_counter();p.run(rows,table_name='events');print(time.perf_counter()-t)\n"
    )
    done = subprocess.run(
        [python, "-c", script, str(file)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "RUNTIME__DLTHUB_TELEMETRY": "false"},
    )
    return float(done.stdout.split()[-1])


def measure(events: int = 1_000) -> list[Row]:
    """How many times longer the others take; each gives less than ours: see the notes."""
    request = full_request()
    reader = RecordReader(request.tables, request.ignored)
    pages = sound_pages(events)
    portions = batches(pages)
    megabytes = sum(map(len, pages)) / 1e6
    reader.read(pages[:1], CONTEXT)
    folder = Path(tempfile.mkdtemp())
    try:
        file = folder / "events.jsonl"
        with file.open("wb") as out:
            for page in pages:
                for one in json.loads(page):
                    out.write(json.dumps(one).encode() + b"\n")
        work: dict[str, Callable[[], object]] = {
            "polars read_json as it infers, exploded": lambda: through_polars(pages),
            "polars read_json, tags and 6 fields of frames": lambda: through_polars_typed(pages),
            "DuckDB read_json, 6 tables unnested": lambda: through_duckdb(file),
        }
        rows = []
        for name, piece in work.items():
            rows.append(_compare(name, piece, lambda: [reader.read(p, CONTEXT) for p in portions], megabytes))
        rows.append(_dlt(folder, pages, reader))
    finally:
        shutil.rmtree(folder)
    return rows


def _compare(name: str, theirs: Callable[[], object], ours: Callable[[], object], megabytes: float) -> Row:
    what = f"{name} ÷ ours"
    try:
        their_seconds, our_seconds = best_seconds([theirs, ours], rounds=3)
    except Exception as error:  # noqa: BLE001  # that they refuse the pages is a result
        return Row(what, "refused", "", f"{type(error).__name__}: {str(error).splitlines()[0][:90]}")
    note = f"{megabytes / their_seconds:.0f} against {megabytes / our_seconds:.0f} MB/s; ours: all 12 tables"
    return Row(what, f"{their_seconds / our_seconds:.2f}", "> 1", note)


def _dlt(folder: Path, pages: list[bytes], reader: RecordReader, events: int = 50) -> Row:
    what = "dlt's pipeline into DuckDB ÷ ours"
    python = os.environ.get(DLT, "")
    if not python:
        return Row(what, "not measured", "> 1", f"set {DLT} to a Python with dlt[duckdb]")
    file = folder / "few.jsonl"
    few = [HUGE.sub(b"1", page) for page in pages[: events // 10]]
    lines = [json.dumps(one) for page in few for one in json.loads(page)]
    file.write_text("\n".join(lines) + "\n")
    begun = time.perf_counter()
    try:
        theirs = through_dlt(file, python)
    except subprocess.CalledProcessError as error:
        return Row(what, "refused", "", error.stderr.strip().splitlines()[-1][:120])
    (ours,) = best_seconds([lambda: reader.read(few, CONTEXT)])
    size = sum(map(len, few)) / 1e6
    note = f"{events} events, {size / theirs:.2f} against {size / ours:.0f} MB/s; ours without loading"
    return Row(what, f"{theirs / ours:.0f}", "> 1", f"{note}; {time.perf_counter() - begun:.0f} s in all")
