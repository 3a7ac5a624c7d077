"""What `--help` says: the models by task, and one model with its presets, modes and flags."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from experiments import cli, configs, run
from experiments.help import describe, overview

ROOT = Path(__file__).parents[2]
FLAG = re.compile(r"--(\w+)(\*?)")


def shown(capfd, *arguments):
    """The exit status of `python -m experiments.run` with `--help` in this process, and what is
    printed on both streams."""
    try:
        with pytest.raises(SystemExit) as ended:
            cli._parse(["run", *arguments], run._help)
    finally:
        cli.FLAGS.unparse_flags()
    return (ended.value.code, *capfd.readouterr())


def sections(text):
    """Title -> lines, of the parts that are separated by empty lines."""
    parts = [part.splitlines() for part in text.split("\n\n")]
    return {part[0]: part[1:] for part in parts}


def flags_of(lines):
    """The flags of every mode: mode -> {flag: whether it is needed}."""
    modes, mode = {}, ""
    for line in lines:
        if line.startswith(" " * 15):
            modes[mode] |= {name: star == "*" for name, star in FLAG.findall(line)}
        else:
            mode = line.split()[0]
            modes[mode] = {}
    return modes


@pytest.mark.parametrize("flag", ["longer_side", "size"])
def test_both_names_of_a_side_are_the_same_setting(flag):
    try:
        cli.FLAGS(["run", "--model=gatys", f"--{flag}=123"])
        assert run.flag_changes(configs.find("gatys")) == {"data.size": 123}
    finally:
        cli.FLAGS.unparse_flags()
        cli.FLAGS(["pytest"])


def test_every_model_is_listed_under_its_task(capfd):
    status, out, said = shown(capfd, "--help")
    assert (status, said) == (0, "") and out.rstrip() == overview()
    groups = sections(out)
    for name in configs.names():
        model = configs.find(name)
        lines = [line for line in groups[model.task.title] if line.split()[0] == name]
        assert lines == [f"  {name:20} {model.summary}"]
    listed = [line for model in configs.names() for line in groups[configs.find(model).task.title]]
    assert {line.split()[0] for line in listed} == set(configs.names())
    assert out.count("\n  ") == len(configs.names())  # no model twice, and nothing else


def test_the_help_of_a_model(capfd):
    status, out, said = shown(capfd, "--model=stylegan", "--help")
    assert (status, said) == (0, "") and out.rstrip() == describe("stylegan")
    model, groups = configs.find("stylegan"), sections(out)
    assert out.startswith(f"stylegan: {model.summary}\n") and model.paper in out
    presets = {line.split()[0]: line for line in groups["presets (--preset=)"]}
    assert list(presets)[:3] == ["quick", "paper", "smoke"] and set(presets) == set(model.presets)
    for name, line in presets.items():
        config = model.presets[name]
        assert f"{config.data.size} px" in line and f"{config.images:,} images" in line
        assert f"batch {config.batch_size}" in line and model.costs.get(name, "") in line


@pytest.mark.parametrize("name", configs.names())
def test_every_mode_has_exactly_its_flags(name):
    """An older name of a flag, --size for a side, is left out."""
    task, groups = configs.find(name).task, sections(describe(name))
    (title,) = (title for title in groups if title.startswith("modes (--mode=)"))
    modes = flags_of(groups[title])
    assert list(modes) == list(task.modes)
    for mode, given in modes.items():
        takes = set(task.modes[mode].takes)
        older = {"size"} if takes & {"longer_side", "shorter_side"} else set()
        assert set(given) == takes - older
        assert {flag for flag, needed in given.items() if needed} == set(task.modes[mode].needs)
    everywhere = {FLAG.match(line.strip())[1] for line in groups["flags of every mode"]
                  if line.startswith("  --")}  # fmt: skip
    assert everywhere == {*cli.EVERYWHERE, *(["dataset"] if task.roles else [])}
    others = {FLAG.match(line.strip())[1] for line in groups["other flags"]
              if line.startswith("  --")}  # fmt: skip
    assert others == {flag for given in modes.values() for flag in given}


def test_no_line_is_wider_than_a_terminal():
    for text in (overview(), *map(describe, configs.names())):
        assert max(map(len, text.splitlines())) <= 110


def test_an_unknown_model_is_one_line(capfd):
    status, out, said = shown(capfd, "--model=stylgan", "--help")
    assert status == 1 and out == ""
    assert said.splitlines() == ["error: --model=stylgan: no such model. Did you mean 'stylegan'?"]


def test_a_wrong_flag_beside_help_is_one_line(capfd):
    status, out, said = shown(capfd, "--no_such_flag", "--help")
    assert status == 1 and out == "" and len(said.splitlines()) == 1
    assert said.startswith("error: Unknown command line flag 'no_such_flag'")


def test_as_a_process():
    done = subprocess.run(
        [sys.executable, "-m", "experiments.run", "--model=stylegan", "--help"],
        cwd=ROOT,
        text=True,
        capture_output=True,
    )
    assert done.returncode == 0 and "Traceback" not in done.stderr
    assert done.stdout.startswith("stylegan: ") and "--truncation_cutoff" in done.stdout
