"""Training of a style network and a transformer together, and of a smaller one after a larger."""

import keras
from keras import ops

from core.optimizers import Adam, built
from core.phases import Algorithm, Phase, Stage
from core.tensors import Tensor
from nst.ghiasi.augment import augment
from nst.ghiasi.bodies import SMALLEST_STYLE, start_from_imagenet
from nst.ghiasi.config import GhiasiConfig
from nst.ghiasi.networks import CODE, style_network, style_transformer
from nst.ghiasi.stylize import GhiasiStylizer
from nst.learned import Tiled
from nst.perceptual import FeatureLoss
from nst.transformer import CHANNELS, MULTIPLE


class Ghiasi(Algorithm):
    """A content and a style of its own make each picture of a batch.

    Batches hold "content" and "style", each `[N, size, size, 3]` in [-1, 1] as the pipeline gives
    them; the networks see RGB in [0, 1]. With `config.teacher`, only the encoder is trained, to
    give the codes of another run's encoder (mean squared error); `learn_from` sets it.

    Source: Ghiasi et al. 2017 (https://arxiv.org/abs/1705.06830), section 3; see `GhiasiConfig`.

    Attributes:
        config: hyper-parameters.
        feature_loss: the loss; None in an algorithm that is only used, or learns from a teacher.
        width: channels of the transformer's widest layer at the picture's full size.
        source_digest: of the encoder that was learned from or taken over; empty without one.
    """

    def __init__(
        self,
        config: GhiasiConfig,
        feature_loss: FeatureLoss | None,
        *,
        size: int,
        batch_size: int,
        seed: int = 0,
        trains: bool = True,
        xla: bool = False,
    ):
        """Args:
        config: hyper-parameters.
        feature_loss: None if the networks are only used, or the encoder learns from a teacher.
        size: height and width of the training crops, pixels.
        batch_size: pairs of content and style in a step.
        seed: of the changes of the styles.
        trains: whether the networks will be trained, and not only filled and used.
        xla: see `core.phases.Algorithm`.

        Raises:
            ValueError: a size that the networks do not take.
        """
        smallest = SMALLEST_STYLE[config.encoder]
        if size % MULTIPLE or size < smallest:
            raise ValueError(
                f"data.size={size}: expected a multiple of {MULTIPLE}, from {smallest} up "
                f"(encoder={config.encoder})"
            )
        self.config, self.width = config, int(config.width * CHANNELS[0])
        self.feature_loss: FeatureLoss | None = None
        self.source_digest = ""
        self._teacher: keras.Model | None = None
        blank, momentum = not trains, config.momentum or None
        encoder = style_network(config.encoder, blank=blank, momentum=momentum)
        transformer = style_transformer(
            config.width, blank=blank, momentum=momentum, gamma=config.gamma
        )
        if trains and config.encoder_weights == "imagenet" and not config.encoder_from:
            start_from_imagenet(encoder, config.encoder)
        networks = {"encoder": encoder, "transformer": transformer}
        super().__init__([Stage(batch_size, size)], networks, passes={"features": 4}, xla=xla)
        if feature_loss:
            self.attach(feature_loss)
        self.random = keras.random.SeedGenerator(seed)
        self.extra["augmentation"] = [self.random.state]
        variables = self._trained()
        optimizer = built(Adam(config.learning_rate), variables)
        self.phases = [Phase("style", variables, optimizer, self.loss)]

    def _trained(self):
        encoder, transformer = self.networks.values()
        if self.config.teacher:
            return encoder.trainable_variables
        if self.config.encoder_from:
            return transformer.trainable_variables
        return encoder.trainable_variables + transformer.trainable_variables

    @property
    def needed_loss(self) -> FeatureLoss:
        """The loss, for callers that cannot do without it.

        Raises:
            ValueError: the algorithm was built without one.
        """
        if self.feature_loss is None:
            raise ValueError("this algorithm was built without its loss: attach one")
        return self.feature_loss

    def attach(self, feature_loss: FeatureLoss) -> None:
        """Sets the loss of an algorithm that was built without one."""
        self.feature_loss = feature_loss
        self.frozen = {"features": feature_loss.features}

    def learn_from(self, teacher: "Ghiasi") -> None:
        """Sets the teacher of the encoder, and takes over its transformer.

        Args:
            teacher: a trained algorithm whose transformer has the same width.
        """
        self._teacher = teacher.networks["encoder"]
        self.frozen = {"teacher": self._teacher}
        self.take("transformer", teacher.networks["transformer"].get_weights())

    def input_shapes(self, name: str, stage: Stage) -> list[tuple[int, ...]]:
        """See `core.phases.Algorithm.input_shapes`; the transformer takes a code, too."""
        pictures = self.shape(stage)
        return [pictures, (pictures[0], CODE)] if name == "transformer" else [pictures]

    def make_stylizer(self, tiled: Tiled | None = None) -> GhiasiStylizer:
        """A new stylizer with these networks; keep it, see `nst.stylizer.Stylizer`.

        Args:
            tiled: see `nst.learned.LearnedStylizer`.
        """
        return GhiasiStylizer(
            self.networks["encoder"],
            self.networks["transformer"],
            self.config.encoder,
            tiled=tiled,
        )

    def losses(self, content: Tensor, style: Tensor, *, training: bool = False) -> dict:
        """The losses before weighting, scalars by name.

        With a teacher `{"code": mean squared difference}`, else those of
        `nst.perceptual.FeatureLoss.losses`.

        Args:
            content, style: RGB in [0, 1], `[N, H, W, 3]`.
            training: as for `keras.Model`.

        Raises:
            ValueError: the algorithm was built without its loss.
        """
        encoder, transformer = self.networks["encoder"], self.networks["transformer"]
        content, style = (ops.convert_to_tensor(x, "float32") for x in (content, style))
        code = encoder(style, training=training and not self.config.encoder_from)
        if self._teacher is not None:
            known = ops.stop_gradient(self._teacher(style, training=False))
            return {"code": ops.mean(ops.square(code - known))}
        loss = self.needed_loss
        pictures = transformer([content, code], training=training)
        targets = loss.grams(style)
        return loss.losses(
            ops.cast(pictures, "float32"),
            content,
            lambda tap: ops.stop_gradient(targets[tap]),
        )

    def loss(self, batch: dict) -> tuple:
        """The weighted loss of a batch; see `core.phases.Phase.loss`."""
        content, style = ((batch[role] + 1) / 2 for role in ("content", "style"))
        if self.config.augment:
            style = augment(style, self.random)
        terms = self.losses(content, style, training=True)
        if self._teacher is not None:
            return terms["code"], {"loss/code": terms["code"]}, {}
        return self.needed_loss.weigh(terms)
