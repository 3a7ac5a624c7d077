"""Compares methods on the same inputs: a sheet, a table, TensorBoard and a page.

    python -m experiments.compare --models=gatys,adain,johnson --content=photos --style=paintings \
        --runs=adain=runs/adain/mine --output=compared
    python -m experiments.compare --models=cyclegan,pix2pix --output=compared
    python -m experiments.compare --runs=batch=runs/a,instance=runs/b --content=… --style=…

A method is the name of a model, or a column that `--runs` names. Methods that optimise a picture
(gatys, style_swap_optimise) optimise one for every input. The other methods use trained runs: the
run that `--runs` gives, otherwise the newest run of the model. `--longer_side` resizes contents and
styles. `--preset`, `--images` and `--set` apply to the methods that optimise. A network that has
learned its styles takes part in the rows whose style picture has exactly the pixels that it was
trained with; the file may have any name.

The command writes to `<output>`: `sheet.png`, `comparison.md`, `.csv` and `.tex`, `report.html`,
`tensorboard/` with a run for each method, `inputs/`, and a folder of pictures for each method. The
same command again makes only what is missing. To add methods or inputs, name them beside the
others.
"""

import os
import signal
from pathlib import Path

from absl import flags

from core.errors import InputError
from core.files import write_json_whole
from core.paths import user_path
from experiments import cli
from experiments.cli import FLAGS, say
from experiments.flag_values import either, refuse_others

flags.DEFINE_list("models", [], "What to compare: models of style transfer, or of translation.")
flags.DEFINE_list(
    "runs",
    [],
    "Trained runs: DIRECTORY, or NAME=DIRECTORY where NAME is one of --models or a further column.",
)
STYLING = ("content", "style", "longer_side", "vgg_weights")
OPTIMISING = ("preset", "images", "set")
TRANSLATING = ("dataset", "direction", "count")
TAKES = ("backend", "checkpoint", "output", *STYLING, *OPTIMISING, *TRANSLATING)
OLDER = {**cli.ALIASES, "size": "longer_side"}  # older names of flags
SIZE, COUNT = 256, 16
# leaves the GPU's memory to the processes of the methods
SHARING = {"TF_FORCE_GPU_ALLOW_GROWTH": "true", "XLA_PYTHON_CLIENT_PREALLOCATE": "false"}


def main(argv: list[str]) -> int:
    """Compares the methods that the flags name; returns the exit status."""
    return cli.command(_compare, _check_flags)(argv)


def _check_flags():
    """Refuses, before the slow imports, flags that can be judged without them."""
    refuse_others(TAKES, "experiments.compare", OLDER)
    if not FLAGS.output:
        raise InputError("--output: give the folder of the comparison.")
    size = either(FLAGS, "longer_side")
    if size and size < 32:
        raise InputError(
            f"--longer_side={size}: expected 32 pixels or more, or 0 for the pictures' own sizes."
        )
    if FLAGS.count is not None and FLAGS.count < 1:
        raise InputError(f"--count={FLAGS.count}: expected 1 or more.")


def _compare():
    try:
        return _carry_out()
    except OSError as error:
        raise InputError(
            f"--output={FLAGS.output}: cannot be written ({error}). Make room there; "
            "the same command goes on."
        ) from error


def _carry_out():
    for name, value in SHARING.items():
        os.environ.setdefault(name, value)
    from experiments.compare import inputs, methods, results
    from experiments.data import files
    from experiments.training.config import parse_assignments
    from experiments.training.rundir import take_lock

    changes = {"images": FLAGS.images, "algorithm.weights": FLAGS.vgg_weights}
    changes = {key: value for key, value in changes.items() if value is not None}
    changes |= {"data.size": 0} | parse_assignments(FLAGS.set)
    compared = methods.find(
        FLAGS.models,
        FLAGS.runs,
        preset=FLAGS.preset,
        changes=changes,
        checkpoint=FLAGS.checkpoint or "last",
        say=say,
    )
    _check_particular(compared)
    files.check_folder(FLAGS.output)
    output = user_path(FLAGS.output)
    translates = compared[0].translates
    options = {
        "preset": FLAGS.preset,
        "changes": changes,
        "direction": FLAGS.direction if translates else "",
    }
    with take_lock(output, "--output", "another comparison", "is at work there"):
        rows = _rows(compared, output / "inputs")
        scores = inputs.Scores(None if translates else FLAGS.vgg_weights or "imagenet")
        plans = _plans(compared, rows, output, options)
        for method, plan in plans.items():
            status = _make(method, plan)
            if status:
                return status
        columns = {name: results.read(plan, rows, scores) for name, plan in plans.items()}
        if not any(columns.values()):
            raise InputError(
                "no method can take any of the inputs, for the reasons above. Give "
                "others, or another --longer_side."
            )
        results.write(output, compared, rows, columns, scores, say)
    return 0


