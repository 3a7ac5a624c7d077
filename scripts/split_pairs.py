"""Makes two domains for CycleGAN from two folders in which pictures of the same name are pairs.

Half of the names train A, the other half B. The pairs held out allow an exact error to be measured.

    npm pack emoji-datasource-google@16.0.0 emoji-datasource-twitter@16.0.0
    for set in google twitter; do
        mkdir $set && tar -xzf emoji-datasource-$set-16.0.0.tgz -C $set --strip-components=4 \
            package/img/$set/64
    done
    python -m scripts.split_pairs --domain_a=google --domain_b=twitter --output=pairs
    python -m experiments.run --model=cyclegan --dataset=folder:pairs --set data.paired_test=true

It writes trainA, trainB, testA and testB as PNG on white. Training never has both pictures of a
pair. Names that only one folder has are left out.
"""

from pathlib import Path

import numpy as np
from absl import flags
from tqdm import tqdm

from core.errors import InputError
from experiments.cli import say, start

FLAGS = flags.FLAGS
flags.DEFINE_string("domain_a", None, "A folder of pictures.")
flags.DEFINE_string("domain_b", None, "Another, with the same names.")
flags.DEFINE_integer("held_out", 200, "How many pairs are for testing.", lower_bound=1)


def _split():
    from experiments.data import files, pictures

    domains = {
        "A": _by_name("--domain_a", FLAGS.domain_a),
        "B": _by_name("--domain_b", FLAGS.domain_b),
    }
    names = sorted(domains["A"].keys() & domains["B"].keys())
    if len(names) < FLAGS.held_out + 2:
        raise InputError(
            f"--held_out={FLAGS.held_out}: the folders have {len(names)} names in "
            f"common. Give folders with at least {FLAGS.held_out + 2}, or hold out "
            "fewer."
        )
    order = np.random.default_rng(FLAGS.seed or 0).permutation(names)
    tested, trained = order[: FLAGS.held_out], order[FLAGS.held_out :]
    half = len(trained) // 2
    parts = {"trainA": trained[:half], "trainB": trained[half:], "testA": tested, "testB": tested}
    root = _empty_folder()
    files.check_folder(FLAGS.output)
    for part, chosen in parts.items():
        for name in tqdm(chosen, part, leave=False):
            pictures.write_png(root / part / name, pictures.read(domains[part[-1]][name]))
    left = len(domains["A"]) + len(domains["B"]) - 2 * len(names)
    counts = ", ".join(f"{len(chosen)} {part}" for part, chosen in parts.items())
    say(f"{root}: {counts}; {left} without a partner left out")
    return 0


def _by_name(flag, folder):
    from experiments.data import files

    if not folder:
        raise InputError(f"{flag}: give a folder of pictures.")
    paths, root = files.inputs(flag, folder)
    return {
        target.as_posix(): path
        for target, path in zip(files.names(paths, root), paths, strict=True)
    }


def _empty_folder():
    if not FLAGS.output:
        raise InputError("--output: give the folder to make, such as pairs.")
    root = Path(FLAGS.output).expanduser()
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        raise InputError(f"--output={FLAGS.output}: is there already. Give a new folder.")
    return root


if __name__ == "__main__":
    start(_split)
