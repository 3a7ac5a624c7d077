"""Paths that a person gave."""

import os
import sys

import pytest

from core.errors import InputError
from core.paths import user_path

BYTES = os.fsdecode(b"caf\xe9")  # a name of Latin-1


def test_a_path_that_can_be_used(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert user_path("~/x") == tmp_path / "x"
    assert user_path(tmp_path / "새 폴더" / ("n" * 255)) == tmp_path / "새 폴더" / ("n" * 255)
    (tmp_path / "file").touch()
    assert user_path(tmp_path / "file" / "below") == tmp_path / "file" / "below"


def test_a_name_that_begins_with_a_tilde(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "~nosuchuser").mkdir()
    assert user_path("~nosuchuser").exists()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("~nosuchuser/x", "--output=~nosuchuser/x: there is no user nosuchuser"),
        ("x" * 256, "a name of 256 bytes, expected 255"),
        ("새" * 86, "a name of 258 bytes, expected 255"),
        ("a/" * 2100, "a path of 4199 bytes, expected 4095"),
        ("a\0b", r"--output=a\x00b: holds a zero byte"),
    ],
)
@pytest.mark.skipif(sys.platform == "win32", reason="other users and limits")
def test_a_path_that_cannot_be_used(given, message):
    with pytest.raises(InputError) as raised:
        user_path(given, "--output")
    assert message in str(raised.value) and "\n" not in str(raised.value)


@pytest.mark.skipif(sys.platform != "linux", reason="names are bytes")
def test_a_name_that_is_not_utf8_is_read_but_not_written(tmp_path):
    path = tmp_path / BYTES
    path.mkdir()
    assert user_path(path) == path
    with pytest.raises(InputError, match=r"caf\\xe9: this name is not UTF-8"):
        user_path(path, "--output", written=True)


@pytest.mark.skipif(sys.platform == "win32", reason="links")
def test_a_link_to_itself(tmp_path):
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(InputError, match=r"--input=.*loop.*symbolic links"):
        user_path(tmp_path / "loop" / "x", "--input")
