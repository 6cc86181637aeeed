"""How close a crawl comes to what the rate limit allows: `python -m tests.client.bench_governor`.

For each case: wall time ÷ (requests ÷ allowed rate), and the share of answers that were 429.
"""

from __future__ import annotations

import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass

from extractors.client import Client
from extractors.errors import Stopped
from extractors.governor import Governor
from tests.client.servers import Limited, serving

FAST = "/organizations/acme/projects/"
SLOW = "/projects/acme/web/events/"


@dataclass(frozen=True)
class Measured:
    name: str
    requests: int
    seconds: float
    ratio: float
    throttled: float


def crawl(
    url: str, governor: Governor, path: str, requests: int, threads: int, stop: threading.Event | None = None
) -> tuple[Client, list[threading.Thread]]:
    """Start threads that together send so many requests, or fewer when stopped."""
    client = Client(url, "sntryu_bench", governor=governor, stop=stop)
    left = iter(range(requests))
    lock = threading.Lock()

    def work() -> None:
        with suppress(Stopped):
            while True:
                with lock:
                    if next(left, None) is None:
                        return
                client.get(path)

    started = [threading.Thread(target=work, daemon=True) for _ in range(threads)]
    for thread in started:
        thread.start()
    return client, started


def measure(
    name: str,
    limit: int,
    window: int,
    requests: int,
    *,
    path: str = FAST,
    processes: int = 1,
    threads: int = 8,
    skew: float = 0.0,
) -> Measured:
    """One bucket, one or several governors (as processes on the same token would be)."""
    concurrency = 1 if path == SLOW else None
    with serving(Limited(lambda _: ("all", limit, window, concurrency), skew=skew)) as server:
        began = time.monotonic()
        crawls = [
            crawl(server.url, Governor(), path, requests // processes, threads) for _ in range(processes)
        ]
        for _, started in crawls:
            for thread in started:
                thread.join()
        seconds = time.monotonic() - began
        usages = [client.usage() for client, _ in crawls]
        for client, _ in crawls:
            client.close()
    sent = sum(u.requests for u in usages)
    throttled = sum(u.throttled for u in usages) / sent
    return Measured(name, requests, seconds, seconds / (requests / (limit / window)), throttled)


def measure_beside(seconds: float) -> tuple[int, int, float]:
    """A bucket of 60 a minute beside one of 40 a second: answers of each, and the share of 429."""

    def group_of(path: str) -> tuple[str, int, int, int | None]:
        return ("slow", 60, 60, 1) if path.startswith("/api/0" + SLOW) else ("fast", 40, 1, None)

    limited = Limited(group_of)
    stop = threading.Event()
    with serving(limited) as server:
        governor = Governor()
        crawls = [crawl(server.url, governor, path, 1_000_000, 8, stop) for path in (SLOW, FAST)]
        time.sleep(seconds)
        slow, fast = (sum(s == 200 for _, s in limited.answers.get(g, [])) for g in ("slow", "fast"))
        total = sum(len(a) for a in limited.answers.values())
        stop.set()
        for client, started in crawls:
            for thread in started:
                thread.join()
            client.close()
    return slow, fast, 1 - (slow + fast) / total


CASES = {
    "40 in 1 s": lambda n: measure("40 in 1 s", 40, 1, n),
    "40 in 1 s, clock an hour ahead": lambda n: measure(
        "40 in 1 s, clock an hour ahead", 40, 1, n, skew=3600.4
    ),
    "5 in 1 s": lambda n: measure("5 in 1 s", 5, 1, n // 8),
    "30 in 10 s": lambda n: measure("30 in 10 s", 30, 10, n // 8),
    "60 in 60 s, one at once": lambda n: measure("60 in 60 s, one at once", 60, 60, 150, path=SLOW),
    "40 in 1 s, two processes": lambda n: measure("40 in 1 s, two processes", 40, 1, n, processes=2),
    "5 in 1 s, two processes": lambda n: measure("5 in 1 s, two processes", 5, 1, n // 8, processes=2),
}


def main() -> None:
    import httpx  # noqa: F401 - their loading is not what is measured
    import tenacity  # noqa: F401

    wanted = sys.argv[2:] or list(CASES)
    for name in wanted:
        m = CASES[name](int(sys.argv[1]) if len(sys.argv) > 1 else 800)
        say(f"{m.name:32}{m.requests:5} requests {m.seconds:6.1f} s", f"ratio {m.ratio:.3f}", m.throttled)
    slow, fast, throttled = measure_beside(10)
    say("beside each other for 10 s", f"slow {slow}, fast {fast} of 400", throttled)


def say(what: str, how: str, throttled: float) -> None:
    sys.stdout.write(f"{what}  {how}  429 {throttled:.2%}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
