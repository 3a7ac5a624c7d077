"""What metrics are taken of: pictures from noise, translations, or stylised pictures.

| roles | pictures | metrics |
|---|---|---|
| `image` | of the seeds 0, 1, ... | all of `experiments.metrics.protocols` |
| `A`, `B` | the test images, translated | those with real images, each direction; `PAIRS` |
| `content`, `style` | test content i in style i, the shorter list over again | `STYLING` |
| `content` | the same with the styles that are trained | `STYLING` |
| none | the picture that is optimised | the content and style terms of `STYLING` |

`PAIRS`, with the true counterpart: `l1`, `psnr`, `ssim`, and `lpips_alex`, `lpips_vgg`,
`lpips_hed`. `STYLING`: LPIPS from the content; `content_vgg16`, the mean square of the differences
at relu3_3; `style_vgg16`, that of the Gram matrices over the number of channels at relu1_2,
relu2_2, relu3_3 and relu4_3, summed; and `artfid`. On HED's VGG-16: `lpips_hed`, `content_hed`,
`style_hed` and `art_fd_hed`, which are ours and no one else's numbers. Pairs are `eval_images` test
images of each domain.
"""

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np

from core.errors import InputError
from experiments.data import pictures
from experiments.data.pipeline import test_images
from experiments.metrics import pairs, protocols, published
from experiments.metrics.features import extractor, progress
from experiments.metrics.lpips import float32, hed_distance, lpips
from experiments.metrics.reals import of_dataset
from experiments.metrics.sampling import generate
from experiments.metrics.separability import DATASET, SEPARABILITIES
from experiments.tasks.feed_forward import read_styles
from experiments.tasks.stylization import to_uint8, to_unit
from experiments.tasks.translation import check_ready, predict
from experiments.training.imported import check_imported
from nst import vgg_files
from nst.features import perceptual
from nst.weights import load_weights

LPIPS = ("lpips_alex", "lpips_vgg", "lpips_hed")
PLAIN = {"l1": pairs.absolute_error, "psnr": pairs.psnr, "ssim": pairs.ssim}
PAIRS = (*PLAIN, *LPIPS)
TERMS = ("content_vgg16", "style_vgg16", "content_hed", "style_hed")
STYLING = (*TERMS, *LPIPS, "artfid", "art_fd_hed")
CONTENT_TAPS = ("relu3_3",)
STYLE_TAPS = ("relu1_2", "relu2_2", "relu3_3", "relu4_3")


class Subject:
    """The pictures of a run as it is now, made when a metric wants them.

    Attributes:
        names: of the metrics that it takes.
    """

    names: tuple[str, ...] = ()

    def __init__(self, run, dataset):
        """Args:
        run: `experiments.api.Run`.
        dataset: of its configuration, None for a model without one.
        """
        self.run, self.dataset = run, dataset
        self.algorithm, self.config = run.algorithm, run.config

    def values(self, name: str) -> list[str]:
        """What the values of a metric are called."""
        return [name]

    def check(self, name: str, folder: str | Path | None) -> dict:
        """Refuses, before the work, what `measure` would refuse.

        Args:
            name: one of `names`.
            folder: of published files.

        Returns:
            Which pictures are taken, for a record.

        Raises:
            InputError: too few pictures, or a network that cannot be had.
        """
        raise NotImplementedError

    def measure(self, name: str, folder: str | Path | None, cache: Path) -> dict[str, float]:
        """A metric: `{value name: number}`.

        Args:
            name, folder: as of `check`.
            cache: folder for the features of real pictures.
        """
        raise NotImplementedError

    def _reals(self, name, role):
        split = protocols.split_of(name)
        return split and of_dataset(self.dataset, self.config.data, role, split)


def subject(run, dataset) -> Subject:
    """Of a run, by the roles of its model."""
    kinds = {
        ("image",): Generated,
        ("A", "B"): Translated,
        ("content", "style"): Stylised,
        ("content",): Learned,
    }
    other = Optimised if hasattr(run.algorithm, "level") else Subject
    return kinds.get(run.module.ROLES, other)(run, dataset)


