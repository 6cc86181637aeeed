"""`python -m bench`: prints the figures and writes `bench/results.md`."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from bench import dashboard, faults, limits, night, normalising, orchestration, others, serving, volume
from bench.machine import machine_line
from bench.path import run_apart
from bench.row import Row

RESULTS = Path(__file__).with_name("results.md")
PARTS: dict[str, Callable[[], list[Row]]] = {
    "normalising": normalising.measure,
    "others": others.measure,
    "volume": volume.measure,
    "limits": limits.measure,
    "faults": faults.measure,
    "night": night.measure,
    "serving": serving.measure,
    "orchestration": orchestration.measure,
    "dashboard": dashboard.measure,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measures ratios on this machine.")
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; none = all")
    parser.add_argument("--large", action="store_true", help="also 100,000 full events, 3 GB, twice")
    parser.add_argument("--profile", action="store_true", help="also where the time of normalising goes")
    asked = parser.parse_args()
    machine = machine_line()
    print(machine)
    text = [
        "# Results",
        "",
        "Written by `make bench`; ratios are of things measured in one run.",
        "",
        machine,
    ]
    for name in asked.parts or PARTS:
        text += ["", f"## {name.capitalize()}", "", *table(PARTS[name]())]
    if asked.large:
        large = [
            volume.describe(f"100,000 full events, {p}", run_apart(100_000, p)) for p in ("hash", "keep")
        ]
        text += ["", "## 100,000 full events", "", *table(large)]
    if asked.profile:
        text += ["", "## Profile of normalising", "", "```", normalising.profile(), "```"]
    if not asked.parts:
        RESULTS.write_text("\n".join(text) + "\n", "utf-8")
        print(f"written to {RESULTS}")


def table(rows: list[Row]) -> list[str]:
    """Rows as a Markdown table; prints them too."""
    for row in rows:
        print(f"{row.what:50} {row.figure:>16}  {row.goal:22} {row.note}", flush=True)
    lines = ["| what | figure | goal | note |", "|---|---|---|---|"]
    return [*lines, *(f"| {r.what} | {r.figure} | {r.goal} | {r.note.replace('|', ' ')} |" for r in rows)]


if __name__ == "__main__":
    main()
