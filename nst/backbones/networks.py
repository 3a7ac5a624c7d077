"""The networks as Keras models, from pictures in [0, 1] to their layers by name."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import keras
import numpy as np
from keras import ops

from core.names import closest
from core.tensors import Shape, Tensor
from nst.backbones.table import NETWORKS, Colour


@keras.saving.register_keras_serializable("nst")
class Colours(keras.layers.Layer):
    """`rgb @ matrix + bias` in float32, without weights of its own.

    Args:
        matrix: `[3, 3]`.
        bias: `[3]`.
    """

    def __init__(self, matrix: list, bias: list, **kwargs):
        super().__init__(**{"dtype": "float32"} | kwargs)
        self.matrix, self.bias = np.array(matrix, "float32"), np.array(bias, "float32")

    def call(self, rgb: Tensor) -> Tensor:
        """`[N, H, W, 3]` -> `[N, H, W, 3]`."""
        return ops.matmul(rgb, self.matrix) + self.bias

    def compute_output_shape(self, shape: Shape) -> Shape:
        """The shape of the pictures."""
        return shape

    def get_config(self) -> dict:
        """The arguments of the constructor."""
        own = {"matrix": self.matrix.tolist(), "bias": self.bias.tolist()}
        return super().get_config() | own


@dataclass(frozen=True, eq=False)
class Backbone:
    """A network other than VGG with its weights.

    Attributes:
        network: a key of `nst.backbones.table.NETWORKS`.
        colour: what the weights were trained on; the network's first layer.
        inputs: the symbolic pictures, RGB in [0, 1], `[N, H, W, 3]`.
        taps: the symbolic output of every layer that can be looked at, `[N, h, w, C]`, by name.
        holder: the model that holds the weights; they are read and written by it.
        identity: a digest of the weights, and of what `factors` were made from.
        factors: what the features of a layer are multiplied by, a number for each channel, or one.
    """

    network: str
    colour: Colour
    inputs: keras.KerasTensor
    taps: Mapping[str, keras.KerasTensor]
    holder: keras.Model
    identity: str = ""
    factors: Mapping[str, np.ndarray] = field(default_factory=dict)

    def check_taps(self, taps: list[str]) -> None:
        """Refuses layers that the network does not have.

        Raises:
            ValueError: a layer is unknown; the message names the usual ones.
        """
        usual = NETWORKS[self.network]
        for tap in taps:
            if tap not in self.taps:
                near = closest(tap, self.taps, 0.6)
                advice = f"did you mean '{near}'?" if near else "its layers have other names."
                raise ValueError(
                    f"layer '{tap}': {self.network} has no such layer, {advice} Its usual ones are "
                    f"{', '.join(usual.style)} for the style and {', '.join(usual.content)} for "
                    "the content"
                )


def pictures_in(colour: Colour) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    """Symbolic pictures, RGB in [0, 1], `[N, H, W, 3]`, and the same in the colours given."""
    inputs = keras.Input((None, None, 3), name="rgb")
    matrix, bias = colour
    return inputs, Colours(matrix.tolist(), bias.tolist(), name="colour")(inputs)


def application(network: str, colour: Colour, weights: str | None = None) -> Backbone:
    """A network of `keras.applications` without its classifier.

    Args:
        network: a key of `NETWORKS` that has a builder.
        colour: what its weights were trained on.
        weights: "imagenet", downloaded once, or None for those that Keras draws.
    """
    inputs, seen = pictures_in(colour)
    name = NETWORKS[network].builder
    build, options = getattr(keras.applications, name), {}
    if name not in ("ResNet50", "InceptionV3", "MobileNetV2"):
        options["include_preprocessing"] = False  # `Colours` does it, in float32 always
    model = build(include_top=False, weights=weights, input_tensor=seen, **options)
    model.trainable = False
    return Backbone(network, colour, inputs, _outputs(model), model)


def _outputs(model: keras.Model) -> dict[str, keras.KerasTensor]:
    """The feature maps of a model, by the names of a network that is the first in its process."""
    nodes = [node for nodes in model._nodes_by_depth.values() for node in nodes]
    first: dict[str, int] = {}
    for kind, number in (_counted(node.operation) for node in nodes):
        first[kind] = min(number, first.get(kind, number))
    found = {}
    for node in nodes:
        kind, number = _counted(node.operation)
        count = number - first[kind]
        name = (f"{kind}_{count}" if count else kind) or node.operation.name
        if not node.is_input and len(node.output_tensors[0].shape) == 4:
            found[name] = node.output_tensors[0]
    return found


def _counted(operation):
    """`("activation", 4)` of "activation_4", which Keras named by counting; else `("", 0)`."""
    kind = re.sub("([a-z])([A-Z])", r"\1_\2", type(operation).__name__).lower()
    match = re.fullmatch(rf"{kind}(?:_(\d+))?", operation.name)
    return (kind, int(match[1] or 0)) if match else ("", 0)
