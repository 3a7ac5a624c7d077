"""The page and the example beside exported files."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from experiments.export.formats import Format
from experiments.export.options import Options
from experiments.export.parts import Part, Slot, chain
from experiments.export.runtime import VERSION

COLOURS = {1: "L", 3: "RGB", 4: "RGBA"}  # Pillow's names, by channels
ABOUT_PAGE = (
    "All files here are static: any web server can give them out, and none computes anything.",
    "Browsers ask for HTTPS (or localhost) before they keep the page for times without a network.",
    "With the headers `Cross-Origin-Opener-Policy: same-origin` and `Cross-Origin-Embedder-Policy:",
    "require-corp` the networks run on several threads, else on one.",
    f"`ort.js` and `ort.wasm` are of ONNX Runtime Web {VERSION}, (c) Microsoft, MIT licence.",
)
DRAWN = 256  # height and width of pictures that are made of noise, in examples


@dataclass(frozen=True)
class Example:
    """How a program that uses files of a format is written.

    Attributes:
        file: its name.
        install: what it needs, a command.
        imports: its first lines.
        call: calls a part: `file`, `arguments`, `result`.
        argument: passes one input: `name`, `value`.
    """

    file: str
    install: str
    imports: tuple[str, ...]
    call: tuple[str, ...]
    argument: str = "'{name}': {value}"


_NUMPY, _PILLOW = "import numpy as np", "from PIL import Image"
PYTHON = {
    "saved_model": Example(
        "example.py",
        "pip install tensorflow pillow",
        (_NUMPY, "import tensorflow as tf", _PILLOW),
        (
            "network = tf.saved_model.load('{file}')",
            "{result} = network.signatures['serving_default']({arguments})['{result}'].numpy()",
        ),
        "{name}=tf.constant({value})",
    ),
    "keras": Example(
        "example.py",
        "pip install -e .  # in a checkout of this project, whose layers the file has",
        (_NUMPY, _PILLOW, "from experiments.export.loading import load_model"),
        (
            "network = load_model('{file}')",
            "{result} = np.asarray(network({{{arguments}}})['{result}'])",
        ),
    ),
    "onnx": Example(
        "example.py",
        "pip install onnxruntime pillow",
        (_NUMPY, "import onnxruntime", _PILLOW),
        (
            "network = onnxruntime.InferenceSession('{file}')",
            "({result},) = network.run(None, {{{arguments}}})",
        ),
    ),
    "litert": Example(
        "example.py",
        "pip install ai-edge-litert pillow",
        (_NUMPY, "from ai_edge_litert.interpreter import Interpreter", _PILLOW),
        (
            "network = Interpreter('{file}').get_signature_runner()",
            "{result} = network({arguments})['{result}']",
        ),
        "{name}={value}",
    ),
}


def example_file(form: Format) -> str:
    """The name of the example, or of the page."""
    if form.page:
        return "index.html"
    return PYTHON[form.name].file if form.name in PYTHON else "example.html"


def example(parts: Sequence[Part], form: Format, options: Options) -> str:
    """A program of about ten lines that uses the parts that make one result."""
    needed = chain(parts)
    if form.name not in PYTHON:
        return _page(needed, form, options)
    known, lines = PYTHON[form.name], []
    for part in needed:
        lines += [_made(slot, part, options) for slot in part.inputs if not slot.of]
        given = [{"name": slot.name, "value": _variable(slot, parts)} for slot in part.inputs]
        arguments = ", ".join(known.argument.format(**names) for names in given)
        words = {"file": form.file(part), "result": part.output.name, "arguments": arguments}
        lines += [line.format(**words) for line in known.call]
    out = needed[-1].output
    first = f"{out.name}[0, :, :, 0]" if out.shape[-1] == 1 else f"{out.name}[0]"
    shown = first if options.uint8 else f"np.uint8(255 * {first} + 0.5)"
    lines.append(f"Image.fromarray({shown}).save('result.png')")
    return "\n".join([*known.imports, "", *lines, ""])


def _variable(slot: Slot, parts: Sequence[Part]) -> str:
    """The name of what goes in: its own, or that of what another part has made."""
    return next((part.output.name for part in parts if part.name == slot.of), slot.name)


def _made(slot: Slot, part: Part, options: Options) -> str:
    """The line that makes an input."""
    if slot.picture:
        return f"{slot.name} = {_read(slot, options)}"
    shape = _shape(slot, part, options)
    if slot.dtype == "int32":
        return f"{slot.name} = np.zeros({shape}, np.int32)  # a class, from 0 to {slot.high - 1:g}"
    if slot.shares:
        return f"{slot.name} = np.eye({slot.shape[0]}, dtype=np.float32)[:1]  # the first alone"
    if slot.low == slot.high:
        return f"{slot.name} = np.random.standard_normal({shape}).astype(np.float32)"
    drawn = f"np.random.uniform({slot.low:g}, {slot.high:g}, {shape})"
    return f"{slot.name} = {drawn}.astype(np.float32)"


def _read(slot, options):
    opened = f"Image.open('{slot.name}.jpg').convert('{COLOURS[slot.shape[-1] or 3]}')"
    if options.size and None in slot.shape:
        opened += f".resize(({options.size}, {options.size}))"
    place = "[None, :, :, None]" if slot.shape[-1] == 1 else "[None]"
    return f"np.asarray({opened}){place}" + ("" if options.uint8 else " / np.float32(255)")


def _shape(slot, part, options):
    """The shape of numbers that are drawn; for each pixel, where they have free sides."""
    picture = next((other.name for other in part.inputs if other.picture), "")
    if None in slot.shape and picture and not options.size:
        return f"({picture}.shape[:3] + ({slot.shape[-1]},))"
    sides = [options.size or DRAWN if side is None else side for side in slot.shape]
    return str((1, *sides))


def _page(parts: Sequence[Part], form: Format, options: Options) -> str:
    """The same for a browser."""
    lines, pictures = [], []
    for part in parts:
        for slot in (slot for slot in part.inputs if not slot.of):
            pictures += [slot.name] if slot.picture else []
            lines.append(f"const {slot.name} = {_made_js(slot, options)}")
        given = ", ".join(f"{slot.name}: {_variable(slot, parts)}" for slot in part.inputs)
        loaded = f'(await tf.loadGraphModel("{form.file(part)}/model.json"))'
        lines.append(f"const {part.output.name} = await {loaded}.executeAsync({{{given}}})")
    out = parts[-1].output.name
    shown = f"{out}.squeeze([0]){'.toInt()' if options.uint8 else ''}"
    images = [f'<img id="{name}" src="{name}.jpg">' for name in pictures]
    return "\n".join(
        [
            "<!DOCTYPE html>",
            *images,
            '<canvas id="shown"></canvas>',
            '<script src="https://cdn.jsdelivr.net/npm/@tensorflow/tfjs"></script>',
            '<script type="module">',
            'await new Promise((done) => addEventListener("load", done))',
            *lines,
            f'await tf.browser.toPixels({shown}, document.getElementById("shown"))',
            "</script>",
            "",
        ]
    )


def _made_js(slot, options):
    if slot.picture:
        channels = slot.shape[-1]
        read = f'tf.browser.fromPixels(document.getElementById("{slot.name}"), {channels})'
        if options.size:
            read += f".resizeBilinear([{options.size}, {options.size}])"
        return f"{read}.expandDims().toInt()" if options.uint8 else f"{read}.expandDims().div(255)"
    shape = [1, *(options.size or DRAWN if side is None else side for side in slot.shape)]
    if slot.dtype == "int32":
        return f'tf.zeros({shape}, "int32")'
    if slot.shares:
        return f"tf.oneHot([0], {slot.shape[0]})"
    if slot.low == slot.high:
        return f"tf.randomNormal({shape})"
    return f"tf.randomUniform({shape}, {slot.low:g}, {slot.high:g})"


def readme(
    parts: Sequence[Part],
    form: Format,
    options: Options,
    title: str,
    sizes: Mapping[str, int],
) -> str:
    """The page that says what each file is, what goes in and what comes out.

    Args:
        parts, form, options: what was written, and how.
        title: what the networks are.
        sizes: bytes of each part, by name.
    """
    file = example_file(form)
    run = f"python {file}" if form.name in PYTHON else "python -m http.server  # and open the page"
    install = [PYTHON[form.name].install] if form.name in PYTHON else []
    lines = [f"# {title}", "", f"For {form.runs}. `{file}` shows how it is used:", ""]
    lines += ["```bash", *install, run, "```", "", *([*ABOUT_PAGE, ""] if form.page else [])]
    lines += [_ranges(options), ""]
    for part in parts:
        summary = part.summary[0].upper() + part.summary[1:]
        lines += [f"## {form.file(part)}", "", f"{summary}. {sizes[part.name]:,} bytes.", ""]
        lines += ["| | name | shape | type | what it is |", "|---|---|---|---|---|"]
        count = "1" if part.single or form.single else "N"
        lines += [_row("in", slot, options, count) for slot in part.inputs]
        lines += [_row("out", part.output, options, count), ""]
        if part.sized and options.size is None:
            least = max(s.smallest for s in part.inputs if s.picture)
            words = f", from {least} pixels up" if least > 1 else ""
            lines += [f"Pictures have any height and width{words}.", ""]
    return "\n".join(lines)


def _ranges(options: Options) -> str:
    what = "bytes, 0 to 255" if options.uint8 else "floats from 0 (black) to 1 (white)"
    text = (
        f"Pictures are {what}, going in and coming out. Nothing else has to be done to them: the "
        "files hold what comes before and after the network."
    )
    if options.quantize:
        count = len(options.calibration)
        how = f"weights and features, by {count} calibrating pictures" if count else "weights"
        text += f" Stored as {options.quantize}: {how}."
    return text


def _row(way: str, slot: Slot, options: Options, count: str) -> str:
    free = iter("HW")
    sides = [options.size if side is None else side for side in slot.shape]
    shape = ", ".join([count, *(next(free) if side is None else str(side) for side in sides)])
    dtype = ("uint8" if options.uint8 else "float32") if slot.picture else slot.dtype
    made = f"; made by `{slot.of}`" if slot.of else ""
    made += f"; best with a shorter side of {slot.side}" if slot.side and not options.size else ""
    return f"| {way} | `{slot.name}` | [{shape}] | {dtype} | {slot.meaning}{made} |"
