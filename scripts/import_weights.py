"""Makes a run directory from published weights, to translate or stylise pictures with.

    python -m scripts.import_weights --kind=cyclegan/resnet_generator \
        --from=horse2zebra.pth --run_dir=runs/horse2zebra
    python -m experiments.run --mode=translate --run_dir=runs/horse2zebra \
        --input=photos --output=zebras --direction=AtoB

A second call with `--network=G_B` adds the other direction to the same directory.

    python -m scripts.import_weights --kind=pix2pix/unet_generator --direction=BtoA \
        --from=facades_label2photo.pth --run_dir=runs/facades

`--direction` says in which direction a pix2pix network was trained (default: AtoB).

    python -m scripts.import_weights --kind=adain/decoder --from=decoder.pth \
        --vgg_weights=vgg_normalised.pth --run_dir=runs/adain/published
    python -m experiments.run --model=adain --mode=stylize --run_dir=runs/adain/published \
        --content=photos --style=paintings --output=stylised

    python -m scripts.import_weights --kind=johnson/transformer --from=mosaic.pth \
        --run_dir=runs/johnson/mosaic

    python -m scripts.import_weights --kind=stylegan/generator \
        --from=karras2019stylegan-ffhq-1024x1024.pkl --run_dir=runs/ffhq
    python -m experiments.run --model=stylegan --mode=sample --run_dir=runs/ffhq --truncation=0.7 \
        --truncation_cutoff=8 --seeds=0-15 --output=faces

The models in `experiments/configs` define which kinds there are.
"""

from pathlib import Path

from absl import flags

from core.errors import InputError
from core.files import write_json_whole
from core.names import nearest
from experiments.cli import FLAGS, say, start

flags.DEFINE_string("kind", "cyclegan/resnet_generator", "What the file holds.")
flags.DEFINE_string(
    "from", None, "The authors' file: .pth, or .pkl of TensorFlow 1.", required=True
)
flags.DEFINE_string(
    "network",
    None,
    "Which network of a CycleGAN it is: G_A (A to B; the default), G_B, D_A (judges B; the "
    "default) or D_B.",
)


def _import() -> int:
    from experiments import api
    from experiments.training import checkpoint
    from experiments.training.rundir import RunDir

    if not FLAGS.run_dir:
        raise InputError("--run_dir: give the directory to make, such as runs/horse2zebra.")
    model, known = _known(FLAGS.kind)
    name = FLAGS.network or known.networks[0]
    if name not in known.networks:
        raise InputError(f"--network={name}: a {FLAGS.kind} is one of {known.networks}.")
    path = Path(FLAGS["from"].value).expanduser()
    network = known.importers.import_network(known.kind, path)
    hyperparameters = known.importers.guess_config(known.kind, path) | known.read(network)
    config = _config(model, known, hyperparameters)
    run_dir = Path(FLAGS.run_dir).expanduser()
    run = api.build(config, epoch=1, budget=1, run_dir=run_dir, trains=False)
    own = run.algorithm.networks[name]
    if [w.shape for w in own.weights] != [w.shape for w in network.weights]:
        raise InputError(f"{path} is not a {name} {known.refusal(FLAGS)}.")
    directory = RunDir(FLAGS.run_dir, config)
    try:
        progress = checkpoint.restore(directory.path, run.algorithm, say, tidy=True)
        if progress and progress["images"]:
            raise InputError(f"--run_dir={FLAGS.run_dir}: has been trained. Give another one.")
        run.algorithm.take(name, network.get_weights())
        directory.store(config, api.own_fingerprint(run))
        progress = {"images": 0, "steps": 0}
        checkpoint.save(directory.path, run.algorithm, progress, keep=config.keep)
        imported = _record(directory.path, name, path)
    finally:
        directory.close()
    say(f"{name} of {directory.path} has the {network.count_params():,} parameters of {path}.")
    say(f"imported so far: {', '.join(sorted(imported))}")
    return 0


def _known(kind):
    """Returns the model of a kind of weights, and its `Import`, which says how files are read."""
    from experiments import configs

    name = kind.partition("/")[0]
    if name in configs.names():
        model = configs.find(name)
        for known in model.imports:
            if known.kind == kind:
                return model, known
    kinds = [known.kind for name in configs.names() for known in configs.find(name).imports]
    raise InputError(f"--kind={kind}: unknown. {nearest(kind, kinds)}")


def _config(model, known, hyperparameters):
    """Returns the configuration that fits this file and the files imported before."""
    from experiments import api
    from experiments.training.config import override
    from experiments.training.rundir import stored_config

    changes = known.changes(hyperparameters, FLAGS)
    if not (Path(FLAGS.run_dir).expanduser() / "config.json").exists():
        return api.make_config(model.name, known.preset, changes)
    config = stored_config(FLAGS.run_dir, model.presets)
    # settings that this file does not tell, such as ndf for a generator, stay as they are stored
    return override(config, changes)


def _record(run_dir, name, path):
    """Records that a network has imported weights; the others are random and must not be used."""
    from experiments.training.imported import RECORD
    from experiments.training.rundir import read_json

    target = run_dir / RECORD
    imported = read_json(target) if target.exists() else {}
    imported[name] = str(path)
    write_json_whole(target, imported)
    return imported


if __name__ == "__main__":
    start(_import)
