"""Networks of feed-forward style transfer with the weights of official PyTorch files.

`import_network("adain/decoder", "decoder.pth")` builds our network with as many channels as the
file has, and fills it with the file's weights; see `core.importing`. Each kind of network has a
function in `KINDS`.

Names and shapes are those of naoto0804/pytorch-AdaIN @ 47950d0, net.py:6-92. Its networks are
`Sequential`s, where a layer's name is its index. Pictures are RGB in [0, 1].
"""

import re
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from core import importing
from core.errors import InputError
from core.importing import (
    Kinds,
    Location,
    Plan,
    Readers,
    Shapes,
    State,
    check_names,
    check_shapes,
    first_few,
    kernel_shape,
)
from nst import magenta_files, transformer_importers
from nst.adain.networks import decoder, encoder
from nst.features import Weights, convolutions
from nst.ghiasi import importers as ghiasi_importers

# the 3x3 convolutions of vgg_normalised.pth; its layer 0 turns RGB into BGR levels with their means
# subtracted
VGG_NORMALISED = (2, 5, 9, 12, 16, 19, 22, 25, 29, 32, 35, 38, 42, 45, 48, 51)
_ENCODER_END = 29  # conv4_1
_DECODER = (1, 5, 8, 11, 14, 18, 21, 25, 28)


def import_network(kind: str, state: Mapping | Location = None, **config: Any) -> keras.Model:
    """A network with the weights of an official file.

    Args:
        kind: a key of `KINDS`.
        state: arrays by official name, in PyTorch's layout, or the path of a `.pth` file of them.
            Layers of VGG beyond relu4_1 are accepted and left out. None, the default, stands for
            the weights that come in a package, where there are any.
        config: hyper-parameters of the network, see `guess_config`. Those that are left out or None
            are taken from the file; the others must agree with it.

    Returns:
        A model, by kind:

        - "adain/encoder": from RGB in [0, 1], `[N, H, W, 3]`, to `{tap: features}` for the taps in
          `nst.adain.networks.TAPS`; not trainable.
        - "adain/decoder": from features of relu4_1, `[N, h, w, C]`, to RGB, `[N, 8h, 8w, 3]`, not
          clipped.
        - "johnson/transformer": from RGB levels from 0 to 255, `[N, H, W, 3]`, to the same, not
          clipped. `nst.transformer_importers` says which files it reads.
        - "ghiasi/mobile", "ghiasi/paper": a `nst.ghiasi.networks.StyleTransfer`. See
          `nst.magenta_files` for what `state` may be.
        - "dumoulin/multistyle26": a `nst.transformer.MultiStyle` of 26 styles.

    Raises:
        InputError: an unknown kind or hyper-parameter; a file that cannot be read, is of another
            network, or disagrees with `config`.
    """
    return importing.import_network(KINDS, kind, state, config, READERS)


def guess_config(kind: str, state: Mapping | Location = None) -> dict[str, Any]:
    """The hyper-parameters of the network in a file, such as `{"channels": (64, 128, 256, 512)}`,
    the channels of VGG's blocks.

    Args:
        kind, state: see `import_network`.

    Raises:
        InputError: see `import_network`.
    """
    return importing.guess_config(KINDS, kind, state, READERS)


# --- kinds


def _adain_encoder(state: State) -> Plan:
    """Convolutions 0 (1x1, for the colours) and 2 to 29. The file goes on to 51, all of VGG-19."""
    _check_looks(state, _ENCODER_LOOK)
    deeper = [i for i in VGG_NORMALISED if i > _ENCODER_END]
    left_out = {f"{i}.{part}" for i in deeper for part in ("weight", "bias")}
    state = {name: value for name, value in state.items() if name not in left_out}
    layers = ["0", *(str(i) for i in VGG_NORMALISED if i <= _ENCODER_END)]
    check_names(state, layers)
    channels = tuple(kernel_shape(state, layer)[0] for layer in ("2", "9", "16", "29"))
    one, two, three, four = channels
    check_shapes(state, [("0.weight", (3, 3, 1, 1))])
    check_shapes(state, _kernels(layers[1:], [3, one, one, two, two, *[three] * 4, four]))
    return Plan(_build_encoder, {"channels": channels}, layers)


