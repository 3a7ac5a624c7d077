"""StyleGAN2's variables in NVIDIA's TensorFlow files, translated to the names of the PyTorch code.

A translated state goes through the same plans (`gan.nvidia_importers`) as one of PyTorch.

Kernels are `[h, w, in, out]`, dense layers `[in, out]`. Kernels of the generator's layers that
double the size are turned round, and the bias of styles is stored without the 1 at which it begins.

Source: names and layouts of NVlabs/stylegan2-ada-pytorch @ d72cc7d, legacy.py.
"""

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from core.errors import InputError
from core.importing import State, indices
from core.named_state import NamedState
from core.names import short

_VERSION = 4  # of the pickled class, from which on it may be a StyleGAN2
_ELSE = "ProGAN and StyleGAN are the kinds progan/generator, stylegan/generator, …/discriminator"
_PARTS = r"(weight|bias|noise_strength|mod_weight|mod_bias)"
_GENERATOR = {
    "Conv": "conv1",
    "Conv0_up": "conv0",
    "Conv1": "conv1",
    "ToRGB": "torgb",
    "Skip": "skip",
}
_DISCRIMINATOR = {
    "FromRGB": "fromrgb",
    "Conv0": "conv0",
    "Conv1_down": "conv1",
    "Skip": "skip",
    "Conv": "conv",
    "Dense0": "fc",
}
_TURNED = ("Conv0_up", "Skip")


def from_tensorflow(state: State, kind: str) -> State:
    """The state under the names of PyTorch; one without names of TensorFlow as it is.

    Names may begin with that of their component, in the long form or the short one:
    `G_synthesis/4x4/Conv/weight` or `synthesis/4x4/Conv/weight`. A name that is not known stays.

    Args:
        state: arrays by official name.
        kind: "G" or "D".

    Raises:
        InputError: something older than StyleGAN2, or a growing network (configurations A to D of
            StyleGAN2's paper).
    """
    if not any("/" in name for name in state):
        return state
    settings = getattr(state, "settings", {})
    arrays = {re.sub(r"^Gs?_(?=mapping/|synthesis/)", "", k): v for k, v in state.items()}
    _check_version(arrays, settings)
    arrays = _without_lods(arrays)
    translate = _of_generator if kind == "G" else _of_discriminator
    found: State = {}
    for name, array in arrays.items():
        official, value = translate(name, array)
        if official in found:
            raise InputError(f"has {official} under two names: it is damaged")
        found[official] = value
    return NamedState(found, _settings(settings, kind))


def _check_version(arrays, settings):
    version = settings.get("version", _VERSION)
    old = [name for name in arrays if "/StyleMod/" in name]
    if old or type(version) is not int or version < _VERSION:
        reason = f"has {short(old[0])}" if old else f"is of version {short(version, 20)}"
        raise InputError(
            f"{reason}, expected a StyleGAN2 (version {_VERSION} or newer, configuration E or F). "
            f"{_ELSE}"
        )


def _without_lods(arrays):
    """The layers to and from RGB of an "orig" network, which are named by level of detail there,
    under the size of the pictures."""
    lods = indices(arrays, r"(?:synthesis/)?(?:To|From)RGB_lod(\d{1,3})/")
    if any(lods):
        raise InputError(
            f"has layers for the levels of detail {lods[:12]}, as growing networks have "
            "(configurations A to D of the paper); expected configuration E or F"
        )
    size = max(indices(arrays, r"(?:synthesis/)?(\d{1,6})x\d{1,6}/"), default=4)
    return {
        re.sub(r"(To|From)RGB_lod0/", rf"{size}x{size}/\1RGB/", k): v for k, v in arrays.items()
    }


