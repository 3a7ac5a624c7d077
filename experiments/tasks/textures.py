"""The task of a network that learns one texture, without a data set, and makes it by seed."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from absl.flags import FlagValues

from core.errors import InputError
from core.given_numbers import as_whole
from core.memory import check_fits
from core.paths import user_path
from experiments.data import files, pictures
from experiments.data.styles import stem
from experiments.data.tiles import max_pixels
from experiments.export.parts import Part
from experiments.metrics.sampling import check_seeds, given_seeds
from experiments.model import Mode, Run, Say, Task
from experiments.tasks.exporting import exporting
from experiments.tasks.feed_forward import (
    attach_loss,
    read_styles,
    styles_fingerprint,
    styles_label,
)
from experiments.tasks.picture_parts import texture_parts
from experiments.tasks.seeds import counted_seeds, parse_seeds
from experiments.tasks.stylization import mean_losses
from experiments.tasks.vgg import with_usual_layers
from experiments.training.config import RunConfig

SHEET = 3  # textures on a sheet, beside the style


class TextureNetwork(Task):
    """A network that learns a texture from a picture and makes more of it from noise."""

    title = "Make more of a texture"
    options = {"vgg_weights": "algorithm.weights", "style": "algorithm.style"}
    better = {"test/": -1}

    @property
    def uses(self) -> Mapping[str, Mode]:
        return {
            "sample": Mode(
                "a texture for each seed, of any --size",
                sample_mode,
                takes=("output", "seeds", "count", "size", "checkpoint"),
                needs=("output",),
            ),
            "export": exporting(),
        }

    def complete(
        self, config: RunConfig, presets: Mapping[str, RunConfig], given: Collection[str] = ()
    ) -> RunConfig:
        return with_usual_layers(config, given)

    def run_name(self, config: RunConfig, preset: RunConfig) -> str:
        """Returns `<preset>-<style>[-seed<n>]`."""
        seed = f"-seed{config.seed}" if config.seed else ""
        return f"{config.preset}-{styles_label(config)}{seed}"

    def batches(self, dataset: Any, config: Any, **_: Any) -> Iterator[dict]:
        """Yields empty batches endlessly, since the algorithm draws its noise."""
        while True:
            yield {}

    def fingerprint(self, run: Run) -> dict[str, str]:
        return styles_fingerprint(run)

    def check_ready(self, run: Run) -> None:
        attach_loss(run)

    def evaluate(self, run: Run, dataset: Any) -> dict[str, float]:
        """Returns the mean losses, without their weights, of the textures of the first seeds."""
        algorithm, size = run.algorithm, run.config.data.size
        textures = (algorithm.texture(seed, size, size) for seed in range(run.config.eval_images))
        return mean_losses(algorithm.perceptual_loss.terms(texture[None]) for texture in textures)

    def sheets(self, run: Run, dataset: Any) -> dict[str, np.ndarray]:
        """Returns `{"textures": sheet}`: the style, and textures of its size by seed."""
        config = run.config.algorithm
        style = pictures.from_unit(read_styles(config)[0])
        textures = (run.algorithm.texture(seed, *style.shape[:2]) for seed in range(SHEET))
        titles = [stem(config.style[0]), *(f"seed {seed}" for seed in range(SHEET))]
        row = [style, *map(pictures.from_unit, textures)]
        return {"textures": pictures.sheet([row], titles)}

    def sample(self, run: Run, seeds: int | Sequence[int] = 16, **controls: Any) -> np.ndarray:
        return sample(run, seeds, **controls)

    def parts(self, run: Run, **_: Any) -> list[Part]:
        return texture_parts(run)


def sample(run: Run, seeds: int | Sequence[int] = 16, *, size: int | None = None) -> np.ndarray:
    """Returns textures of a trained run, uint8 `[N, size, size, 3]`.

    Args:
        run: a trained run.
        seeds: seeds from 0 to 2**32 - 1, or how many of the first seeds. A texture depends only on
            its seed and the size.
        size: height and width in pixels, any number; None for the size in training.

    Raises:
        InputError: there are no seeds, or the size is not above 0 or does not fit into memory.
    """
    chosen = given_seeds(seeds)
    size = run.config.data.size if size is None else as_whole("size", size)
    largest = int(max_pixels(run.algorithm.width) ** 0.5)
    if not 0 < size <= largest:
        raise InputError(
            f"size {size}: expected 1 to {largest} pixels, what fits into the free memory."
        )
    check_seeds(chosen)
    check_fits(3 * len(chosen) * size**2, f"seeds: {len(chosen):,} textures", "Give fewer.")
    textures = (run.algorithm.texture(seed, size, size) for seed in chosen)
    return np.stack([pictures.from_unit(texture) for texture in textures])


def sample_mode(run: Run, flags: FlagValues, say: Say) -> int:
    """Carries out `--mode=sample`: writes `seed0000.png` and so on; returns the exit status."""
    seeds = parse_seeds(counted_seeds(flags))
    files.check_folder(flags.output)
    folder = user_path(flags.output)
    for seed in seeds:
        (picture,) = run.sample([seed], size=flags.size or None)
        pictures.write_png(folder / f"seed{seed:04}.png", picture)
    say(f"{len(seeds)} pictures written to {folder}")
    return 0