class Generated(Subject):
    """Pictures from noise, of the averaged generator where there is one."""

    names = protocols.NAMES

    def values(self, name):
        return protocols.value_names(name)

    def check(self, name, folder):
        check_imported(self.run, "G", f"--metrics={name}")
        reals = self._reals(name, "image")
        size, algorithm = self.config.data.size, self.algorithm
        count = protocols.check(name, size, reals, algorithm=algorithm, folder=folder)
        if name in SEPARABILITIES and self.config.data.dataset != DATASET:
            raise InputError(f"--metrics={name}: judges portraits of {DATASET}, this run is of "
                             f"{self.config.data.dataset}.")  # fmt: skip
        return {"seeds": f"0-{count - 1}"} | ({"real": reals.key} if reals else {})

    def measure(self, name, folder, cache):
        return protocols.compute(
            name,
            lambda seeds: generate(self.algorithm, seeds, noise="random"),
            self._reals(name, "image"),
            algorithm=self.algorithm,
            folder=folder,
            cache=cache,
        )


class Translated(Subject):
    """Translated test images against real test or training images of the target domain."""

    names = (*(name for name in protocols.NAMES if protocols.split_of(name)), *PAIRS)

    def values(self, name):
        names = [name] if name in PAIRS else protocols.value_names(name)
        return [f"{value}/{d}" for d in self.algorithm.directions for value in names]

    def check(self, name, folder):
        check_ready(self.run)
        if name in PAIRS:
            _check_truth(name, self.dataset)
            _pair_score(name, folder)
            return {"test": len(self._pairs("AtoB")[0])}
        found, size = {}, self.config.data.size
        for direction in self.algorithm.directions:
            reals, made = self._reals(name, direction[-1]), len(self._sources(direction))
            count = protocols.check(name, size, reals, made=made, folder=folder)
            found |= {f"test {direction}": count, f"real {direction}": reals.key}
        return found

    def measure(self, name, folder, cache):
        found = {}
        for direction in self.algorithm.directions:
            values = self._measure(name, direction, folder, cache)
            found |= {f"{key}/{direction}": value for key, value in values.items()}
        return found

    def _measure(self, name, direction, folder, cache):
        network = self.algorithm.translator(direction)
        if name in PAIRS:
            images, truth = self._pairs(direction)
            return {name: _pair_score(name, folder)(predict(network, images), truth)}
        indices, source = self._sources(direction), self.dataset.test[direction[0]]

        def translated(numbers):
            images = (source.get(indices[i]) for i in numbers)
            return predict(network, np.stack([self._fitted(image) for image in images]))

        reals, made = self._reals(name, direction[-1]), len(indices)
        return protocols.compute(name, translated, reals, made=made, folder=folder, cache=cache)

    def _sources(self, direction):
        """The test images that can be read."""
        source = self.dataset.test[direction[0]]
        return [i for i in range(source.size) if source.get(i) is not None]

    def _fitted(self, image):
        data = self.config.data
        return pictures.fit(image, data.size, "crop" if data.fit == "side" else data.fit)

    def _pairs(self, direction):
        """The test images of both domains, `eval_images` of each, all in memory."""
        config = self.config
        return [test_images(self.dataset, config.data, role, config.eval_images)
                for role in (direction[0], direction[-1])]  # fmt: skip


def _check_truth(name, dataset):
    if not dataset.truth:
        raise InputError(
            f"--metrics={name}: the test images of {dataset.name} have no true counterparts. Where "
            "those of the same name are some, give --set data.paired_test=true."
        )


def _pair_score(name, folder) -> Callable[[np.ndarray, np.ndarray], float]:
    """Of uint8 `[N, H, W, 3]` and as many others."""
    if name in PLAIN:
        return PLAIN[name]
    network = name.removeprefix("lpips_")
    distance = hed_distance() if network == "hed" else lpips(network, folder)
    return lambda a, b: pairs.perceptual_distance(a, b, distance)


class _Row(NamedTuple):
    """A stylised picture and what it is made of, uint8 `[H, W, 3]`; styles have sizes of their
    own."""

    result: np.ndarray
    content: np.ndarray | None
    style: np.ndarray


