"""What the stand-ins share: device, precision, layout, pictures."""

from collections.abc import Iterable

import torch
from torch import nn

from scripts.peers.settings import Settings


class Peer:
    """A training step, or a stylised picture, on random pictures.

    Attributes:
        networks: the networks by name, as ours are called.
        cycle: steps until all phases have been due; their mean is what a step takes.
        dtype: what convolutions compute in.
    """

    cycle = 1

    def __init__(self, settings: Settings):
        self.settings = settings
        self.device = torch.device(settings.device)
        self.dtype = torch.bfloat16 if settings.precision == "bfloat16" else torch.float32
        layout = torch.channels_last if settings.channels_last else torch.contiguous_format
        self.layout = layout
        self.networks: dict[str, nn.Module] = {}

    def step(self, index: int) -> torch.Tensor:
        """Makes one step; returns a number of it, whose reading waits for the device."""
        raise NotImplementedError

    def placed(self, network: nn.Module) -> nn.Module:
        """The network on the device, in the layout."""
        return network.to(self.device, memory_format=self.layout)

    def fast(self, network: nn.Module) -> nn.Module:
        """The network as it is called: compiled if that is asked for."""
        return torch.compile(network) if self.settings.compile else network

    def autocast(self) -> torch.autocast:
        """The context of automatic mixed precision; in float32 it does nothing."""
        return torch.autocast(
            self.device.type, torch.bfloat16, enabled=self.dtype == torch.bfloat16
        )

    def random_pictures(self, count: int, low: float = -1.0) -> torch.Tensor:
        """Pictures of the host, `[count, 3, size, size]`, from `low` to 1."""
        size = self.settings.size
        pictures = torch.empty(count, 3, size, size).uniform_(low, 1)
        pictures = pictures.contiguous(memory_format=self.layout)
        return pictures.pin_memory() if self.device.type == "cuda" else pictures

    def sent(self, pictures: torch.Tensor) -> torch.Tensor:
        """Pictures of the host, on the device."""
        return pictures.to(self.device, non_blocking=True)


def adam(parameters: Iterable[nn.Parameter], rate: float, betas: tuple[float, float]):
    """Adam in one kernel, the fastest that PyTorch has on both kinds of devices."""
    return torch.optim.Adam(parameters, rate, betas, fused=True)


def trainable(network: nn.Module, value: bool) -> None:
    """Says whether gradients of the network's parameters are computed."""
    for parameter in network.parameters():
        parameter.requires_grad_(value)


@torch.no_grad()
def follow(average: nn.Module, network: nn.Module, decay: float) -> None:
    """Moves an exponential moving average of parameters; `decay` of it stays."""
    torch._foreach_lerp_(
        list(average.parameters()), [p.detach() for p in network.parameters()], 1 - decay
    )
