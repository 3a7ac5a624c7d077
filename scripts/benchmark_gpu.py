"""Measures training steps on a GPU, JAX beside PyTorch, in under ten minutes.

    pip install -e '.[jax,peers]'
    python -m scripts.benchmark_gpu --budget=540

Every case is a process of its own: CycleGAN, StyleGAN, StyleGAN2 and AdaIN, ours and the PyTorch
networks of `scripts.peers`, in several precisions, with and without deterministic kernels. The
cases build and compile side by side, eight at a time, for that takes the processor; then each is
timed alone, in turn. Before that come the rate of a matrix product in each precision, and the same
training steps on the processor and on the GPU in float32 without TF32, whose losses must agree.

Prints a table as Markdown, and appends a line for each case to `--results`. A case that fails or is
not ready in time is told and left out.
"""

import json
import statistics
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

from absl import flags

from core.errors import InputError
from experiments.cli import FLAGS, say, start
from scripts.benchmark import algorithm_flops, random_batch
from scripts.turns import Child, queued, wait_turn

flags.DEFINE_float("budget", 540.0, "Seconds for all cases; what is not ready by then is left out.")
flags.DEFINE_string("case", None, "A case as JSON, which the program gives to its own processes.")
flags.DEFINE_list("groups", [], "Measure only these groups of cases. Default: all.")

ROUNDS, CADENCE = 3, 16  # the rarest phase, R1 of StyleGAN2, comes every 16 steps
PRODUCT = 8192
TOGETHER, PREPARING = 8, 150.0  # cases that get ready side by side, and the seconds they have
MEMORY = {"XLA_PYTHON_CLIENT_PREALLOCATE": "false"}  # of the GPU, which processes share
PARITY_STEPS = 3
PRECISIONS = {
    # name: (precision of the run, precision of float32 products)
    "float32": ("float32", "highest"),
    "tf32": ("float32", "default"),
    "bfloat16": ("mixed_bfloat16", "default"),
}


class Case(NamedTuple):
    """A process that is timed.

    Attributes:
        title: what is measured, such as "CycleGAN, 256 px, batch 1".
        column: the column of the table.
        command: the arguments after `python -m`.
        environment: variables of its environment.
    """

    title: str
    column: str
    command: tuple[str, ...]
    environment: dict[str, str]


def _grown(size, batch):
    return {
        "data.size": size,
        "data.load_size": size,
        "batch_size": batch,
        "algorithm.batch_sizes": (),
        "algorithm.start_resolution": size,
    }


def _sized(size, batch):
    return {"data.size": size, "data.load_size": size, "batch_size": batch}


def _unaugmented(size, batch):
    return _sized(size, batch) | {"algorithm.augment": "none"}


# by name of the group: title, model, preset, changes of it
GROUPS: dict[str, list[tuple[str, str, str, dict[str, Any]]]] = {
    "first": [
        ("CycleGAN, 256 px, batch 1", "cyclegan", "paper", _sized(256, 1)),
        ("StyleGAN2, 256 px, batch 8", "stylegan2", "paper256", _unaugmented(256, 8)),
        ("AdaIN, a picture of 512 px", "adain", "paper", {"stylize": 512}),
    ],
    "stylegan": [("StyleGAN, 256 px, batch 8", "stylegan", "paper", _grown(256, 8))],
    "large": [
        ("StyleGAN2, 512 px, batch 8", "stylegan2", "paper512", _unaugmented(512, 8)),
        ("StyleGAN2, 1024 px, batch 4", "stylegan2", "paper1024", _unaugmented(1024, 4)),
    ],
}
COMPILED = ("cyclegan", "adain")  # torch.compile cannot differentiate gradients, which R1 needs
PARITY = [("cyclegan", "smoke"), ("stylegan2", "smoke"), ("adain", "smoke")]


def _run():
    if FLAGS.case:
        print(json.dumps(measure(**json.loads(FLAGS.case))))
        return 0
    if unknown := sorted(set(FLAGS.groups) - set(GROUPS)):
        raise InputError(f"--groups={unknown[0]}: expected some of {', '.join(GROUPS)}.")
    deadline = time.monotonic() + FLAGS.budget
    _check_device(deadline)
    rows, first = [], [*_products(), *_parity()]
    for group in FLAGS.groups or GROUPS:
        rows += _rows([*first, *_cases(group)], deadline)
        first = []
    say(_agreement(rows))
    print(_table([row for row in rows if "losses" not in row]))
    return 0


