"""Measures a model's step on this machine, and AdaIN's time to stylise a picture.

    python -m scripts.benchmark --model=cyclegan --preset=paper --precision=mixed_bfloat16
    python -m scripts.benchmark --model=stylegan --preset=paper --size=64 --set data.load_size=64 \
        --set batch_size=8 --set algorithm.batch_sizes= --set algorithm.start_resolution=64
    python -m scripts.benchmark --model=gatys --preset=gatys --weights=random --size=512
    python -m scripts.benchmark --model=adain --what=stylize --size=512

`--what=step`
prints, and appends to `benchmarks.jsonl`: milliseconds per step, images per second, seconds to the
first step, peak memory, the data pipeline alone, and the share of the machine's own matrix-product
rate (measured right after it in the same precision) that the step's arithmetic reaches. Images are
random, so no data set is needed for the step; the pipeline is timed on the embedded set. (Gatys'
step, with Adam: the forward and the backward pass of VGG, and the loss.)

`--what=stylize` times content and style of `--size` x `--size` pixels through the encoder and the
mixed code through the decoder, in float32 and bfloat16 in turns, and says by how many dB the two
pictures differ; weights are random, or those of `--run_dir`.
"""

import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

from absl import app, flags

from core.memory import peak_memory
from experiments.run import command, say

FLAGS = flags.FLAGS
EMBEDDED = {"cyclegan": "seasons", "pix2pix": "seasons_paired", "adain": "photos"}  # else faces
flags.DEFINE_enum("what", "step", ["step", "stylize"], "What to time.")
flags.DEFINE_integer("steps", 5, "Steps to time, after two that are not.")
flags.DEFINE_string("results", "benchmarks.jsonl", "The file that takes a line per run.")


def _run():
    from experiments.training.rundir import environment

    row = _step_row() if FLAGS.what == "step" else _stylize_row()
    for key, value in row.items():
        print(f"{key:28} {value:.4g}" if isinstance(value, float) else f"{key:28} {value}")
    with open(FLAGS.results, "a", encoding="utf-8") as file:
        file.write(json.dumps(row | {"environment": environment()}) + "\n")
    say(f"appended to {Path(FLAGS.results).absolute()}")
    return 0


def _step_row():
    from experiments import api
    from experiments.training.config import parse_assignments

    roles = api.model_module(FLAGS.model).ROLES
    changes = parse_assignments(FLAGS.set)
    if roles:
        changes["data.dataset"] = EMBEDDED.get(FLAGS.model, "faces")
    else:
        # an iteration of L-BFGS is one step or several
        changes |= {"algorithm.optimizer": "adam", "data.content": "photos:astronaut"}
    own = {
        "precision": FLAGS.precision,
        "data.size": FLAGS.size,
        "algorithm.weights": FLAGS.weights,
    }
    changes |= {key: value for key, value in own.items() if value is not None}
    config = api.make_config(FLAGS.model, FLAGS.preset, changes)
    row = {"model": config.model, "preset": config.preset, "precision": config.precision}
    row |= {"backend": config.backend, "size": config.data.size, "batch_size": config.batch_size}
    row |= _time_steps(api, config, FLAGS.steps)
    if roles:
        row["pipeline_images_per_second"] = _time_pipeline(api, config)
    row["matmul_gflops"] = _matmul_rate_alone(config.precision)
    row["step_gflops"] = row["gflop_per_step"] / row["ms_per_step"] * 1000
    row["share_of_matmul"] = row["step_gflops"] / row["matmul_gflops"]
    return row


