"""Measures a model's training step on this machine, or a stylizer's time for a picture.

    python -m scripts.benchmark --model=cyclegan --preset=paper --precision=mixed_bfloat16
    python -m scripts.benchmark --model=stylegan --preset=paper --size=64 --set data.load_size=64 \
        --set batch_size=8 --set algorithm.batch_sizes= --set algorithm.start_resolution=64
    python -m scripts.benchmark --model=gatys --preset=gatys --weights=random --size=512
    python -m scripts.benchmark --model=adain --what=stylize --size=512

`--what=step` prints these numbers and appends them to `benchmarks.jsonl`: milliseconds per step,
images per second, seconds to the first step, peak memory, the speed of the data pipeline alone, and
the arithmetic of the step as a share of the machine's matrix-product rate, which is measured right
afterwards in the same precision. The images are random, so the step needs no data set; the pipeline
is timed on the embedded set. (Gatys' step is measured with Adam: the forward and backward pass of
VGG, and the loss.)

`--what=stylize` times stylising a content with a style, both of `--size` x `--size` pixels: both
through the encoder, and the mixed code through the decoder. It does so in float32 and bfloat16 in
turns, or in `--precision`, and says by how many dB the two pictures differ. The weights are random,
or those of `--run_dir`.

`--peer=COMMAND` runs the command and this benchmark in turns, `--rounds` times each, and says how
many times as fast ours is. The command ends with a line of JSON, as `python -m scripts.peers` does:

    python -m scripts.benchmark --model=cyclegan --preset=paper --size=128 \
        --peer="python -m scripts.peers --peer_model=cyclegan --peer_size=128"

To see what keeping freed memory gives (`core.memory`), set `GLIBC_TUNABLES=` in front of a command,
which leaves the allocator as it is.
"""

import json
import math
import shlex
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from absl import flags

from core.errors import InputError
from experiments.cli import say, start
from scripts.beside import alternate, compared

FLAGS = flags.FLAGS
STEPS = 5  # steps to time where --steps does not say, after two that are not timed
flags.DEFINE_enum("what", "step", ["step", "stylize"], "What to time.")
flags.DEFINE_string("results", "benchmarks.jsonl", "The file that takes a line per run.")
flags.DEFINE_string("peer", "", "A command to time in turns with ours, see above.")
flags.DEFINE_integer("rounds", 2, "How often ours and the peer are timed.")
flags.DEFINE_bool("json_line", False, "Time the step alone, and print it as one line of JSON.")


def _check():
    """Refuses what can be refused at once."""
    if FLAGS.rounds < 1:
        raise InputError(f"--rounds={FLAGS.rounds}: expected a number from 1 up.")


def _run():
    if FLAGS.peer:
        return _run_beside()
    row = _step_row() if FLAGS.what == "step" else _stylize_row()
    if FLAGS.json_line:
        print(json.dumps(row))
        return 0
    _show(row)
    _append(row)
    return 0


def _run_beside():
    """Times ours and the peer in turns."""
    ours = [sys.executable, "-m", "scripts.benchmark", *sys.argv[1:], "--peer=", "--json_line"]
    rows = alternate(ours, shlex.split(FLAGS.peer), FLAGS.rounds)
    _show(compared(*rows))
    _append(*(row for both in zip(*rows, strict=True) for row in both))
    return 0


def _show(row):
    for key, value in row.items():
        print(f"{key:28} {value:.4g}" if isinstance(value, float) else f"{key:28} {value}")


def _append(*rows):
    from experiments.training.rundir import environment

    with open(FLAGS.results, "a", encoding="utf-8") as file:
        for row in rows:
            file.write(json.dumps(row | {"environment": environment()}) + "\n")
    say(f"appended to {Path(FLAGS.results).absolute()}")