def _check_device(deadline):
    """Refuses a machine without a GPU, in a process of its own: JAX keeps what it has seen."""
    case = _ours("", "", "device", "float32")
    child = Child(case.command, MEMORY)
    child.wait_ready(deadline)
    found, problem = child.measure(deadline)
    if problem or found["device"].startswith("CPU"):
        raise InputError(
            f"JAX sees no GPU here ({problem or found['device']}). Run this on a machine that has "
            "one, with JAX for it (pip install 'jax[cuda13]'); scripts.benchmark measures a CPU."
        )


def _ours(title, column, kind, precision, deterministic=False, **arguments):
    policy, products = PRECISIONS[precision]
    case = {"kind": kind, "precision": policy, "deterministic": deterministic, **arguments}
    command = ("scripts.benchmark_gpu", "--backend=jax", f"--case={json.dumps(case)}")
    return Case(title, column, command, {"JAX_DEFAULT_MATMUL_PRECISION": products})


def _products():
    title = f"matrix product of {PRODUCT}², TFLOP/s"
    return [_ours(title, precision, "product", precision) for precision in PRECISIONS]


def _parity():
    """Returns the cases of the first steps, on the GPU and on the processor."""
    own = [{"model": model, "preset": preset} for model, preset in PARITY]
    cases = [_ours(o["model"], "GPU", "losses", "float32", True, **o) for o in own]
    cpu = {"JAX_PLATFORMS": "cpu"}
    return cases + [c._replace(column="CPU", environment=c.environment | cpu) for c in cases]


def _cases(group):
    """Returns the cases of a group: ours in each precision, then PyTorch's."""
    cases = []
    for title, model, preset, changes in GROUPS[group]:
        own = {"model": model, "preset": preset, "changes": changes}
        cases += [_ours(title, precision, "step", precision, **own) for precision in PRECISIONS]
        cases.append(_ours(title, "bfloat16, deterministic", "step", "bfloat16", True, **own))
        cases += _peers(title, model, preset, changes)
    return cases


def _peers(title, model, preset, changes):
    size, batch = changes.get("stylize") or changes["data.size"], changes.get("batch_size", 1)
    options = [f"--peer_model={model}", f"--peer_size={size}", f"--peer_batch={batch}",
               f"--peer_steps={ROUNDS * CADENCE}", "--peer_device=cuda", "--peer_tf32",
               "--peer_channels_last", "--peer_wait"]  # fmt: skip
    cases = []
    for column, precision in (("tf32", "float32"), ("bfloat16", "bfloat16")):
        command = ("scripts.peers", *options, f"--peer_precision={precision}")
        cases.append(Case(title, f"PyTorch, {column}", command, {}))
        if model in COMPILED:
            compiled = (*command, "--peer_compile")
            cases.append(Case(title, f"PyTorch, {column}, compiled", compiled, {}))
    return cases


def _agreement(rows):
    """Returns a line on how far the losses on the GPU are from those on the processor."""
    found = {(row["title"], row["column"]): row["losses"] for row in rows if "losses" in row}
    parts = []
    for model, _ in PARITY:
        pair = [found.get((model, column)) for column in ("GPU", "CPU")]
        parts.append(f"{model} {_difference(*pair):.1e}" if all(pair) else f"{model} –")
    return f"losses of {PARITY_STEPS} steps, GPU and CPU, relative difference: {', '.join(parts)}"


def _difference(ours, theirs):
    """Returns the largest difference of two lists of losses, relative to the larger value."""
    pairs = [(a[k], b[k]) for a, b in zip(ours, theirs, strict=True) for k in a]
    return max(abs(a - b) / max(abs(a), abs(b), 1e-3) for a, b in pairs)


# --- the parent


def _rows(cases: Sequence[Case], deadline: float) -> list[dict]:
    """Lets a few cases at a time get ready side by side, times each alone; returns their rows."""
    rows = []
    for i in range(0, len(cases), TOGETHER):
        children = [(c, Child(c.command, MEMORY | c.environment)) for c in cases[i : i + TOGETHER]]
        ready_by = min(deadline, time.monotonic() + PREPARING)
        for _, child in children:
            child.wait_ready(ready_by)
        rows += [row for case, child in children if (row := _row(case, child, deadline))]
    return rows


def _row(case, child, deadline):
    """Returns the row of a case that is ready, after telling and keeping it; {} if it failed."""
    result, problem = child.measure(deadline)
    if problem:
        say(f"left out: {case.title}, {case.column}: {problem}")
        return {}
    row = {"title": case.title, "column": case.column, **result}
    row |= {"ms": result["ms_per_step"]} if "ms_per_step" in result else {}
    say(f"{case.title}, {case.column}: {_cell(row)}")
    with open(FLAGS.results, "a", encoding="utf-8") as file:
        file.write(json.dumps(row) + "\n")
    return row


