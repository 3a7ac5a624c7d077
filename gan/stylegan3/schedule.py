"""What each layer of StyleGAN3's synthesis works at: frequencies, sampling rates, sizes, features.

Frequencies and rates are in cycles and samples per picture. A layer takes a signal with no detail
above its cutoff, and gives one with more; between cutoff and stopband, filters fall off.

Sources: Karras et al. 2021 (https://arxiv.org/abs/2106.12423), section 3.2 and appendix C;
NVlabs/stylegan3 @ c233a91, training/networks_stylegan3.py (the numbers).
"""

import math
from dataclasses import dataclass
from typing import Any

CONFIGS = ("t", "r")  # equivariant to translation; to translation and rotation


@dataclass(frozen=True)
class Schedule:
    """The numbers from which those of all layers follow.

    Attributes:
        resolution: height and width of the pictures, pixels.
        config: "t" has 3x3 kernels; "r" has 1x1 kernels and radially symmetric filters.
        num_layers: layers between the Fourier features and the layer to RGB.
        num_critical: how many of the last ones are sampled critically: cutoff = rate / 2.
        first_cutoff, first_stopband: of the Fourier features.
        last_stopband_rel: the last stopband relative to the last cutoff.
        margin_size: pixels beyond the picture on every side, which the last layers cut off.
        channel_base, channel_max: features are `channel_base / (2 cutoff)`, at most `channel_max`.
        num_channels: channels of the pictures.
        num_fp16_res: layers above `resolution / 2**num_fp16_res` compute in the run's precision.
        filter_size: taps of a filter for each factor of its resampling.
        lrelu_upsampling: how much the rate is raised for the leaky ReLU.

    Raises:
        ValueError: numbers that make no network.
    """

    resolution: int
    config: str = "t"
    num_layers: int = 14
    num_critical: int = 2
    first_cutoff: float = 2.0
    first_stopband: float = 2**2.1
    last_stopband_rel: float = 2**0.3
    margin_size: int = 10
    channel_base: int = 32768
    channel_max: int = 512
    num_channels: int = 3
    num_fp16_res: int = 4
    filter_size: int = 6
    lrelu_upsampling: int = 2

    def __post_init__(self):
        size = self.resolution
        if not isinstance(size, int) or size < 16 or size & (size - 1):
            raise ValueError(
                f"resolution={size}: StyleGAN3 makes square pictures of 16, 32, 64, … pixels"
            )
        if self.config not in CONFIGS:
            raise ValueError(f"config={self.config!r}: expected one of {', '.join(CONFIGS)}")
        if not 0 < self.num_critical < self.num_layers:
            raise ValueError(
                f"num_layers={self.num_layers}: expected more than the {self.num_critical} that "
                "are critically sampled"
            )

    @property
    def input_rate(self) -> int:
        """The sampling rate of the Fourier features."""
        return self._rate(0)

    @property
    def input_size(self) -> int:
        """Height and width of the Fourier features, pixels."""
        return self._size(0)

    def channels(self, i: int) -> int:
        """Features of layer i; there are as many Fourier features as features of layer 0."""
        if i == self.num_layers:
            return self.num_channels
        return round(min(self.channel_base / 2 / self._cutoff(i), self.channel_max))

    def pixels_per_cutoff(self) -> list[float]:
        """What `channel_base` is divided by for the features of each layer but that to RGB."""
        return [2 * self._cutoff(i) for i in range(self.num_layers)]

    def layers(self) -> list["LayerPlan"]:
        """The layers in their order, the last one to RGB."""
        return [self._layer(i) for i in range(self.num_layers + 1)]

    def _layer(self, i):
        before, to_rgb = max(i - 1, 0), i == self.num_layers
        rates = self._rate(before), self._rate(i)
        return LayerPlan(
            index=i,
            in_channels=self.channels(before),
            out_channels=self.channels(i),
            in_size=self._size(before),
            out_size=self._size(i),
            in_rate=rates[0],
            out_rate=rates[1],
            inner_rate=max(rates) * (1 if to_rgb else self.lrelu_upsampling),
            in_cutoff=self._cutoff(before),
            out_cutoff=self._cutoff(i),
            stopband=self._stopband(i),
            in_half_width=self._half_width(before),
            out_half_width=self._half_width(i),
            kernel_size=3 if self.config == "t" and not to_rgb else 1,
            taps=self.filter_size,
            to_rgb=to_rgb,
            radial=self.config == "r" and i < self.num_layers - self.num_critical,
            narrow=rates[1] << self.num_fp16_res > self.resolution,
        )

    def _cutoff(self, i):
        return self._between(self.first_cutoff, self.resolution / 2, i)

    def _stopband(self, i):
        last = self.resolution / 2 * self.last_stopband_rel
        return self._between(self.first_stopband, last, i)

    def _between(self, first, last, i):
        """Of a geometric progression that has ended at the critically sampled layers."""
        exponent = min(i / (self.num_layers - self.num_critical), 1)
        return first * (last / first) ** exponent

    def _rate(self, i):
        return 2 ** math.ceil(math.log2(min(2 * self._stopband(i), self.resolution)))

    def _half_width(self, i):
        return max(self._stopband(i), self._rate(i) / 2) - self._cutoff(i)

    def _size(self, i):
        if i >= self.num_layers - 1:
            return self.resolution
        return self._rate(i) + 2 * self.margin_size

    def table(self) -> list[str]:
        """Lines that a person reads, one for each layer."""
        heads = ("layer", "pixels", "features", "rate", "cutoff", "stopband", "up", "down")
        rows = [heads, *(layer.row() for layer in self.layers())]
        return [" ".join(f"{cell:>9}" for cell in row) for row in rows]


