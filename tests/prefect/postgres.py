"""A PostgreSQL of the test's own, from whatever packages the machine has."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.prefect.servers import end, free_port, wait_for


def find(program: str) -> str | None:
    """The path of a program of PostgreSQL; Debian keeps those of a server out of PATH."""
    places = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{program}"))
    return shutil.which(program) or (str(places[-1]) if places else None)


def is_installed() -> bool:
    """Whether a server can be started here."""
    return all(find(program) for program in ("initdb", "postgres", "pg_isready"))


def _owner() -> pwd.struct_passwd:
    """Who runs it: PostgreSQL refuses to be root."""
    if os.geteuid():
        return pwd.getpwuid(os.geteuid())
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        return pwd.getpwnam("nobody")


@contextmanager
def postgres() -> Iterator[str]:
    """A running server; its address as SQLAlchemy wants it."""
    owner, port = _owner(), free_port()
    # outside of pytest's folders: another user must be able to reach it
    folder = Path(tempfile.mkdtemp(prefix="postgres-"))
    os.chown(folder, owner.pw_uid, owner.pw_gid)
    who: dict[str, int] = {} if os.geteuid() else {"user": owner.pw_uid, "group": owner.pw_gid}
    data = str(folder / "data")
    try:
        subprocess.run(
            [find("initdb"), "-D", data, "-U", "prefect", "-A", "trust", "-E", "UTF8", "--no-sync"],
            check=True,
            capture_output=True,
            cwd=folder,
            **who,
        )
        settings = (
            f"port={port}",
            "listen_addresses=127.0.0.1",
            f"unix_socket_directories={folder}",
            "fsync=off",
        )
        with (folder / "log").open("wb") as log:
            options = [part for setting in settings for part in ("-c", setting)]
            started = subprocess.Popen(
                [find("postgres"), "-D", data, *options], stdout=log, stderr=log, cwd=folder, **who
            )
        try:
            ask = [find("pg_isready"), "-h", "127.0.0.1", "-p", str(port)]
            wait_for(lambda: subprocess.run(ask, capture_output=True, check=False).returncode == 0)
            yield f"postgresql+asyncpg://prefect@127.0.0.1:{port}/postgres"
        finally:
            end(started)
    finally:
        shutil.rmtree(folder)
