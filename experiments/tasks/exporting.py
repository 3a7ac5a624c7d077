"""--mode=export: the networks of a run as files for other programs."""

from dataclasses import replace

import keras
from absl.flags import FlagValues

from core.errors import InputError
from experiments.data import files, photos, pictures
from experiments.data.styles import EMBEDDED, listed, stem
from experiments.export.formats import find_format
from experiments.export.options import CALIBRATING, Options
from experiments.export.parts import Part
from experiments.export.writing import write_parts
from experiments.model import Run
from experiments.modes import Mode, Say

CALIBRATION = 100  # calibrating pictures, at most
STYLES = 60  # styles on a page, at most
TAKES = ("format", "output", "size", "uint8", "quantize", "calibrate", "checkpoint")


def exporting(*choices: str) -> Mode:
    """The mode that exports, whose task also looks at these flags."""
    return Mode(
        "files that run without this project: on servers, phones, in browsers",
        export_mode,
        takes=(*TAKES, *choices),
        needs=("format", "output"),
        settings={"precision": "float32"},
        check=check_flags,
    )


def check_flags(flags: FlagValues) -> None:
    """Refuses what no run can be exported with, before one is loaded.

    Raises:
        InputError: an unknown format, one that misses a package, or flags that do not go together.
    """
    form = find_format(flags.format)
    if flags.precision not in (None, "float32"):
        raise InputError(
            f"--precision={flags.precision}: exported networks compute in float32. Leave it out; "
            "--quantize=float16 halves the file."
        )
    if flags.calibrate and flags.quantize != "int8":
        raise InputError("--calibrate: goes with --quantize=int8. Give both, or leave it out.")
    if flags.calibrate and not form.calibrates:
        raise InputError(
            f"--calibrate: {form.name} stores weights as bytes, never features. Leave it out."
        )
    if flags.style and not form.page:
        raise InputError("--style: goes with --format=web, whose page shows it. Leave it out.")
    if flags.calibrate:
        files.inputs("--calibrate", flags.calibrate)
    if flags.style:
        listed("--style", flags.style)
    form.check(_options(flags))


def _options(flags: FlagValues) -> Options:
    return Options(flags.size or None, flags.uint8, flags.quantize or "")


def export_mode(run: Run, flags: FlagValues, say: Say) -> int:
    """Writes the networks of a run into the folder `--output`; returns the exit status."""
    if keras.backend.backend() != "tensorflow":
        raise InputError("--mode=export: the converters need TensorFlow. Leave out --backend.")
    form, options = find_format(flags.format), _options(flags)
    parts = run.task.parts(run, **choices(flags))
    form.check_parts(parts, options)
    if flags.calibrate:
        options = replace(options, calibration=_calibration(flags, parts, say))
    if form.page:
        options = replace(options, styles=_styles(flags, run, say))
    title = f"A run of {run.config.model}: {run.run_dir.name}"
    source = f"--run_dir={run.run_dir}"
    write_parts(parts, flags.output, form, options, title=title, source=source, say=say)
    return 0


def _styles(flags, run, say):
    """Names and pictures of the styles that a page offers."""
    given = listed("--style", flags.style or [EMBEDDED + name for name in photos.STYLE], say)
    if len(given) > STYLES:
        raise InputError(f"--style: {len(given)} pictures; a page shows up to {STYLES}.")
    return [(stem(name).replace("_", " "), run.task.read_style(name)) for name in given]


def choices(flags: FlagValues) -> dict:
    """What `Task.parts` is given: values of flags that were given, by the names there."""
    names = {"direction": "direction", "truncation": "truncation", "cutoff": "truncation_cutoff"}
    return {name: flags[flag].value for name, flag in names.items() if flags[flag].present}


def _calibration(flags, parts: list[Part], say):
    """The calibrating pictures, uint8, all of one size."""
    found, _ = files.inputs("--calibrate", flags.calibrate, say)
    shown = [slot for part in parts for slot in part.inputs if slot.picture]
    if not shown:
        raise InputError(
            "--calibrate: these networks see no pictures; they are calibrated with random numbers. "
            "Leave it out."
        )
    side = flags.size or max(CALIBRATING, *(slot.smallest for slot in shown))
    channels = shown[0].shape[-1] or 3
    read = (pictures.read(path, channels) for path in found[:CALIBRATION])
    return [pictures.fit(picture, side, "crop") for picture in read]
