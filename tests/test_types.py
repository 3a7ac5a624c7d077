"""Every public function says what it takes and returns; read from the source, nothing is run."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# packages whose public functions are typed in full
TYPED = ("core", "gan", "nst", "experiments", "web")


def sources():
    return sorted(path for name in TYPED for path in (ROOT / name).rglob("*.py"))


def public_functions(tree, owner=""):
    """`(name, function, whether it is a method)` of all at the top and in public classes."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from public_functions(node, f"{node.name}.")
        elif isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            yield f"{owner}{node.name}", node, bool(owner)


def untyped(function, is_method):
    """The names of its arguments without a type, and "return"."""
    given = function.args
    arguments = [*given.posonlyargs, *given.args, *given.kwonlyargs]
    arguments += [x for x in (given.vararg, given.kwarg) if x]
    decorators = {ast.unparse(d) for d in function.decorator_list}
    if is_method and "staticmethod" not in decorators:
        arguments = arguments[1:]
    missing = [x.arg for x in arguments if x.annotation is None]
    return missing + ["return"] * (function.returns is None)


@pytest.mark.parametrize("path", sources(), ids=lambda p: p.relative_to(ROOT).as_posix())
def test_public_functions_are_typed(path):
    functions = public_functions(ast.parse(path.read_text()))
    missing = {name: untyped(function, method) for name, function, method in functions}
    assert {name: names for name, names in missing.items() if names} == {}


def test_what_is_missing_would_be_named():
    code = """
class Public:
    def method(self, a, *, b: int = 0): pass
    @staticmethod
    def static(a) -> int: pass
    def _private(self, x): pass
def typed(a: int, *args: int, **options: int) -> None: pass
"""
    functions = public_functions(ast.parse(code))
    missing = {name: untyped(function, method) for name, function, method in functions}
    assert missing == {"Public.method": ["a", "return"], "Public.static": ["a"], "typed": []}
