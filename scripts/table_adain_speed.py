"""Measures the speed table of Huang & Belongie 2017 (https://arxiv.org/abs/1703.06868).

    python -m scripts.table_adain_speed
    python -m scripts.table_adain_speed --methods=adain,dumoulin --sizes=256 --repeats=9
    python -m scripts.table_adain_speed --nomeasure

The table has the seconds for one picture, without and, in brackets, with the encoding of the style.
All methods are measured in one run, in turns, with the networks of their `paper` presets (Gatys:
`gatys`). Weights are random, since speed does not depend on them, and VGG is VGG-19, unless
--weights names others. For Gatys, the time of one iteration is measured in each repeat and
multiplied by 500. An iteration is a forward and a backward pass of VGG and an update of Adam; the
line search of L-BFGS may need more than one such pass. Chen & Schmidt is the variant with the
inverse network.

Every measurement is a line of `adain_speed.jsonl` in the folder --output (default: results). The
table is made from the lines of the last run there; `--nomeasure` makes it without a new run. It is
written beside them as Markdown, CSV and LaTeX. A method that was not run is "–". The published
figures are those of the paper's table, measured on a Pascal Titan X.
"""

import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from absl import flags

from core.errors import InputError
from experiments import tables
from experiments.cli import FLAGS, say, start

NAME = "adain_speed"
ITERATIONS = 500  # iterations of Gatys in the paper
SIZES = (256, 512)


class Method(NamedTuple):
    """A row of the table, with the published seconds (without, with) encoding of the style."""

    title: str
    published: dict[int, tuple[float, float | None]]
    styles: str


METHODS = {
    "gatys": Method("Gatys et al.", {256: (14.17, None), 512: (46.75, None)}, "∞"),
    "style_swap": Method("Chen & Schmidt", {256: (0.171, 0.407), 512: (3.214, 4.144)}, "∞"),
    "ulyanov": Method("Ulyanov et al.", {256: (0.011, None), 512: (0.038, None)}, "1"),
    "dumoulin": Method("Dumoulin et al.", {256: (0.011, None), 512: (0.038, None)}, "32"),
    "johnson": Method("Johnson et al.", {}, "1"),
    "adain": Method("AdaIN", {256: (0.018, 0.027), 512: (0.065, 0.098)}, "∞"),
}
ENCODING = ("style_swap", "adain")  # the methods that encode a style
flags.DEFINE_list("methods", list(METHODS), f"Which to measure: {', '.join(METHODS)}.")
flags.DEFINE_list("sizes", [str(size) for size in SIZES], "Heights and widths, pixels.")
flags.DEFINE_integer("repeats", 5, "Measurements of each cell, after one that is not counted.")
flags.DEFINE_bool("measure", True, "Measure; --nomeasure only makes the table of recorded lines.")


def _run():
    sizes, repeats = _sizes(), FLAGS.repeats
    for method in FLAGS.methods:
        if method not in METHODS:
            raise InputError(
                f"--methods: '{method}' is unknown; expected some of {', '.join(METHODS)}."
            )
    if repeats < 1:
        raise InputError(f"--repeats={repeats}: expected 1 or more.")
    if FLAGS.measure:
        measured = measure(FLAGS.methods, sizes, repeats, FLAGS.vgg_weights or "random")
        tables.append_lines(Path(_folder()) / f"{NAME}.jsonl", measured)
    lines = tables.read_lines(_folder(), NAME, _check_line)
    if not lines:
        raise InputError(
            f"--output={_folder()}: no measurement of {NAME} is recorded there. "
            "Leave out --nomeasure."
        )
    print(tables.write(_folder(), NAME, *table(lines)))
    return 0


def _check_line(line):
    """Raises ValueError for a recorded line that lacks something, or has it in another form."""
    numbers = (int, float)
    kinds = {"run": str, "method": str, "size": int, "seconds": numbers, "range": list, "n": int}
    kinds |= {"weights": str, "environment": dict}
    for name, kind in kinds.items():
        if not isinstance(line.get(name), kind):
            raise ValueError(f"without a proper {name}")
    encoded = [x for x in [line.get("seconds_with_encoding")] if x is not None]
    if len(line["range"]) != 2 or not all(isinstance(x, numbers) for x in line["range"] + encoded):
        raise ValueError("without two numbers in range")
    if missing := {"commit", "device", "machine"} - line["environment"].keys():
        raise ValueError(f"without the {min(missing)} of its environment")


def _folder():
    return FLAGS.output or "results"


def _sizes():
    if not all(size.isdecimal() and int(size) >= 160 for size in FLAGS.sizes) or not FLAGS.sizes:
        raise InputError(
            f"--sizes={','.join(FLAGS.sizes)}: expected numbers of pixels from 160 up."
        )
    return [int(size) for size in FLAGS.sizes]


# --- measuring


def measure(methods, sizes, repeats: int, weights: str) -> list[dict]:
    """Measures the methods; returns a line to record for each method and size.

    Args:
        methods: keys of `METHODS`.
        sizes: heights and widths of the pictures, pixels.
        repeats: how often each is measured.
        weights: the weights of VGG, "random" or see `nst.weights.load_weights`.
    """
    from core import engine
    from experiments.training.rundir import environment

    engine.setup(1)
    lines, where = [], environment()
    for size in sizes:
        cells = {}
        for method in methods:
            say(f"{METHODS[method].title}, {size} px")
            cells[method] = _cell(method, size, weights)
            cells[method]()  # compiles
        times = {method: [] for method in methods}
        for _ in range(repeats):
            for method, cell in cells.items():
                times[method].append(cell())
        lines += [_line(method, size, times[method], weights, where) for method in methods]
    return lines


