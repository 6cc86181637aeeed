"""The key of all hashes: made once, kept beside the data, readable by its owner only. The only I/O here."""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path

KEY_FILE = "privacy.key"
SHORTEST = 16
LONGEST_FILE = 4096


class KeyFileError(ValueError):
    """The key is too short, or its file is not safe to use. The message says which, never the key."""


def load_key(home: Path, variable: str | None) -> bytes:
    """The key: what the variable holds, if it holds anything, else what the file `privacy.key` in `home`
    holds, which is made at first use (32 random bytes in hex, mode 600).

    Whoever loses it can not join new hashes with old ones; whoever has it can test guesses.
    Raises KeyFileError for a key of less than 16 characters and for a file that is a link, not ours or that
    others may read; OSError when it can not be read or written.
    """
    if variable is not None and variable.strip():
        return _checked(variable.strip().encode(), "the variable")
    file = home / KEY_FILE
    if not os.path.lexists(file):
        _make(file)
    return _read(file)


def _checked(key: bytes, source: str) -> bytes:
    if len(key) < SHORTEST:
        raise KeyFileError(f"The privacy key in {source} is shorter than {SHORTEST} characters.")
    return key


def _make(file: Path) -> None:
    """Writes a new key under a name of its own, then gives it the real name unless another process was
    faster: nobody ever reads half a key."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = file.with_name(f".{file.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as handle:
            handle.write(secrets.token_hex(32).encode() + b"\n")
            handle.flush()
            os.fsync(handle.fileno())
        try:
            os.link(draft, file, follow_symlinks=False)
        except FileExistsError:
            return
    finally:
        draft.unlink()


def _read(file: Path) -> bytes:
    try:
        # without O_NONBLOCK a planted pipe would block for ever
        descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        if file.is_symlink():
            raise KeyFileError(f"{file} is a link; the privacy key must be a plain file.") from None
        raise OSError(error.errno, f"The privacy key can not be read: {error.strerror}", str(file)) from None
    with os.fdopen(descriptor, "rb") as handle:
        about = os.fstat(handle.fileno())
        if not stat.S_ISREG(about.st_mode):
            raise KeyFileError(f"{file} is no plain file.")
        if about.st_uid != os.geteuid():
            raise KeyFileError(
                f"{file} belongs to another user: run this as that one, or give the file to yours (chown)."
            )
        if about.st_mode & 0o077:
            raise KeyFileError(f"{file} can be read or written by others: chmod 600 {file}")
        return _checked(handle.read(LONGEST_FILE).strip(), str(file))