@dataclass(frozen=True)
class LayerPlan:
    """One layer of a `Schedule`: see there.

    Attributes:
        inner_rate: the sampling rate of the leaky ReLU.
        narrow: whether it computes in the run's precision, where that is half.
    """

    index: int
    in_channels: int
    out_channels: int
    in_size: int
    out_size: int
    in_rate: int
    out_rate: int
    inner_rate: int
    in_cutoff: float
    out_cutoff: float
    stopband: float
    in_half_width: float
    out_half_width: float
    kernel_size: int
    taps: int
    to_rgb: bool
    radial: bool
    narrow: bool = False

    @property
    def name(self) -> str:
        """The official name, such as "L3_52_512"."""
        return f"L{self.index}_{self.out_size}_{self.out_channels}"

    @property
    def up(self) -> int:
        """The factor of the upsampling before the leaky ReLU."""
        return self.inner_rate // self.in_rate

    @property
    def down(self) -> int:
        """The factor of the downsampling after it."""
        return self.inner_rate // self.out_rate

    @property
    def up_taps(self) -> int:
        """Taps of the filter of the upsampling; 1: there is none."""
        return 1 if self.up == 1 or self.to_rgb else self.taps * self.up

    @property
    def down_taps(self) -> int:
        """Taps of the filter of the downsampling; 1: there is none."""
        return 1 if self.down == 1 or self.to_rgb else self.taps * self.down

    @property
    def padding(self) -> tuple[int, int]:
        """Zeros before and after the upsampled features, on both axes; negative: cut off."""
        given = (self.in_size + self.kernel_size - 1) * self.up
        total = (self.out_size - 1) * self.down + 1 - given + self.up_taps + self.down_taps - 2
        before = (total + self.up) // 2
        return before, total - before

    def row(self) -> tuple[Any, ...]:
        """What `Schedule.table` shows."""
        cutoff, stopband = f"{self.out_cutoff:.2f}", f"{self.stopband:.2f}"
        size, units = self.out_size, self.out_channels
        return self.index, size, units, self.out_rate, cutoff, stopband, self.up, self.down
