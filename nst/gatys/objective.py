"""The loss of a picture, computed from sums over its positions.

Gram matrices and squared errors add up over tiles, so the loss and its gradient can be computed
exactly, tile by tile: first the sums, then the loss's gradient with respect to the sums, then each
tile's part of the picture's gradient. A picture of moderate size is one tile and needs no second
pass.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops

from core import engine
from core.tensors import Tensor, to_numpy
from nst.features import Field
from nst.gatys.config import GatysConfig
from nst.losses import content_loss, gram, squared_error, style_loss, total_variation
from nst.tiling import Grid, shrink

WHOLE = 4  # pictures of up to this many tiles are differentiated in one piece


@dataclass(frozen=True)
class Level:
    """The pictures at one size.

    Attributes:
        height, width: of the result, pixels.
        content: RGB in [0, 1], `[height, width, 3]`, or None.
        styles: RGB in [0, 1], `[h, w, 3]` each.
        style_weights: the share of each style; they sum to 1.
        masks: where each style goes, `[styles, height, width]` in [0, 1]. None: everywhere, mixed.
    """

    height: int
    width: int
    content: np.ndarray | None
    styles: Sequence[np.ndarray]
    style_weights: Sequence[float]
    masks: np.ndarray | None = None


class Objective:
    """The loss of a level's picture and its gradient.

    Attributes:
        image: the picture, a variable `[1, height, width, 3]` in [0, 1].
        given: the arrays that the loss of the whole picture reads, by name: targets and maps.
    """

    def __init__(
        self,
        features: keras.Model,
        fields: Mapping[str, Field],
        config: GatysConfig,
        level: Level,
        start: np.ndarray,
    ):
        """Args:
        features: a feature network that returns all layers of `config`.
        fields: the receptive field of each layer; empty where a layer sees all of a picture, which
            is then never taken apart.
        config: layers, and the weights and scalings of the losses.
        level: the pictures that the result is to resemble.
        start: the picture that is optimised, RGB in [0, 1], `[height, width, 3]`.
        """
        self.features, self.config, self.level = features, config, level
        self.image = keras.Variable(start[None], trainable=True, dtype="float32", name="picture")
        self.terms = config.terms()
        self.fields = fields
        self._measure = engine.compile(self.measure, features.variables)
        self._pull = engine.compile(self._pull_back, features.variables)
        self._weigh = engine.compile(self._loss_of_sums, [])
        self._smooth = engine.compile(lambda x: engine.input_grad(self._tv, x), [])
        self._whole = engine.compile(self._value_and_gradient, [*features.variables, self.image])
        self.grid = self._grid((level.height, level.width))
        self.targets = self._style_targets()
        content = self._content_features() if "content" in self.terms else {}
        self.counts = {tap: x.size for tap, x in content.items()}
        maps = self._position_maps(self.grid, level.masks)
        self.pieces = [self._piece(tile, maps, content) for tile in self.grid.tiles]
        self.given = self.targets | self.pieces[0]

    # --- compiled, on both backends

    def measure(self, images: Tensor, piece: dict) -> dict:
        """The sums over positions: `{"style/relu1_1": [S, C, C], "content/relu4_2": scalar, …}`.

        Args:
            images: a window of the picture, RGB in [0, 1], `[1, h, w, 3]`.
            piece: the content's features in this window and, if there are tiles or masks, maps of
                how much each position counts. See `_piece`.
        """
        taps, sums = self.features(images, training=False), {}
        for tap in self.terms.get("style", ()):
            sums[f"style/{tap}"] = gram(taps[tap], piece.get(f"maps/{tap}"))
        for tap in self.terms.get("content", ()):
            core = piece.get(f"core/{tap}", 1.0)
            target = piece[f"content/{tap}"]
            sums[f"content/{tap}"] = squared_error(core * ops.cast(taps[tap], "float32"), target)
        return sums

    def weigh(self, sums: dict, targets: dict) -> tuple:
        """The loss without total variation, and its parts: `(loss, logs)`.

        Args:
            sums: see `measure`.
            targets: the styles' Gram matrices, see `_style_targets`.
        """
        logs = {f"loss/{kind}": self._term(kind, sums, targets) for kind in self.terms}
        return sum(logs.values()), logs

    def loss(self, images: Tensor, given: dict) -> tuple:
        """The loss of the whole picture, and its parts: `(loss, logs)`.

        Args:
            images: the picture, RGB in [0, 1], `[1, height, width, 3]`.
            given: see the class.
        """
        total, logs = self.weigh(self.measure(images, given), given)
        if self.config.tv_weight:
            logs["loss/tv"] = self._tv(images)
            total = total + logs["loss/tv"]
        return total, logs

    def _term(self, kind, sums, targets):
        total = 0.0
        for tap, weight in self.terms[kind].items():
            own = sums[f"{kind}/{tap}"]
            if kind == "style":
                total += weight * self._style_term(tap, own, targets)
            else:
                error = content_loss(own, self.counts[tap], self.config.content_scaling)
                total += weight * error
        return total

    def _style_term(self, tap, own, targets):
        """The style term of a layer whose Gram matrices are `own`, `[S, C, C]`."""
        target = targets[f"gram/{tap}"]
        scaling, channels = self.config.style_scaling, target.shape[-1]
        if f"basis/{tap}" in targets:
            basis = targets[f"basis/{tap}"]
            own = ops.matmul(ops.matmul(ops.transpose(basis), own), basis)
            target = ops.matmul(ops.matmul(ops.transpose(basis), target), basis)
        if self.level.masks is None:
            return style_loss(own, target, scaling, channels)
        shares = len(self.level.style_weights) * np.asarray(self.level.style_weights)
        return sum(
            share * style_loss(own[i : i + 1], target[i : i + 1], scaling, channels)
            for i, share in enumerate(shares.tolist())
        )

    def _tv(self, images):
        return self.config.tv_weight * total_variation(images)

    def _loss_of_sums(self, sums, targets):
        """`(loss, logs, gradients)`, with the gradients of the loss with respect to each sum."""
        gradients = {
            name: engine.input_grad(lambda x, n=name: self.weigh(sums | {n: x}, targets)[0], x)
            for name, x in sums.items()
        }
        return *self.weigh(sums, targets), gradients

    def _pull_back(self, window, piece, gradients):
        """A window's part of the picture's gradient, of the window's shape."""

        def product(images):
            sums = self.measure(images, piece)
            return sum(ops.sum(gradients[name] * x) for name, x in sums.items())

        return engine.input_grad(product, window)

    def _value_and_gradient(self, given):
        (total, logs), (gradient,) = engine.value_and_grad(
            lambda: self.loss(self.image, given), [self.image]
        )
        return total, logs, gradient

    # --- tile by tile

    def evaluate(self) -> tuple[float, dict[str, float], np.ndarray]:
        """`(loss, logs, gradient)` of `image`: the loss, its parts, `[1, height, width, 3]`."""
        if self.grid.whole:
            total, logs, gradient = self._whole(self.given)
            return _number(total), {k: _number(v) for k, v in logs.items()}, to_numpy(gradient)
        picture = to_numpy(self.image.value)
        total, logs, pulls = self._weigh(self._sums(picture), self.targets)
        total, logs = _number(total), {k: _number(v) for k, v in logs.items()}
        gradient = np.zeros_like(picture)
        for tile, piece in zip(self.grid.tiles, self.pieces, strict=True):
            window = self.grid.window(tile)
            gradient[window] += to_numpy(self._pull(picture[window], piece, pulls))
        if self.config.tv_weight:
            logs["loss/tv"] = _number(self._tv(picture))
            total, gradient = total + logs["loss/tv"], gradient + to_numpy(self._smooth(picture))
        return total, logs, gradient

    def _sums(self, picture):
        total: dict[str, np.ndarray] = {}
        for tile, piece in zip(self.grid.tiles, self.pieces, strict=True):
            for name, x in self._measure(picture[self.grid.window(tile)], piece).items():
                total[name] = total.get(name, np.float32(0)) + to_numpy(x)
        return total

    def _grid(self, shape):
        """The tiles of a picture; a picture of moderate size is one tile."""
        if not self.fields:
            return Grid(shape, max(shape), 0)
        multiple = max(f.stride for f in self.fields.values())
        edge = self.config.tile // multiple * multiple
        if shape[0] * shape[1] <= WHOLE * edge**2:
            edge = -(-max(shape) // multiple) * multiple
        margin = max(f.size for f in self.fields.values()) // 2
        return Grid(shape, edge, margin, multiple, self.config.ceil)

    # --- what the loss is given

    def _style_targets(self):
        """The Gram matrices of the styles, `{"gram/relu1_1": [S, C, C], …}`: one for each mask, or,
        without masks, one that is their mean. If they are compared on few principal components,
        these are there, too: `{"basis/relu1_1": [C, components], …}`."""
        if "style" not in self.terms:
            return {}
        targets, shares = {}, np.asarray(self.level.style_weights, np.float32)[:, None, None]
        by_style = [self._grams(picture[None]) for picture in self.level.styles]
        for tap in self.terms["style"]:
            grams = np.concatenate([own[tap] for own in by_style])
            if self.level.masks is None:
                grams = np.sum(shares * grams, 0, keepdims=True)
            targets[f"gram/{tap}"] = grams
            if 0 < self.config.components < grams.shape[-1]:
                vectors = np.linalg.eigh(grams.mean(0))[1]  # the largest last
                targets[f"basis/{tap}"] = vectors[:, : -self.config.components - 1 : -1].copy()
        return targets

    def _grams(self, picture):
        """The Gram matrices of a picture `[1, H, W, 3]`, `{tap: [1, C, C]}`."""
        grid = self._grid(picture.shape[1:3])
        maps = self._position_maps(grid, None)
        totals: dict[str, np.ndarray] = {}
        for tile in grid.tiles:
            taps = self.features(picture[grid.window(tile)], training=False)
            for tap in self.terms["style"]:
                own = self._cut(grid, maps[tap], tile, tap) if maps else None
                totals[tap] = totals.get(tap, 0.0) + to_numpy(gram(taps[tap], own))
        return totals

    def _content_features(self):
        """The target of every content layer, `{tap: [1, h, w, C]}`."""
        content: Any = self.level.content  # is there where a term compares with it
        return self.content_layers(content)

    def content_layers(self, picture: np.ndarray) -> dict[str, np.ndarray]:
        """The features of a picture in the content layers, `{tap: [1, h, w, C]}`.

        Args:
            picture: RGB in [0, 1], `[H, W, 3]`; a large one goes through in tiles.
        """
        grid, whole = self._grid(picture.shape[:2]), {}
        if grid.whole:
            taps = self.features(picture[None], training=False)
            return {tap: to_numpy(taps[tap]) for tap in self.terms["content"]}
        for tile in grid.tiles:
            taps = self.features(picture[None][grid.window(tile)], training=False)
            for tap in self.terms["content"]:
                x, stride = to_numpy(taps[tap]), self.fields[tap].stride
                if tap not in whole:
                    whole[tap] = np.zeros((1, *grid.positions(stride), x.shape[-1]), x.dtype)
                grid.paste(whole[tap], x, tile, stride)
        return whole

    def _position_maps(self, grid, masks):
        """How much each position counts: the squared masks, scaled to sum to 1, `{tap: [S, h, w]}`.
        Empty if there are neither masks nor tiles: all positions count alike.

        Source: Gatys et al. 2017 (https://arxiv.org/abs/1611.07865), section 4: features times a
        guidance channel whose squares sum to 1.
        """
        if masks is None and grid.whole:
            return {}
        masks = np.ones((1, *grid.shape), np.float32) if masks is None else masks
        shrunk, maps = self._shrunk(grid, masks), {}
        for tap in self.terms.get("style", ()):
            squares = shrunk[tap] ** 2
            totals = squares.sum((1, 2), keepdims=True)
            if not totals.all():
                raise ValueError(f"a mask is too small: layer '{tap}' sees nothing of it")
            maps[tap] = squares / totals
        return maps

    def _shrunk(self, grid, masks):
        """Masks at the sizes of the style layers, `{tap: [S, h, w]}`."""
        taps = self.terms.get("style", ())
        if self.fields:
            strides = {tap: self.fields[tap].stride for tap in taps}
            return {tap: shrink(masks, n, grid.positions(n)) for tap, n in strides.items()}
        seen = self.features(np.zeros((1, *grid.shape, 3), np.float32), training=False)
        sizes = {tap: tuple(seen[tap].shape[1:3]) for tap in taps}
        given = masks[..., None].astype(np.float32)
        return {
            tap: to_numpy(ops.image.resize(given, size, "bilinear", antialias=True))[..., 0]
            for tap, size in sizes.items()
        }

    def _cut(self, grid, array, tile, tap):
        """A tile's part of what a layer has, `[N, h, w, …]`; all of it where one tile is all."""
        return array if grid.whole else grid.cut(array, tile, self.fields[tap].stride)

    def _piece(self, tile, maps, content):
        """What `measure` reads for one tile: `{"maps/relu1_1": [S, h, w], "content/relu4_2":
        [1, h, w, C], …}`, and, if there are several tiles, `{"core/relu4_2": [1, h, w, 1], …}`,
        which is 1 in the tile's core and 0 outside."""
        piece = {}
        for tap, own in maps.items():
            piece[f"maps/{tap}"] = self._cut(self.grid, own, tile, tap)
        for tap, features in content.items():
            piece[f"content/{tap}"] = self._cut(self.grid, features, tile, tap)
            if not self.grid.whole:
                core = np.ones((*features.shape[:3], 1), np.float32)
                piece[f"core/{tap}"] = self._cut(self.grid, core, tile, tap)
        return piece


def _number(x):
    return float(to_numpy(x))
