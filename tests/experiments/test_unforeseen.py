"""Paths that a person gave, and the net under all programs: one line, and no traceback."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from test_runner import ROOT, error, main

from experiments import cli, tables

BYTES = os.fsdecode(b"caf\xe9")
LONG = "x" * 256
PLACES = [
    ["--run_dir={}"],
    ["--dataset=folder:{}"],
    ["--dataset=zip:{}"],
    ["--metric_networks={}"],
    ["--model=johnson", "--vgg_weights={}"],
    ["--model=johnson", "--style={}"],
    ["--model=gatys", "--content={}"],
    ["--model=gatys", "--mask={}", "--style=photos:coffee"],
    ["--mode=translate", "--input={}", "--output=out"],
    ["--mode=translate", "--input=photo.png", "--output={}"],
    ["--model=stylegan2", "--mode=sample", "--w={}", "--output=out"],
]


@pytest.mark.skipif(sys.platform == "win32", reason="other users and limits")
@pytest.mark.parametrize("place", PLACES, ids=" ".join)
@pytest.mark.parametrize(
    ("path", "message"),
    [("~nosuchuser/x", "there is no user nosuchuser"), (f"a/{LONG}", "a name of 256 bytes")],
)
def test_paths_that_cannot_be(path, message, place, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    assert main(*(word.format(path) for word in place)) == 1
    line = error(capfd)
    assert message in line and any(line.startswith(f"error: {x.split('=')[0]}=") for x in place)
    assert not list(tmp_path.iterdir())  # before anything is written


@pytest.mark.skipif(sys.platform != "linux", reason="names are bytes")
@pytest.mark.parametrize("place", ["--run_dir={}", "--output={}"])
def test_results_have_names_in_utf8(place, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    more = ["--mode=translate", "--input=x.png"] if "output" in place else []
    assert main(place.format(BYTES), *more) == 1
    assert r"caf\xe9: this name is not UTF-8" in error(capfd)
    assert not list(tmp_path.iterdir())


def test_names_with_line_ends_stay_in_one_line(tmp_path, capfd):
    assert main(f"--dataset=folder:{tmp_path}/a\nerror: b", f"--run_dir={tmp_path}/run") == 1
    assert r"a\nerror: b" in error(capfd)


def unforeseen():
    raise RuntimeError("two\nlines")


@pytest.fixture
def parsed():
    cli.FLAGS(["program"])
    yield
    cli.FLAGS.unparse_flags()
    cli.FLAGS(["pytest"])


def test_what_nobody_foresaw(parsed, tmp_path, monkeypatch, capfd):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert cli.command(unforeseen)(["program"]) == 70
    line = error(capfd)
    assert r"RuntimeError: two\nlines. What had been saved is kept" in line
    file = Path(re.search(r"with (.*\.txt), which", line)[1])
    assert file.parent == tmp_path
    assert "in unforeseen" in file.read_text() and "RuntimeError: two\nlines" in file.read_text()


def test_what_nobody_foresaw_where_nothing_can_be_written(parsed, monkeypatch, capfd):
    def full(*_):
        raise OSError("no space")

    monkeypatch.setattr("tempfile.mkstemp", full)
    assert cli.command(unforeseen)(["program"]) == 70
    said = capfd.readouterr().err
    assert "in unforeseen" in said and "error: this was not foreseen: RuntimeError" in said


def test_stopping_is_no_error(parsed, capfd):
    def stop():
        raise KeyboardInterrupt

    assert cli.command(stop)(["program"]) == 130


def test_a_terminal_that_cannot_show_a_name(tmp_path):
    """Results are printed there, too."""
    code = (
        "from experiments import cli; cli.select_backend = lambda: None\n"
        "cli.start(lambda: print('가 \\udce9') or 0)"
    )
    environment = os.environ | {"PYTHONIOENCODING": "ascii", "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, env=environment)
    assert (done.returncode, done.stdout.strip()) == (0, rb"\uac00 \udce9")


def test_a_table_shows_names_as_they_are(tmp_path):
    names = ["<script>alert(1)</script>", "a|b", "c\nd", BYTES]
    text = tables.write(tmp_path, "t", ["name", "x"], [[name, "1"] for name in names], "")
    assert (tmp_path / "t.md").read_text(encoding="utf-8") == text
    assert text.splitlines()[2:] == [
        "| &lt;script>alert(1)&lt;/script> | 1 |",
        r"| a\|b | 1 |",
        r"| c\nd | 1 |",
        r"| caf\xe9 | 1 |",
    ]
