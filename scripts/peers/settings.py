"""What a stand-in is made with, and which ones there are."""

import importlib
import importlib.util
from dataclasses import dataclass
from typing import Any

from core.errors import InputError

# module and class of each stand-in, and the batch size that it has by default
PEERS = {
    "cyclegan": ("cyclegan", "CycleGAN", 1),
    "stylegan": ("stylegan", "StyleGAN", 8),
    "stylegan2": ("stylegan2", "StyleGAN2", 8),
    "adain": ("style_transfer", "Stylising", 1),
    "adain_training": ("style_transfer", "AdaINTraining", 8),
    "gatys": ("style_transfer", "Gatys", 1),
}
PRECISIONS = ("float32", "bfloat16")


@dataclass(frozen=True)
class Settings:
    """How a stand-in is made.

    Attributes:
        model: a key of `PEERS`.
        preset: "paper" or "quick", as ours; only CycleGAN has the second.
        size: height and width of the pictures, pixels.
        batch_size: pictures in a step, of each domain.
        precision: "float32" or "bfloat16", which is mixed precision.
        device: "cpu" or "cuda".
        channels_last: whether networks and pictures are laid out by pixel, not by channel.
        compile: whether networks go through `torch.compile`.
    """

    model: str
    preset: str = "paper"
    size: int = 256
    batch_size: int = 1
    precision: str = "float32"
    device: str = "cpu"
    channels_last: bool = False
    compile: bool = False


def make(settings: Settings) -> Any:
    """The stand-in, a `scripts.peers.base.Peer`.

    Raises:
        InputError: PyTorch is not installed, there is no such device, or the settings do not fit.
    """
    if settings.model not in PEERS:
        raise InputError(
            f"--peer_model={settings.model}: unknown. Expected one of {', '.join(PEERS)}."
        )
    if settings.size < 16 or settings.batch_size < 1:
        raise InputError(
            f"--peer_size={settings.size}, --peer_batch={settings.batch_size}: expected 16 pixels "
            "or more, and 1 picture or more."
        )
    if importlib.util.find_spec("torch") is None:
        raise InputError("PyTorch is not installed. pip install -e '.[peers]'")
    import torch

    if settings.device == "cuda" and not torch.cuda.is_available():
        raise InputError("--peer_device=cuda: PyTorch finds no GPU here. Give --peer_device=cpu.")
    module, name, _ = PEERS[settings.model]
    return getattr(importlib.import_module(f"scripts.peers.{module}"), name)(settings)