def _step_row():
    from experiments import api, configs
    from experiments.training.config import parse_assignments

    task = configs.find(FLAGS.model).task
    own = {
        "precision": FLAGS.precision,
        "data.size": FLAGS.size,
        "algorithm.weights": FLAGS.vgg_weights,
    }
    given = {key: value for key, value in own.items() if value is not None}
    changes = {**task.benchmark, **parse_assignments(FLAGS.set), **given}
    config = api.make_config(FLAGS.model, FLAGS.preset, changes)
    row = {"model": config.model, "preset": config.preset, "precision": config.precision}
    row |= {"backend": config.backend, "size": config.data.size, "batch_size": config.batch_size}
    row |= _time_steps(config, FLAGS.steps or STEPS)
    if FLAGS.json_line:
        return row
    if task.roles:
        row |= _time_pipeline(config)
    row["matmul_gflops"] = _matmul_rate_alone(config.precision)
    row["step_gflops"] = row["gflop_per_step"] / row["ms_per_step"] * 1000
    row["share_of_matmul"] = row["step_gflops"] / row["matmul_gflops"]
    return row


def _time_steps(config, steps):
    """Builds the model and times its step on random images; returns the numbers by name."""
    from core import engine
    from core.memory import peak_memory
    from experiments import api, configs

    model = configs.find(config.model)
    engine.setup(1, branches=model.branches)
    start = time.perf_counter()
    algorithm = api.build(config, epoch=1000, budget=10**6, run_dir=".").algorithm
    built = time.perf_counter()
    levels = {stage.size: stage for stage in algorithm.stages}  # the last stage of each size
    first = {}
    for stage in levels.values():
        batch = random_batch(algorithm, stage, model.task.roles, config.data)
        first[stage.size] = _timed_step(algorithm, batch, 0)
    return {
        "build_s": built - start,
        "first_step_s": first[stage.size],  # traced, optimised, and run once
        **({"first_step_s_by_level": first} if len(first) > 1 else {}),
        **_timed_steps(algorithm, batch, steps),
        "peak_memory_gib": peak_memory() / 2**30,
        "gflop_per_step": algorithm_flops(algorithm) / 1e9,
    }


