"""StyleGAN2 in PyTorch: generator with skips, residual discriminator, lazy R1 and path length.

Augmentation is off. In bfloat16 the last four blocks compute in it, as half precision is published.

Sources: Karras et al. 2020 (https://arxiv.org/abs/1912.04958), sections 2 to 4 and appendix B;
Karras et al. 2020 (https://arxiv.org/abs/2006.06676), appendix F.
"""

import copy
import random
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F

from core.errors import InputError
from scripts.peers.base import Peer, adam, follow, trainable
from scripts.peers.equalized import (
    GAIN,
    Conv,
    Dense,
    Filter,
    Upsample,
    gradient_penalty,
    pixel_norm,
    with_stddev,
)

WIDTH, MIXING, CLAMP, LOW_BLOCKS = 512, 0.9, 256.0, 4
TAPS, HALF = (1, 3, 3, 1), 0.5**0.5
R1_INTERVAL, PATH_INTERVAL, PATH_WEIGHT, PATH_DECAY = 16, 4, 2.0, 0.01


@dataclass(frozen=True)
class Preset:
    """What differs by size, named as in `gan.stylegan2.config`."""

    channel_base: int
    mbstd_group_size: int
    learning_rate: float
    r1_gamma: float
    ema_half_life: float


# by size; for CPUs also the networks of 256 pixels without their last blocks
PRESETS = dict.fromkeys((32, 64, 128, 256), Preset(16384, 8, 2.5e-3, 1.0, 20_000.0)) | {
    512: Preset(32768, 8, 2.5e-3, 0.5, 20_000.0),
    1024: Preset(32768, 4, 2e-3, 2.0, 10_000.0),
}


def activate(x: torch.Tensor, gain: float = 1.0) -> torch.Tensor:
    """The leaky ReLU times sqrt(2) * gain, clamped."""
    return (F.leaky_relu(x, 0.2) * (GAIN * gain)).clamp(-CLAMP * gain, CLAMP * gain)


class Mapping(nn.Module):
    """Eight dense layers from z to w, and the moving mean of w."""

    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([Dense(WIDTH, WIDTH, 1.0, rate=0.01) for _ in range(8)])
        self.register_buffer("mean", torch.zeros(WIDTH))

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        x = pixel_norm(z)
        for layer in self.layers:
            x = F.leaky_relu(layer(x), 0.2) * GAIN
        return x


