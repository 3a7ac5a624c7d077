"""The benchmark for a GPU: what it starts, what it refuses, and its table."""

import json

import pytest
from absl.testing import flagsaver

from core.errors import InputError
from experiments import api
from scripts import benchmark_gpu
from scripts.peers import __main__ as peers


def arguments(group):
    return [json.loads(c.command[-1].partition("=")[2]) for c in ours(group)]


def ours(group):
    return [c for c in benchmark_gpu._cases(group) if c.command[0] == "scripts.benchmark_gpu"]


@pytest.mark.parametrize("group", benchmark_gpu.GROUPS)
def test_each_case_is_a_configuration_of_ours(group):
    for case in arguments(group):
        changes = {k: v for k, v in case["changes"].items() if k != "stylize"}
        config = api.make_config(case["model"], case["preset"], changes)
        assert config.batch_size == changes.get("batch_size", config.batch_size)


@pytest.mark.parametrize("group", benchmark_gpu.GROUPS)
def test_each_case_beside_ours_is_understood_by_the_stand_ins(group):
    theirs = [c for c in benchmark_gpu._cases(group) if c.command[0] == "scripts.peers"]
    assert len(theirs) >= 2 * len(benchmark_gpu.GROUPS[group])
    for case in theirs:
        with flagsaver.flagsaver():
            peers.FLAGS(["peers", *case.command[1:]])
            assert peers._settings().device == "cuda"


def test_precisions_differ_in_what_float32_products_are_rounded_to():
    title = benchmark_gpu.GROUPS["first"][0][0]
    of_title = {c.column: c for c in ours("first") if c.title == title}
    name = "JAX_DEFAULT_MATMUL_PRECISION"
    assert of_title["float32"].environment[name] == "highest"
    assert of_title["tf32"].environment[name] == "default"


def test_losses_are_compared_relative_to_the_larger():
    row = {"title": "cyclegan", "losses": [{"G": 2.0, "D": 1.0}]}
    other = row | {"losses": [{"G": 2.0, "D": 1.25}]}
    line = benchmark_gpu._agreement([row | {"column": "GPU"}, other | {"column": "CPU"}])
    assert "cyclegan 2.0e-01" in line
    assert "adain –" in line


def test_table_has_a_row_for_each_title_and_a_dash_where_nothing_was_measured():
    rows = [
        {"title": "product", "column": "float32", "rate": 40.2},
        {"title": "step", "column": "float32", "ms": 90.04, "tflops": 21.2},
        {"title": "step", "column": "PyTorch", "ms": 177.0},
    ]
    assert benchmark_gpu._table(rows).splitlines() == [
        "| | float32 | PyTorch |",
        "|---|---|---|",
        "| product | 40 | – |",
        "| step | 90.0 ms, 21 TFLOP/s | 177.0 ms |",
    ]


class OnlyCPU:
    """Stands for the process that is asked for its device."""

    def __init__(self, arguments, environment):
        assert '"kind": "device"' in arguments[-1]

    def wait_ready(self, deadline):
        pass

    def measure(self, deadline):
        return {"device": "CPU (JAX)"}, ""


def test_a_machine_without_a_gpu_is_refused(monkeypatch):
    monkeypatch.setattr(benchmark_gpu, "Child", OnlyCPU)
    with flagsaver.flagsaver(groups=[]), pytest.raises(InputError, match="sees no GPU"):
        benchmark_gpu._run()


def test_an_unknown_group_is_refused():
    with flagsaver.flagsaver(groups=["small"]), pytest.raises(InputError, match="first, stylegan"):
        benchmark_gpu._run()
