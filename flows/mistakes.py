"""What ends a command, in a sentence and an exit code. It imports nothing heavy before that is needed."""

from __future__ import annotations

import errno
import os
import pwd
import sys
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import click

from flows import stopping


def say(text: str) -> None:
    """A line on standard error, without what could steer a terminal."""
    from flows.answers import safe_text

    click.echo(safe_text(text), err=True)


def fail(text: str, code: int) -> int:
    """Says why a command ends, and returns its exit code."""
    say(text)
    return answer(text, code)


def answer(text: str, code: int) -> int:
    """Writes why a command ends to standard output for who asked for JSON: a script always has some to read.
    Returns the exit code."""
    if wants_json(sys.argv[1:]):
        from flows.report import to_json

        with suppress(OSError):  # nobody reads it, or the disk is full
            click.echo(to_json({"exit_code": code, "error": text}))
    return code


def wants_json(arguments: list[str]) -> bool:
    """Whether the command line asks for JSON."""
    return bool({"--json", "--format=json"} & set(arguments)) or ("--format", "json") in pairwise(arguments)


def explain(error: Exception) -> int:
    """Says what went wrong and returns the exit code, 1 or 2; a traceback only for a mistake of ours."""
    from flows.settings import UsageError

    if stopping.was_asked():
        return fail(stopping.TOLD, 1)
    if isinstance(error, UsageError):
        return fail(str(error), 2)
    known = _known_code(error)
    if known is not None:
        return fail(str(error), known)
    if isinstance(error, OSError) and error.errno is not None:
        return _explain_disk(error)
    import traceback

    traceback.print_exception(error)
    return fail("This is a mistake in sentry-warehouse: please report it with the lines above.", 1)


def _explain_disk(error: OSError) -> int:
    """What the disk does not let us do, and what the user can."""
    where = f"{error.filename}: " if error.filename else ""
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return fail(f"{where}{error.strerror}. Make room and run again; what is committed stays.", 1)
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        owner = _owner(error.filename)
        how = f"Run it as {owner}, whose it is, or give this user" if owner else "Give this user"
        return fail(f"{where}{error.strerror}. {how} the right to it, or choose another place.", 2)
    return fail(f"{where}{error.strerror}.", 1)


def _owner(file: object) -> str:
    """The user to whom it belongs, if that is another one and is known."""
    try:
        uid = Path(str(file)).stat().st_uid
        return pwd.getpwuid(uid).pw_name if uid != os.geteuid() else ""
    except (OSError, KeyError):
        return ""


def _known_code(error: Exception) -> int | None:
    from dashboards.catalogue import DashboardError, PackageMissing
    from extractors.errors import NotSentry, SentryError, Unauthorized, Unreachable
    from flows.lanes import Interrupted
    from flows.orchestration import PrefectUnreachable
    from transforms.privacy import KeyFileError, PolicyError
    from warehouse.store import HomeUnusable, WarehouseBusy, WarehouseError

    if isinstance(error, Interrupted):
        return 1
    if isinstance(
        error, Unauthorized | WarehouseBusy | HomeUnusable | KeyFileError | PolicyError | PackageMissing
    ):
        return 2
    if isinstance(error, NotSentry | Unreachable) and not error.path:
        return 2  # the address, the certificates or the proxy are none: nothing was asked
    if isinstance(error, SentryError | WarehouseError | PrefectUnreachable | DashboardError):
        return 1
    return None
