"""What stands before and behind an exported network, and layers that convert well."""

from typing import Any

import keras
from keras import layers, ops

from core.tensors import Shape, Tensor

_package = keras.saving.register_keras_serializable("export")


@_package
class FromBytes(keras.layers.Layer):
    """Pictures of bytes, uint8 0 to 255, as float32 in [0, 1]."""

    def __init__(self, **kwargs):
        super().__init__(**{"autocast": False} | kwargs)

    def call(self, x: Tensor) -> Tensor:
        """`[N, H, W, C]` -> the same shape."""
        return ops.cast(x, "float32") / 255

    def compute_output_spec(self, x: Any) -> keras.KerasTensor:
        """The same shape, in float32."""
        return keras.KerasTensor(x.shape, "float32")


@_package
class ToBytes(keras.layers.Layer):
    """Pictures about [0, 1] as bytes, uint8 0 to 255, rounded to the nearest."""

    def call(self, x: Tensor) -> Tensor:
        """`[N, H, W, C]` -> the same shape."""
        return ops.cast(ops.cast(ops.round(ops.clip(x, 0, 1) * 255), "int32"), "uint8")

    def compute_output_spec(self, x: Any) -> keras.KerasTensor:
        """The same shape, in uint8."""
        return keras.KerasTensor(x.shape, "uint8")


@_package
class Unit(keras.layers.Layer):
    """Pictures cut off at 0 and 1."""

    def call(self, x: Tensor) -> Tensor:
        """`[N, H, W, C]` -> the same shape."""
        return ops.clip(x, 0, 1)

    def compute_output_shape(self, shape: Shape) -> Shape:
        """The same shape."""
        return shape


@_package
class Mirrored(keras.layers.Layer):
    """Extends `[N, H, W, C]` below and to the right by mirroring, to sizes that a network takes.

    The pixels are those of `experiments.data.tiles`: the border is repeated, and a picture that is
    too small for one mirror is mirrored again.

    Args:
        multiple: heights and widths become multiples of this, pixels;
        smallest: from this one up.
    """

    def __init__(self, multiple: int, smallest: int, **kwargs):
        super().__init__(**kwargs)
        self.multiple, self.smallest = multiple, -(-smallest // multiple) * multiple

    def call(self, x: Tensor) -> Tensor:
        """The extended picture; the picture itself where its size is known and fits."""
        for axis in (1, 2):
            x = self._along(x, axis)
        return x

    def _along(self, x, axis):
        size, m = ops.shape(x)[axis], self.multiple
        if isinstance(size, int):
            wanted: Any = max(self.smallest, -(-size // m) * m)
            if wanted == size:
                return x
        else:
            wanted = ops.maximum(self.smallest, (size + m - 1) // m * m)
        place = ops.arange(wanted, dtype="int32") % (2 * size)
        return ops.take(x, ops.minimum(place, 2 * size - 1 - place), axis=axis)

    def compute_output_shape(self, shape: Shape) -> Shape:
        """The extended shape."""
        n, *sides, c = shape
        m, least = self.multiple, self.smallest
        return (n, *(s and max(least, -(-s // m) * m) for s in sides), c)

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        return super().get_config() | {"multiple": self.multiple, "smallest": self.smallest}


@_package
class CroppedTo(keras.layers.Layer):
    """The upper left part of a picture that has the size of another one."""

    def call(self, x: Tensor, other: Tensor) -> Tensor:
        """`[N, H, W, C]` and `[N, h, w, …]` -> `[N, h, w, C]`."""
        height, width = ops.shape(other)[1:3]
        return x[:, :height, :width]

    def compute_output_shape(self, x_shape: Shape, other_shape: Shape) -> Shape:
        """The cropped shape."""
        return (x_shape[0], *other_shape[1:3], x_shape[3])


@_package
class NearestUp(keras.layers.Layer):
    """Every pixel as a square of 2 x 2: `keras.layers.UpSampling2D` as reshaping and tiling.

    With free sizes LiteRT makes the convolution behind the usual layer one that phones cannot run.
    """

    def call(self, x: Tensor) -> Tensor:
        """`[N, H, W, C]` -> `[N, 2H, 2W, C]`."""
        (_, height, width, _), channels = ops.shape(x), x.shape[-1]
        wide = ops.tile(ops.reshape(x, (-1, height, 1, width, channels)), (1, 1, 2, 1, 2))
        return ops.reshape(wide, (-1, 2 * height, 2 * width, channels))

    def compute_output_shape(self, shape: Shape) -> Shape:
        """The doubled shape."""
        n, height, width, c = shape
        return (n, height and 2 * height, width and 2 * width, c)


def convertible(network: keras.Model) -> keras.Model:
    """A network with the same weights whose nearest upsamplings are `NearestUp`.

    Networks without any, and those that are no graph of layers, are returned as they are.
    """
    found = getattr(network, "layers", [])
    if not isinstance(network, keras.Function) or not any(map(_nearest, found)):
        return network
    return keras.models.clone_model(network, clone_function=_converted)


def _nearest(layer):
    upsampling = isinstance(layer, layers.UpSampling2D) and layer.interpolation == "nearest"
    return upsampling and layer.size == (2, 2)


def _converted(layer):
    """A layer with its weights: itself, unless it is an upsampling."""
    return NearestUp(name=layer.name) if _nearest(layer) else layer