def _adain_decoder(state: State) -> Plan:
    """Convolutions 1 to 28: the first one takes the code, the last one makes RGB."""
    _check_looks(state, _DECODER_LOOK)
    layers = [str(i) for i in _DECODER]
    check_names(state, layers)
    first = kernel_shape(state, "1")
    channels = (kernel_shape(state, "21")[0], kernel_shape(state, "14")[0], *first[:2])
    one, two, three, four = channels
    check_shapes(state, _kernels(layers, [four, *[three] * 4, two, two, one, one, 3]))
    return Plan(_build_decoder, {"channels": channels}, layers)


def _kernels(layers: list[str], widths: list[int]) -> Shapes:
    """The shapes of 3x3 convolutions in a row."""
    for layer, taken, given in zip(layers, widths, widths[1:], strict=False):
        yield f"{layer}.weight", (given, taken, 3, 3)


def _build_encoder(channels: tuple[int, ...]) -> keras.Model:
    """An encoder of zeros, to be filled."""
    kernels, below = {}, 3
    for name in convolutions("vgg19"):
        if name <= "conv4_1":
            width = channels[int(name[4]) - 1]
            kernels[name] = (np.zeros((3, 3, below, width), "float32"), np.zeros(width, "float32"))
            below = width
    colour = (np.zeros((3, 3), "float32"), np.zeros(3, "float32"))
    return encoder(Weights("to be filled", "vgg19", kernels, colour))


def _build_decoder(channels: tuple[int, ...]) -> keras.Model:
    return decoder("vgg19", channels)


KINDS: Kinds = {
    "adain/decoder": _adain_decoder,
    "adain/encoder": _adain_encoder,
    "dumoulin/multistyle26": transformer_importers.multi_style,
    "ghiasi/mobile": ghiasi_importers.mobile,
    "ghiasi/paper": ghiasi_importers.paper,
    "johnson/transformer": transformer_importers.plan,
}
READERS: Readers = {
    "dumoulin/multistyle26": magenta_files.read_multistyle,
    "ghiasi/mobile": ghiasi_importers.read_mobile,
    "ghiasi/paper": magenta_files.read_paper,
}


# --- what a file is

_ENCODER_LOOK = "AdaIN's normalised VGG-19 (layers named 0, 2, 5, 9, ...; vgg_normalised.pth)"
_DECODER_LOOK = "AdaIN's decoder (layers named 1, 5, 8, 11, ...; decoder.pth)"
_LOOKS = (
    (r"features\.\d+\.", "torchvision's VGG (layers named features.N), which is not normalised"),
    (r"conv\d_\d\.", "Gatys' VGG-19 (layers named convB_K; vgg_conv.pth)"),
    (r"conv\d\.conv2d\.", "the transformer of pytorch/examples, fast_neural_style"),
    (r"model\.\d+\.", "a network of CycleGAN (layers named model.N): see gan.importers"),
)


def _looks_like(state: State) -> str:
    """Which network the names belong to, in words."""
    indices = {_index(name) for name in state}
    if None not in indices:
        encoders = len(indices & {0, *VGG_NORMALISED} - {*_DECODER})
        decoders = len(indices & {*_DECODER} - {*VGG_NORMALISED})
        if encoders != decoders:
            return _ENCODER_LOOK if encoders > decoders else _DECODER_LOOK
    for pattern, look in _LOOKS:
        if any(re.match(pattern, name) for name in state):
            return look
    return f"no network known here (its names are {first_few(state)})"


def _check_looks(state: State, expected: str) -> None:
    look = _looks_like(state)
    if look != expected:
        raise InputError(f"looks like {look}; expected {expected}")


def _index(name: str) -> int | None:
    """The index of a layer: 7 for `7.weight` and `7.bias`, None for any other name."""
    match = re.fullmatch(r"(\d{1,4})\.(weight|bias)", name)
    return int(match[1]) if match else None
