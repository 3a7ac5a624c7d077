"""CycleGAN in PyTorch: generators first, then discriminators with a pool of fakes.

Source: Zhu et al. 2017 (https://arxiv.org/abs/1703.10593), sections 3 and 4, and the appendix for
the layers. `quick` has the widths of our preset of that name.
"""

import copy
import random
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F

from core.errors import InputError
from scripts.peers.base import Peer, adam, follow, trainable


@dataclass(frozen=True)
class Preset:
    """Widths and rates, named as in `gan.cyclegan.config`."""

    ngf: int
    n_blocks: int
    n_downsampling: int
    ndf: int
    n_layers: int
    learning_rate: float
    ema_half_life: float


PRESETS = {
    "paper": Preset(64, 9, 2, 64, 3, 2e-4, 0.0),
    "quick": Preset(20, 3, 1, 24, 2, 6e-4, 200.0),
}
LAMBDA, IDENTITY, POOL = 10.0, 0.5, 50


class Residual(nn.Module):
    """Two reflected 3x3 convolutions with instance norm, and the sum."""

    def __init__(self, channels: int):
        super().__init__()
        self.branch = nn.Sequential(
            nn.ReflectionPad2d(1),
            nn.Conv2d(channels, channels, 3),
            nn.InstanceNorm2d(channels),
            nn.ReLU(inplace=True),
            nn.ReflectionPad2d(1),
            nn.Conv2d(channels, channels, 3),
            nn.InstanceNorm2d(channels),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.branch(x)


def generator(preset: Preset) -> nn.Sequential:
    """The ResNet generator, pictures to pictures in [-1, 1]."""
    width = preset.ngf
    layers = [nn.ReflectionPad2d(3), nn.Conv2d(3, width, 7), *_norm_relu(width)]
    for _ in range(preset.n_downsampling):
        layers += [nn.Conv2d(width, 2 * width, 3, stride=2, padding=1), *_norm_relu(2 * width)]
        width *= 2
    layers += [Residual(width) for _ in range(preset.n_blocks)]
    for _ in range(preset.n_downsampling):
        up = nn.ConvTranspose2d(width, width // 2, 3, stride=2, padding=1, output_padding=1)
        width //= 2
        layers += [up, *_norm_relu(width)]
    layers += [nn.ReflectionPad2d(3), nn.Conv2d(width, 3, 7), nn.Tanh()]
    return _initialised(nn.Sequential(*layers))


def _norm_relu(width):
    return [nn.InstanceNorm2d(width), nn.ReLU(inplace=True)]


def discriminator(preset: Preset) -> nn.Sequential:
    """The PatchGAN: a logit per patch, 70x70 pixels at `n_layers` 3."""
    width = preset.ndf
    layers = [nn.Conv2d(3, width, 4, stride=2, padding=1), nn.LeakyReLU(0.2, inplace=True)]
    for i in range(1, preset.n_layers + 1):
        stride, before, width = 2 if i < preset.n_layers else 1, width, preset.ndf * min(2**i, 8)
        layers.append(nn.Conv2d(before, width, 4, stride=stride, padding=1))
        layers += [nn.InstanceNorm2d(width), nn.LeakyReLU(0.2, inplace=True)]
    layers.append(nn.Conv2d(width, 1, 4, padding=1))
    return _initialised(nn.Sequential(*layers))


def _initialised(network):
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(module.weight, 0.0, 0.02)
            nn.init.zeros_(module.bias)
    return network


class Pool:
    """The last fakes; once it is full, half of the new ones are exchanged for old ones."""

    def __init__(self):
        self.pictures: list[torch.Tensor] = []

    def query(self, fakes: torch.Tensor) -> torch.Tensor:
        """As many pictures as come in, new ones and old ones."""
        return torch.stack([self._one(fake) for fake in fakes.detach()])

    def _one(self, fake):
        if len(self.pictures) < POOL:
            self.pictures.append(fake)
            return fake
        if random.random() < 0.5:
            return fake
        index = random.randrange(POOL)
        old, self.pictures[index] = self.pictures[index], fake
        return old


class CycleGAN(Peer):
    """A whole step: both generators, both discriminators, and the average if there is one."""

    def __init__(self, settings):
        super().__init__(settings)
        if settings.preset not in PRESETS:
            known = " or ".join(PRESETS)
            raise InputError(f"--peer_preset={settings.preset}: unknown. Expected {known}.")
        self.preset = PRESETS[settings.preset]
        for name in ("G_A", "G_B"):
            self.networks[name] = self.placed(generator(self.preset))
        for name in ("D_A", "D_B"):
            self.networks[name] = self.placed(discriminator(self.preset))
        self.called = {name: self.fast(network) for name, network in self.networks.items()}
        self.generators = nn.ModuleList([self.networks["G_A"], self.networks["G_B"]])
        self.discriminators = nn.ModuleList([self.networks["D_A"], self.networks["D_B"]])
        self.average = copy.deepcopy(self.generators) if self.preset.ema_half_life else None
        rate, betas = self.preset.learning_rate, (0.5, 0.999)
        self.g_adam = adam(self.generators.parameters(), rate, betas)
        self.d_adam = adam(self.discriminators.parameters(), rate, betas)
        self.pools = {"A": Pool(), "B": Pool()}
        self.pictures = [self.random_pictures(settings.batch_size) for _ in range(2)]

    def step(self, index: int) -> torch.Tensor:
        real_a, real_b = map(self.sent, self.pictures)
        trainable(self.discriminators, False)
        self.g_adam.zero_grad()
        with self.autocast():
            loss, fake_a, fake_b = self._generators_loss(real_a, real_b)
        loss.backward()
        self.g_adam.step()
        trainable(self.discriminators, True)
        self.d_adam.zero_grad()
        for name, real, fake in (
            ("D_A", real_b, self.pools["B"].query(fake_b)),
            ("D_B", real_a, self.pools["A"].query(fake_a)),
        ):
            with self.autocast():
                judged = self._discriminator_loss(self.called[name], real, fake)
            judged.backward()
        self.d_adam.step()
        if self.average is not None:
            decay = 0.5 ** (self.settings.batch_size / self.preset.ema_half_life)
            follow(self.average, self.generators, decay)
        return loss.detach()

    def _generators_loss(self, real_a, real_b):
        g_a, g_b, d_a, d_b = (self.called[name] for name in ("G_A", "G_B", "D_A", "D_B"))
        fake_b, fake_a = g_a(real_a), g_b(real_b)
        cycles = F.l1_loss(g_b(fake_b), real_a) + F.l1_loss(g_a(fake_a), real_b)
        same = F.l1_loss(g_a(real_b), real_b) + F.l1_loss(g_b(real_a), real_a)
        adversarial = _square_to(d_a(fake_b), 1.0) + _square_to(d_b(fake_a), 1.0)
        return adversarial + LAMBDA * cycles + LAMBDA * IDENTITY * same, fake_a, fake_b

    @staticmethod
    def _discriminator_loss(network, real, fake):
        return 0.5 * (_square_to(network(real), 1.0) + _square_to(network(fake), 0.0))


def _square_to(logits, target):
    return (logits.float() - target).square().mean()
