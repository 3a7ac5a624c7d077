"""Makes a figure of what happens when it is not VGG: one content and one style, networks as
columns, trained weights above random ones.

    python -m scripts.figure_networks --run_dir=runs/networks --content=photo.jpg \
        --style=painting.jpg --longer_side=192 --images=60

Each cell is a run of `gatys` with the usual layers of its network. The trained weights are
ImageNet's, but those that come in packages for VGG-16 and MobileNet-v2 (`--trained_as`). The last
row has smoothed activations (Wang et al. 2021), for the networks of `--smoothed`. A cell whose
weights cannot be had is grey and says so. He et al. 2016 (https://arxiv.org/abs/1606.04801) show
random weights of VGG.
"""

import textwrap

import numpy as np
from absl import flags

from core.errors import InputError
from experiments.cli import FLAGS, say, start
from scripts import cells

flags.DEFINE_list(
    "columns",
    ["vgg16", "mobilenet_v2", "resnet50", "inception_v3", "efficientnet_v2_b0", "convnext_tiny",
     "vit_b16"],
    "Networks of the figure, as algorithm.network names them.",
)  # fmt: skip
flags.DEFINE_list(
    "trained_as",
    ["vgg16=hed", "mobilenet_v2=magenta"],
    "Trained weights of networks that are not imagenet, as network=weights.",
)
flags.DEFINE_list("smoothed", ["resnet50"], "Networks that are shown with smoothing, too.")
TRAINED, RANDOM, SMOOTHED = "trained", "random", "random, smoothed"


def planned() -> dict[tuple[str, str], dict[str, str]]:
    """Returns the settings of every cell that is to be made, by row and column.

    Raises:
        InputError: a flag names no network, or trained weights not as network=weights.
    """
    from nst.backbones.table import CHOICES

    pairs = [text.partition("=") for text in FLAGS.trained_as]
    for name in (*FLAGS.columns, *FLAGS.smoothed, *(pair[0] for pair in pairs)):
        if name not in CHOICES[1:]:
            raise InputError(f"'{name}' is no network; expected some of {', '.join(CHOICES[1:])}.")
    trained = {name: weights or "imagenet" for name, _, weights in pairs}
    plan = {}
    for name in FLAGS.columns:
        own = {"algorithm.network": name, "algorithm.weights": "random"}
        plan[TRAINED, name] = own | {"algorithm.weights": trained.get(name, "imagenet")}
        plan[RANDOM, name] = own
        if name in FLAGS.smoothed:
            plan[SMOOTHED, name] = own | {"algorithm.smoothing": "softmax"}
    return plan


def _figure():
    from experiments.data import pictures
    from experiments.data.styles import read

    plan = planned()
    sources = [
        read(name)
        for name in (
            FLAGS.content or "photos:astronaut",
            *(FLAGS.style or ["photos:immunohistochemistry"]),
        )
    ]
    made = {key: _cell(*key, changes) for key, changes in plan.items()}
    pictures_made = [cell for cell in made.values() if not isinstance(cell, str)]
    if not pictures_made:
        raise InputError(f"no cell could be made: {next(iter(made.values()))}")
    shape = pictures_made[0].shape[:2]
    shown = [pictures.fit(source, shape, "crop") for source in sources[:2]]
    rows = [row for row in (TRAINED, RANDOM, SMOOTHED) if any(key[0] == row for key in plan)]
    first = [*shown, words("", shape)]
    sheet = [
        [first[i], *(_shown(made.get((row, name), ""), shape) for name in FLAGS.columns)]
        for i, row in enumerate(rows)
    ]
    cells.save("networks", pictures.sheet(sheet, ["content, style", *FLAGS.columns], rows))
    return 0


def _cell(row, name, changes):
    """The picture of a cell, or why there is none."""
    try:
        return cells.optimised("gatys", f"{name}-{row.replace(', ', '-')}", changes)
    except InputError as error:
        say(f"not made: {error}")
        return f"{name} {row}: not made, {error}"


def _shown(cell, shape):
    return words(cell, shape) if isinstance(cell, str) else cell


def words(text: str, shape: tuple[int, int]) -> np.ndarray:
    """Returns a grey picture with a text, uint8 `[H, W, 3]`; a longer text is cut off.

    Args:
        text: what it says.
        shape: height and width, pixels.
    """
    from PIL import Image, ImageDraw

    picture = Image.new("RGB", (shape[1], shape[0]), (225, 225, 225))
    lines = textwrap.wrap(text, max(8, (shape[1] - 8) // 6))
    ImageDraw.Draw(picture).text((4, 4), "\n".join(lines), fill=(60, 60, 60))
    return np.asarray(picture)


if __name__ == "__main__":
    start(_figure)
