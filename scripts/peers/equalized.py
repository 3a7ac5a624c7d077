"""Layers with an equalised learning rate, which both StyleGANs are made of.

Weights start at N(0, 1) and are scaled where they are used. Layers compute in the type of what
comes in; parameters stay in float32.

Source: Karras et al. 2018 (https://arxiv.org/abs/1710.10196), section 4.1.
"""

import torch
from torch import nn
from torch.nn import functional as F

GAIN = 2**0.5


class Dense(nn.Module):
    """A fully connected layer; `rate` is its learning rate beside that of other layers."""

    def __init__(self, before: int, after: int, gain: float = GAIN, rate: float = 1.0, bias=0.0):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(after, before) / rate)
        self.bias = nn.Parameter(torch.full((after,), bias / rate))
        self.scale, self.rate = gain / before**0.5 * rate, rate

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.linear(x, self.weight * self.scale, self.bias * self.rate)


class Conv(nn.Module):
    """A convolution with zeros beyond the border, at the same, twice ("up") or half ("down") size.

    Resampling is nearest-neighbour and a 2x2 mean. With `fused` it is part of one strided
    convolution, as in the published networks from 128 pixels on.
    """

    def __init__(self, before, after, size=3, gain=GAIN, bias=True, resample=None, fused=False):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(after, before, size, size))
        self.bias = nn.Parameter(torch.zeros(after)) if bias else None
        self.scale, self.padding = gain / (before * size * size) ** 0.5, size // 2
        self.resample, self.fused = resample, fused

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        weight = (self.weight * self.scale).to(x.dtype)
        bias = None if self.bias is None else self.bias.to(x.dtype)
        if self.resample == "up" and self.fused:
            wide = widened(weight).transpose(0, 1)
            return F.conv_transpose2d(x, wide, bias, stride=2, padding=1)
        if self.resample == "down" and self.fused:
            return F.conv2d(x, widened(weight) / 4, bias, stride=2, padding=1)
        if self.resample == "up":
            x = F.interpolate(x, scale_factor=2, mode="nearest")
        x = F.conv2d(x, weight, bias, padding=self.padding)
        return F.avg_pool2d(x, 2) if self.resample == "down" else x


def widened(weight: torch.Tensor) -> torch.Tensor:
    """A 3x3 kernel and its copies moved by a row, a column and both, summed: 4x4."""
    padded = F.pad(weight, (1, 1, 1, 1))
    rows = padded[:, :, 1:] + padded[:, :, :-1]
    return rows[:, :, :, 1:] + rows[:, :, :, :-1]


class Filter(nn.Module):
    """A depthwise convolution with the outer product of `taps`, of sum `gain`."""

    def __init__(self, taps, gain=1.0, padding=0, stride=1):
        super().__init__()
        row = torch.tensor(taps, dtype=torch.float32)
        kernel = torch.outer(row, row)
        self.register_buffer("kernel", kernel * (gain / kernel.sum()), persistent=False)
        self.padding, self.stride = padding, stride

    def _kernel(self, x):
        channels = x.shape[1]
        return self.kernel.to(x.dtype).expand(channels, 1, *self.kernel.shape), channels

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        kernel, channels = self._kernel(x)
        return F.conv2d(x, kernel, None, self.stride, self.padding, groups=channels)


class Upsample(Filter):
    """Twice the size: zeros between the pixels, then the filter."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        kernel, channels = self._kernel(x)
        return F.conv_transpose2d(x, kernel, None, 2, self.padding, groups=channels)


def pixel_norm(x: torch.Tensor) -> torch.Tensor:
    """Scales the features of each z to mean square 1."""
    return x * (x.square().mean(1, keepdim=True) + 1e-8).rsqrt()


def with_stddev(x: torch.Tensor, most: int = 4) -> torch.Tensor:
    """Appends a channel that says how much the pictures of a group differ."""
    count, channels, height, width = x.shape
    group = next(size for size in range(min(most, count), 0, -1) if count % size == 0)
    groups = x.float().reshape(group, -1, channels, height, width)
    spread = (groups.var(0, unbiased=False) + 1e-8).sqrt().mean((1, 2, 3))
    feature = spread.repeat(group).reshape(count, 1, 1, 1).expand(count, 1, height, width)
    return torch.cat([x, feature.to(x.dtype)], 1)


def gradient_penalty(logits: torch.Tensor, pictures: torch.Tensor) -> torch.Tensor:
    """R1, Mescheder et al. 2018 (https://arxiv.org/abs/1801.04406), equation 9, for each picture;
    it can be differentiated."""
    (gradient,) = torch.autograd.grad(logits.sum(), pictures, create_graph=True)
    return gradient.float().square().sum((1, 2, 3))