def _check_particular(found):
    """Refuses a flag that these methods do not use, and the lack of one that they need."""
    translates, optimised = found[0].translates, any(not m.run_dir for m in found)
    for name in TRANSLATING if not translates else STYLING:
        if _given(name):
            kind = "translation" if translates else "style transfer"
            raise InputError(f"--{name}: not an option of a comparison of {kind}. Leave it out.")
    for name in OPTIMISING:
        if _given(name) and not optimised:
            raise InputError(
                f"--{name}: is of methods that optimise a picture, and there are none "
                "among these. Leave it out."
            )
    if not translates and not (FLAGS.content and FLAGS.style):
        raise InputError("give --content and --style, pictures or folders, for style transfer.")


def _given(name):
    """Returns whether a flag was given, under this name or an older one."""
    older = [old for old, new in OLDER.items() if new == name]
    return any(FLAGS[n].present for n in (name, *older))


def _rows(found, folder):
    from experiments.compare import inputs, methods
    from experiments.training.config import override

    if not found[0].translates:
        size = either(FLAGS, "longer_side")
        size = SIZE if size is None else size
        return inputs.stylizing(FLAGS.content, FLAGS.style, size, folder, say)
    methods.check_direction(found, FLAGS.direction)
    config = found[0].config
    if FLAGS.dataset:
        config = override(config, {"data.dataset": FLAGS.dataset})
    return inputs.translating(config, FLAGS.direction, FLAGS.count or COUNT, folder, say)


def _plans(found, rows, output, options):
    """Returns `{method: plan}`; all are checked before the first one is carried out."""
    from experiments.compare import inputs, worker

    plans = {}
    for method in found:
        able = [row for row in rows if method.takes(row)]
        if len(able) < len(rows):
            say(
                f"{method.name}: has learned only {', '.join(method.styles)}; its cells of other "
                "styles are left empty (–)"
            )
        plans[method.name] = inputs.plan(method, able, output / method.name, options)
        for cell in plans[method.name]["cells"]:
            worker.made(output / method.name, cell)
    if not any(plan["cells"] for plan in plans.values()):
        learned = "; ".join(f"{method.name}: {', '.join(method.styles)}" for method in found)
        given = dict.fromkeys(row.files["style"].stem for row in rows)
        raise InputError(
            f"none of the styles is one that was learned ({', '.join(given)} came; learned by "
            f"{learned}). Give exactly the picture of the training: it is recognised by its pixels."
        )
    return plans


def _make(name, plan):
    """Makes a column in a separate process; returns the exit status."""
    from experiments.compare import processes, worker

    folder = Path(plan["folder"])
    if not plan["cells"]:
        return 0
    if all(worker.made(folder, cell) for cell in plan["cells"]):
        say(f"{name}: all of its pictures are there")
        return 0
    say(f"--- {name}")
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / worker.PLAN
    write_json_whole(path, plan)
    status, stopped = processes.run(path)
    if status < 0 and not stopped:
        raise InputError(
            f"{name}: its process was ended by {signal.Signals(-status).name}, perhaps "
            "for want of memory. What was made is kept: the same command goes on; a "
            "smaller --longer_side needs less."
        )
    return 128 - status if status < 0 else status


if __name__ == "__main__":
    cli.start(_compare, _check_flags)
