"""The task of translating between two domains: scores, sheets, and pictures of any size."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
from absl.flags import FlagValues

from core import engine
from core.errors import InputError
from core.paths import user_path
from core.picture_size import as_text
from core.tensors import to_numpy
from experiments.data import files, given_pictures, pictures
from experiments.data.pipeline import test_images
from experiments.data.tiles import Network, tiled
from experiments.export.parts import Part
from experiments.metrics import protocols
from experiments.metrics.pairs import absolute_error, psnr, ssim
from experiments.metrics.picture_scores import LPIPS, PAIRS, better, pair_score
from experiments.metrics.subject import Subject
from experiments.model import Mode, Run, Say, Task
from experiments.tasks.exporting import exporting
from experiments.tasks.picture_parts import translator_parts
from experiments.tasks.side_by_side import side_by_side
from experiments.tasks.trained_ranges import trained_ranges
from experiments.training.config import RunConfig
from experiments.training.imported import check_imported
from gan.translator import DIRECTIONS

SHEET_ROWS = 6
BATCH = 16


class Translation(Task):
    """Two domains, A and B, and a network for each direction."""

    title = "Translate between two kinds of pictures"
    roles = ("A", "B")
    compared = "translation"
    benchmark = {"data.dataset": "seasons"}
    better = {"cycle_error/": -1, "psnr/": 1, "ssim/": 1, "l1/": -1}

    @property
    def uses(self) -> dict[str, Mode]:
        return {
            "translate": Mode(
                "translate a picture or a folder of pictures, at their own size",
                translate_mode,
                takes=("input", "output", "direction", "checkpoint"),
                needs=("input", "output"),
            ),
            "export": exporting("direction"),
        }

    def check_ready(self, run: Run) -> None:
        """Refuses a run of imported networks in which a direction is missing."""
        for direction in run.algorithm.directions:
            _check_imported(run, direction)

    def evaluate(self, run: Run, dataset: Any) -> dict[str, float]:
        """Returns scores on the test images.

        There is always the cycle error: the mean absolute difference between an image and its
        translation there and back, in 8-bit levels (0 to 255). If the test set has the true
        counterparts, there are also PSNR (dB, mean over images, 8-bit images) and SSIM (Wang et al.
        2004: Gaussian window of 11 pixels, sigma 1.5; mean over channels and images) of the
        translation, and of doing nothing ("identity").
        """
        config, there, again = run.config, {}, {}
        images = {r: test_images(dataset, config.data, r, config.eval_images) for r in self.roles}
        for source, direction, back in (("A", "AtoB", "BtoA"), ("B", "BtoA", "AtoB")):
            there[direction] = predict(translator(run, direction), images[source])
            again[source] = predict(translator(run, back), there[direction])
        scores = {f"cycle_error/{r}": absolute_error(again[r], images[r]) for r in self.roles}
        if dataset.truth:
            for direction, target in (("AtoB", "B"), ("BtoA", "A")):
                scores[f"psnr/{direction}"] = psnr(there[direction], images[target])
                scores[f"ssim/{direction}"] = ssim(there[direction], images[target])
            scores["psnr/identity"] = psnr(images["A"], images["B"])
            scores["ssim/identity"] = ssim(images["A"], images["B"])
        return scores

    def sheets(self, run: Run, dataset: Any) -> dict[str, np.ndarray]:
        """Returns `{"translation": sheet}`: both directions side by side, on other test images."""
        halves = [
            self._half(run, dataset, "AtoB", "BtoA", 0),
            self._half(run, dataset, "BtoA", "AtoB", 0.5),
        ]
        rows = [list(row) for row in zip(*halves[0][0], *halves[1][0], strict=False)]
        titles = halves[0][1] + halves[1][1]
        scale = pictures.enlargement(rows[0][0])
        return {"translation": pictures.sheet(rows, titles, scale=scale)}

    def _half(self, run, dataset, there, back, shift):
        """Returns columns and titles: input, translation, the way back, and the truth if known."""
        source, target, data = there[0], there[-1], run.config.data
        images = test_images(dataset, data, source, SHEET_ROWS, shift)
        translated = predict(translator(run, there), images)
        columns = [images, translated, predict(translator(run, back), translated)]
        titles = [source, f"{source} to {target}", "and back"]
        if dataset.truth:
            columns.append(test_images(dataset, data, target, SHEET_ROWS, shift))
            titles.append("truth")
        return columns, titles

    def longer(self, config: RunConfig, before: int, now: int, seen: int) -> str:
        """Says what a longer training makes of the learning rate, which falls towards the end."""
        share = config.algorithm.decay_from
        old, new = round(share * before), round(share * now)
        text = f"The learning rate falls from image {new:,} on, in place of {old:,}"
        if seen > old:
            again = f"is {config.algorithm.learning_rate:g} again until then"
            text += f"; it {again if seen < new else 'rises to what it is there'}"
        return text + "."

    def subject(self, run: Run, dataset: Any) -> Subject:
        return Translated(run, dataset)

    def translate(self, run: Run, picture: Any, direction: str = "AtoB") -> np.ndarray:
        translator = usable_translator(run, direction)
        ranges, channels = trained_ranges(run, direction[0]), run.algorithm.channels
        picture = given_pictures.picture(picture, "picture", channels, lambda: ranges)
        return at_own_size(run, translator, picture)

    def parts(self, run: Run, direction: str | None = None, **_: Any) -> list[Part]:
        chosen = (direction,) if direction else run.algorithm.directions
        for each in chosen:
            usable_translator(run, each)
        return translator_parts(run, chosen)


def translator_options(config: RunConfig, epoch: int, budget: int) -> dict[str, Any]:
    """Returns what every model of this task takes beside its hyper-parameters.

    The learning rate changes once an epoch, as published, where the length is given in epochs, and
    with every step where it is given in images.

    Args:
        config: the configuration.
        epoch: images (or pairs) in the data set.
        budget: images (or pairs) in all of training.
    """
    stair = epoch if config.epochs else config.batch_size
    return {
        "size": config.data.size,
        "channels": config.data.channels,
        "batch_size": config.batch_size,
        "epoch": stair,
        "epochs": budget / stair,
        "seed": config.seed,
        "xla": config.xla,
    }


def check_halvings(sides: Sequence[int], count: int) -> None:
    """Raises ValueError for images that a ResNet generator cannot halve `count` times with two
    pixels left, which it reflects."""
    multiple = 2**count
    if any(side % multiple or side < 2 * multiple for side in sides):
        raise ValueError(
            f"data.size={as_text(sides)}: the generator halves a picture {count} times and takes "
            f"multiples of {multiple} pixels from {2 * multiple} up"
        )


def check_patches(sides: Sequence[int], algorithm: Any) -> None:
    """Raises ValueError if images are too small for the patch discriminator."""
    smallest = 3 * 2**algorithm.n_layers
    if algorithm.discriminator == "patch" and min(sides) < smallest:
        raise ValueError(
            f"data.size={as_text(sides)}: a patch discriminator of {algorithm.n_layers} layers "
            f"needs {smallest} pixels or more; lower algorithm.n_layers or raise data.size and "
            "data.load_size"
        )


def translator(run: Run, direction: str) -> Network:
    """Returns the compiled translator of a direction, the same one for every call.

    It takes float32 `[N, H, W, C]` in [-1, 1] and returns an array of the same form.
    """
    return run.once(("translator", direction), lambda: _compiled(run.algorithm, direction))


def _compiled(algorithm, direction):
    network = algorithm.translator(direction)
    if not isinstance(network, keras.Model):  # it draws random numbers, as published
        return lambda images: to_numpy(network(images, training=False))
    compiled = engine.compile_by_shape(lambda x: network(x, training=False), network.variables)
    return lambda images: to_numpy(compiled(images))


def usable_translator(run: Run, direction: str) -> Network:
    """Returns the `translator` of a direction, after checking that it can be used.

    Raises:
        InputError: the direction is unknown, was not learned, or has no imported weights.
    """
    if direction not in DIRECTIONS:
        raise InputError(f"--direction={direction}: expected one of {', '.join(DIRECTIONS)}")
    if direction not in run.algorithm.directions:
        (learned,) = run.algorithm.directions
        raise InputError(
            f"--direction={direction}: {run.run_dir} has learned {learned} alone. Give "
            f"--direction={learned}, or train another run with --set algorithm.direction="
            f"{direction}."
        )
    _check_imported(run, direction)
    return translator(run, direction)


def _check_imported(run, direction):
    check_imported(run, run.algorithm.translator_name(direction), f"--direction={direction}")


def predict(network: Network, images: np.ndarray) -> np.ndarray:
    """Returns the translations of uint8 `[N, H, W, C]`, with the same shape and type."""
    parts = []
    for i in range(0, len(images), BATCH):
        parts.append(pictures.from_signed(network(pictures.to_signed(images[i : i + BATCH]))))
    return np.concatenate(parts)


def at_own_size(run: Run, network: Network, picture: np.ndarray) -> np.ndarray:
    """Returns the translation of a picture, uint8 `[H, W, C]`, at its own size."""
    algorithm = run.algorithm
    return tiled(
        network,
        picture,
        multiple=algorithm.size_multiple,
        smallest=algorithm.smallest_size,
        channels=algorithm.width,
        before=pictures.to_signed,
        after=pictures.from_signed,
    )


# --- --mode=translate


def translate_mode(run: Run, flags: FlagValues, say: Say) -> int:
    """Translates `--input` into the folder `--output`; returns the exit status.

    On a CPU with TensorFlow, several pictures are worked on at once.
    """
    network = usable_translator(run, flags.direction)
    targets = _targets(flags.input, flags.output, say)
    errors: list[str] = []

    def translate(item):
        path, picture = item
        pictures.write_png(targets[path], at_own_size(run, network, picture))
        return path

    written, readable = 0, _readable(run, flags, targets, errors, say)
    for path in side_by_side(translate, _checked(readable, flags), engine.calls_at_once()):
        written += 1
        say(f"{path} -> {targets[path]}")
    if not written:
        raise InputError(
            f"--input={flags.input}: none of {len(targets)} pictures can be read: {errors[0]}"
        )
    say(f"{written} written to {flags.output}")
    return 0


def _readable(run, flags, paths, errors, say):
    """Yields `(path, picture)` of the files that can be read; says the others, and adds why."""
    known = trained_ranges(run, flags.direction[0])
    ranges = pictures.ranges_of("--input", list(paths), say, known)
    for path in paths:
        try:
            picture = pictures.read(path, run.algorithm.channels, ranges)
        except InputError as error:
            errors.append(str(error))
            say(f"left out: {error}")
            continue
        yield path, picture


def _checked(items, flags):
    """Yields the same items; refuses, at the first one, a folder that cannot be written to."""
    for i, item in enumerate(items):
        if i == 0:
            files.check_folder(flags.output, [flags.input])
        yield item


def _targets(source, output, say):
    """Returns the file for the translation of each picture; refuses to overwrite a picture."""
    originals, place = files.inputs("--input", source, say)
    folder = user_path(output)
    targets = [folder / name for name in files.names(originals, place)]
    if folder.exists() and folder.samefile(place):
        whole = user_path(source).is_dir()
        for target in targets:
            if whole or target.exists():
                raise InputError(
                    f"--output={output}: would overwrite {target}; give another folder."
                )
    files.check_overwrites(output, targets, originals)
    return dict(zip(originals, targets, strict=True))


# --- metrics


class Translated(Subject):
    """Translated test images, compared with real test or training images of the target domain."""

    names = (*(name for name in protocols.NAMES if protocols.split_of(name)), *PAIRS)

    def values(self, name: str) -> list[str]:
        names = [name] if name in PAIRS else protocols.value_names(name)
        return [f"{value}/{d}" for d in self.algorithm.directions for value in names]

    def better(self, value: str) -> int:
        name = value.partition("/")[0]
        return better(name) if name in PAIRS else protocols.better(name)

    def check(self, name: str, folder: str | Path | None) -> dict[str, Any]:
        self.run.task.check_ready(self.run)
        if name in PAIRS:
            _check_truth(name, self.dataset)
            pair_score(name, folder)
            return {"test": len(self._pairs("AtoB")[0])}
        taken: dict[str, Any] = {}
        size = self.config.data.sides
        for direction in self.algorithm.directions:
            reals: Any = self.reals(name, direction[-1])  # every one of `names` needs them
            made = len(self._sources(direction))
            count = protocols.check(name, size, reals, made=made, folder=folder)
            taken |= {f"test {direction}": count, f"real {direction}": reals.key}
        return taken

    def measure(self, name: str, folder: str | Path | None, cache: Path) -> dict[str, float]:
        values: dict[str, float] = {}
        for direction in self.algorithm.directions:
            one = self._measure(name, direction, folder, cache)
            values |= {f"{key}/{direction}": value for key, value in one.items()}
        return values

    def _measure(self, name, direction, folder, cache):
        network = translator(self.run, direction)
        if name in PAIRS:
            images, truth = self._pairs(direction)
            return {name: pair_score(name, folder)(*_seen(name, predict(network, images), truth))}
        indices, source = self._sources(direction), self.dataset.test[direction[0]]

        def translated(numbers):
            images = (source.get(indices[i]) for i in numbers)
            made = predict(network, np.stack([self._fitted(image) for image in images]))
            return pictures.to_rgb(made)

        reals, made = self.reals(name, direction[-1]), len(indices)
        return protocols.compute(name, translated, reals, made=made, folder=folder, cache=cache)

    def _sources(self, direction):
        """Returns the indices of the test images that can be read."""
        source = self.dataset.test[direction[0]]
        return [i for i in range(source.size) if source.get(i) is not None]

    def _fitted(self, image):
        data = self.config.data
        return pictures.fit(image, data.sides, "crop" if data.fit == "side" else data.fit)

    def _pairs(self, direction):
        """Returns the test images of both domains, `eval_images` of each, all in memory."""
        config = self.config
        return [
            test_images(self.dataset, config.data, role, config.eval_images)
            for role in (direction[0], direction[-1])
        ]


def _seen(name, *images):
    """Returns pictures as a score sees them: in their own channels, or in RGB for LPIPS."""
    return [pictures.to_rgb(x) if name in LPIPS else x for x in images]


def _check_truth(name, dataset):
    if not dataset.truth:
        raise InputError(
            f"--metrics={name}: the test images of {dataset.name} have no true counterparts. Where "
            "those of the same name are some, give --set data.paired_test=true."
        )