def _timed_steps(algorithm, batch, steps):
    """Times steps after the first one; returns the numbers by name.

    Where phases are not due at every step, a time is the mean of as many steps as it takes until
    each was due as often as it should.
    """
    cycle = math.lcm(*(phase.interval for phase in algorithm.phases)) if algorithm.phases else 1
    for step in range(1, max(2, cycle)):
        _timed_step(algorithm, batch, step)
    cycles = -(-steps // cycle)
    before = _used()
    times = [
        statistics.mean(_timed_step(algorithm, batch, step) for step in range(cycle))
        for _ in range(cycles)
    ]
    used = [(b - a) / (cycles * cycle) for a, b in zip(before, _used(), strict=True)]
    seconds = statistics.median(times)
    return {
        "ms_per_step": 1000 * seconds,
        "ms_per_step_range": [round(1000 * t) for t in (min(times), max(times))],
        "images_per_second": algorithm.stages[-1].batch_size / seconds,
        "cpu_ms_per_step": 1000 * used[0],  # of all cores together
        "system_ms_per_step": 1000 * used[1],
        "page_faults_per_step": used[2],
    }


def _used():
    """What this process used so far: seconds of all cores, those of the system among them, and page
    faults. The system of Windows does not count the last two, which are 0."""
    try:
        import resource
    except ImportError:
        return time.process_time(), 0.0, 0
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return time.process_time(), usage.ru_stime, usage.ru_minflt + usage.ru_majflt


def random_batch(algorithm: Any, stage: Any, roles: Sequence[str], data: Any) -> dict[str, Any]:
    """Puts the algorithm into a stage; returns a batch of random images of its size.

    Args:
        algorithm: an algorithm of `gan` or `nst`.
        stage: one of its stages.
        roles: the domains of the batch.
        data: the configuration of the data.
    """
    import numpy as np

    algorithm.current_stage = stage
    algorithm.images.assign(stage.start)
    rng, (count, *shape) = np.random.default_rng(0), algorithm.shape(stage)
    shape = (algorithm.batches_per_step * count, *shape)
    batch = {role: rng.uniform(-1, 1, shape).astype("float32") for role in roles}
    if roles and data.labels:
        batch["label"] = rng.integers(0, algorithm.classes, shape[0], "int32")
    return batch


def _timed_step(algorithm, batch, step):
    import keras

    from core import engine

    begin = time.perf_counter()
    logs = algorithm.step(engine.shard(batch), step)
    float(keras.ops.convert_to_numpy(next(iter(logs.values()))))
    return time.perf_counter() - begin


def algorithm_flops(algorithm: Any) -> float:
    """Returns the floating-point operations of the convolutions in a step of the last stage.

    A network that is trained counts three passes for each image: forward, gradient of the input,
    gradient of the kernel. `algorithm.passes` says how many images go through each network, and how
    often forwards or backwards through one that is frozen. The generators' phase does not compute
    the gradient of a discriminator's kernels. It is counted all the same, which makes the result
    about 2 % too large.
    """
    from core.flops import network_flops

    def passed(name):
        return algorithm.passes.get(name, 1) * network_flops(algorithm.sized(name))

    trained = sum(3 * passed(name) for name in algorithm.networks)
    return trained + sum(passed(name) for name in algorithm.frozen)


def _time_pipeline(config, seconds=3.0):
    """Returns how many images of each domain the data pipeline alone delivers per second.

    Once with all cores, and once for each second of a core's work.
    """
    from experiments import api, configs

    task = configs.find(config.model).task
    iterator = task.batches(
        api.open_data(config),
        config.data,
        size=config.data.size,
        start=0,
        seed=0,
        batch_size=config.batch_size,
    )
    next(iterator)
    start, work, count = time.perf_counter(), time.process_time(), 0
    while time.perf_counter() - start < seconds:
        next(iterator)
        count += config.batch_size
    return {
        "pipeline_images_per_second": count / (time.perf_counter() - start),
        "pipeline_images_per_core_second": count / (time.process_time() - work),
    }


def _stylize_row():
    """Returns the seconds for a picture in each precision, and by how much the pictures differ."""
    import numpy as np
    from skimage import data

    from core import engine
    from experiments.data import pictures
    from experiments.metrics.pairs import psnr

    engine.setup(1)
    size = FLAGS.size or 256
    content, style = (pictures.fit(x, size, "crop") for x in (data.astronaut(), data.coffee()))
    precisions = (FLAGS.precision,) if FLAGS.precision else ("float32", "mixed_bfloat16")
    runs = {precision: _run_of(precision) for precision in precisions}
    pictured = {p: run.stylize(content, [style]) for p, run in runs.items()}  # this call compiles
    times = {precision: [] for precision in precisions}
    for i in range(1, 1 + (FLAGS.steps or STEPS)):
        other = np.roll(style, i, axis=1)  # the code of a style that was seen is not made again
        for precision, run in runs.items():
            begin = time.perf_counter()
            run.stylize(content, [other])
            times[precision].append(time.perf_counter() - begin)
    row = {"model": FLAGS.model, "what": "stylize", "size": size, "run_dir": FLAGS.run_dir}
    row |= {f"{p}_s": statistics.median(times[p]) for p in precisions}
    row["images_per_second"] = 1 / statistics.median(times[precisions[0]])
    if len(precisions) == 2:
        row["psnr_db"] = psnr(*(np.asarray(pictured[p])[None] for p in precisions))
    return row


def _run_of(precision):
    """Returns the run of `--run_dir`, or one with VGG-19's sizes and random weights."""
    from experiments import api

    if FLAGS.run_dir:
        return api.load(FLAGS.run_dir, {"precision": precision}, say)
    changes = {
        "precision": precision,
        "algorithm.weights": "random",
        "algorithm.network": "vgg19",
        "algorithm.normalise": False,
    }
    config = api.make_config(FLAGS.model, FLAGS.preset, changes)
    return api.build(config, epoch=1, budget=1, run_dir=".", trains=False)


def _matmul_rate_alone(precision):
    """Returns `matmul_rate`, measured in a separate process so that it has all threads."""
    code = f"from scripts.benchmark import matmul_rate; print(matmul_rate({precision!r}))"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(done.stdout.split()[-1])


def matmul_rate(precision: str, size: int = 4096) -> float:
    """Returns the GFLOP/s of a product of two square matrices, the best of five.

    Args:
        precision: the precision of the run; the product has its compute type.
        size: rows and columns of the matrices.
    """
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
    start(_run, _check)
