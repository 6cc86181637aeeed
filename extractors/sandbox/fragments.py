"""Pieces of event bodies, made once a platform: frames, breadcrumbs, contexts, requests, spans."""

from __future__ import annotations

import random
from typing import Any

import msgspec

from . import content
from .answers import encode
from .content import Platform

POOL = 48
CRUMBS = 22
HUGE = msgspec.Raw(b"170141183460469231731687303715884105728")
LONG_FLOAT = msgspec.Raw(b"1e-09")


class Fragments:
    """What all events of one project are cut from."""

    def __init__(self, seed: int, platform: Platform) -> None:
        rng = random.Random(f"{seed}:fragments:{platform.name}")
        self.frames = [encode(_frame(platform, rng, index)) for index in range(POOL)]
        self.crumbs = [_crumb(platform, rng, index) for index in range(POOL)]
        self.contexts = [_contexts(platform, rng, index) for index in range(12)]
        self.packages = encode(
            {
                f"acme-{word}": f"{rng.randint(0, 9)}.{rng.randint(0, 20)}.{rng.randint(0, 9)}"
                for word in content.WORDS
            }
            if platform.family == "python"
            else {}
        )
        self.requests = [_request(rng, index) for index in range(16)]
        self.spans = [encode(_span(rng, index)) for index in range(POOL)]
        self.sdk = encode({"name": platform.sdk, "version": platform.sdk_version})


def _frame(platform: Platform, rng: random.Random, index: int) -> dict[str, Any]:
    word = content.WORDS[index % len(content.WORDS)]
    function = content.FUNCTIONS[index % len(content.FUNCTIONS)].format(w=word)
    file = f"{platform.folder}/{word}.{platform.extension}"
    line = rng.randint(20, 900)
    in_app = index % 3 != 1
    native = platform.family == "cocoa"
    lines = [[line - 5 + i, _source_line(word, function, i, rng.randint(1, 99999))] for i in range(11)]
    variables: dict[str, Any] | None = {
        "self": f"<{word.title()} object at 0x{rng.getrandbits(40):010x}>",
        word: {
            "id": rng.randint(1, 10**9),
            "name": f"{word} {index}",
            "lines": [rng.randint(1, 9) for _ in range(6)],
        },
        "attempt": rng.randint(1, 5),
        "ratio": rng.random(),
        "flags": [True, False, None, "maybe"],
        "text": "…".join(rng.choice(content.WORDS) for _ in range(24)),
    }
    if index % 11 == 4:
        variables = {word: [1, "two", None, {"three": 3.5}], "Größe": HUGE, "": "no name"}
    if platform.family not in ("python", "node"):
        variables = None
    return {
        "filename": file,
        "absPath": f"/srv/app/{file}" if platform.family != "javascript" else f"https://cdn.acme.test/{file}",
        "module": file.rsplit(".", 1)[0].replace("/", "."),
        "package": f"/private/var/containers/{word}" if native else None,
        "platform": None,
        "instructionAddr": f"0x{rng.getrandbits(44):x}" if native else None,
        "symbolAddr": f"0x{rng.getrandbits(44):x}" if native else None,
        "function": function if index % 13 else None,
        "rawFunction": f"-[{word.title()} {function}:]" if native else None,
        "symbol": function if native else None,
        "context": lines,
        "lineNo": line if index % 17 else None,
        "colNo": rng.randint(1, 200) if platform.family in ("javascript", "node") else None,
        "inApp": in_app,
        "trust": "cfi" if native else None,
        "errors": None,
        "lock": None,
        "vars": variables,
    }


def _source_line(word: str, function: str, index: int, key: int) -> str:
    return f"{'    ' * (1 + index % 3)}{word}_{index} = {function}({word}, key={key}) or fallback[{index}]"


