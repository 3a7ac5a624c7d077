"""Every command in the documentation: its flags exist and go together; those that can be run are
run with the smoke preset."""

import ast
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from experiments import api, cli, configs, run

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
# what is imported from authors' files, takes hours, downloads, or needs other machines
NOT_RUN = ("--preset=paper", "runs/published", "/published", "horse2zebra", "facades", "runs/ffhq",
           "ghiasi/mine", "ghiasi/pupil", "stylegan2/mine", "stylegan2/ffhq", "stylegan3/ffhq",
           "mosaic", "--backend", "--devices", "--metrics", "--help", "vgg.npz", "--mode=video",
           "runs/fast", "algorithm.pyramid", "--mode=translate --dataset=folder:mine",
           "runs/zebras", "sincut", "network=resnet50")  # fmt: skip
RUN_PAGES = ("README.md", "docs/style_transfer.md", "docs/generation.md", "docs/translation.md")


def commands(page):
    """The commands of a page, from its blocks of bash, each in one line without its comment."""
    text = page.read_text(encoding="utf-8")
    for block in re.findall(r"```bash\n(.*?)```", text, re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            for part in line.split("&&"):
                if "python -m " in part:
                    yield shlex.split(part.partition(" # ")[0].partition("python -m ")[2])


ALL = [(page.relative_to(ROOT).as_posix(), c) for page in PAGES for c in commands(page)]
RUNNER = [(page, words) for page, words in ALL if words[0] == "experiments.run"]
SCRIPTS = ("scripts.", "experiments.compare", "experiments.measure", "experiments.doctor")
OTHERS = [(page, words) for page, words in ALL if words[0].startswith(SCRIPTS)]


def named(pair):
    return " ".join(pair[1]) if isinstance(pair, tuple) else str(pair)


def test_there_are_commands():
    assert len(RUNNER) > 40 and len(OTHERS) > 15
    assert any("--model=cyclegan" in words for _, words in RUNNER)


@pytest.mark.parametrize("command", RUNNER, ids=named)
def test_a_command_of_the_runner_is_understood(command):
    """The model, the preset, the mode, its flags and the keys of --set are there."""
    page, words = command
    flags = [word for word in words[1:] if word not in ("--help", "--helpfull")]
    try:
        rest = cli.FLAGS(["run", *flags])
        assert rest == ["run"], f"{page}: {rest[1:]} is no flag"
        model = configs.find(cli.FLAGS.model)
        run.check_flags(model, needs=flags == words[1:])
        changes = run.flag_changes(model)
        for key in ("base", "teacher", "encoder_from"):  # runs that are not here
            changes.pop(f"algorithm.{key}", None)
        api.make_config(cli.FLAGS.model, cli.FLAGS.preset, changes)
    finally:
        cli.FLAGS.unparse_flags()
        cli.FLAGS(["pytest"])


def defined_flags(module):
    """The flags that a module and the scripts it imports define, read from their source."""
    path = ROOT / (module.replace(".", "/") + ".py")
    path = path if path.exists() else ROOT / module.replace(".", "/") / "__main__.py"
    text = path.read_text(encoding="utf-8")
    names = set(re.findall(r'(?:DEFINE_\w+\(|ArgumentSerializer\(\),)\s*"(\w+)"', text))
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and node.module.startswith("scripts"):
            whole = node.module == "scripts"
            parts = [f"scripts.{n.name}" for n in node.names] if whole else [node.module]
            names |= set().union(*map(defined_flags, parts))
    return names


@pytest.mark.parametrize("command", OTHERS, ids=named)
def test_a_command_of_a_script_has_its_flags(command):
    page, (module, *words) = command
    known = {*cli.FLAGS, *defined_flags(module)}
    given = [word[2:].partition("=")[0] for word in words if word.startswith("--")]
    assert {name for name in given if name not in known and name[2:] not in known} == set(), page


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with the files that the documentation speaks of."""
    root = tmp_path_factory.mktemp("documented")
    rng = np.random.default_rng(0)

    def picture(path, height=72, width=80):
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (height, width, 3), np.uint8)).save(path)

    for name in ("photo", "painting", "a", "b", "c", "stones", "other", "sky", "ground"):
        picture(root / f"{name}.jpg")
        picture(root / f"{name}.png")
    for folder in ("photos", "paintings", "mine", "more"):
        for i in range(3):
            picture(root / folder / f"{i}.png")
    for split in ("trainA", "trainB", "testA", "testB"):
        for i in range(3):
            picture(root / "two" / split / f"{i}.png")
    for split in ("train", "test"):
        for i in range(3):
            picture(root / "pairs" / split / f"{i}.png", 72, 144)
    return root


@pytest.mark.thorough
@pytest.mark.parametrize("page", RUN_PAGES)
def test_commands_run(page, place, monkeypatch, capfd):
    """In the order of the page, in one folder, with the smoke preset."""
    monkeypatch.chdir(place)
    ran = 0
    for words in (words for name, words in RUNNER if name == page):
        line = " ".join(words)
        if any(mark in line for mark in NOT_RUN):
            continue
        arguments = [word.replace("/quick-", "/smoke-") for word in words[1:]]
        if "folder:mine" in line and "cyclegan" in line:
            arguments = [word.replace("folder:mine", "folder:two") for word in arguments]
        small = ["--preset=smoke", *(["--images=8"] if "--images" in line else [])]
        if "data.size" in line:
            continue  # sizes that a smoke preset's networks do not take
        rest = cli.FLAGS(["run", *arguments, *small])
        try:
            assert run.main(rest) == 0, f"{line}\n{capfd.readouterr().err[-500:]}"
        finally:
            cli.FLAGS.unparse_flags()
            cli.FLAGS(["pytest"])
        ran += 1
    assert ran >= 2
