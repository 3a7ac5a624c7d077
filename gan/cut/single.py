"""SinCUT: CUT of one picture of each kind, learned from crops of both.

What differs from CUT: StyleGAN2's layers (`gan.cut.single_networks`), R1 at every step, an L1
between a target and its translation, and negatives from the whole minibatch, whose crops come from
different places (`experiments.data.zoomed`). The adversarial loss is the non-saturating one.

Source: Park et al. 2020 (https://arxiv.org/abs/2007.15651), section 4.4 and appendix;
taesungp/contrastive-unpaired-translation @ b3ac297, models/sincut_model.py.
"""

from typing import Any

import keras
from keras import ops

from core import sizes
from core.phases import Stage
from core.picture_size import Size
from core.tensors import Batch, Tensor
from gan.cut.algorithm import CUT, mirrored
from gan.cut.config import CUTConfig
from gan.cut.networks import Generator
from gan.cut.single_networks import generator_width, single_discriminator, single_generator
from gan.losses import discriminator_loss
from gan.penalties import squared_gradient

EPOCH = 100_000  # crops, after which the learning rate changes


class SinCUT(CUT):
    """CUT with SinCUT's networks and losses; a batch is as `CUT` has it, of crops.

    The generator draws noise in training alone, see `gan.cut.single_networks.NoisyUp`.
    """

    def __init__(self, config: CUTConfig, *, size: Size = 64, **options: Any):
        """Args:
        config: hyper-parameters that are `single`.
        size: of the crops in pixels, see `core.picture_size`; multiples of
            `2 ** config.n_downsampling` that the discriminator halves down to 4 to 7 pixels.
        options: the further ones of `CUT`.

        Raises:
            ValueError: the discriminator cannot take this size.
        """
        super().__init__(config, size=size, **options)
        self.size = size
        self.passes["D"] += 3  # R1: the targets again, and the gradient of their gradient

    def _made(
        self, config: CUTConfig, size: Size, channels: int, seed: int
    ) -> tuple[Generator, keras.Model]:
        made = single_generator(
            config.nce_layers,
            size=size,
            ngf=config.ngf,
            n_blocks=config.n_blocks,
            n_downsampling=config.n_downsampling,
            channels=channels,
            seed=seed,
            name="G",
        )
        return made, single_discriminator(size=size, ndf=config.ndf, channels=channels, name="D")

    @property
    def smallest_size(self) -> int:
        return max(4, self.size_multiple)

    @property
    def width(self) -> int:
        return generator_width(self.config.ngf, self.size)

    def sized(self, name: str, stage: Stage | None = None) -> keras.Model:
        stage = self.stages[-1] if stage is None else stage
        if name == "D":
            return self.networks[name].functional(stage.batch_size)
        return sizes.at_shapes(self.networks[name], self.input_shapes(name, stage))

    def _judged(self, target: Tensor, fake: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """The discriminator's loss, halved, and R1, which is not."""
        config, judge = self.config, self.networks["D"]
        if not config.lambda_r1:
            return super()._judged(target, fake)
        penalty, real_logits = squared_gradient(lambda x: judge(x, training=True), target)
        loss = 0.5 * discriminator_loss(config.gan_mode, real_logits, judge(fake, training=True))
        r1 = config.lambda_r1 / 2 * ops.mean(penalty)
        return loss + r1, {"loss/D_R1": r1}

    def _more(self, batch: Batch) -> dict[str, Tensor]:
        """How far the targets' translations are from the targets, mirrored with them."""
        if not self.config.lambda_identity:
            return {}
        _, target = self._domains(batch)
        if self.config.flip_equivariance:
            target = mirrored(target, batch["flipped"])
        distance = ops.mean(ops.abs(batch["fakes"][-target.shape[0] :] - target))
        return {"loss/identity": self.config.lambda_identity * distance}

    def _contrast(self, queries: Tensor, keys: Tensor) -> Tensor:
        """PatchNCE among the patches of all crops (`nce_includes_all_negatives_from_minibatch`)."""
        return super()._contrast(*(ops.reshape(x, (1, -1, x.shape[-1])) for x in (queries, keys)))
