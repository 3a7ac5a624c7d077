"""AdaIN and Gatys et al. in PyTorch, on VGG-19 with random weights.

Sources: Huang & Belongie 2017 (https://arxiv.org/abs/1703.06868), section 6; Gatys et al. 2016
(https://arxiv.org/abs/1508.06576), section 2; Simonyan & Zisserman 2015
(https://arxiv.org/abs/1409.1556), configuration E.
"""

import torch
from torch import nn
from torch.nn import functional as F

from scripts.peers.base import Peer, adam, trainable

CONVOLUTIONS, WIDTHS = (2, 2, 4, 4, 4), (64, 128, 256, 512, 512)
STYLE_WEIGHT = 1e-2


class Vgg(nn.Module):
    """VGG-19 up to relu`last`_1, with the features after some ReLUs.

    Args:
        taps: names of the layers that are returned, such as "4_1".
        last: the block in which it ends.
        reflect: pad by reflection, and keep odd rows and columns in the pooling.
    """

    def __init__(self, taps: tuple[str, ...], last: int, reflect: bool):
        super().__init__()
        self.taps, self.names, before = taps, [], 3
        self.colour = nn.Conv2d(3, 3, 1)
        self.convs = nn.ModuleList()
        mode = "reflect" if reflect else "zeros"
        for block in range(1, last + 1):
            width = WIDTHS[block - 1]
            for i in range(1, (CONVOLUTIONS[block - 1] if block < last else 1) + 1):
                self.convs.append(nn.Conv2d(before, width, 3, padding=1, padding_mode=mode))
                self.names.append(f"{block}_{i}")
                before = width
        self.pool = nn.MaxPool2d(2, ceil_mode=reflect)
        for conv in self.convs:
            nn.init.kaiming_normal_(conv.weight)

    def forward(self, pictures: torch.Tensor) -> list[torch.Tensor]:
        x, found = self.colour(pictures), []
        for name, conv in zip(self.names, self.convs, strict=True):
            if name.endswith("_1") and name != "1_1":
                x = self.pool(x)
            # a feature that is returned must not be changed, so no ReLU is in place
            x = F.relu(conv(x))
            if name in self.taps:
                found.append(x)
        return found


def decoder() -> nn.Sequential:
    """The encoder in reverse order, with nearest upsampling in place of pooling."""
    layers: list[nn.Module] = _reflected(512, 256)
    for before, after, count in ((256, 128, 3), (128, 64, 1), (64, None, 1)):
        layers.append(nn.Upsample(scale_factor=2, mode="nearest"))
        for _ in range(count):
            layers += _reflected(before, before)
        if after:
            layers += _reflected(before, after)
    return nn.Sequential(*layers, nn.Conv2d(64, 3, 3, padding=1, padding_mode="reflect"))


def _reflected(before, after):
    conv = nn.Conv2d(before, after, 3, padding=1, padding_mode="reflect")
    return [conv, nn.ReLU(inplace=True)]


def moments(x: torch.Tensor, epsilon: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and standard deviation of each channel, in float32."""
    variance, mean = torch.var_mean(x.float(), (2, 3), correction=0, keepdim=True)
    return mean, (variance + epsilon).sqrt()


def adain(x: torch.Tensor, style: torch.Tensor) -> torch.Tensor:
    """The features of x with the moments of the style's."""
    (mean, std), (target_mean, target_std) = moments(x, 1e-5), moments(style, 1e-5)
    return (x - mean) / std * target_std + target_mean


class _AdaIN(Peer):
    """Encoder and decoder, and two pictures."""

    taps: tuple[str, ...] = ("4_1",)

    def __init__(self, settings):
        super().__init__(settings)
        self.networks["encoder"] = self.placed(Vgg(self.taps, 4, reflect=True))
        self.networks["decoder"] = self.placed(decoder())
        trainable(self.networks["encoder"], False)
        self.encode, self.decode = (self.fast(self.networks[k]) for k in ("encoder", "decoder"))
        self.pictures = [self.random_pictures(settings.batch_size, 0.0) for _ in range(2)]


class Stylising(_AdaIN):
    """Stylises a picture: both through the encoder, the code through the decoder, to the host."""

    @torch.inference_mode()
    def step(self, index: int) -> torch.Tensor:
        content, style = map(self.sent, self.pictures)
        with self.autocast():
            code = adain(self.encode(content)[0], self.encode(style)[0])
            return self.decode(code).float().clamp(0, 1).cpu()[0, 0, 0, 0]


class AdaINTraining(_AdaIN):
    """A step of the decoder's training."""

    taps = ("1_1", "2_1", "3_1", "4_1")

    def __init__(self, settings):
        super().__init__(settings)
        self.adam = adam(self.networks["decoder"].parameters(), 1e-4, (0.9, 0.999))

    def step(self, index: int) -> torch.Tensor:
        content, style = map(self.sent, self.pictures)
        self.adam.zero_grad()
        with self.autocast():
            loss = self._loss(content, style)
        loss.backward()
        self.adam.step()
        return loss.detach()

    def _loss(self, content, style):
        with torch.no_grad():
            targets = self.encode(style)
            code = adain(self.encode(content)[-1], targets[-1])
        made = self.encode(self.decode(code))
        terms = (
            (a - b).square().sum() / len(content)
            for own, target in zip(made, targets, strict=True)
            for a, b in zip(moments(own, 1e-5), moments(target, 1e-5), strict=True)
        )
        return F.mse_loss(made[-1].float(), code.float()) + STYLE_WEIGHT * sum(terms)


class Gatys(Peer):
    """An iteration with Adam: the picture forwards and backwards through VGG."""

    taps = ("1_1", "2_1", "3_1", "4_1", "4_2", "5_1")

    def __init__(self, settings):
        super().__init__(settings)
        self.networks["features"] = self.placed(Vgg(self.taps, 5, reflect=False))
        trainable(self.networks["features"], False)
        self.features = self.fast(self.networks["features"])
        content, style = (self.sent(self.random_pictures(1, 0.0)) for _ in range(2))
        self.picture = nn.Parameter(content.clone(memory_format=torch.preserve_format))
        self.adam = adam([self.picture], 10 / 255, (0.9, 0.999))
        with torch.no_grad(), self.autocast():
            self.content = self._split(self.features(content))[0]
            self.grams = [gram(x) for x in self._split(self.features(style))[1]]

    def _split(self, features):
        index = self.taps.index("4_2")
        return features[index], features[:index] + features[index + 1 :]

    def step(self, index: int) -> torch.Tensor:
        self.adam.zero_grad()
        with self.autocast():
            content, styles = self._split(self.features(self.picture))
            loss = F.mse_loss(content.float(), self.content.float())
            for x, target in zip(styles, self.grams, strict=True):
                loss = loss + 1e3 / x.shape[1] ** 2 * F.mse_loss(gram(x), target)
        loss.backward()
        self.adam.step()
        with torch.no_grad():
            self.picture.clamp_(0, 1)
        return loss.detach()


def gram(features: torch.Tensor) -> torch.Tensor:
    """Gram matrices, outer products of the channels averaged over the positions."""
    flat = features.flatten(2)
    return (flat @ flat.transpose(1, 2)).float() / flat.shape[2]
