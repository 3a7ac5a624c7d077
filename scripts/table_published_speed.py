"""Seconds for a picture with published networks, beside ONNX Runtime on the same files and AdaIN.

    pip install -e '.[magenta]'
    python -m scripts.table_published_speed --pictures=7

Every method makes the same picture at each size, in turns, after one call that is not timed; the
style was described beforehand. AdaIN has the paper's networks with random weights, which take as
long as trained ones. The published `arbitrary_transform.onnx` takes pictures of 384 x 384 pixels
only. The medians go to standard output, and as a line each to `--times`.
"""

import json
import statistics
import time
from collections.abc import Callable

import numpy as np
from absl import flags

from experiments.cli import start

FLAGS = flags.FLAGS
flags.DEFINE_integer("pictures", 7, "Pictures to time, after one that is not.")
flags.DEFINE_string("times", "published_speed.jsonl", "The file that takes the lines.")
SIZES = (256, 384, 512, 1024)
FIXED = 384  # the only size of arbitrary_transform.onnx, pixels
Method = Callable[[np.ndarray], object]


def _run() -> int:
    from experiments.training.rundir import environment

    methods, rows = _methods(), []
    for size in SIZES:
        content = np.random.default_rng(0).uniform(0, 1, (size, size, 3)).astype("float32")
        here = {k: m for k, m in methods.items() if size == FIXED or "transform.onnx" not in k}
        for name, seconds in _timed(here, content).items():
            rows.append({"method": name, "size": size, "seconds": round(seconds, 4)})
            print(f"{name:44} {size:5} {seconds:8.3f}")
    with open(FLAGS.times, "a", encoding="utf-8") as file:
        file.writelines(json.dumps(row | {"environment": environment()}) + "\n" for row in rows)
    return 0


def _timed(methods: dict[str, Method], content: np.ndarray) -> dict[str, float]:
    """The median seconds of each method, called in turns."""
    for method in methods.values():
        method(content)
    times: dict[str, list[float]] = {name: [] for name in methods}
    for _ in range(FLAGS.pictures):
        for name, method in methods.items():
            begin = time.perf_counter()
            method(content)
            times[name].append(time.perf_counter() - begin)
    return {name: statistics.median(values) for name, values in times.items()}


def _methods() -> dict[str, Method]:
    from experiments import api

    style = np.random.default_rng(1).uniform(0, 1, (256, 256, 3)).astype("float32")
    config = api.make_config("adain", "paper", {"algorithm.weights": "random"})
    adain = api.build(config, 1, 1, "runs/adain/timed", trains=False)
    ghiasi, dumoulin = api.published("ghiasi"), api.published("dumoulin")
    return {
        "ghiasi (phones)": lambda x: ghiasi.stylizer(x, [style]),
        "ONNX Runtime, arbitrary_transform.onnx": _onnx_transform(),
        "dumoulin (26 styles)": lambda x: dumoulin.stylizer(x, [3]),
        "ONNX Runtime, multistyle26.onnx": _onnx_26(),
        "adain": lambda x: adain.stylizer(x, [style]),
    }


def _onnx_transform() -> Method:
    session = _session("arbitrary_transform.onnx")
    content, code = (given.name for given in session.get_inputs())
    value = np.random.default_rng(2).normal(size=(1, 1, 1, 100)).astype("float32")
    return lambda x: session.run(None, {content: x[None], code: value})


def _onnx_26() -> Method:
    session = _session("multistyle26.onnx")
    weights = np.eye(26, dtype="float32")[3]
    return lambda x: session.run(
        None, {"image": x[None].transpose(0, 3, 1, 2), "style_weights": weights}
    )


def _session(name):
    import onnxruntime  # comes with the package

    from nst.magenta_files import packaged

    return onnxruntime.InferenceSession(str(packaged(name)), providers=["CPUExecutionProvider"])


if __name__ == "__main__":
    start(_run)
