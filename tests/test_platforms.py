"""What must hold on every system that a student may sit at, and what an installation brings."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest
from setuptools import find_packages

ROOT = Path(__file__).parents[1]
PACKAGES = ("core", "gan", "nst", "experiments", "web", "scripts")


def python(*arguments):
    """What a Python process prints on standard output, started in the checkout."""
    done = subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=ROOT,
        env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONUTF8": "1"},
        capture_output=True,
        encoding="utf-8",
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.thorough
def test_without_what_only_unix_has(tmp_path):
    """Everything is imported, and a run is trained, resumed and used under Korean names."""
    folder = tmp_path / "한글 폴더"
    folder.mkdir()
    said = python(ROOT / "tests" / "elsewhere.py", folder).splitlines()
    count = int(said[-2].removesuffix(" modules"))
    assert said[-1] == "done" and count > 150
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert {"출력/결과 0.png", "학습 결과 1/config.json", "학습 결과 1/metrics.jsonl"} <= files
    assert "학습 결과 1/checkpoints/000000000004.npz" in files


def test_a_configuration_costs_no_tensorflow():
    code = "import sys, experiments.training.config; print(*sys.modules)"
    loaded = set(python("-c", code).split())
    assert "experiments.training.config" in loaded
    assert not loaded & {"tensorflow", "keras", "jax", "tensorflow_datasets"}


def test_no_package_called_scripts_or_tests_is_installed(monkeypatch):
    installed = packages(monkeypatch)
    assert {"core", "core.engine", "gan.cyclegan", "nst.adain", "experiments.data"} <= installed
    assert {name.partition(".")[0] for name in installed} == {*PACKAGES[:-1]}
    everything = {name for name in find_packages(ROOT) if name.partition(".")[0] != "scripts"}
    assert installed == everything


def packages(monkeypatch):
    """The packages that setup.py installs."""
    given = {}
    monkeypatch.setattr("setuptools.setup", lambda **options: given.update(options))
    monkeypatch.chdir(ROOT)
    exec(compile((ROOT / "setup.py").read_text(encoding="utf-8"), "setup.py", "exec"), {})
    return set(given["packages"])


def unspecified(path):
    """Lines of a file that open text without saying that it is UTF-8, which Windows would not."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call) or {"encoding", None} & {k.arg for k in node.keywords}:
            continue
        name = ast.unparse(node.func)
        if name == "open":
            mode = node.args[1] if len(node.args) > 1 else ast.Constant("r")
            if "b" not in ast.unparse(mode):
                yield node.lineno
        elif name.endswith((".read_text", ".write_text")):
            yield node.lineno


def test_text_is_utf8_on_every_system():
    paths = [path for name in PACKAGES for path in (ROOT / name).rglob("*.py")]
    assert len(paths) > 150
    assert [f"{path}:{line}" for path in paths for line in unspecified(path)] == []