def _time_steps(api, config, steps):
    """Builds the model and times its step on random images."""
    import keras
    import numpy as np

    from core import engine

    engine.setup(1, branches=getattr(api.model_module(config.model), "BRANCHES", 1))
    start = time.perf_counter()
    algorithm = api.build(config, epoch=1000, budget=10**6, run_dir=Path(".")).algorithm
    built = time.perf_counter()
    roles = api.model_module(config.model).ROLES
    size = algorithm.shape(algorithm.stages[-1])
    rng = np.random.default_rng(0)
    levels = {stage.size: stage for stage in algorithm.stages}  # the last stage of each
    first = {}
    for stage in levels.values():
        algorithm.current_stage = stage
        algorithm.images.assign(stage.start)
        shape = algorithm.shape(stage)
        batch = {role: rng.uniform(-1, 1, shape).astype("float32") for role in roles}
        if config.data.labels:
            batch["label"] = rng.integers(0, algorithm.classes, len(batch["image"]), "int32")
        times = []
        for step in range(steps + 2 if stage is algorithm.stages[-1] else 1):
            begin = time.perf_counter()
            logs = algorithm.step(engine.shard(batch), step)
            float(keras.ops.convert_to_numpy(next(iter(logs.values()))))
            times.append(time.perf_counter() - begin)
        first[stage.size] = round(times[0], 1)
    seconds = statistics.median(times[2:])
    return {
        "build_s": built - start,
        "first_step_s": times[0],  # traced, optimised, and run once
        **({"first_step_s_by_level": first} if len(first) > 1 else {}),
        "ms_per_step": 1000 * seconds,
        "ms_per_step_range": [round(1000 * t) for t in (min(times[2:]), max(times[2:]))],
        "images_per_second": algorithm.stages[-1].batch_size / seconds,
        "peak_memory_gib": peak_memory() / 2**30,
        "gflop_per_step": algorithm_flops(algorithm, size) / 1e9,
    }  # fmt: skip


def algorithm_flops(algorithm, shape) -> float:
    """Floating-point operations of the convolutions in a step: two per multiply-add, three passes
    (forward, gradient of the input, gradient of the kernel) wherever the networks are trained.

    `algorithm.passes` says how many images go through each network, and how often, forwards or
    backwards, through one that is frozen. A pass of a discriminator in
    the generators' phase leaves out the gradient of its kernels: counted all the same, a little
    (2 %) too much.
    """
    trained = sum(
        3 * algorithm.passes.get(name, 1) * forward_flops(network, shape)
        for name, network in algorithm.networks.items()
    )
    return trained + sum(
        algorithm.passes.get(name, 1) * forward_flops(network, shape)
        for name, network in algorithm.frozen.items()
    )


def forward_flops(network, shape) -> float:
    """Operations of the convolutions and dense layers of a network on a batch of this shape."""
    import math

    import keras

    from experiments.dry_run import at_shape
    from gan.layers import Conv, Dense

    total = 0.0
    for layer in at_shape(network, shape).layers:
        if isinstance(layer, Conv):
            total += layer.flops(layer.input.shape)
        elif isinstance(layer, Dense):
            total += 2 * layer.input.shape[0] * math.prod(layer.kernel.shape)
        elif isinstance(layer, keras.layers.Conv2DTranspose):  # a product per input pixel
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


def _stylize_row():
    """AdaIN's seconds for a picture, by precision, in turns, and how much the pictures differ."""
    import numpy as np
    from skimage import data

    from core import engine
    from experiments.data import pictures
    from experiments.tasks.stylization import to_uint8, to_unit
    from experiments.tasks.translation import psnr

    engine.setup(1)
    size = FLAGS.size or 256
    sources = (data.astronaut(), data.coffee())
    content, style = (to_unit(pictures.fit(source, size, "crop")) for source in sources)
    precisions = ("float32", "mixed_bfloat16")
    stylizers = {precision: _stylizer(precision) for precision in precisions}
    pictured = {p: to_uint8(s(content, [style])) for p, s in stylizers.items()}  # and compiled
    times = {precision: [] for precision in precisions}
    for _ in range(FLAGS.steps):
        for precision, stylizer in stylizers.items():
            begin = time.perf_counter()
            stylizer(content, [style])
            times[precision].append(time.perf_counter() - begin)
    row = {"model": "adain", "what": "stylize", "size": size, "run_dir": FLAGS.run_dir}
    row |= {f"{p}_s": statistics.median(times[p]) for p in precisions}
    row["psnr_db"] = psnr(*(np.asarray(pictured[p])[None] for p in precisions))
    return row


def _stylizer(precision):
    """With VGG-19's sizes and random weights, or a trained run."""
    import keras

    from experiments import api
    from experiments.configs.adain import make_stylizer
    from nst.adain.networks import decoder, encoder
    from nst.adain.stylize import Stylizer
    from nst.weights import random_weights

    if FLAGS.run_dir:
        run = api.load(FLAGS.run_dir, {"precision": precision}, say)
        return make_stylizer(run.algorithm, run.config)
    keras.config.set_dtype_policy(precision)
    keras.utils.set_random_seed(0)
    return Stylizer(encoder(random_weights("vgg19")), decoder(init="he"), "vgg19")


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
