"""Exports trained runs in every format, runs the files where they belong, and compares them.

    pip install -e '.[onnx,litert]'
    python -m scripts.table_export --exported_runs=runs/cyclegan/mine,runs/ghiasi/published \
        --output=exported

Each part of a run is written to `--output/<run>/<variant>`, and run by `scripts/run_exported.py` in
a process that imports nothing of this project (TensorFlow.js by `run_exported.mjs`, with `node` and
`--node_modules`). A row has bytes, milliseconds of a picture of 256 x 256 on a CPU (or of the
network's own size), and the agreement with our network over pictures of three sizes, odd ones among
them: the largest difference, in parts of the range from black to white (or of what the network's
numbers span); for quantised files PSNR in dB. The table goes to standard output, and a line for
each row to `--export_lines`.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from absl import flags

from core.errors import InputError
from experiments.cli import say, start

FLAGS = flags.FLAGS
VARIANTS = ("saved_model", "keras", "onnx", "onnx-float16", "onnx-int8", "onnx-int8-calibrated",
            "litert", "litert-float16", "litert-int8", "litert-int8-calibrated", "tfjs",
            "tfjs-float16", "tfjs-int8")  # fmt: skip
flags.DEFINE_list("exported_runs", [], "Directories of runs.")
flags.DEFINE_list("variants", list(VARIANTS), f"Formats: {', '.join(VARIANTS)}.")
flags.DEFINE_string("export_lines", "exports.jsonl", "The file that takes a line per row.")
flags.DEFINE_string("node_modules", ".", "Folder with node_modules/@tensorflow/tfjs.")
flags.DEFINE_integer("timed", 5, "How often each network is timed.")
SIZES = ((256, 256), (97, 131), (128, 72))  # the first is timed
FIXED = 64  # height and width for networks that need to know them, pixels
CHANGES = {"pix2pix": {"algorithm.test_mode": "eval"}}  # as published it draws random numbers
CALIBRATING = 8  # photographs


def _run() -> int:
    from experiments.tables import append_lines, markdown
    from experiments.training.rundir import environment

    if not FLAGS.exported_runs or not FLAGS.output:
        raise InputError("--exported_runs, --output: give runs, and a folder for the files.")
    rows = []
    for row in (row for run_dir in FLAGS.exported_runs for row in _rows(run_dir)):
        append_lines(FLAGS.export_lines, [row | {"environment": environment()}])
        rows.append(row)
    header = ("model", "part", "format", "bytes", "ms", "agreement")
    print(markdown(header, [[_cell(row, name) for name in header] for row in rows]))
    return 0


def _cell(row: dict[str, Any], name: str) -> str:
    if name == "bytes":
        return f"{row[name]:,}" if name in row else "–"
    if name == "ms":
        return f"{row[name]:.1f}" if name in row else "–"
    return str(row[name])


def _rows(run_dir: str) -> Iterator[dict[str, Any]]:
    """The rows of a run."""
    from experiments import api

    model = json.loads((Path(run_dir) / "config.json").read_text(encoding="utf-8"))["config"][
        "model"
    ]
    run = api.load(run_dir, {"precision": "float32"} | CHANGES.get(model, {}), say)
    parts = run.task.parts(run)
    size = FIXED if any(part.fixed for part in parts) else None
    for variant in FLAGS.variants:
        folder = Path(FLAGS.output) / Path(run_dir).name / variant
        try:
            form = _write(run, parts, variant, size, folder)
        except InputError as error:
            say(f"{model}, {variant}: {error}")
            yield {"model": model, "part": "", "format": variant, "agreement": "–"}
            continue
        for part in parts:
            row = {"model": model, "part": part.name, "format": variant}
            yield row | _compared(part, parts, form, variant, folder / form.file(part), size)


def _write(run: Any, parts: Sequence, variant: str, size: int | None, folder: Path) -> Any:
    """Writes a variant, unless it is there; returns the format."""
    from experiments.data import photos, pictures
    from experiments.export.formats import find_format
    from experiments.export.options import Options
    from experiments.export.writing import write_parts

    name, _, rest = variant.partition("-")
    quantize, _, calibrated = rest.partition("-")
    form, calibration = find_format(name), []
    if calibrated:
        shown = [*photos.CONTENT, *photos.STYLE][:CALIBRATING]
        calibration = [pictures.fit(photos.read(n), size or SIZES[0][0], "crop") for n in shown]
    options = Options(size, False, quantize, calibration)
    if not all((folder / form.file(part)).exists() for part in parts):
        title = f"A run of {run.config.model}: {run.run_dir.name}"
        write_parts(parts, str(folder), form, options, title=title, say=say)
    return form


def _compared(
    part: Any, parts: Sequence, form: Any, variant: str, path: Path, size: int | None
) -> dict[str, Any]:
    """Bytes, milliseconds and agreement of a file."""
    from core.tensors import to_numpy
    from experiments.export.networks import assemble
    from experiments.export.samples import sample
    from experiments.export.writing import stored

    network, found = assemble(part, size=size), {"bytes": stored(path)}
    free = part.sized or any(None in slot.shape for slot in part.inputs)
    sizes = [(size, size)] if size else SIZES if free else SIZES[:1]
    inputs = [sample(part, parts, _pictures(each), size=size)[0] for each in sizes]
    ours = [to_numpy(network(given, training=False)[part.output.name]) for given in inputs]
    results = _theirs(form.name, path, inputs)
    errors = [str(result["error"]) for result in results if "error" in result]
    if errors:
        say(f"{path}: {errors[0]}")
        return found | {"agreement": f"fails: {errors[0][:60]}"}
    theirs = [result[part.output.name] for result in results]
    found["ms"] = 1000 * float(results[0]["seconds"])
    apart = [np.abs(a - b) for a, b in zip(ours, theirs, strict=True)]
    # of numbers that are no picture, in parts of their range
    peak = 1.0 if part.output.picture else max(float(np.ptp(a)) for a in ours)
    if "-" not in variant:
        return found | {"agreement": f"{max(float(d.max()) for d in apart) / peak:.1e}"}
    squares = max(float(np.mean(np.square(d))) for d in apart)
    return found | {"agreement": f"{10 * np.log10(peak**2 / max(squares, 1e-12)):.1f} dB"}


def _pictures(size: tuple[int, int]) -> list[np.ndarray]:
    """Two photographs of a size, for a content and a style, uint8 with a fourth channel."""
    from experiments.data import photos, pictures

    names = (photos.CONTENT[0], photos.STYLE[0])
    made = [pictures.fit(photos.read(name), size, "stretch") for name in names]
    return [np.concatenate([x, np.full((*size, 1), 255, np.uint8)], -1) for x in made]


def _theirs(name: str, path: Path, inputs: Sequence[dict]) -> list[dict[str, Any]]:
    """What a file makes of inputs, in a process of its own."""
    if name == "keras":
        return _with_keras(path, inputs)
    with tempfile.TemporaryDirectory() as folder:
        place, json_ = Path(folder), name == "tfjs"
        suffix, jobs = (".json" if json_ else ".npz"), []
        for i, given in enumerate(inputs):
            source, target = (str(place / f"{kind}{i}{suffix}") for kind in ("in", "out"))
            _put(source, given, json_)
            times = FLAGS.timed if i == 0 else 0
            jobs.append({"format": name, "file": str(path.resolve()), "inputs": source,
                         "outputs": target, "times": times})  # fmt: skip
        (place / "jobs.json").write_text(json.dumps(jobs), encoding="utf-8")
        program = ["node", "--no-warnings"] if json_ else [sys.executable]
        script = Path(__file__).with_name("run_exported" + (".mjs" if json_ else ".py"))
        where = FLAGS.node_modules if json_ else folder
        clean = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
        words = [*program, str(script), str(place / "jobs.json")]
        subprocess.run(words, check=True, cwd=where, env=clean, capture_output=True)
        return [_got(job["outputs"], json_) for job in jobs]


def _with_keras(path, inputs):
    from experiments.export.loading import load_model

    network, results = load_model(path), []
    for given in inputs:
        made = {k: np.asarray(v) for k, v in network(given, training=False).items()}
        begin = time.perf_counter()
        network(given, training=False)
        results.append(made | {"seconds": time.perf_counter() - begin})
    return results


def _put(path, arrays, json_):
    if not json_:
        np.savez(path, **arrays)
        return
    rows = {
        name: {"shape": x.shape, "dtype": str(x.dtype), "values": x.ravel().tolist()}
        for name, x in arrays.items()
    }
    Path(path).write_text(json.dumps(rows), encoding="utf-8")


def _got(path, json_):
    if not json_:
        with np.load(path) as stored:
            return {name: stored[name] for name in stored.files}
    read = json.loads(Path(path).read_text(encoding="utf-8"))
    if "result" not in read:
        return read
    made = np.reshape(np.asarray(read["result"]["values"], np.float32), read["result"]["shape"])
    return {read["name"]: made, "seconds": read["seconds"]}


if __name__ == "__main__":
    start(_run)
