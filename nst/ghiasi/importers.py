"""The networks of Ghiasi et al. 2017 with Magenta's published weights.

Names are those of the variables in the authors' code; see `nst.ghiasi.networks` for its files. The
files for phones hold batch normalisations folded into the convolutions before them: their biases
become the offsets, and the other numbers of these layers are set to change nothing.
"""

from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np
from keras.layers import Layer

from core.importing import Plan, Rows, State
from nst import magenta_files
from nst.ghiasi.bodies import normalised
from nst.ghiasi.networks import BLOCKS, StyleTransfer

CONTRACT = tuple(f"transformer/contract/conv{i}" for i in (1, 2, 3))
STYLED = (
    *(f"transformer/residual/residual{i}/conv{j}" for i in range(1, BLOCKS + 1) for j in (1, 2)),
    *(f"transformer/expand/conv{i}/conv" for i in (1, 2, 3)),
)
BATCH_NORM = ("beta", "moving_mean", "moving_variance")


def _as_it_is(value: np.ndarray) -> np.ndarray:
    return value


def _matrix(value: np.ndarray) -> np.ndarray:
    """The kernel of a 1x1 convolution, `[1, 1, I, O]`, as that of a dense layer, `[I, O]`."""
    return value[0, 0]


# --- phones


def read_mobile(path: str | Path | None) -> State:
    """The arrays of the pair for phones; see `nst.magenta_files.read_mobile`. Biases of
    convolutions whose normalisation subtracts them again are left out."""
    state = magenta_files.read_mobile(path)
    return {name: value for name, value in state.items() if name not in _WITHOUT_EFFECT}


_WITHOUT_EFFECT = {f"{layer}/biases" for layer in STYLED}


def mobile(_: State) -> Plan:
    """MobileNet-v2 and a transformer of a quarter of the width."""
    return Plan(_build_mobile, {"encoder": "mobilenet", "width": 0.25}, rows=_mobile_rows)


def _build_mobile(encoder: str, width: float) -> StyleTransfer:
    network = StyleTransfer(encoder, width, blank=True)
    for model in (network.encoder, network.transformer):
        for layer in model.layers:
            if isinstance(layer, keras.layers.BatchNormalization):
                # 1 / sqrt(variance + epsilon) is 1
                one = np.ones(layer.moving_variance.shape, np.float32)
                layer.moving_variance.assign(one - layer.epsilon)
    return network


def _mobile_rows(network: StyleTransfer, _: dict) -> Rows:
    for scope, (convolution, norm) in _convolutions(network):
        yield f"{scope}/weights", convolution.kernel, _as_it_is
        yield f"{scope}/biases", norm.beta, _as_it_is
    yield from _code_rows(network, "mobilenet_conv/Conv")
    yield from _styled_rows(network)


# --- the paper's


def paper(_: State) -> Plan:
    """Inception-v3 and a transformer of full width, from the variables of a training."""
    return Plan(_build_paper, {"encoder": "inception", "width": 1.0}, rows=_paper_rows)


def _build_paper(encoder: str, width: float) -> StyleTransfer:
    return StyleTransfer(encoder, width, blank=True)


def _paper_rows(network: StyleTransfer, _: dict) -> Rows:
    for scope, (convolution, norm) in _convolutions(network):
        yield f"{scope}/weights", convolution.kernel, _as_it_is
        for part in BATCH_NORM:
            yield f"{scope}/BatchNorm/{part}", getattr(norm, part), _as_it_is
    yield from _code_rows(network, "Conv")
    yield from _styled_rows(network)


# --- both


def _code_rows(network: StyleTransfer, scope: str) -> Rows:
    code = network.encoder.get_layer("code")
    yield f"{scope}/weights", code.kernel, _matrix
    yield f"{scope}/biases", code.bias, _as_it_is


def _convolutions(network: StyleTransfer) -> Iterator[tuple[str, tuple[Layer, Layer]]]:
    """Scope of every convolution that knows no style, with its layer and its normalisation."""
    yield from normalised(network.encoder).items()
    yield from zip(CONTRACT, _pairs(network)[: len(CONTRACT)], strict=True)


def _pairs(network: StyleTransfer) -> list[tuple[Layer, Layer]]:
    """The convolutions of the transformer, each with its normalisation."""
    layers = [layer for layer in network.transformer.layers if layer.weights]
    return list(zip(layers[::2], layers[1::2], strict=True))


def _styled_rows(network: StyleTransfer) -> Rows:
    for scope, (convolution, norm) in zip(STYLED, _pairs(network)[len(CONTRACT) :], strict=True):
        yield f"{scope}/weights", convolution.kernel, _as_it_is
        heads = f"style_params/{scope}/StyleNorm"
        for name, (kernel, bias) in (("Conv", norm.beta), ("Conv_1", norm.gamma)):
            yield f"{heads}/{name}/weights", kernel, _matrix
            yield f"{heads}/{name}/biases", bias, _as_it_is
