"""The audit of locked dependencies finds what it says it looks for."""

from __future__ import annotations

import runpy
from typing import Any

import pytest

from tests.docs.pages import ROOT

AUDIT: dict[str, Any] = runpy.run_path(str(ROOT / "requirements" / "audit.py"))
HASH = "--hash=sha256:" + "0" * 64


def faults_of(text: str) -> list[str]:
    faults: list[str] = []
    AUDIT["read"](text, "run.lock", faults)
    return faults


def test_the_locks_are_in_order() -> None:
    assert AUDIT["audit"]() == []


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        (f"httpx==1.0 {HASH}", ""),
        (f"httpx==1.0 ; python_version < '4' \\\n    {HASH}", ""),
        ("httpx==1.0", "hashes"),
        ("httpx==1.0 --hash=md5:0123", "hashes"),
        (f"httpx>=1.0 {HASH}", "one version"),
        (f"httpx==1.* {HASH}", "one version"),
        (f"httpx @ https://example.org/httpx.whl {HASH}", "one version"),
        ("--extra-index-url https://example.org", "not a requirement"),
        ("-e .", "not a requirement"),
    ],
)
def test_a_line(line: str, fault: str) -> None:
    found = " ".join(faults_of(line))
    assert fault in found
    assert bool(found) == bool(fault)


def test_what_is_declared_must_be_locked_and_the_same_everywhere() -> None:
    read = AUDIT["read"]
    one, other = read(f"httpx==1.0 {HASH}", "", []), read(f"httpx==2.0 {HASH}", "", [])
    project = {"project": {"dependencies": ["httpx>=1,<2"]}, "dependency-groups": {"dev": []}}
    assert list(AUDIT["undeclared"](project, one, one)) == []
    assert "httpx>=1,<2" in next(AUDIT["undeclared"](project, other, other))
    assert "httpx>=1,<2" in next(AUDIT["undeclared"](project, {}, one))
    assert "httpx" in next(AUDIT["differing"](one, other))
    assert next(AUDIT["uninstalled"]({})).startswith("installed: ")
