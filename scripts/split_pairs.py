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

import numpy as np
from absl import flags
from tqdm import tqdm

from core.errors import InputError
from core.paths import user_path
from experiments.cli import say, start

FLAGS = flags.FLAGS
flags.DEFINE_string("domain_a", None, "A folder of pictures.")
flags.DEFINE_string("domain_b", None, "Another, with the same names.")
flags.DEFINE_integer("held_out", 200, "How many pairs are for testing.", lower_bound=1)


def _split():
    from experiments.data import files, pictures

    domains, left, why = _paired()
    names = sorted(domains["A"])
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
    counts = ", ".join(f"{len(chosen)} {part}" for part, chosen in parts.items())
    say(f"{root}: {counts}; {left} without a partner left out" + (f" ({why})" if left else ""))
    return 0


def _paired():
    """The files of both domains by the name of the result; how many are in no pair, and why."""
    from experiments.data import files, pairing

    roots, found = [], []
    for flag, folder in (("--domain_a", FLAGS.domain_a), ("--domain_b", FLAGS.domain_b)):
        if not folder:
            raise InputError(f"{flag}: give a folder of pictures.")
        paths, root = files.inputs(flag, folder, say)
        roots.append(root)
        found.append([path.relative_to(root) for path in paths])
    paired = pairing.by_name(*found)
    pairs = paired.partners
    own = [roots[0] / name for name in pairs]
    targets = [target.as_posix() for target in files.names(own, roots[0])]
    domains = {
        "A": dict(zip(targets, own, strict=True)),
        "B": dict(zip(targets, (roots[1] / name for name in pairs.values()), strict=True)),
    }
    return domains, sum(map(len, found)) - 2 * len(pairs), paired.problems()


def _empty_folder():
    if not FLAGS.output:
        raise InputError("--output: give the folder to make, such as pairs.")
    root = user_path(FLAGS.output)
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        raise InputError(f"--output={FLAGS.output}: is there already. Give a new folder.")
    return root


if __name__ == "__main__":
    start(_split)
