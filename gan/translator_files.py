"""What network a state dict of CycleGAN, pix2pix or CUT is of, told by the names of its arrays.

Names: junyanz/pytorch-CycleGAN-and-pix2pix @ 9f8f61e and taesungp/contrastive-unpaired-translation
@ b3ac297, models/networks.py.
"""

import re

import numpy as np

from core.errors import InputError
from core.importing import State, first_few

RESNET = "a ResNet generator (blocks named model.N.conv_block)"
PATCH = "a PatchGAN discriminator (layers named model.0, model.2, model.5, ...)"
_PIXEL = "a PixelGAN discriminator (layers named net.N)"
UNET = "a U-Net generator (names starting with model.model.)"
_SMOOTH = "an anti-aliased network of contrastive-unpaired-translation: "
SMOOTH_RESNET = f"{_SMOOTH}a ResNet generator of CUT (cut/generator)"
SMOOTH_PATCH = f"{_SMOOTH}a PatchGAN discriminator of CUT (cut/discriminator)"
PATCH_MLPS = "the patch MLPs of CUT (layers named mlp_N.0 and mlp_N.2)"
# of normalisation layers; no parameters, and of instance norm never used (base_model.py:162-174)
_STATISTICS = (".running_mean", ".running_var", ".num_batches_tracked")


def _looks_like(state: State) -> str:
    """What network the names belong to, in words."""
    if any(name.startswith("model.model.") for name in state):
        return UNET
    if any(re.match(r"model\.\d{1,4}\.conv_block\.", name) for name in state):
        return SMOOTH_RESNET if _is_smooth(state, "model.8.weight") else RESNET
    if "model.0.weight" in state:
        return SMOOTH_PATCH if _is_smooth(state, "model.3.weight") else PATCH
    if "mlp_0.0.weight" in state:
        return PATCH_MLPS
    if "net.0.weight" in state:
        return _PIXEL
    return f"no network known here (its names are {first_few(state)})"


def _is_smooth(state: State, name: str) -> bool:
    """Whether there are blurs between the layers, which have kernels (`.filt`) and move the numbers
    of the convolutions: one is named `name` then."""
    return any(key.endswith(".filt") for key in state) or state.get(name, np.empty(0)).ndim == 4


def convolutions(state: State, expected: str) -> State:
    """The arrays of the convolutions; other networks and learned normalisation are refused."""
    check_looks(state, expected)
    learned = _learned_norms(state)
    if learned:
        raise InputError(
            f"has weights at its normalisation layers ({first_few(learned)}), as batch "
            "normalisation has; expected instance normalisation, which has none (--norm instance)"
        )
    return {name: value for name, value in state.items() if not name.endswith(_STATISTICS)}


def batch_normed(state: State, expected: str) -> State:
    """All arrays but the counters of batches; other networks and instance normalisation are
    refused."""
    check_looks(state, expected)
    if not _learned_norms(state):
        raise InputError(
            "has no weights at its normalisation layers, as with instance normalisation; expected "
            "batch normalisation (--norm batch)"
        )
    return {k: v for k, v in state.items() if not k.endswith(".num_batches_tracked")}


def check_looks(state: State, expected: str) -> None:
    """Refuses the names of another network than the one expected.

    Raises:
        InputError: says what the file looks like.
    """
    network = _looks_like(state)
    if network != expected:
        raise InputError(f"looks like {network}; expected {expected}")


def _learned_norms(state: State) -> list[str]:
    return [k for k, v in state.items() if k.endswith(".weight") and v.ndim == 1]
