"""What ends a command, in a sentence and an exit code. It imports nothing heavy before that is needed."""

from __future__ import annotations

import errno

import click

from flows import stopping


def say(text: str) -> None:
    """A line on standard error, without what could steer a terminal."""
    from flows.answers import safe_text

    click.echo(safe_text(text), err=True)


def explain(error: Exception) -> int:
    """Says what went wrong and returns the exit code, 1 or 2; a traceback only for a mistake of ours."""
    from flows.settings import UsageError

    if stopping.was_asked():
        say(stopping.TOLD)
        return 1

    if isinstance(error, UsageError):
        say(str(error))
        return 2
    known = _known_code(error)
    if known is not None:
        say(str(error))
        return known
    if isinstance(error, OSError) and error.errno is not None:
        return _explain_disk(error)
    import traceback

    traceback.print_exception(error)
    say("This is a mistake in sentry-warehouse: please report it with the lines above.")
    return 1


def _explain_disk(error: OSError) -> int:
    """What the disk does not let us do, and what the user can."""
    where = f"{error.filename}: " if error.filename else ""
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        say(f"{where}{error.strerror}. Make room and run again; what is committed stays.")
        return 1
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        say(f"{where}{error.strerror}. Give this user write permission, or choose another place.")
        return 2
    say(f"{where}{error.strerror}.")
    return 1


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