def _line(method, size, times, weights, where):
    own, encoded = zip(*times, strict=True)
    scaled = {"scaled_to_iterations": ITERATIONS} if method == "gatys" else {}
    return {
        "table": NAME,
        "run": where["date"],
        "method": method,
        "size": size,
        "seconds": statistics.median(own),
        "seconds_with_encoding": None if encoded[0] is None else statistics.median(encoded),
        "range": [min(own), max(own)],
        "n": len(times),
        "weights": weights,
        **scaled,
        "environment": where,
    }


def _cell(method, size, weights) -> Callable[[], tuple[float, float | None]]:
    """Returns a function that measures `(seconds, seconds with the style's encoding or None)`."""
    from experiments import api

    changes = {"algorithm.weights": weights}
    if method == "gatys":
        return _gatys_cell(api, changes, size)
    if method in ENCODING:
        changes["algorithm.network"] = "" if weights == "hed" else "vgg19"
        if method == "adain":
            changes["algorithm.normalise"] = False
    config = api.make_config(method, "paper", changes)
    run = api.build(config, epoch=1, budget=1, run_dir=Path("."), trains=False)
    stylizer = run.stylizer
    content, style = _pictures(size)
    if method not in ENCODING:
        return lambda: (_timed(lambda: stylizer(content, [0])), None)

    def cell():
        own = _timed(lambda: stylizer(content, [style]))  # keeps the style's code
        return own, own + _timed(lambda: stylizer.encode_style(style))

    return cell


def _gatys_cell(api, changes, size):
    """Returns a function that measures the time of an iteration and multiplies it."""
    import keras

    changes |= {
        "algorithm.optimizer": "adam",
        "data.size": size,
        "data.content": "photos:astronaut",
    }
    config = api.make_config("gatys", "gatys", changes)
    algorithm = api.build(config, epoch=1, budget=ITERATIONS, run_dir=Path(".")).algorithm

    def iteration():
        logs = algorithm.step({}, 0)
        float(keras.ops.convert_to_numpy(next(iter(logs.values()))))

    return lambda: (ITERATIONS * _timed(iteration), None)


def _pictures(size):
    from experiments.data import photos, pictures
    from experiments.data.pictures import to_unit

    names = ("astronaut", "coffee")
    return (to_unit(pictures.fit(photos.read(name), size, "crop")) for name in names)


def _timed(call):
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin


# --- the table


def table(lines: list[dict]) -> tuple[list[str], list[list[str]], str]:
    """Returns `(header, rows, notes)` of the last run among the recorded lines."""
    last = max(line["run"] for line in lines)
    cells = {(line["method"], line["size"]): line for line in lines if line["run"] == last}
    sizes = sorted({*SIZES, *(size for _, size in cells)})
    header = ["method"]
    for size in sizes:
        header += [f"{size} px, s", "/ AdaIN", "published, s", "/ AdaIN"]
    header.append("styles")
    rows = []
    for name, method in METHODS.items():
        row = [method.title]
        for size in sizes:
            published = method.published.get(size, (None, None))
            row += [
                _seconds(cells.get((name, size))),
                _ratio(cells, name, size),
                _pair(*published, "g"),
                _published_ratio(name, size),
            ]
        rows.append([*row, method.styles])
    return header, rows, _notes(list(cells.values()))


def _seconds(line):
    if not line:
        return tables.MISSING
    low, high = line["range"]
    return _pair(line["seconds"], line["seconds_with_encoding"]) + f" [{low:.3g}, {high:.3g}]"


def _pair(seconds, encoded, form=".3g"):
    if seconds is None:
        return tables.MISSING
    return f"{seconds:{form}}" + (f" ({encoded:{form}})" if encoded is not None else "")


def _ratio(cells, name, size):
    own, adain = cells.get((name, size)), cells.get(("adain", size))
    return _times(own["seconds"] / adain["seconds"]) if own and adain else tables.MISSING


def _published_ratio(name, size):
    own, adain = (METHODS[m].published.get(size, (None,))[0] for m in (name, "adain"))
    return _times(own / adain) if own and adain else tables.MISSING


def _times(ratio):
    return f"{ratio:.0f}×" if ratio >= 100 else f"{ratio:.2g}×"


def _notes(cells):
    where, counts = cells[0]["environment"], sorted({line["n"] for line in cells})
    n = " to ".join(str(n) for n in (counts[0], *counts[1:][-1:]))
    return (
        f"Medians of n = {n} [lowest, highest]; in parentheses with the encoding of the style. "
        f"Run {cells[0]['run']}, commit {where['commit']}, {where['device']}, {where['machine']}, "
        f"weights {cells[0]['weights']}. Gatys: a measured iteration times {ITERATIONS}. "
        "Published: Huang & Belongie 2017, on a Pascal Titan X."
    )


if __name__ == "__main__":
    start(_run)
