"""Refuses values of flags that no model and no mode takes, before anything slow or written."""

from collections.abc import Mapping, Sequence

from absl import flags

from core.errors import InputError
from core.names import nearest
from core.paths import user_path

FLAGS = flags.FLAGS
BACKENDS = ("tensorflow", "jax")
ALIASES = {"weights": "vgg_weights", "metrics_weights": "metric_networks"}  # older names of flags
DIRECTIONS = ("AtoB", "BtoA")
FLOWS = ("tvl1", "dis")
DISTANCES = ("lpips", "hed")
METHODS = ("sefa", "ganspace")
MOTIONS = ("circle", "turn")
FORMATS = ("saved_model", "keras", "onnx", "litert", "tfjs", "web")
QUANTIZED = ("float16", "int8")
# flags that are paths, or may be: files of networks and styles have names, too
READ = ("input", "content", "style", "mask", "w", "vgg_weights", "metric_networks", "dataset",
        "calibrate")  # fmt: skip
WRITTEN = ("output", "run_dir")


def refuse_others(takes: Sequence[str], program: str, older: Mapping[str, str] = ALIASES) -> None:
    """Refuses flags of `experiments.cli` that a program does not take.

    Args:
        takes: names of the flags that it takes.
        program: its name, for the message.
        older: the flags that are other names of some.

    Raises:
        InputError: such a flag was given.
    """
    for flag in FLAGS.flags_by_module_dict()["experiments.cli"]:
        if flag.present and older.get(flag.name, flag.name) not in takes:
            raise InputError(f"--{flag.name}: not an option of {program}. Leave it out.")


def check_values() -> None:
    """Refuses values of flags that no model and no mode takes.

    Raises:
        InputError: says what is expected.
    """
    check_choices()
    check_numbers()
    check_paths()


def check_choices() -> None:
    """Refuses a value that is none of the words that a flag takes."""
    choosing = {
        "backend": BACKENDS,
        "direction": DIRECTIONS,
        "flow": FLOWS,
        "distance": DISTANCES,
        "method": METHODS,
        "motion": MOTIONS,
        "format": FORMATS,
        "quantize": QUANTIZED,
    }
    for name, choices in choosing.items():
        value = FLAGS[name].value
        if value is not None and value not in choices:
            raise InputError(f"--{name}={value}: unknown. {nearest(value, choices)}")


def check_numbers() -> None:
    """Refuses numbers that are out of range for every model."""
    if FLAGS.steady is not None and not 0 <= FLAGS.steady < 1:
        raise InputError(f"--steady={FLAGS.steady}: expected a number from 0 (off) to below 1.")
    if FLAGS.alpha is not None and not 0 <= FLAGS.alpha <= 1:
        raise InputError(f"--alpha={FLAGS.alpha}: expected a number from 0 to 1.")
    for name in ("size", "longer_side", "shorter_side", "style_size"):
        if (FLAGS[name].value or 0) < 0:
            raise InputError(
                f"--{name}={FLAGS[name].value}: expected a number of pixels, or 0 for the "
                "picture's own size."
            )
    for text in FLAGS.style_weights:
        try:
            float(text)
        except ValueError:
            raise InputError(
                f"--style_weights={','.join(FLAGS.style_weights)}: expected numbers separated by "
                "commas, such as 0.7,0.3."
            ) from None


def check_paths() -> None:
    """Refuses paths that cannot be, see `core.paths.user_path`."""
    for name in (*READ, *WRITTEN):
        value = FLAGS[name].value or ()
        for text in [value] if isinstance(value, str) else value:
            for part in text.split(",") if name == "dataset" else [text]:
                path = part.removeprefix("folder:").removeprefix("zip:")
                user_path(path, f"--{name}", written=name in WRITTEN)


def either(flags_: flags.FlagValues, name: str, older: str = "size") -> int | None:
    """The value of a flag, or of its older name where that was given.

    Raises:
        InputError: both were given.
    """
    values = [getattr(flags_, name), getattr(flags_, older)]
    if None not in values:
        raise InputError(f"--{name}, --{older}: two names of one setting. Give --{name} alone.")
    return values[0] if values[1] is None else values[1]