def _of_generator(name: str, array: np.ndarray) -> tuple[str, np.ndarray]:
    if name == "dlatent_avg":
        return "mapping.w_avg", array
    if match := re.fullmatch(r"mapping/LabelEmbed/(weight|bias)", name):
        return f"mapping.embed.{match[1]}", _dense(array)
    if match := re.fullmatch(r"mapping/Dense(\d+)/(weight|bias)", name):
        return f"mapping.fc{match[1]}.{match[2]}", _dense(array)
    if name == "synthesis/4x4/Const/const":
        return "synthesis.b4.const", _picture(name, array)[0]
    if match := re.fullmatch(r"synthesis/noise(\d{1,3})", name):
        level, layer = (int(match[1]) + 1) // 2, int(match[1]) % 2
        scope = f"synthesis.b{4 << level}.conv{1 - layer}"
        return f"{scope}.noise_const", _picture(name, array)[0, 0]
    match = re.fullmatch(rf"synthesis/(\d+)x\1/(\w+)/{_PARTS}", name)
    if match and match[2] in _GENERATOR:
        scope = f"synthesis.b{match[1]}.{_GENERATOR[match[2]]}"
        return _part(scope, match[3], array, turned=match[2] in _TURNED)
    return name, array


def _of_discriminator(name: str, array: np.ndarray) -> tuple[str, np.ndarray]:
    if match := re.fullmatch(r"LabelEmbed/(weight|bias)", name):
        return f"mapping.embed.{match[1]}", _dense(array)
    if match := re.fullmatch(r"Mapping(\d+)/(weight|bias)", name):
        return f"mapping.fc{match[1]}.{match[2]}", _dense(array)
    if match := re.fullmatch(r"Output/(weight|bias)", name):
        return f"b4.out.{match[1]}", _dense(array)
    match = re.fullmatch(r"(\d+)x\1/(\w+)/(weight|bias)", name)
    if match and match[2] in _DISCRIMINATOR:
        return _part(f"b{match[1]}.{_DISCRIMINATOR[match[2]]}", match[3], array)
    return name, array


def _part(scope, part, array, turned=False):
    if part == "mod_bias":
        return f"{scope}.affine.bias", array + np.float32(1)
    if part == "mod_weight":
        return f"{scope}.affine.weight", _dense(array)
    if part == "weight" and array.ndim == 4:
        return f"{scope}.weight", (array[::-1, ::-1] if turned else array).transpose(3, 2, 0, 1)
    return f"{scope}.{part}", _dense(array)


def _dense(array):
    return array.T if array.ndim == 2 else array


def _picture(name, array):
    """Features or noise of one picture, `[1, C, H, W]`."""
    if array.ndim != 4 or len(array) != 1 or 0 in array.shape:
        raise InputError(f"has {name} of shape {array.shape}, expected [1, C, H, W]")
    return array


def _settings(given: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """The settings under the names of PyTorch. What the file leaves out, its arrays tell."""
    given = {key: value for key, value in given.items() if value is not None}
    kernel = given.get("resample_kernel", [1, 3, 3, 1])
    if kernel not in ([1, 3, 3, 1], (1, 3, 3, 1)):
        raise InputError(
            f"has another filter, resample_kernel={short(kernel)}, expected [1, 3, 3, 1]"
        )
    names = {"fmap_max": "channel_max", "nonlinearity": "activation"}
    names |= {name: name for name in ("num_fp16_res", "conv_clamp")}
    found: dict[str, Any] = {names[key]: value for key, value in given.items() if key in names}
    if type(given.get("fmap_base")) is int:
        found["channel_base"] = 2 * given["fmap_base"]
    parts = {
        "mapping_kwargs": {"mapping_lrmul": "lr_multiplier", "mapping_nonlinearity": "activation"},
        "epilogue_kwargs": {"mbstd_group_size": "mbstd_group_size"},
    }
    for part, keys in parts.items():
        found[part] = {ours: given[key] for key, ours in keys.items() if key in given}
    if kind == "D":
        found["mapping_kwargs"].setdefault("lr_multiplier", 0.1)
    return found
