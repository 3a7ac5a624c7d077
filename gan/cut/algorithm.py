"""The two phases of CUT and FastCUT.

`G` translates the source, `D` judges, and `F`, an MLP for each compared layer, makes features of
patches. The discriminator goes first; the generator is then judged by the new one and trained
together with `F`. The official code gives each of the three an Adam of its own; as Adam treats
every weight alone, one for `G` and `F` makes the same updates.

Source: Park et al. 2020 (https://arxiv.org/abs/2007.15651), section 3;
taesungp/contrastive-unpaired-translation @ b3ac297, models/cut_model.py.
"""

import functools
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from core.ema import EMA
from core.phases import Stage
from core.picture_size import Size
from core.tensors import Batch, PhaseResult, Tensor
from gan.cut.config import CUTConfig
from gan.cut.nce import draw_positions, patch_nce, take_positions
from gan.cut.networks import INIT, Generator, patch_mlps, tapped_generator
from gan.cyclegan.networks import discriminator, smallest_size
from gan.decaying_adam import decaying_phase
from gan.losses import discriminator_loss, generator_loss
from gan.translator import Translator


class CUT(Translator):
    """Translation in one direction, learned without pairs and without the way back.

    A batch is `{"A": [N, H, W, C], "B": [N, H, W, C]}`, float32 in [-1, 1].

    The generator translates once a step, ahead of both phases. The features of the sources come
    with the translation, and those of all translations from one pass through the first half of the
    generator.
    """

    def __init__(
        self,
        config: CUTConfig = CUTConfig(),  # noqa: B008 frozen
        *,
        size: Size = 256,
        channels: int = 3,
        batch_size: int = 1,
        epoch: int = 1000,
        epochs: float = 400,
        seed: int = 0,
        xla: bool = False,
    ):
        """Args:
        config: the hyper-parameters.
        size: of the training images in pixels, see `core.picture_size`; both sides are multiples
            of `2 ** config.n_downsampling`.
        channels: of the pictures of both domains.
        batch_size: how many images of each domain a step has.
        epoch: images in an epoch, for the learning rate.
        epochs: length of training in epochs, for the learning rate.
        seed: what the positions and the flips depend on; the initial weights follow
            `keras.utils.set_random_seed`.
        xla: compile the step with XLA on TensorFlow.
        """
        self.generator, judge = self._made(config, size, channels, seed)
        layers = self.generator.encoder.outputs
        networks = {
            "G": self.generator.network,
            "D": judge,
            "F": patch_mlps([x.shape[-1] for x in layers], config.nce_width, name="F"),
        }
        super().__init__([Stage(batch_size, size)], networks, xla=xla, channels=channels)
        self.config = config
        self.random = keras.random.SeedGenerator(seed)
        self.extra = {"random": [self.random.state]}
        self.average = EMA(networks["G"], config.ema_half_life) if config.ema_half_life else None
        if self.average:
            self.extra["G_ema"] = self.average.network.variables
        compared = 2 if config.nce_idt else 1
        self.passes = {"G": 2 * compared, "D": 3, "F": 2 * compared}
        phase = functools.partial(decaying_phase, config=config, epoch=epoch, epochs=epochs)
        self.phases = [
            phase("D", self.discriminator_phase, [networks["D"]]),
            phase("G", self.generator_phase, [networks["G"], networks["F"]], ahead=self.translate),
        ]

    def _made(
        self, config: CUTConfig, size: Size, channels: int, seed: int
    ) -> tuple[Generator, keras.Model]:
        """The generator and the discriminator."""
        made = tapped_generator(
            config.nce_layers,
            ngf=config.ngf,
            n_blocks=config.n_blocks,
            n_downsampling=config.n_downsampling,
            channels=channels,
            antialias=config.antialias,
            name="G",
        )
        options: dict[str, Any] = {"antialias": config.antialias, "init": INIT, "name": "D"}
        return made, discriminator(config, channels=channels, **options)

    @property
    def size_multiple(self) -> int:
        return 2**self.config.n_downsampling

    @property
    def smallest_size(self) -> int:
        return smallest_size(self.size_multiple)

    @property
    def width(self) -> int:
        config = self.config  # a blur halves after the convolution
        return config.ngf * (2 if config.antialias and config.n_downsampling else 1)

    def translator_name(self, direction: str) -> str:
        return "G"  # a run has one direction

    def translator(self, direction: str) -> keras.Model:
        """The generator, with averaged weights if there are any."""
        return self.average.network if self.average else self.networks["G"]

    def average_networks(self) -> dict[str, keras.Model]:
        return {"G": self.average.network} if self.average else {}

    def input_shapes(self, name: str, stage: Stage) -> list[tuple[int, ...]]:
        if name != "F":
            return super().input_shapes(name, stage)
        n, height, width, _ = self.shape(stage)
        shapes: list[tuple[int, ...]] = []
        for layer in self.generator.encoder.compute_output_shape((n, height, width, self.channels)):
            shapes.append((n, min(self.config.num_patches, layer[1] * layer[2]), layer[3]))
        return shapes

    def translate(self, batch: Batch) -> tuple[Batch, dict[str, Any]]:
        """What both phases need: see `core.phases.Phase`, `ahead`.

        Returns:
            `{"fakes"}`, the translations, with the identity loss those of the targets behind them,
            and `{"keys"}`, the features of the same pictures in the layers compared, as constants.
            With flip equivariance also `{"flipped"}`, whether what was translated was mirrored.
            What is mirrored has other features, so those of the pictures then need a pass of
            their own.
        """
        pictures, others = self._domains(batch)
        if self.config.nce_idt:
            pictures = ops.concatenate([pictures, others])
        rest: dict[str, Any] = {}
        if self.config.flip_equivariance:  # one coin a step
            rest["flipped"] = self.toss()
            keys = self._features(pictures)
            fakes = self.networks["G"](mirrored(pictures, rest["flipped"]), training=True)
        else:
            *keys, fakes = self.generator.both(pictures, training=True)
        return {"fakes": fakes}, rest | {"keys": [*map(ops.stop_gradient, keys)]}

    def discriminator_phase(self, batch: Batch) -> PhaseResult:
        """The discriminator's loss, halved, which slows it against the generator.

        Of a mirrored source the fake is judged as it is.
        """
        _, target = self._domains(batch)
        fake = ops.stop_gradient(batch["fakes"][: target.shape[0]])
        loss, logs = self._judged(target, fake)
        return loss, logs, {}

    def generator_phase(self, batch: Batch) -> PhaseResult:
        """Adversarial loss and PatchNCE of the translation and of the identity (equation 5)."""
        config, fakes = self.config, batch["fakes"]
        judged = self.networks["D"](fakes[: batch["A"].shape[0]], training=True)
        logs = {"loss/G_GAN": config.lambda_gan * generator_loss(config.gan_mode, judged)}
        queries = self._features(fakes)
        if config.flip_equivariance:
            queries = [mirrored(x, batch["flipped"]) for x in queries]
        names = ("loss/NCE", "loss/NCE_Y") if config.nce_idt else ("loss/NCE",)
        terms = self._compare(queries, batch["keys"], len(names))
        logs |= {name: config.lambda_nce * term for name, term in zip(names, terms, strict=True)}
        loss = logs["loss/G_GAN"] + sum(logs[name] for name in names) / len(names)
        more = self._more(batch)
        return loss + sum(more.values()), logs | more, {}

    def _judged(self, target: Tensor, fake: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """The discriminator's loss and what is logged of it."""
        logits = self.networks["D"](ops.concatenate([target, fake]), training=True)
        return 0.5 * discriminator_loss(self.config.gan_mode, *ops.split(logits, 2)), {}

    def _more(self, batch: Batch) -> dict[str, Tensor]:
        """Further terms of the generator's loss, by the names that are logged: none here."""
        return {}

    def _domains(self, batch):
        """The pictures to translate, and those of the other domain."""
        pair = batch["A"], batch["B"]
        return pair if self.config.direction == "AtoB" else pair[::-1]

    def _features(self, pictures):
        return _listed(self.generator.encoder(pictures, training=True))

    def _compare(self, queries, keys, count):
        """PatchNCE, the mean over the layers, of each of `count` parts of the batch: translations,
        then identities. Every part has positions of its own."""
        n = queries[0].shape[0] // count
        drawn = [self.draw([(n, *x.shape[1:]) for x in queries]) for _ in range(count)]
        positions = [ops.repeat(ops.stack(layer), n, axis=0) for layer in zip(*drawn, strict=True)]
        found, wanted = self._patches(queries, positions), self._patches(keys, positions)
        terms = []
        for part in range(count):
            rows = slice(part * n, (part + 1) * n)
            pairs = [(q[rows], k[rows]) for q, k in zip(found, wanted, strict=True)]
            terms.append(sum(self._contrast(q, k) for q, k in pairs) / len(pairs))
        return terms

    def _contrast(self, queries: Tensor, keys: Tensor) -> Tensor:
        """PatchNCE of the patches of one layer, see `patch_nce`."""
        return patch_nce(queries, keys, self.config.nce_T)

    def draw(self, shapes: Sequence[tuple[int, ...]]) -> list:
        """Positions in each layer, for its shape `(N, H, W, C)`; see `draw_positions`."""
        return draw_positions(shapes, self.config.num_patches, self.random)

    def toss(self) -> Tensor:
        """Whether the sources of a step are mirrored: true in half of them."""
        return keras.random.uniform((), seed=self.random, dtype="float32") < 0.5

    def _patches(self, features, positions):
        """What `F` makes of the features at these positions."""
        taken = [take_positions(x, p) for x, p in zip(features, positions, strict=True)]
        return _listed(self.networks["F"](taken, training=True))

    def after_phases(self, batch_size: int) -> None:
        if self.average:
            self.average.update(batch_size)


def _listed(outputs):
    """What a network returns, as a list also where it has one output."""
    return outputs if isinstance(outputs, (list, tuple)) else [outputs]


def mirrored(pictures: Tensor, flipped: Tensor) -> Tensor:
    """The pictures or features `[N, H, W, C]`, left and right exchanged where `flipped` is true.

    Args:
        pictures: all are exchanged, or none.
        flipped: a bool.
    """
    return ops.where(flipped, ops.flip(pictures, axis=2), pictures)
