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
    "web": {"core", "gan", "nst", "experiments", "web"},
    "scripts": {"core", "gan", "nst", "experiments", "scripts"},
}
# the tensor libraries themselves: in the engine, and tf.data in the input pipeline
BACKENDS = {"tensorflow", "jax", "jaxlib", "tensorflow_datasets"}
MAY_IMPORT_BACKENDS = ("core/engine/", "experiments/data/")
EXCEPTIONS = {("experiments/cli.py", "tensorflow"), ("experiments/cli.py", "jax")}
# TensorFlow's own schemas read TensorFlow's files, on either backend
EXCEPTIONS |= {(f"core/{name}.py", "tensorflow") for name in ("tflite_file", "saved_model")}
# what a file makes where it belongs, which knows nothing of this project
EXCEPTIONS |= {("scripts/run_exported.py", "tensorflow")}
# what converts for LiteRT is a part of TensorFlow
EXCEPTIONS |= {("experiments/export/litert.py", "tensorflow")}
# a benchmark measures the libraries
EXCEPTIONS |= {("scripts/benchmark.py", name) for name in BACKENDS}
# the rooms of experiments/ by floor: a room imports from floors below, or from itself
FLOORS = (
    ("data", "cli", "flag_values", "tables"),
    ("training",),
    ("metrics", "modes", "export"),
    ("model",),
    ("tasks",),
    ("configs",),
    ("api", "weights"),
    ("run", "help", "dry_run", "compare", "measure", "doctor"),
)
# what the runner shows in place of running; what makes runs with the calls of the API
ONE_FLOOR = {("run", "help"), ("run", "dry_run"), ("weights", "api"), ("cli", "flag_values")}
# the one import of a computed name: a model's module, by the name that --model gives
COMPUTED = {"experiments/configs/__init__.py"}
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
            if path.relative_to(ROOT).as_posix() in COMPUTED:
                continue
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


def modules():
    """Dotted name -> file of every module of experiments."""
    found = {}
    for path in sorted((ROOT / "experiments").rglob("*.py")):
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        found[name.removesuffix(".__init__")] = path
    return found


def inner_imports(path, known):
    """The modules of experiments that a file imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                yield whole if whole in known else node.module


def room(module):
    return module.split(".")[1] if "." in module else ""


def graph():
    known = modules()
    return {
        name: {m for m in inner_imports(path, known) if m in known and room(m)} - {name}
        for name, path in known.items()
    }


def test_no_room_imports_from_a_floor_above():
    floor = {name: i for i, rooms in enumerate(FLOORS) for name in rooms}
    assert len(FLOORS) <= 8
    links = {(room(a), room(b)) for a, found in graph().items() for b in found if room(a)}
    assert {name for pair in links for name in pair} == set(floor)
    wrong = {
        (a, b) for a, b in links if a != b and floor[a] <= floor[b] and (a, b) not in ONE_FLOOR
    }
    assert wrong == set()


def test_no_module_imports_itself_through_others():
    links = graph()
    done, open_ = set(), []

    def visit(name):
        assert name not in open_, f"a circle: {' -> '.join([*open_, name])}"
        if name not in done:
            open_.append(name)
            for other in sorted(links[name]):
                visit(other)
            open_.pop()
            done.add(name)

    for name in links:
        visit(name)
    assert len(done) > 50


def test_there_is_something_to_look_at():
    names = {path.relative_to(ROOT).as_posix() for path in sources()}
    assert {"core/phases.py", "core/engine/jax.py", "experiments/run.py"} <= names
    assert "gan" in set(imports(ROOT / "experiments/configs/cyclegan.py"))
