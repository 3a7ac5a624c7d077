"""Who may import whom, read from the source: nothing here is run."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ALLOWED = {
    "core": {"core"},
    "gan": {"core", "gan"},
    "nst": {"core", "nst"},
    "experiments": {"core", "gan", "nst", "experiments"},
    "scripts": {"core", "gan", "nst", "experiments", "scripts"},
}
# the tensor libraries themselves: in the engine, and tf.data in the input pipeline
BACKENDS = {"tensorflow", "jax", "jaxlib", "tensorflow_datasets"}
MAY_IMPORT_BACKENDS = ("core/engine/", "experiments/data/")
EXCEPTIONS = {("experiments/run.py", "tensorflow"), ("experiments/run.py", "jax")}
# a benchmark measures the libraries
EXCEPTIONS |= {("scripts/benchmark.py", name) for name in BACKENDS}
LONGEST = 400


def sources():
    folders = [ROOT / name for name in ALLOWED if (ROOT / name).is_dir()]
    return sorted(path for folder in folders for path in folder.rglob("*.py"))


def imports(path):
    """Top-level packages that a file imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield node.module.partition(".")[0]
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            name = node.args[0]
            text = name.values[0] if isinstance(name, ast.JoinedStr) else name
            assert isinstance(text, ast.Constant), f"{path}: import_module of a computed name"
            yield text.value.partition(".")[0]


@pytest.mark.parametrize("path", sources(), ids=lambda p: p.relative_to(ROOT).as_posix())
def test_imports(path):
    name = path.relative_to(ROOT).as_posix()
    found = set(imports(path))
    layer = name.partition("/")[0]
    assert not (found & set(ALLOWED)) - ALLOWED[layer]
    if not name.startswith(MAY_IMPORT_BACKENDS):
        assert {b for b in found & BACKENDS if (name, b) not in EXCEPTIONS} == set()


@pytest.mark.parametrize("path", sources(), ids=lambda p: p.relative_to(ROOT).as_posix())
def test_size_and_name(path):
    assert len(path.read_text().splitlines()) <= LONGEST
    assert path.stem not in ("utils", "util", "helpers", "common", "misc")


def test_there_is_something_to_look_at():
    names = {path.relative_to(ROOT).as_posix() for path in sources()}
    assert {"core/phases.py", "core/engine/jax.py", "experiments/run.py"} <= names
    assert "gan" in set(imports(ROOT / "experiments/configs/cyclegan.py"))
