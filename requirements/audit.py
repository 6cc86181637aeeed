"""Audits the locked dependencies without network: `make check` runs it.

Every line of every lock names one version with the SHA-256 of its files, and no place it comes from. Every
direct dependency of pyproject.toml is locked, in a version that it allows. What runs is locked as what is
tested. What is installed here is what is locked. Whether a version has a known weakness can not be told
without network.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

FOLDER = Path(__file__).parent
PROJECT = FOLDER.parent / "pyproject.toml"
HASH = re.compile(r"--hash=(\S+)")
SHA256 = re.compile(r"sha256:[0-9a-f]{64}")
OWN = {"sentry-warehouse", "pip", "setuptools"}
"""Not from the locks: this package, and what `python -m venv` brings along."""

Locked = dict[str, list[Requirement]]


def read(text: str, name: str, faults: list[str]) -> Locked:
    """Requirements of a lock by name; what is wrong with its lines is added to the faults."""
    found: Locked = {}
    for line in text.replace("\\\n", " ").splitlines():
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        hashes = HASH.findall(line)
        try:
            requirement = Requirement(HASH.sub("", line).strip())
        except InvalidRequirement:
            faults.append(f"{name}: not a requirement: {line.strip()[:80]}")
            continue
        if requirement.url or not re.fullmatch(r"==[^*,]+", str(requirement.specifier)):
            faults.append(f"{name}: {requirement.name} is not locked to one version")
        if not hashes or not all(SHA256.fullmatch(found_hash) for found_hash in hashes):
            faults.append(f"{name}: {requirement.name} lacks SHA-256 hashes")
        found.setdefault(canonicalize_name(requirement.name), []).append(requirement)
    return found


def version_of(requirement: Requirement) -> str:
    """The one version of a locked requirement."""
    return next(iter(requirement.specifier)).version


def here(requirements: list[Requirement]) -> list[Requirement]:
    """Those that are meant for this interpreter and system."""
    return [r for r in requirements if r.marker is None or r.marker.evaluate()]


def undeclared(project: dict[str, Any], run: Locked, dev: Locked) -> Iterator[str]:
    """Direct dependencies that are not locked as pyproject.toml wants them."""
    declared = [(line, run, "run.lock") for line in project["project"]["dependencies"]]
    declared += [(line, dev, "dev.lock") for line in project["project"]["dependencies"]]
    declared += [(line, dev, "dev.lock") for line in project["dependency-groups"]["dev"]]
    for line, lock, name in declared:
        wanted = Requirement(line)
        locked = lock.get(canonicalize_name(wanted.name), [])
        if not locked or not all(wanted.specifier.contains(version_of(r), prereleases=True) for r in locked):
            yield f"{name}: lacks {line}: run `make lock`"


def differing(run: Locked, dev: Locked) -> Iterator[str]:
    """Packages that run in another version than they are tested in."""
    for name, requirements in run.items():
        if {version_of(r) for r in requirements} - {version_of(r) for r in dev.get(name, [])}:
            yield f"run.lock: {name} is not in the version of dev.lock"


def uninstalled(locked: Locked) -> Iterator[str]:
    """What is installed here and not locked so."""
    for distribution in distributions():
        name = canonicalize_name(distribution.metadata["Name"])
        wanted = {version_of(r) for r in here(locked.get(name, []))}
        if name not in OWN and distribution.version not in wanted:
            yield f"installed: {name} {distribution.version}, locked: {', '.join(wanted) or 'not at all'}"


def audit() -> list[str]:
    """All faults; empty when all is well."""
    faults: list[str] = []
    locks = {n: read((FOLDER / f"{n}.lock").read_text(), n, faults) for n in ("run", "dev", "bootstrap")}
    project = tomllib.loads(PROJECT.read_text())
    faults += undeclared(project, locks["run"], locks["dev"])
    faults += differing(locks["run"], locks["dev"])
    faults += uninstalled(locks["dev"] | locks["bootstrap"])
    return faults


if __name__ == "__main__":
    if found := audit():
        sys.stderr.write("\n".join(found) + "\n")
        sys.exit(1)
