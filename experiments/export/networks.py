"""Makes one network of a part: free or given sizes, floats or bytes, ranges within the network."""

from typing import Any

import keras
from keras import layers

from core.tensors import Tensor
from experiments.export.layers import CroppedTo, FromBytes, Mirrored, ToBytes, Unit
from experiments.export.parts import Part, Slot


def assemble(
    part: Part, *, size: int | None = None, batch: int | None = None, uint8: bool = False
) -> keras.Model:
    """The network of a part, called with and returning tensors by name.

    Args:
        part: what a task exports.
        size: height and width of all pictures of free size, pixels; None: any.
        batch: how many pictures at a time; None: any number.
        uint8: whether pictures are bytes, 0 to 255, instead of floats in [0, 1].

    Returns:
        A model from `{input: [N, …]}` to `{output: [N, …]}`.
    """
    batch = 1 if part.single else batch
    inputs = {slot.name: _input(slot, size, batch, uint8) for slot in part.inputs}
    given = [_floats(slot, inputs[slot.name]) for slot in part.inputs]
    made = part.call(*given)
    if part.output.picture:
        made = ToBytes(name="bytes")(made) if uint8 else Unit(name="unit")(made)
    else:
        made = layers.Activation("linear", name="result")(made)
    return keras.Model(inputs, {part.output.name: made}, name=part.name)


def _input(slot: Slot, size, batch, uint8):
    shape = [size if side is None else side for side in slot.shape]
    dtype = "uint8" if uint8 and slot.picture else slot.dtype
    return keras.Input(shape, batch_size=batch, dtype=dtype, name=slot.name)


def _floats(slot, x):
    return FromBytes()(x) if slot.picture and str(x.dtype) == "uint8" else x


def signed(picture: Tensor) -> Tensor:
    """[0, 1] as [-1, 1], which the networks of GANs see."""
    return layers.Rescaling(2.0, -1.0, dtype="float32")(picture)


def from_signed(picture: Tensor) -> Tensor:
    """[-1, 1] as [0, 1]."""
    return layers.Rescaling(0.5, 0.5, dtype="float32")(picture)


def at_any_size(network: Any, picture: Tensor, multiple: int, smallest: int) -> Tensor:
    """What a network makes of pictures `[N, H, W, C]` of any size, at their size.

    Args:
        network: from `[N, h, w, C]` to the same height and width.
        picture: symbolic, in the values that the network takes.
        multiple: h and w are multiples of it,
        smallest: from this one up, pixels.
    """
    if max(multiple, smallest) == 1:
        return network(picture)
    return CroppedTo()(network(Mirrored(multiple, smallest)(picture)), picture)