class Stylised(Subject):
    """Test contents in test styles."""

    names = STYLING

    @cached_property
    def rows(self) -> list[_Row]:
        """The stylised pictures with their contents and styles: `eval_images` or so of them, all
        in memory."""
        stylizer = self.run.module.make_stylizer(self.algorithm, self.config)
        contents, styles, found = self._images("content"), self.styles, []
        count = max(len(contents), len(styles))
        for (i,) in progress([[i] for i in range(count)], "stylised", count):
            content, k = contents[i % len(contents)], i % len(styles)
            made = to_uint8(stylizer(to_unit(content), [self._given(k)]))
            found.append(_Row(made, content, styles[k]))
        return found

    @cached_property
    def styles(self) -> list[np.ndarray]:
        """The different ones, uint8 `[h, w, 3]`."""
        return list(self._images("style"))

    def _given(self, k):
        """Style `k` as the stylizer takes it."""
        return to_unit(self.styles[k])

    def _images(self, role):
        return test_images(self.dataset, self.config.data, role, self.config.eval_images)

    def check(self, name, folder):
        if name.startswith("art") and min(len(self.styles), self._count()) < 2:
            raise InputError(f"--metrics={name}: compares sets of pictures, which takes 2 styles "
                             f"and 2 results or more, got {len(self.styles)} and {self._count()}. "
                             "Take content_hed, style_hed or lpips_hed.")  # fmt: skip
        _styling_score(name, folder)
        return {"test": self._count(), "styles": len(self.styles)}

    def _count(self):
        return max(len(self._images("content")), len(self.styles))

    def measure(self, name, folder, cache):
        return {name: _styling_score(name, folder)(self.rows)}


class Learned(Stylised):
    """Test contents in the styles that a network has learned."""

    @cached_property
    def styles(self):
        return [to_uint8(style) for style in read_styles(self.config.algorithm)]

    def _given(self, k):
        return len(getattr(self.config.algorithm, "learned", ())) + k


class Optimised(Stylised):
    """One picture, with each of its styles."""

    @property
    def names(self):
        has_content = self.algorithm.level.level.content is not None
        return tuple(name for name in TERMS if has_content or name.startswith("style"))

    @cached_property
    def rows(self):
        content = self.algorithm.level.level.content
        content = content if content is None else to_uint8(content)
        result = to_uint8(self.algorithm.picture())
        return [_Row(result, content, style) for style in self.styles]

    @cached_property
    def styles(self):
        return [to_uint8(style) for style in self.algorithm.level.level.styles]

    def _count(self):
        return 1


def _styling_score(name, folder) -> Callable[[list[_Row]], float]:
    kind, _, network = name.partition("_")
    if kind == "content":
        trunk = _trunk(network, CONTENT_TAPS, folder)
        return lambda rows: float(
            np.mean([pairs.content_term(trunk, row.result, row.content, "mean") for row in rows])
        )
    if kind == "style":
        trunk = _trunk(network, STYLE_TAPS, folder)
        return lambda rows: float(
            np.mean([pairs.style_term(trunk, row.result, row.style, "johnson") for row in rows])
        )
    if kind == "lpips":
        score = _pair_score(name, folder)
        return lambda rows: score([row.result for row in rows], [row.content for row in rows])
    if name == "artfid":
        networks = extractor("art", folder), lpips("alex", folder)
    else:
        networks = extractor("hed"), hed_distance()
    return lambda rows: _art_fid(rows, *networks)


def _trunk(network, taps, folder):
    if network == "hed":
        weights = load_weights("hed")
    else:
        weights = vgg_files.read(published.find(published.VGG16, folder), "vgg16", "torch")
    with float32():
        return perceptual(weights, taps)


def _art_fid(rows, network, distance):
    """With the styles at the size of the results."""
    results, contents = [row.result for row in rows], [row.content for row in rows]
    styles = [pictures.fit(row.style, results[0].shape[:2], "crop") for row in rows]
    return pairs.art_fid(results, contents, styles, network, distance)
