"""A CycleGAN that trains in a second on a folder of noise, shared by the tests of this folder."""

import json
from pathlib import Path

import numpy as np
from PIL import Image

from experiments import api
from experiments.training import checkpoint

BUDGET = 16  # images: 8 steps, more than 3 epochs of 5
PRESET = "smoke"
CHANGES = {
    "images": BUDGET,
    "data.size": 16,
    "data.load_size": 18,
    "algorithm.n_layers": 1,
    "algorithm.pool_size": 3,
    "algorithm.learning_rate": 0.01,
    "log_every": 2,
    "sample_every": BUDGET,
    "eval_every": BUDGET,
    "checkpoint_every": 4,
}


def noise(folder: Path, count: int, seed: int, size=(20, 24), suffix=".png") -> None:
    """Writes pictures `0.png`, `1.png`, …"""
    folder.mkdir(parents=True, exist_ok=True)
    values = np.random.default_rng(seed)
    for i in range(count):
        picture = values.integers(0, 256, (*size, 3), np.uint8)
        Image.fromarray(picture).save(folder / f"{i}{suffix}")


def two_domains(root: Path) -> Path:
    """trainA (5), trainB (4), testA and testB (2 each)."""
    for seed, (name, count) in enumerate(
        [("trainA", 5), ("trainB", 4), ("testA", 2), ("testB", 2)]
    ):
        noise(root / name, count, seed)
    return root


def config(dataset: Path | str, **changes):
    """The tiny configuration; `changes` as in `api.train`."""
    changes = {key.replace("__", "."): value for key, value in changes.items()}
    return api.make_config(
        "cyclegan", PRESET, CHANGES | {"data.dataset": f"folder:{dataset}"} | changes
    )


def train(dataset: Path | str, run_dir: Path, said: list | None = None, **changes) -> api.Run:
    """Trains it in this process; lines for the person are appended to `said`."""
    say = (said if said is not None else []).append
    return api.train_config(config(dataset, **changes), run_dir, say=say)


def flags(dataset: Path | str, run_dir: Path, **changes) -> list[str]:
    """The same for the command line."""
    changes = {key.replace("__", "."): value for key, value in changes.items()}
    pairs = CHANGES | {"data.dataset": f"folder:{dataset}"} | changes
    sets = [f"--set={key}={value}" for key, value in pairs.items()]
    return [f"--preset={PRESET}", f"--run_dir={run_dir}", *sets]


def newest(run_dir: Path) -> dict[str, np.ndarray]:
    """All arrays of the newest checkpoint."""
    with np.load(checkpoint.newest_first(run_dir)[0]) as archive:
        return {name: archive[name] for name in archive.files}


def assert_same_state(run_dir: Path, other: Path) -> None:
    """Every array of the newest checkpoints is equal bit for bit."""
    one, two = newest(run_dir), newest(other)
    assert not one.keys() ^ two.keys()
    differ = [name for name in one if one[name].tobytes() != two[name].tobytes()]
    assert not differ


def rows(run_dir: Path) -> list[dict]:
    """metrics.jsonl without what a clock says."""
    lines = (Path(run_dir) / "metrics.jsonl").read_text().splitlines()
    parsed = [json.loads(line) for line in lines]
    return [{k: v for k, v in r.items() if k not in ("time", "images_per_second")} for r in parsed]
