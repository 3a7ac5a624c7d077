"""Files that are written whole, records of one JSON object a line, and the memory of a process."""

import errno
import json
import os
import subprocess
import sys

import numpy as np
import pytest

from core import memory
from core.errors import InputError
from core.files import (
    check_regular,
    open_regular,
    read_json_lines,
    read_regular,
    write_json_whole,
    write_text_whole,
    write_whole,
)


def test_a_file_is_replaced(tmp_path):
    path = tmp_path / "한글 이름.txt"
    for text in ("먼저\n", "나중\n"):
        write_text_whole(path, text)
        assert path.read_bytes() == text.encode()  # UTF-8 and one kind of line end, on any system
    write_json_whole(path, {"a": [1, "가"]})
    assert json.loads(path.read_text(encoding="utf-8")) == {"a": [1, "가"]}
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("durable", [True, False])
@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left"), KeyboardInterrupt()])
def test_what_was_there_stays_when_it_cannot_be_written(error, durable, tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"before")

    def write(file):
        file.write(b"half")
        raise error

    with pytest.raises(type(error)):
        write_whole(path, write, durable=durable)
    assert path.read_bytes() == b"before" and [p.name for p in tmp_path.iterdir()] == ["file"]


def test_it_is_on_the_disk_before_it_has_its_name(tmp_path, monkeypatch):
    calls = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda *a: calls.append("sync") or fsync(*a))
    monkeypatch.setattr(os, "replace", lambda *a: calls.append("rename") or replace(*a))
    write_whole(tmp_path / "a", lambda file: np.save(file, np.zeros(3)))
    assert calls[:2] == ["sync", "rename"] and set(calls[2:]) <= {"sync"}
    calls.clear()
    write_whole(tmp_path / "b", lambda file: file.write(b"x"), durable=False)
    assert calls == ["rename"]


def test_systems_that_cannot_open_folders(tmp_path, monkeypatch):
    monkeypatch.delattr(os, "O_DIRECTORY", raising=False)
    write_text_whole(tmp_path / "a", "x")
    assert (tmp_path / "a").read_text(encoding="utf-8") == "x"


def test_lines(tmp_path):
    path = tmp_path / "lines.jsonl"
    path.write_text('{"a": 1}\n[2]\n{"a": 3', encoding="utf-8")
    assert read_json_lines(path, torn_end=True) == [{"a": 1}, [2]]
    assert read_json_lines(path, skip_damaged=True) == [{"a": 1}, [2]]
    with pytest.raises(InputError, match=r"lines.jsonl, line 3: not a line of a record"):
        read_json_lines(path)
    with pytest.raises(InputError, match=r"lines.jsonl, line 2: not a line of a record"):
        read_json_lines(path, check=lambda value: value["a"], torn_end=True)
    checked = read_json_lines(path, check=lambda value: value["a"], skip_damaged=True)
    assert checked == [{"a": 1}]
    path.write_text('{"a": 1}\n{"a": \n', encoding="utf-8")  # whole, but damaged
    with pytest.raises(InputError, match="line 2"):
        read_json_lines(path, torn_end=True)
    with pytest.raises(FileNotFoundError):
        read_json_lines(tmp_path / "none")


def test_a_regular_file_is_opened_as_usual(tmp_path):
    (tmp_path / "file").write_text("가\n", encoding="utf-8")
    if sys.platform != "win32":
        (tmp_path / "link").symlink_to("file")
    for path in tmp_path.iterdir():
        check_regular(path)
        assert read_regular(path) == "가\n".encode()
        with open_regular(path, "r", encoding="utf-8") as file:
            assert file.read() == "가\n"
    with pytest.raises(FileNotFoundError):
        read_regular(tmp_path / "none")
    with pytest.raises(OSError, match="directory|denied"):
        read_regular(tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names")
@pytest.mark.parametrize("kind", ["pipe", "link to a pipe", "device", "link to a device"])
def test_what_is_no_regular_file_is_refused_at_once(kind, tmp_path):
    """Another process has a limit of time: a pipe would be waited for without end."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link to a pipe").symlink_to("pipe")
    (tmp_path / "link to a device").symlink_to("/dev/zero")
    path = "/dev/zero" if kind == "device" else tmp_path / kind
    code = "import sys; from core.files import *; exec(sys.argv[1])"
    for call in ("read_regular", "check_regular", "sha256", "read_json_lines"):
        command = [sys.executable, "-c", code, f"{call}({str(path)!r})"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
        (line,) = done.stderr.splitlines()[-1:]
        assert line.startswith("core.errors.InputError: ") and "expected a regular file" in line


def test_memory():
    free, before = memory.free_memory(), memory.peak_memory()
    assert 2**20 < free < 2**50
    taken = np.ones(2**23)  # 64 MiB
    assert memory.peak_memory() >= before
    assert memory.peak_memory() >= taken.nbytes
    del taken
    assert memory.peak_memory() >= before + 2**24 or before > 2**26  # a peak does not go down


def test_memory_where_the_system_does_not_tell(monkeypatch):
    def fail():
        raise OSError("no counters here")

    monkeypatch.setattr(memory.psutil, "virtual_memory", fail)
    assert memory.free_memory() == memory.UNKNOWN
