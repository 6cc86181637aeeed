"""The key's file: made once, owner-only, never through a link."""

from __future__ import annotations

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from transforms.privacy import KEY_FILE, KeyFileError, load_key


def test_the_key_is_made_once(tmp_path: Path) -> None:
    home = tmp_path / "new" / "home"
    key = load_key(home, None)
    assert len(key) == 64
    assert load_key(home, None) == key
    assert load_key(home, "  ") == key
    assert load_key(tmp_path / "other", None) != key
    assert [p.name for p in home.iterdir()] == [KEY_FILE]


def test_only_the_owner_may_read_it(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        load_key(tmp_path / "home", None)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "home").stat().st_mode) == 0o700
    about = (tmp_path / "home" / KEY_FILE).stat()
    assert stat.S_IMODE(about.st_mode) == 0o600
    assert about.st_uid == os.geteuid()


def test_the_variable_wins_and_makes_no_file(tmp_path: Path) -> None:
    assert load_key(tmp_path, " a key given by variable \n") == b"a key given by variable"
    assert not list(tmp_path.iterdir())


def test_a_short_key_is_refused_and_not_shown(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError) as error:
        load_key(tmp_path, "hunter2")
    assert "hunter2" not in str(error.value)
    (tmp_path / KEY_FILE).touch(mode=0o600)
    with pytest.raises(KeyFileError, match="shorter"):
        load_key(tmp_path, None)


def test_links_are_not_followed(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("x" * 64)
    elsewhere.chmod(0o600)
    (tmp_path / KEY_FILE).symlink_to(elsewhere)
    with pytest.raises(KeyFileError, match="link"):
        load_key(tmp_path, None)
    elsewhere.unlink()
    with pytest.raises(KeyFileError, match="link"):
        load_key(tmp_path, None)
    assert not elsewhere.exists()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o666])
def test_a_key_open_to_others_is_refused(tmp_path: Path, mode: int) -> None:
    load_key(tmp_path, None)
    (tmp_path / KEY_FILE).chmod(mode)
    with pytest.raises(KeyFileError, match="chmod 600"):
        load_key(tmp_path, None)


def test_a_key_of_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load_key(tmp_path, None)
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    with pytest.raises(KeyFileError, match="another user"):
        load_key(tmp_path, None)


def test_a_pipe_or_folder_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / KEY_FILE, 0o600)
    with pytest.raises(KeyFileError, match="no plain file"):
        load_key(tmp_path, None)
    (tmp_path / KEY_FILE).unlink()
    (tmp_path / KEY_FILE).mkdir(0o700)
    with pytest.raises((KeyFileError, OSError)):
        load_key(tmp_path, None)


def test_what_can_not_be_read_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load_key(tmp_path, None)

    def refuse(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(OSError, match="privacy key can not be read: Permission denied"):
        load_key(tmp_path, None)


def test_many_at_once_get_the_same_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(lambda _: load_key(tmp_path, None), range(32)))
    assert len(keys) == 1
    assert [p.name for p in tmp_path.iterdir()] == [KEY_FILE]
