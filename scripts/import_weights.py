"""Makes a run directory from published weights, to translate or stylise pictures with.

    python -m scripts.import_weights --kind=cyclegan/resnet_generator \
        --from=horse2zebra.pth --run_dir=runs/horse2zebra
    python -m experiments.run --mode=translate --run_dir=runs/horse2zebra \
        --input=photos --output=zebras --direction=AtoB

A second call with `--network=G_B` adds the other direction to the same directory.

    python -m scripts.import_weights --kind=pix2pix/unet_generator --direction=BtoA \
        --from=facades_label2photo.pth --run_dir=runs/facades

`--direction` says which one a pix2pix network was trained in (default: AtoB).

    python -m scripts.import_weights --kind=adain/decoder --from=decoder.pth \
        --weights=vgg_normalised.pth --run_dir=runs/adain/published
    python -m experiments.run --model=adain --mode=stylize --run_dir=runs/adain/published \
        --content=photos --style=paintings --output=stylised

    python -m scripts.import_weights --kind=johnson/transformer --from=mosaic.pth \
        --run_dir=runs/johnson/mosaic

    python -m scripts.import_weights --kind=stylegan/generator \
        --from=karras2019stylegan-ffhq-1024x1024.pkl --run_dir=runs/ffhq
    python -m experiments.run --model=stylegan --mode=sample --run_dir=runs/ffhq --truncation=0.7 \
        --truncation_cutoff=8 --seeds=0-15 --output=faces
"""

from pathlib import Path

from absl import app, flags

from core.errors import InputError
from core.files import write_json_whole
from experiments.run import command, say

FLAGS = flags.FLAGS
_ROLES = {
    "cyclegan/resnet_generator": ("G_A", "G_B"),
    "cyclegan/patch_discriminator": ("D_A", "D_B"),
    "pix2pix/unet_generator": ("G",),
    "pix2pix/patch_discriminator": ("D",),
    "progan/generator": ("G",),
    "progan/discriminator": ("D",),
    "stylegan/generator": ("G",),
    "stylegan/discriminator": ("D",),
    "adain/decoder": ("decoder",),
    "johnson/transformer": ("network",),
}
# our names of the sizes of growing networks, which begin fully grown here
_SIZES = {"resolution": "data.size", "dlatent_size": "algorithm.w_dim"}

flags.DEFINE_enum("kind", "cyclegan/resnet_generator", sorted(_ROLES), "What the file holds.")
flags.DEFINE_string(
    "from", None, "The authors' file: .pth, or .pkl of TensorFlow 1.", required=True
)
flags.DEFINE_string("network", None, "Which network of a CycleGAN it is: G_A (A to B; the default),"
                    " G_B, D_A (judges B; the default) or D_B.")  # fmt: skip


def _import():
    from experiments import api
    from experiments.training import checkpoint
    from experiments.training.rundir import RunDir

    if not FLAGS.run_dir:
        raise InputError("--run_dir: give the directory to make, such as runs/horse2zebra.")
    name = FLAGS.network or _ROLES[FLAGS.kind][0]
    if name not in _ROLES[FLAGS.kind]:
        raise InputError(f"--network={name}: a {FLAGS.kind} is one of {_ROLES[FLAGS.kind]}.")
    path = Path(FLAGS["from"].value).expanduser()
    if FLAGS.kind in ("adain/decoder", "johnson/transformer"):
        from nst import importers
    else:
        from gan import importers
    network = importers.import_network(FLAGS.kind, path)
    found = importers.guess_config(FLAGS.kind, path) | _feature_maps(network)
    run_dir = Path(FLAGS.run_dir).expanduser()
    config = _configs().get(FLAGS.kind, _config)(api, found)
    run = api.build(config, epoch=1, budget=1, run_dir=run_dir, trains=False)
    own = run.algorithm.networks[name]
    if [w.shape for w in own.weights] != [w.shape for w in network.weights]:
        advice = " of this configuration"
        if FLAGS.kind == "adain/decoder":
            advice = f" for the encoder --weights={FLAGS.weights}: give the one it was trained with"
        raise InputError(f"{path} is not a {name}{advice}.")
    directory = RunDir(FLAGS.run_dir, config)
    try:
        progress = checkpoint.restore(directory.path, run.algorithm, say, tidy=True)
        if progress and progress["images"]:
            raise InputError(f"--run_dir={FLAGS.run_dir}: has been trained. Give another one.")
        own.set_weights(network.get_weights())
        if name == "G" and hasattr(run.algorithm, "average"):
            run.algorithm.average.network.set_weights(network.get_weights())
        directory.store(config, api.own_fingerprint(run))
        progress = {"images": 0, "steps": 0}
        checkpoint.save(directory.path, run.algorithm, progress, keep=config.keep)
        imported = _record(directory.path, name, path)
    finally:
        directory.close()
    say(f"{name} of {directory.path} has the {network.count_params():,} parameters of {path}.")
    say(f"imported so far: {', '.join(sorted(imported))}")
    return 0