def _crumb(platform: Platform, rng: random.Random, index: int) -> tuple[bytes, bytes]:
    word = content.WORDS[index % len(content.WORDS)]
    kind = ("log", "http", "ui.click", "query", "navigation")[index % 5]
    data: Any = None
    if kind == "http":
        data = {
            "method": "GET",
            "status_code": (200, "404", 500)[index % 3],
            "url": f"https://api.acme.test/{word}/",
        }
    elif kind == "query":
        data = {"rows": rng.randint(0, 500), "db.system": "postgresql"}
    elif kind == "navigation":
        data = {"from": "/", "to": f"/{word}", "state": None}
    row = {
        "type": "default" if kind == "log" else kind,
        "timestamp": "@",
        "level": ("info", "warning", "error", "debug")[index % 4],
        "message": f"{word} {('asked for', 'stored', 'left')[index % 3]} in {rng.randint(1, 900)} ms",
        "category": f"acme.{word}" if index % 7 else None,
        "data": data,
        "event_id": None,
    }
    head, tail = encode(row).split(b'"@"', 1)
    return head + b'"', b'"' + tail


def _contexts(platform: Platform, rng: random.Random, index: int) -> bytes:
    contexts: dict[str, Any] = {
        "runtime": {
            "name": platform.family,
            "version": f"{rng.randint(1, 20)}.{rng.randint(0, 9)}",
            "type": "runtime",
        },
        "os": {"name": platform.os[0].split(" ")[0], "version": platform.os[0].split(" ")[-1], "type": "os"},
        "app": {"app_memory": rng.randint(10**7, 10**9), "build_type": "release", "type": "app"},
        "trace": {
            "trace_id": f"{rng.getrandbits(128):032x}",
            "span_id": f"{rng.getrandbits(64):016x}",
            "op": "http.server",
            "status": "unknown",
            "data": {"thread.id": rng.randint(1, 2**31), "thread.name": "main"},
            "type": "trace",
        },
    }
    if platform.family in ("java", "cocoa"):
        contexts["device"] = {
            "model": "Pixel 8", "battery_level": rng.random() * 100, "free_memory": rng.randint(1, 2**33),
            "orientation": "portrait", "simulator": False, "type": "device",
            "boot_time": "2026-10-01T05:06:07+05:30",
        }  # fmt: skip
    if index % 4 == 3:
        contexts["Key"] = {"value": 1, "type": "default"}
        contexts["key"] = {"value": "1", "type": "default"}
        contexts["KEY"] = {"value": [1, None, {"deep": {"deeper": {"deepest": True}}}]}
        contexts[""] = {"text": "a\x00b\u2028c", "half": content.LONE_SURROGATE}
        contexts["numbers"] = {"huge": HUGE, "tiny": LONG_FLOAT, "max": 2**63, "min": -(2**63)}
    return encode(contexts)


def _request(rng: random.Random, index: int) -> bytes:
    word = content.WORDS[index]
    data: Any = (
        None,
        f"{word}=1&qty=2",
        {"items": [{"sku": word, "qty": 2}], "note": None},
        [word, 3, None],
    )[index % 4]
    return encode(
        {
            "data": {
                "apiTarget": None,
                "method": ("GET", "POST", None)[index % 3],
                "url": f"https://shop.acme.test/{word}/",
                "query": ([["page", "2"], ["sort", word]], f"page=2&sort={word}", None, [])[index % 4],
                "fragment": "",
                "data": data,
                "headers": [
                    ["Accept", "application/json"],
                    ["Authorization", "[Filtered]"],
                    ["User-Agent", f"AcmeShop/{rng.randint(1, 9)}.0"],
                ],
                "cookies": [["session", "0badc0ffee"], ["lang", "de"]] if index % 2 else [],
                "env": {"REMOTE_ADDR": "203.0.113.7", "SERVER_PORT": 443} if index % 3 == 0 else None,
                "inferredContentType": "application/json" if isinstance(data, dict) else None,
            },
            "type": "request",
        }
    )


def _span(rng: random.Random, index: int) -> dict[str, Any]:
    start = 1_700_000_000 + rng.random() * 1000
    return {
        "span_id": f"{rng.getrandbits(64):016x}",
        "parent_span_id": f"{rng.getrandbits(64):016x}",
        "trace_id": f"{rng.getrandbits(128):032x}",
        "op": ("db", "http.client", "template", "resource.script")[index % 4],
        "description": f"render {content.WORDS[index % len(content.WORDS)]} by id",
        "start_timestamp": round(start, 6),
        "timestamp": round(start + rng.random(), 6),
        "exclusive_time": rng.random() * 100,
        "tags": None,
        "data": {"db.rows": rng.randint(1, 100)} if index % 2 else None,
    }
