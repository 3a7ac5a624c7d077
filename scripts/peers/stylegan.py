"""StyleGAN in PyTorch, at its last resolution: nothing grows, R1 at every step.

Source: Karras et al. 2019 (https://arxiv.org/abs/1812.04948), section 2 and appendix C; layers as
of configuration F, full width.
"""

import copy
import random

import torch
from torch import nn
from torch.nn import functional as F

from core.errors import InputError
from scripts.peers.base import Peer, adam, follow, trainable
from scripts.peers.equalized import Conv, Dense, Filter, gradient_penalty, pixel_norm, with_stddev

WIDTH, MIXING, R1, HALF_LIFE = 512, 0.9, 10.0, 10_000.0
RATES = {128: 1.5e-3, 256: 2e-3, 512: 3e-3, 1024: 3e-3}
FUSED = 128  # pixels from which resampling is part of the convolution


def fmaps(size: int) -> int:
    """Channels at a resolution."""
    return min(16384 // size, WIDTH)


def sizes(full: int) -> list[int]:
    """4, 8, ... up to the full resolution."""
    return [2**i for i in range(2, full.bit_length())]


class Mapping(nn.Module):
    """Eight dense layers from z to w, and the moving mean of w."""

    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([Dense(WIDTH, WIDTH, rate=0.01) for _ in range(8)])
        self.register_buffer("mean", torch.zeros(WIDTH))

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        x = pixel_norm(z)
        for layer in self.layers:
            x = F.leaky_relu(layer(x), 0.2)
        return x


class Epilogue(nn.Module):
    """Noise, bias, leaky ReLU, and AdaIN with a style of w."""

    def __init__(self, channels: int):
        super().__init__()
        self.noise_weight = nn.Parameter(torch.zeros(channels, 1, 1))
        self.bias = nn.Parameter(torch.zeros(channels, 1, 1))
        self.style = Dense(WIDTH, 2 * channels, gain=1.0)

    def forward(self, x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
        noise = torch.randn(x.shape[0], 1, *x.shape[2:], device=x.device)
        x = x + (noise * self.noise_weight + self.bias).to(x.dtype)
        x = F.instance_norm(F.leaky_relu(x, 0.2), eps=1e-8)
        scale, offset = self.style(w)[:, :, None, None].to(x.dtype).chunk(2, 1)
        return torch.addcmul(offset, x, scale + 1)


class Synthesis(nn.Module):
    """From a w for each layer to pictures; the layers to RGB of lower resolutions wait unused."""

    def __init__(self, full: int, dtype: torch.dtype):
        super().__init__()
        self.dtype = dtype
        self.const = nn.Parameter(torch.ones(1, WIDTH, 4, 4))
        self.ups, self.convs = nn.ModuleList(), nn.ModuleList()
        self.epilogues, self.to_rgb = nn.ModuleList(), nn.ModuleList()
        self.blur = Filter((1, 2, 1), padding=1)
        for size in sizes(full):
            own = fmaps(size)
            if size > 4:
                options = {"bias": False, "resample": "up", "fused": size >= FUSED}
                self.ups.append(Conv(fmaps(size // 2), own, **options))
            self.convs.append(Conv(own, own, bias=False))
            self.epilogues.extend([Epilogue(own), Epilogue(own)])
            self.to_rgb.append(Conv(own, 3, 1, gain=1.0))

    def forward(self, ws: torch.Tensor) -> torch.Tensor:
        x = self.const.expand(ws.shape[0], -1, -1, -1).to(self.dtype)
        for level, conv in enumerate(self.convs):
            if level:
                x = self.blur(self.ups[level - 1](x))
            x = self.epilogues[2 * level](x, ws[:, 2 * level])
            x = self.epilogues[2 * level + 1](conv(x), ws[:, 2 * level + 1])
        return self.to_rgb[-1](x).float()


class Generator(nn.Module):
    """Mapping and synthesis."""

    def __init__(self, full: int, dtype: torch.dtype):
        super().__init__()
        self.mapping, self.synthesis = Mapping(), Synthesis(full, dtype)


class Discriminator(nn.Module):
    """From pictures to a logit each."""

    def __init__(self, full: int, dtype: torch.dtype):
        super().__init__()
        self.dtype = dtype
        self.from_rgb, self.convs, self.downs = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        self.blur = Filter((1, 2, 1), padding=1)
        for size in sizes(full):
            own = fmaps(size)
            self.from_rgb.append(Conv(3, own, 1))
            self.convs.append(Conv(own + (size == 4), own))
            if size > 4:
                options = {"resample": "down", "fused": size >= FUSED}
                self.downs.append(Conv(own, fmaps(size // 2), **options))
        self.dense, self.out = Dense(16 * WIDTH, WIDTH), Dense(WIDTH, 1, gain=1.0)

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        x = F.leaky_relu(self.from_rgb[-1](pictures.to(self.dtype)), 0.2)
        for conv, down in zip(reversed(self.convs[1:]), reversed(self.downs), strict=True):
            x = self.blur(F.leaky_relu(conv(x), 0.2))
            x = F.leaky_relu(down(x), 0.2)
        x = F.leaky_relu(self.convs[0](with_stddev(x)), 0.2)
        return self.out(F.leaky_relu(self.dense(x.float().flatten(1)), 0.2))


class StyleGAN(Peer):
    """A whole step: the discriminator with R1, the generator, and the average."""

    def __init__(self, settings):
        super().__init__(settings)
        size = settings.size
        if size & (size - 1):
            raise InputError(f"--peer_size={size}: expected a power of two, such as 64.")
        self.networks["G"] = self.placed(Generator(size, self.dtype))
        self.networks["D"] = self.placed(Discriminator(size, self.dtype))
        self.average = copy.deepcopy(self.networks["G"])
        # compiled functions cannot be differentiated twice, so R1 has the network as it is
        self.synthesis = self.fast(self.networks["G"].synthesis)
        self.judge = self.fast(self.networks["D"])
        rate = RATES.get(size, 1e-3)
        self.g_adam = adam(self.networks["G"].parameters(), rate, (0.0, 0.99))
        self.d_adam = adam(self.networks["D"].parameters(), rate, (0.0, 0.99))
        self.pictures = self.random_pictures(settings.batch_size)

    def step(self, index: int) -> torch.Tensor:
        trainable(self.networks["D"], True)
        loss = self._discriminator_loss(self.sent(self.pictures))
        _update(self.d_adam, loss)
        trainable(self.networks["D"], False)
        _update(self.g_adam, F.softplus(-self.judge(self._fakes(training=True))).mean())
        decay = 0.5 ** (self.settings.batch_size / HALF_LIFE)
        follow(self.average, self.networks["G"], decay)
        return loss.detach()

    def _discriminator_loss(self, reals):
        with torch.no_grad():
            fakes = self._fakes()
        reals.requires_grad_()
        real_logits = self.networks["D"](reals)
        penalty = R1 / 2 * gradient_penalty(real_logits, reals).mean()
        fake_logits = self.judge(fakes)
        return F.softplus(-real_logits).mean() + F.softplus(fake_logits).mean() + penalty

    def _fakes(self, training=False):
        mapping, layers = self.networks["G"].mapping, 2 * len(sizes(self.settings.size))
        w = mapping(self._z())
        if training:
            mapping.mean.lerp_(w.detach().mean(0), 1 - 0.995)
        ws = w[:, None].expand(-1, layers, -1)
        if random.random() < MIXING:
            first = random.randrange(1, layers)
            other = mapping(self._z())[:, None].expand(-1, layers - first, -1)
            ws = torch.cat([ws[:, :first], other], 1)
        return self.synthesis(ws)

    def _z(self):
        return torch.randn(self.settings.batch_size, WIDTH, device=self.device)


def _update(optimizer, loss):
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
