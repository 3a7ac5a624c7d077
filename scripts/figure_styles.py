"""A sheet of pictures by styles: the photographs of a folder in each of the styles of another.

    python -m scripts.figure_styles --content=photos --style=paintings --output=sheet.png
    python -m scripts.figure_styles --run_dir=runs/adain/mine --output=sheet.png

Without `--run_dir` the pictures are made by `--model` with the weights that come in its package
(default: ghiasi). Without `--content` and `--style` they are those that come with scikit-image.
"""

from core.errors import InputError
from experiments.cli import FLAGS, say, start

SIDE = 192  # height and width of a picture on the sheet, pixels


def _figure() -> int:
    from experiments import api
    from experiments.data import files, photos, pictures
    from experiments.data.styles import EMBEDDED, listed, read, stem
    from experiments.tasks.stylization import style_sheet

    if not FLAGS.output:
        raise InputError("--output: give the file of the sheet, such as sheet.png.")
    target = files.output_file(FLAGS.output, "")
    given = [FLAGS.content] if FLAGS.content else [EMBEDDED + name for name in photos.CONTENT]
    contents = listed("--content", given, say)
    names = FLAGS.style or [EMBEDDED + name for name in photos.STYLE]
    styles = listed("--style", names, say)
    model = FLAGS.model if FLAGS["model"].present else "ghiasi"
    run = api.load(FLAGS.run_dir) if FLAGS.run_dir else api.published(model)
    if run.task.learned_styles(run.config) is not None:
        raise InputError(f"{run.config.model} has learned its styles; expected one that takes any.")
    side = FLAGS.size or SIDE
    rows = [pictures.fit(read(name), side, "crop") for name in contents]
    shown = [pictures.fit(read(name), side, "crop") for name in styles]
    taken = [[pictures.to_unit(run.task.read_style(name))] for name in styles]
    titles = ["", *map(stem, styles)]
    pictures.write_png(target, style_sheet(run.stylizer, rows, shown, taken, titles))
    say(f"{len(rows)} pictures in {len(styles)} styles -> {target}")
    return 0


if __name__ == "__main__":
    start(_figure)
