"""Writes the networks of a StyleGAN2 or StyleGAN3 for PyTorch, under the names of NVIDIA's code.

    python -m scripts.export_state_dict --run_dir=runs/stylegan2/mine --output=exported

The folder gets `G_ema.pth`, the averaged generator, and `D.pth`, each a state dict without any
code, and beside each a `.json` with the arguments of the official class:

    G = training.networks.Generator(**settings)  # without "class_name"; or networks_stylegan3
    G.load_state_dict(torch.load("G_ema.pth", weights_only=True))

PyTorch need not be installed for the export.
"""

from core.errors import InputError
from core.paths import user_path
from experiments.cli import FLAGS, say, start


def _export() -> int:
    from core.files import write_json_whole
    from core.picture_size import as_text
    from core.torch_writer import write_state_dict
    from experiments import api
    from experiments.data import files
    from experiments.training.imported import check_imported
    from gan.nvidia_exporters import settings, state_dict
    from gan.stylegan2.algorithm import StyleGAN2

    if not FLAGS.run_dir or not FLAGS.output:
        raise InputError("--run_dir, --output: give a run of StyleGAN2 and a folder to write to.")
    run = api.load(FLAGS.run_dir, say=say, checkpoint=FLAGS.checkpoint or "last")
    algorithm = run.algorithm
    if not isinstance(algorithm, StyleGAN2):
        raise InputError(f"--run_dir={FLAGS.run_dir}: a run of {run.config.model}, no StyleGAN2.")
    if not isinstance(run.config.data.size, int):
        raise InputError(
            f"--run_dir={FLAGS.run_dir}: of rectangles ({as_text(run.config.data.size)}), which "
            "the official networks do not know. Export a run of squares."
        )
    for name in ("G", "D"):
        check_imported(run, name, "export")
    files.check_folder(FLAGS.output)
    folder = user_path(FLAGS.output)
    networks = {"G_ema": algorithm.sampling_network, "D": algorithm.networks["D"]}
    for name, network in networks.items():
        write_state_dict(folder / f"{name}.pth", state_dict(network))
        write_json_whole(folder / f"{name}.json", settings(network))
        say(f"{folder / name}.pth: {network.count_params():,} parameters; {name}.json: settings")
    return 0


if __name__ == "__main__":
    start(_export)