def _feature_maps(network):
    """Of a growing network; its file does not say them in so many words."""
    grown = getattr(network, "synthesis", network)
    names = ("fmap_base", "fmap_max")
    return {name: getattr(grown, name) for name in names if hasattr(grown, name)}


def _configs():
    return {"adain/decoder": _adain_config, "johnson/transformer": _johnson_config}


def _johnson_config(api, found):
    """The network of the file; its style is known by the file's name."""
    name = Path(FLAGS["from"].value).stem
    return api.make_config("johnson", "pytorch", {
        "algorithm.style": [name], **{f"algorithm.{key}": value for key, value in found.items()}
    })  # fmt: skip


def _adain_config(api, found):
    """That of naoto0804's files: the decoder goes with the encoder it was trained on."""
    from nst.weights import NAMES

    if not FLAGS.weights:
        raise InputError("--weights: give the encoder that the decoder was trained with, such as "
                         "vgg_normalised.pth.")  # fmt: skip
    weights = FLAGS.weights
    if weights not in NAMES:
        weights = str(Path(weights).expanduser().absolute())
    changes = {"algorithm.weights": weights, "algorithm.normalise": False}
    return api.make_config("adain", "pytorch", changes)


def _config(api, found):
    """The paper's configuration in the size of the file, and of the files imported before."""
    from experiments.training.config import override
    from experiments.training.rundir import stored_config

    model = FLAGS.kind.partition("/")[0]
    expected = 6 if FLAGS.kind == "pix2pix/patch_discriminator" else 3  # it judges pairs
    channels = {found.pop(k) for k in list(found) if k.endswith("channels")}
    if channels != {expected}:
        raise InputError(
            f"this file is for pictures that are not RGB; expected {expected} channels."
        )
    changes = {_SIZES.get(key, f"algorithm.{key}"): value for key, value in found.items()}
    if "data.size" in changes:
        changes["data.load_size"] = changes["algorithm.start_resolution"] = changes["data.size"]
    if not found.get("use_styles", True):
        changes["algorithm.style_mixing"] = 0.0
    if model == "pix2pix" and FLAGS["direction"].present:
        changes["algorithm.direction"] = FLAGS.direction
    if not (Path(FLAGS.run_dir).expanduser() / "config.json").exists():
        return api.make_config(model, "paper", changes)
    config = stored_config(FLAGS.run_dir, api.model_module(model).PRESETS)
    # what this file says; what it does not (ndf of a generator) stays as it is stored
    return override(config, changes)


def _record(run_dir, name, path):
    """Which networks have weights; the rest is random and must not be used."""
    from experiments.training.imported import RECORD
    from experiments.training.rundir import read_json

    target = run_dir / RECORD
    imported = read_json(target) if target.exists() else {}
    imported[name] = str(path)
    write_json_whole(target, imported)
    return imported


if __name__ == "__main__":
    app.run(command(_import))
