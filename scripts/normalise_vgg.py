"""Rescales VGG so that each filter has a mean activation of 1 over a folder of images; stores it.

    python -m scripts.normalise_vgg --weights=imagenet --images_from=photos --output=vgg.npz
    python -m experiments.run --model=texture --weights=vgg.npz --set algorithm.normalise=false

Source: Gatys, Ecker & Bethge 2015 (https://arxiv.org/abs/1505.07376), section 2, who used the
validation images of ImageNet. With few images, give --floor=1, see `nst.features.normalise`.
"""

from pathlib import Path

from absl import flags
from tqdm import tqdm

from core.errors import InputError
from core.paths import user_path
from experiments.cli import say, start

FLAGS = flags.FLAGS
flags.DEFINE_string("images_from", None, "A folder of images.", required=True)
flags.DEFINE_float(
    "floor", 0.0, "Lowest mean of a filter relative to its layer's; 0 is as published."
)
flags.DEFINE_string("vgg", None, "vgg16 or vgg19, where the weights leave it open.")


def _normalise():
    from experiments.data import files, pictures
    from experiments.data.pictures import to_unit
    from nst.features import normalise
    from nst.weights import load_weights, save_weights

    if not FLAGS.output or Path(FLAGS.output).suffix != ".npz":
        raise InputError(f"--output={FLAGS.output}: give the file to write, such as vgg.npz.")
    target = user_path(FLAGS.output)
    files.check_folder(str(target.parent))
    paths, _ = files.inputs("--images_from", FLAGS.images_from, say)
    size = FLAGS.size or 256
    images = (to_unit(pictures.fit_side(pictures.read(path), size)) for path in tqdm(paths))
    weights = load_weights(FLAGS.vgg_weights or "imagenet", FLAGS.vgg)
    save_weights(target, normalise(weights, images, FLAGS.floor))
    say(f"{target}: {weights.network} rescaled over {len(paths)} images")
    return 0


if __name__ == "__main__":
    start(_normalise)
