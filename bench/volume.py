"""Peak memory as volume grows, seconds of each step, loading by row, what replay and privacy cost."""

from __future__ import annotations

from bench.path import run_apart
from bench.row import Row

STEPS = ("privacy", "archive", "normalise", "load")


def measure(events: int = 1_000) -> list[Row]:
    """The path at 1× and 10× the volume, hashed; and once more with personal data kept."""
    one, ten, kept = run_apart(events), run_apart(10 * events), run_apart(10 * events, "keep")
    growth = ten["peak"] / one["peak"]
    return [
        Row(f"peak memory at {events:,} full events", f"{one['peak']:.0f} MB", "≤ 400 MB"),
        Row(f"peak memory at {10 * events:,}", f"{ten['peak']:.0f} MB", "≤ 400 MB"),
        Row("peak memory, 10× ÷ 1×", f"{growth:.2f}", "flat"),
        Row("loading", f"{ten['load'] / ten['rows'] * 1e6:.1f} µs a row", "", f"{ten['rows']:,.0f} rows"),
        Row(
            "loading ÷ normalising",
            f"{ten['load'] / ten['normalise']:.2f}",
            "",
            f"{ten['megabytes']:.0f} MB",
        ),
        Row(
            "replay per GB of raw",
            f"{ten['replay'] / ten['megabytes'] * 1e3:.0f} s",
            "",
            f"{ten['megabytes']:.0f} MB of pages, {ten['archive MB']:.0f} MB on disk; "
            f"÷ normalising and loading {ten['replay'] / (ten['load'] + ten['normalise']):.2f}",
        ),
        Row(
            "privacy: hash ÷ keep",
            f"{ten['privacy'] / kept['privacy']:.2f}",
            "",
            f"{ten['megabytes'] / ten['privacy']:.0f} against {kept['megabytes'] / kept['privacy']:.0f} MB/s",
        ),
        describe("all steps, hashed", ten),
        describe("all steps, personal data kept", kept),
    ]


def describe(what: str, found: dict[str, float]) -> Row:
    """One line of a run: speed in all, seconds by step."""
    seconds = sum(found[step] for step in STEPS)
    steps = ", ".join(f"{step} {found[step]:.1f} s" for step in STEPS)
    return Row(
        what,
        f"{found['megabytes'] / seconds:.0f} MB/s",
        "",
        f"{found['events']:,.0f} events, {found['megabytes']:,.0f} MB, {found['rows']:,.0f} rows, "
        f"{seconds:.0f} s ({steps}), peak {found['peak']:.0f} MB, archive {found['archive MB']:,.0f} MB, "
        f"warehouse {found['warehouse MB']:,.0f} MB",
    )
