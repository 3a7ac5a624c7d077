"""Makes a run directory from published weights, to translate or stylise pictures with.

    python -m scripts.import_weights --kind=cyclegan/resnet_generator \
        --from=horse2zebra.pth --run_dir=runs/horse2zebra
    python -m experiments.run --mode=translate --run_dir=runs/horse2zebra \
        --input=photos --output=zebras --direction=AtoB

A second call with `--network=G_B` adds the other direction to the same directory.

    python -m scripts.import_weights --kind=pix2pix/unet_generator --direction=BtoA \
        --from=facades_label2photo.pth --run_dir=runs/facades

`--direction` says in which direction a network of pix2pix or CUT was trained (default: AtoB).

    python -m scripts.import_weights --kind=cut/generator --from=latest_net_G.pth \
        --run_dir=runs/zebras

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

    python -m scripts.import_weights --kind=stylegan2/generator --from=ffhq.pkl \
        --run_dir=runs/stylegan2/ffhq
    python -m scripts.import_weights --kind=stylegan2/discriminator --from=ffhq.pkl \
        --run_dir=runs/stylegan2/ffhq
    python -m experiments.run --model=stylegan2 --mode=sample --run_dir=runs/stylegan2/ffhq \
        --truncation=0.7 --seeds=0-3 --output=faces

A `.pkl` of StyleGAN2 may be of PyTorch or of TensorFlow. Those of StyleGAN3 become runs in the same
way, with the kinds stylegan3/generator and stylegan3/discriminator, and those of R3GAN with
r3gan/generator and r3gan/discriminator. `scripts.export_state_dict` is
the other direction.

    pip install -e '.[magenta]'
    python -m scripts.import_weights --kind=ghiasi/mobile --run_dir=runs/ghiasi/phone
    python -m scripts.import_weights --kind=ghiasi/paper --run_dir=runs/ghiasi/paper \
        --from=magenta_arbitrary-image-stylization-v1-256_2.tar.gz

The models in `experiments/configs` define which kinds there are.
"""

from absl import flags

from core.errors import InputError
from core.paths import user_path
from experiments.cli import FLAGS, say, start

flags.DEFINE_string("kind", "cyclegan/resnet_generator", "What the file holds.")
flags.DEFINE_string(
    "from",
    None,
    "The authors' file: .pth; .pkl of TensorFlow 1 or, for stylegan2, stylegan3 and "
    "r3gan, PyTorch; for "
    "ghiasi a folder with both .onnx or .tflite files, or the SavedModel of TF-Hub. Leave it out "
    "for weights that come in a package.",
)
flags.DEFINE_string(
    "network",
    None,
    "Which network of a CycleGAN it is: G_A (A to B; the default), G_B, D_A (judges B; the "
    "default) or D_B.",
)


def _import() -> int:
    from experiments.weights import find_import, import_weights

    if not FLAGS.run_dir:
        raise InputError("--run_dir: give the directory to make, such as runs/horse2zebra.")
    model, known = find_import(FLAGS.kind)
    name, given = FLAGS.network or known.networks[0], FLAGS["from"].value
    if name not in known.networks:
        raise InputError(f"--network={name}: a {FLAGS.kind} is one of {known.networks}.")
    if not given and not known.packaged:
        raise InputError(f"--from: give the authors' file; no package brings {FLAGS.kind}.")
    path = user_path(given, "--from") if given else None
    run_dir = user_path(FLAGS.run_dir, "--run_dir", written=True)
    import_weights(model, known, path, run_dir, name=name, options=FLAGS, say=say)
    return 0


if __name__ == "__main__":
    start(_import)
