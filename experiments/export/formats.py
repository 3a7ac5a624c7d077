"""The formats: what each is for, what it needs and takes, and who writes it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import keras

from core.errors import InputError
from core.names import nearest
from experiments.export.litert import write_litert
from experiments.export.onnx_writer import write_onnx
from experiments.export.options import QUANTIZED, Options
from experiments.export.parts import Part
from experiments.export.runtime import archive
from experiments.export.saved_model import write_keras, write_saved_model
from experiments.export.tfjs import converter, write_tfjs

ONNX = ("onnx", "tf2onnx", "onnxruntime")
Write = Callable[[keras.Model, Part, Sequence[Part], Path, Options], None]


@dataclass(frozen=True)
class Format:
    """A kind of file.

    Attributes:
        name: as `--format` gives it.
        runs: in what it runs, for a person.
        suffix: of its files; empty: each part is a folder.
        write: writes a network: `(network, its part, all parts, path, options)`.
        packages: what is imported to write it.
        extra: of this project, which has these packages.
        quantizes: which of `QUANTIZED` it has.
        calibrates: whether pictures can calibrate its int8.
        whole: whether it has all operations, such as random numbers, see `Part.special`.
        single: whether networks in it take one picture at a time.
        page: whether a page that uses the networks is written beside them; its pictures are bytes.
        ready: raises InputError where something that it needs is not there.
    """

    name: str
    runs: str
    suffix: str
    write: Write
    packages: tuple[str, ...] = ()
    extra: str = ""
    quantizes: tuple[str, ...] = ()
    calibrates: bool = False
    whole: bool = False
    single: bool = False
    page: bool = False
    ready: Callable[[], object] = lambda: None

    def file(self, part: Part) -> str:
        """The name of a part's file or folder."""
        return part.name + self.suffix

    def check(self, options: Options) -> None:
        """Refuses options that it does not have, and packages that are missing.

        Raises:
            InputError: says what to do.
        """
        if options.quantize and options.quantize not in self.quantizes:
            having = ", ".join(f.name for f in FORMATS.values() if options.quantize in f.quantizes)
            raise InputError(
                f"--quantize={options.quantize}: {self.name} has none; {having} do. Leave it out."
            )
        if options.size and self.page:
            raise InputError(f"--size={options.size}: the page offers sizes itself. Leave it out.")
        missing = [name for name in self.packages if find_spec(name) is None]
        if missing:
            raise InputError(
                f"--format={self.name}: {', '.join(missing)} not installed. pip install -e "
                f"'.[{self.extra}]'"
            )
        self.ready()

    def check_parts(self, parts: Sequence[Part], options: Options) -> None:
        """Refuses networks that it cannot hold.

        Raises:
            InputError: says why, and what to do.
        """
        if self.page and not any(slot.side for slot in parts[0].inputs):
            raise InputError(
                f"--format={self.name}: the page is for networks that take any style by numbers, "
                "those of --model=ghiasi. Give --format=onnx, which browsers run, too."
            )
        for part in parts:
            self._check_part(part, options.size)

    def _check_part(self, part, size):
        if part.special and not self.whole:
            others = " or ".join(f"--format={f.name}" for f in FORMATS.values() if f.whole)
            raise InputError(f"--format={self.name}: {part.special} give {others}.")
        if part.fixed and size is None:
            raise InputError(f"--mode=export: {part.fixed} Give --size, such as --size=256.")
        if size is None:
            return
        if not part.sized:
            raise InputError(
                f"--size={size}: {part.name} takes no pictures of free size. Leave it out."
            )
        smallest = max(slot.smallest for slot in part.inputs if slot.picture)
        if size < smallest:
            raise InputError(
                f"--size={size}: {part.name} takes pictures from {smallest} pixels up."
            )


FORMATS = {
    known.name: known
    for known in (
        Format("saved_model", "TensorFlow", "", write_saved_model, whole=True),
        Format("keras", "Keras, with this project", ".keras", write_keras, whole=True),
        Format(
            "onnx",
            "ONNX Runtime, on computers, phones and in browsers",
            ".onnx",
            write_onnx,
            packages=ONNX,
            extra="onnx",
            quantizes=QUANTIZED,
            calibrates=True,
        ),
        Format(
            "litert",
            "LiteRT, on phones and small computers",
            ".tflite",
            write_litert,
            single=True,
            quantizes=QUANTIZED,
            calibrates=True,
        ),
        Format(
            "tfjs",
            "TensorFlow.js, in browsers and Node",
            "",
            write_tfjs,
            quantizes=QUANTIZED,
            ready=converter,
        ),
        Format(
            "web",
            "browsers, on phones, too: a page that stylises pictures with ONNX Runtime Web",
            ".onnx",
            write_onnx,
            packages=ONNX,
            extra="onnx",
            quantizes=QUANTIZED,
            page=True,
            ready=archive,
        ),
    )
}


def find_format(name: str) -> Format:
    """A format by its name.

    Raises:
        InputError: there is none; names the nearest.
    """
    if name not in FORMATS:
        raise InputError(f"--format={name}: unknown. {nearest(name, FORMATS)}")
    return FORMATS[name]