def _table(rows):
    """Returns the rows as a Markdown table."""
    columns = list(dict.fromkeys(row["column"] for row in rows))
    lines = ["| | " + " | ".join(columns) + " |", "|---" * (len(columns) + 1) + "|"]
    for title in dict.fromkeys(row["title"] for row in rows):
        cells = {row["column"]: _cell(row) for row in rows if row["title"] == title}
        lines.append(f"| {title} | " + " | ".join(cells.get(c, "–") for c in columns) + " |")
    return "\n".join(lines)


def _cell(row):
    if "rate" in row:
        return f"{row['rate']:.0f}"
    if "losses" in row:
        return "done"
    return f"{row['ms']:.1f} ms" + (f", {row['tflops']:.0f} TFLOP/s" if "tflops" in row else "")


# --- a case of ours


def measure(
    kind: str,
    precision: str,
    deterministic: bool,
    model: str = "",
    preset: str = "",
    changes: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Returns what one process of ours measures.

    Args:
        kind: "device" (its name), "product" (the rate of a matrix product), "losses" (of the first
            steps) or "step".
        precision: of the run.
        deterministic: whether kernels give the same bits every time.
        model: the name of the model.
        preset: the name of its preset.
        changes: changes of the preset, by dotted key; `stylize` in it times a picture of that
            many pixels instead of a step.
    """
    from core import engine

    engine.setup(1, deterministic=deterministic)
    if kind == "device":
        return {"device": engine.describe_devices()}
    if kind == "product":
        return {"rate": _product(precision), "device": engine.describe_devices()}
    changes = dict(changes or {}, precision=precision)
    if size := changes.pop("stylize", None):
        return _stylize(model, preset, changes, size)
    begin = time.perf_counter()
    algorithm, batch, gflop = _prepared(model, preset, changes)
    if kind == "losses":
        return {"losses": [_losses(algorithm, batch, step) for step in range(PARITY_STEPS)]}
    _losses(algorithm, batch, 0)
    first = time.perf_counter() - begin
    for step in range(1, CADENCE + 1):
        _losses(algorithm, batch, step)
    wait_turn()
    means = queued(
        lambda i: algorithm.step(batch, i),
        lambda logs: float(next(iter(logs.values()))),
        CADENCE,
        ROUNDS,
    )
    ms = 1000 * statistics.median(means)
    return {"ms": ms, "first_step_s": first, "tflops": gflop / ms}


def _prepared(model, preset, changes):
    """Returns a model's algorithm, a batch on the device, and the GFLOP of a step."""
    from core import engine
    from experiments import api, configs

    config = api.make_config(model, preset, changes)
    algorithm = api.build(config, epoch=1000, budget=10**6, run_dir=".").algorithm
    roles = configs.find(model).task.roles
    batch = random_batch(algorithm, algorithm.stages[-1], roles, config.data)
    return algorithm, engine.shard(batch), algorithm_flops(algorithm) / 1e9


def _losses(algorithm, batch, step):
    return {name: float(value) for name, value in algorithm.step(batch, step).items()}


def _stylize(model, preset, changes, size):
    """Returns the milliseconds of a picture in the style of another, both encoded."""
    import numpy as np

    from experiments import api

    changes |= {"algorithm.weights": "random", "algorithm.network": "vgg19",
                "algorithm.normalise": False}  # fmt: skip
    config = api.make_config(model, preset, changes)
    run = api.build(config, epoch=1, budget=1, run_dir=".", trains=False)
    draw = np.random.default_rng(0).integers(0, 256, (2, size, size, 3), np.uint8)
    begin = time.perf_counter()
    run.stylize(draw[0], [draw[1]])
    first = time.perf_counter() - begin
    run.stylize(draw[0], [draw[1]])
    wait_turn()
    means = queued(lambda i: run.stylize(draw[0], [draw[1]]), len, CADENCE, ROUNDS)
    return {"ms": 1000 * statistics.median(means), "first_step_s": first}


def _product(precision):
    """Returns the TFLOP/s of a product of square matrices, many in a row."""
    import keras
    import numpy as np
    from keras import ops

    from core import engine

    dtype = keras.dtype_policies.get(precision).compute_dtype
    rng = np.random.default_rng(0)
    a, b = (ops.cast(rng.standard_normal((PRODUCT, PRODUCT), "float32"), dtype) for _ in range(2))
    product = engine.compile(lambda x, y: ops.matmul(x, y) / 100.0, [])
    last = [product(a, b)]

    def work(i):
        last[0] = product(last[0], b)
        return last[0]

    float(last[0][0, 0])
    wait_turn()
    means = queued(work, lambda c: float(c[0, 0]), CADENCE, ROUNDS)
    return 2 * PRODUCT**3 / statistics.median(means) / 1e12


if __name__ == "__main__":
    start(_run)
