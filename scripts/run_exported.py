"""Runs exported networks in the runtime they are for, and imports nothing of this project.

    python scripts/run_exported.py jobs.json

`jobs.json` is a list of `{"format", "file", "inputs", "outputs", "times"}`: the format, the file of
the network, two `.npz` files of arrays by name, and how often it is run to measure the time. Beside
the outputs, the second gets `seconds`, the shortest run. It is also where one may read how each
runtime is called.
"""

import json
import sys
import time

import numpy as np


def saved_model(file):
    """A function from arrays by name to arrays by name."""
    import tensorflow as tf

    loaded = tf.saved_model.load(file)  # has to be kept: its signature does not hold it

    def run(inputs, loaded=loaded):
        tensors = {name: tf.constant(x) for name, x in inputs.items()}
        made = loaded.signatures["serving_default"](**tensors)
        return {name: x.numpy() for name, x in made.items()}

    return run


def onnx(file):
    """The same with ONNX Runtime."""
    import onnxruntime

    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return lambda inputs: dict(zip(names, session.run(None, inputs), strict=True))


def litert(file):
    """The same with LiteRT, whose network is made ready anew for every size of pictures."""
    from ai_edge_litert.interpreter import Interpreter

    runner = Interpreter(file).get_signature_runner()
    return lambda inputs: runner(**inputs)


RUNTIMES = {"saved_model": saved_model, "onnx": onnx, "litert": litert}


def main(path):
    """Does the jobs; those that fail say why in place of their outputs."""
    with open(path, encoding="utf-8") as file:
        jobs = json.load(file)
    for job in jobs:
        try:
            np.savez(job["outputs"], **_done(job))
        except Exception as error:  # one runtime's refusal is a line of the table
            np.savez(job["outputs"], error=f"{type(error).__name__}: {error}"[:300])


def _done(job):
    run = RUNTIMES[job["format"]](job["file"])
    with np.load(job["inputs"]) as stored:
        inputs = {name: stored[name] for name in stored.files}
    seconds, made = [], run(inputs)
    for _ in range(job["times"]):
        start = time.perf_counter()
        run(inputs)
        seconds.append(time.perf_counter() - start)
    return made | {"seconds": min(seconds, default=0.0)}


if __name__ == "__main__":
    main(sys.argv[1])