class Modulated(nn.Module):
    """A convolution whose input features are scaled by styles of w; the size may double."""

    def __init__(self, before: int, after: int, size: int = 3, up=False, demodulate=True):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(after, before, size, size))
        self.affine = Dense(WIDTH, before, gain=1.0, bias=1.0)
        self.up, self.demodulate, self.padding = up, demodulate, size // 2
        self.scale = 1.0 if demodulate else (before * size * size) ** -0.5
        self.filter = Filter(TAPS, gain=4.0, padding=1)

    def forward(self, x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
        styles = self.affine(w) * self.scale
        x = x * styles.to(x.dtype)[:, :, None, None]
        weight = self.weight.to(x.dtype)
        if self.up:
            x = self.filter(F.conv_transpose2d(x, weight.transpose(0, 1), stride=2))
        else:
            x = F.conv2d(x, weight, padding=self.padding)
        if not self.demodulate:
            return x
        norms = styles.square() @ self.weight.square().sum((2, 3)).t()
        return x * (norms + 1e-8).rsqrt().to(x.dtype)[:, :, None, None]


class Styled(nn.Module):
    """A modulated convolution, noise, a bias and the leaky ReLU."""

    def __init__(self, before: int, after: int, up: bool = False):
        super().__init__()
        self.conv = Modulated(before, after, up=up)
        self.bias = nn.Parameter(torch.zeros(after, 1, 1))
        self.noise_strength = nn.Parameter(torch.zeros([]))

    def forward(self, x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
        x = self.conv(x, w)
        noise = torch.randn(x.shape[0], 1, *x.shape[2:], device=x.device) * self.noise_strength
        return activate(x + noise.to(x.dtype) + self.bias.to(x.dtype))


class ToRGB(nn.Module):
    """Features to a picture in float32."""

    def __init__(self, before: int):
        super().__init__()
        self.conv = Modulated(before, 3, 1, demodulate=False)
        self.bias = nn.Parameter(torch.zeros(3, 1, 1))

    def forward(self, x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
        return (self.conv(x, w) + self.bias.to(x.dtype)).clamp(-CLAMP, CLAMP).float()


class Blocks(nn.Module):
    """What synthesis and discriminator share: sizes, widths and types of the blocks."""

    def __init__(self, full: int, preset: Preset, dtype: torch.dtype):
        super().__init__()
        self.sizes = [2**i for i in range(2, full.bit_length())]
        self.widths = [min(preset.channel_base // size, WIDTH) for size in self.sizes]
        low = max(1, len(self.sizes) - LOW_BLOCKS)
        self.dtypes = [dtype if i >= low else torch.float32 for i in range(len(self.sizes))]


class Synthesis(Blocks):
    """From a w for each layer to pictures, the sum of what each block adds."""

    def __init__(self, full: int, preset: Preset, dtype: torch.dtype):
        super().__init__(full, preset, dtype)
        self.const = nn.Parameter(torch.randn(1, self.widths[0], 4, 4))
        self.ups, self.convs, self.to_rgb = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        self.upsample = Upsample(TAPS, gain=4.0, padding=1)
        for level, own in enumerate(self.widths):
            if level:
                self.ups.append(Styled(self.widths[level - 1], own, up=True))
            self.convs.append(Styled(own, own))
            self.to_rgb.append(ToRGB(own))

    def forward(self, ws: torch.Tensor) -> torch.Tensor:
        x, picture = self.const.expand(ws.shape[0], -1, -1, -1), None
        for level, (conv, rgb) in enumerate(zip(self.convs, self.to_rgb, strict=True)):
            x = x.to(self.dtypes[level])
            if level:
                x = self.ups[level - 1](x, ws[:, 2 * level - 1])
            x = conv(x, ws[:, 2 * level])
            added = rgb(x, ws[:, 2 * level + 1])
            picture = added if picture is None else self.upsample(picture) + added
        return picture


class Generator(nn.Module):
    """Mapping and synthesis."""

    def __init__(self, full: int, preset: Preset, dtype: torch.dtype):
        super().__init__()
        self.mapping, self.synthesis = Mapping(), Synthesis(full, preset, dtype)


class Residual(nn.Module):
    """A block of the discriminator, which halves the size."""

    def __init__(self, before: int, after: int):
        super().__init__()
        self.conv0 = Conv(before, before, gain=1.0)
        self.blur = Filter(TAPS, padding=2)
        self.weight = Conv(before, after, gain=1.0)
        self.down = Filter(TAPS, padding=1, stride=2)
        self.skip = Conv(before, after, 1, gain=1.0, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.blur(activate(self.conv0(x)))
        weight = (self.weight.weight * self.weight.scale).to(x.dtype)
        y = F.conv2d(y, weight, self.weight.bias.to(x.dtype), stride=2)
        return activate(y, HALF) + self.skip(self.down(x)) * HALF


class Discriminator(Blocks):
    """From pictures to a logit each."""

    def __init__(self, full: int, preset: Preset, dtype: torch.dtype):
        super().__init__(full, preset, dtype)
        widths = self.widths
        self.group = preset.mbstd_group_size
        self.from_rgb = Conv(3, widths[-1], 1, gain=1.0)
        pairs = list(zip(widths[1:], widths[:-1], strict=True))
        self.blocks = nn.ModuleList([Residual(before, after) for before, after in pairs[::-1]])
        self.last = Conv(widths[0] + 1, widths[0], gain=1.0)
        self.dense = Dense(16 * widths[0], widths[0], gain=1.0)
        self.out = Dense(widths[0], 1, gain=1.0)

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        x = activate(self.from_rgb(pictures.to(self.dtypes[-1])))
        for block, dtype in zip(self.blocks, self.dtypes[:0:-1], strict=True):
            x = block(x.to(dtype))
        x = activate(self.last(with_stddev(x.float(), self.group)))
        return self.out(F.leaky_relu(self.dense(x.flatten(1)), 0.2) * GAIN)


class StyleGAN2(Peer):
    """A step's phases: the generator, the discriminator, and the penalties when they are due."""

    cycle = R1_INTERVAL

    def __init__(self, settings):
        super().__init__(settings)
        if settings.size not in PRESETS:
            known = ", ".join(map(str, PRESETS))
            raise InputError(f"--peer_size={settings.size}: expected one of {known}.")
        self.preset = PRESETS[settings.size]
        args = (settings.size, self.preset, self.dtype)
        generator, discriminator = self.placed(Generator(*args)), self.placed(Discriminator(*args))
        self.networks = {"G": generator, "D": discriminator}
        self.average = copy.deepcopy(generator)
        # compiled functions cannot be differentiated twice: penalties have the networks as they are
        self.synthesis, self.judge = self.fast(generator.synthesis), self.fast(discriminator)
        self.g_adam = lazy_adam(generator, self.preset.learning_rate, PATH_INTERVAL)
        self.d_adam = lazy_adam(discriminator, self.preset.learning_rate, R1_INTERVAL)
        self.path_mean = torch.zeros([], device=self.device)
        self.pictures = self.random_pictures(settings.batch_size)

    def step(self, index: int) -> torch.Tensor:
        generator, discriminator = self.networks["G"], self.networks["D"]
        reals = self.sent(self.pictures)
        trainable(discriminator, False)
        loss = F.softplus(-self.judge(self.synthesis(self._styles(True)))).mean()
        _update(self.g_adam, loss, generator)
        if index % PATH_INTERVAL == 0:
            _update(self.g_adam, self._path_length_loss(), generator)
        trainable(discriminator, True)
        _update(self.d_adam, self._discriminator_loss(reals), discriminator)
        if index % R1_INTERVAL == 0:
            _update(self.d_adam, self._r1_loss(reals), discriminator)
        decay = 0.5 ** (self.settings.batch_size / self.preset.ema_half_life)
        follow(self.average, generator, decay)
        return loss.detach()

    def _discriminator_loss(self, reals):
        with torch.no_grad():
            fakes = self.synthesis(self._styles())
        return F.softplus(self.judge(fakes)).mean() + F.softplus(-self.judge(reals)).mean()

    def _r1_loss(self, reals):
        reals = reals.detach().requires_grad_()
        penalty = gradient_penalty(self.networks["D"](reals), reals).mean()
        return R1_INTERVAL * self.preset.r1_gamma / 2 * penalty

    def _path_length_loss(self):
        ws = self._styles(True, max(1, self.settings.batch_size // 2))
        pictures = self.networks["G"].synthesis(ws)
        noise = torch.randn_like(pictures) / self.settings.size
        (gradient,) = torch.autograd.grad((pictures * noise).sum(), ws, create_graph=True)
        lengths = gradient.square().sum(2).mean(1).sqrt()
        mean = self.path_mean + PATH_DECAY * (lengths.mean() - self.path_mean)
        self.path_mean.copy_(mean.detach())
        return PATH_WEIGHT * PATH_INTERVAL * (lengths - mean).square().mean()

    def _styles(self, training=False, count=None):
        mapping, layers = self.networks["G"].mapping, 2 * len(self.networks["G"].synthesis.sizes)
        count = self.settings.batch_size if count is None else count
        w = mapping(torch.randn(count, WIDTH, device=self.device))
        if training:
            mapping.mean.lerp_(w.detach().mean(0), 1 - 0.995)
        ws = w[:, None].repeat(1, layers, 1)
        if random.random() < MIXING:
            first = random.randrange(1, layers)
            other = mapping(torch.randn(count, WIDTH, device=self.device))
            ws = torch.cat([ws[:, :first], other[:, None].repeat(1, layers - first, 1)], 1)
        return ws


def lazy_adam(network: nn.Module, rate: float, interval: int) -> torch.optim.Adam:
    """Adam for a network whose penalty adds a step in every `interval` ones (appendix B)."""
    share = interval / (interval + 1)
    return adam(network.parameters(), rate * share, (0.0, 0.99**share))


def _update(optimizer, loss, network):
    optimizer.zero_grad()
    loss.backward()
    for parameter in network.parameters():
        if parameter.grad is not None:
            torch.nan_to_num(parameter.grad, 0.0, 1e5, -1e5, out=parameter.grad)
    optimizer.step()
