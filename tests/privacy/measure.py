"""How fast pages are treated: `python -m tests.privacy.measure` prints MB/s and what decoding alone takes."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import msgspec

from tests.privacy.pages import page
from transforms.privacy import Policy, Privacy

SUMMARY = (
    *(
        ("user/id", "user_id"),
        ("user/email", "email"),
        ("user/ip_address", "ip"),
        ("user/username", "username"),
    ),
    *(("user/name", "name"), ("user/geo", "geo"), ("user/data", "data"), ("tags", "tags")),
)
FULL = (*SUMMARY, ("entries", "entries"), ("contexts", "contexts"), ("context", "extra"))
REPEAT = 40


def megabytes_per_second(treat: Callable[[bytes], object], body: bytes) -> float:
    """The best of three rounds, in time of this process: others do not count."""
    best = float("inf")
    for _ in range(3):
        start = time.process_time()
        for _ in range(REPEAT):
            treat(body)
        best = min(best, time.process_time() - start)
    return len(body) * REPEAT / best / 1e6


def measure() -> dict[str, float]:
    """MB/s by what was done to which page."""
    pages = {
        "summaries": (page("events"), SUMMARY),
        "full bodies": (page("events_full"), FULL),
    }
    privacies = {
        "hash": Privacy(Policy(), b"k" * 32),
        "drop": Privacy(Policy(users="drop"), b"k" * 32),
        "hash, texts too": Privacy(Policy(texts="scrub"), b"k" * 32),
    }
    found = {}
    for name, (body, personal) in pages.items():
        found[f"{name}: only decoding"] = megabytes_per_second(msgspec.json.decode, body)
        for how, privacy in privacies.items():
            found[f"{name}: {how}"] = megabytes_per_second(
                lambda b, p=privacy, q=personal: p.redact("events", b, q), body
            )
    return found


if __name__ == "__main__":
    for what, speed in measure().items():
        sys.stdout.write(f"{speed:8.0f} MB/s  {what}\n")
