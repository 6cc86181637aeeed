"""What the figures were measured on."""

from __future__ import annotations

import os
import platform
import re
import resource
from importlib.metadata import version
from pathlib import Path


def machine_line() -> str:
    """Processor, cores, memory, load, and the versions of what does the work."""
    processor = re.search(r"model name\s*: (.+)", _read("/proc/cpuinfo"))
    memory = re.search(r"MemTotal:\s+(\d+) kB", _read("/proc/meminfo"))
    parts = [
        processor[1] if processor else platform.processor(),
        f"{os.cpu_count()} cores",
        f"{int(memory[1]) / 1e6:.0f} GB" if memory else "",
        f"load {os.getloadavg()[0]:.1f} before",
        f"Python {platform.python_version()}",
        *(f"{name} {version(name)}" for name in ("msgspec", "polars", "duckdb")),
    ]
    return ", ".join(part for part in parts if part)


def _read(path: str) -> str:
    file = Path(path)
    return file.read_text("utf-8", "replace") if file.exists() else ""


def peak_megabytes() -> float:
    """Most memory this process has held. Not what getrusage tells: a child begins with its parent's."""
    found = re.search(r"VmHWM:\s+(\d+) kB", _read("/proc/self/status"))
    kibibytes = int(found[1]) if found else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return kibibytes * 1024 / 1e6
