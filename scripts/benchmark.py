"""Measures a model's training step on this machine.

    python -m scripts.benchmark --model=cyclegan --preset=paper --precision=mixed_bfloat16

prints, and appends to `benchmarks.jsonl`: milliseconds per step, images per second, seconds to the
first step, peak memory, the data pipeline alone, and the share of the machine's own matrix-product
rate (measured right after it in the same precision) that the step's arithmetic reaches. Images are
random, so no data set is needed for the step; the pipeline is timed on the embedded set.
"""

import json
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

from absl import app, flags

from experiments.run import command, say

FLAGS = flags.FLAGS
flags.DEFINE_integer("steps", 5, "Steps to time, after two that are not.")
flags.DEFINE_string("results", "benchmarks.jsonl", "The file that takes a line per run.")


def _run():
    from experiments import api
    from experiments.config import parse_assignments
    from experiments.rundir import environment

    changes = parse_assignments(FLAGS.set) | {"data.dataset": "seasons"}
    if FLAGS.precision:
        changes["precision"] = FLAGS.precision
    config = api.make_config(FLAGS.model, FLAGS.preset, changes)
    row = {"model": config.model, "preset": config.preset, "precision": config.precision}
    row |= {"backend": config.backend, "size": config.data.size, "batch_size": config.batch_size}
    row |= _time_steps(api, config, FLAGS.steps)
    row["pipeline_images_per_second"] = _time_pipeline(api, config)
    row["matmul_gflops"] = _matmul_rate_alone(config.precision)
    row["step_gflops"] = row["gflop_per_step"] / row["ms_per_step"] * 1000
    row["share_of_matmul"] = row["step_gflops"] / row["matmul_gflops"]
    for key, value in row.items():
        print(f"{key:28} {value:.4g}" if isinstance(value, float) else f"{key:28} {value}")
    with open(FLAGS.results, "a", encoding="utf-8") as file:
        file.write(json.dumps(row | {"environment": environment()}) + "\n")
    say(f"appended to {Path(FLAGS.results).absolute()}")
    return 0


def _time_steps(api, config, steps):
    """Builds the model and times its step on random images."""
    import keras
    import numpy as np

    from core import engine

    engine.setup(1, branches=getattr(api.model_module(config.model), "BRANCHES", 1))
    start = time.perf_counter()
    algorithm = api.build(config, epoch=1000, budget=10**6, run_dir=Path(".")).algorithm
    built = time.perf_counter()
    size = (config.batch_size, config.data.size, config.data.size, 3)
    rng = np.random.default_rng(0)
    roles = api.model_module(config.model).ROLES
    batch = {role: rng.uniform(-1, 1, size).astype("float32") for role in roles}
    times = []
    for step in range(steps + 2):
        begin = time.perf_counter()
        logs = algorithm.step(engine.shard(batch), step)
        float(keras.ops.convert_to_numpy(next(iter(logs.values()))))
        times.append(time.perf_counter() - begin)
    seconds = statistics.median(times[2:])
    return {
        "build_s": built - start,
        "first_step_s": times[0],  # traced, optimised, and run once
        "ms_per_step": 1000 * seconds,
        "ms_per_step_range": [round(1000 * t) for t in (min(times[2:]), max(times[2:]))],
        "images_per_second": config.batch_size / seconds,
        "peak_memory_gib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 2**30
        * (1 if sys.platform == "linux" else 1 / 1024),
        "gflop_per_step": algorithm_flops(algorithm, size) / 1e9,
    }  # fmt: skip


def algorithm_flops(algorithm, shape) -> float:
    """Floating-point operations of the convolutions in a step: two per multiply-add, three passes
    (forward, gradient of the input, gradient of the kernel) wherever the networks are trained.

    `algorithm.passes` says how many images go through each network. A pass of a discriminator in
    the generators' phase leaves out the gradient of its kernels: counted all the same, a little
    (2 %) too much.
    """
    return sum(
        3 * algorithm.passes.get(name, 1) * forward_flops(network, shape)
        for name, network in algorithm.networks.items()
    )


def forward_flops(network, shape) -> float:
    """Operations of the convolutions and dense layers of a network on a batch of this shape."""
    import math

    import keras

    inputs = keras.Input(shape[1:], batch_size=shape[0])
    clone = keras.models.clone_model(network, input_tensors=inputs)
    total = 0.0
    for layer in clone.layers:
        if isinstance(layer, keras.layers.Conv2DTranspose):  # a product per input pixel
            total += 2 * math.prod(layer.input.shape[:-1]) * math.prod(layer.kernel.shape)
        elif isinstance(layer, (keras.layers.Conv2D, keras.layers.Dense)):
            total += 2 * math.prod(layer.output.shape[:-1]) * math.prod(layer.kernel.shape)
    return total


def _time_pipeline(api, config, seconds=3.0):
    """Images of each domain per second that the data pipeline delivers when nothing else runs."""
    from experiments.data.pipeline import batches

    dataset = api.open_data(config)
    iterator = batches(dataset, config.data, size=config.data.size, start=0, seed=0,
                       batch_size=config.batch_size)  # fmt: skip
    next(iterator)
    start, count = time.perf_counter(), 0
    while time.perf_counter() - start < seconds:
        next(iterator)
        count += config.batch_size
    return count / (time.perf_counter() - start)


def _matmul_rate_alone(precision):
    """`matmul_rate` in a process of its own, with all threads for the one product."""
    code = f"from scripts.benchmark import matmul_rate; print(matmul_rate({precision!r}))"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(done.stdout.split()[-1])


def matmul_rate(precision: str, size: int = 4096) -> float:
    """GFLOP/s of a product of two square matrices in the compute type, the best of five."""
    import keras
    import numpy as np
    from keras import ops

    from core import engine

    dtype = keras.dtype_policies.get(precision).compute_dtype
    rng = np.random.default_rng(0)
    a, b = (ops.cast(rng.standard_normal((size, size)).astype("float32"), dtype) for _ in range(2))
    product = engine.compile(ops.matmul, [])
    times = []
    for _ in range(6):
        start = time.perf_counter()
        ops.convert_to_numpy(product(a, b)[0, :1])
        times.append(time.perf_counter() - start)
    return 2 * size**3 / min(times[1:]) / 1e9


if __name__ == "__main__":
    app.run(command(_run))
