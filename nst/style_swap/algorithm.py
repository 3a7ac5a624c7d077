"""Training of the inverse network."""

from keras import ops

from core import sizes
from core.optimizers import Adam, built
from core.phases import Algorithm, Phase, Stage
from core.schedules import inverse_decay
from core.tensors import Tensor
from nst.features import Weights
from nst.losses import total_variation
from nst.style_swap.config import StyleSwapConfig
from nst.style_swap.networks import TAP, encoder, inverse_network
from nst.style_swap.stylize import StyleSwapStylizer
from nst.style_swap.swap import style_swap
from nst.weights import digest


class StyleSwap(Algorithm):
    """The inverse network learns to turn features back into a picture that has these features.

    It is trained on the features of the contents, of the styles, and of every content swapped with
    every style.

    Batches hold "content" and "style", each `[N, size, size, 3]` in [-1, 1] as the pipeline gives
    them; the networks see RGB in [0, 1].

    Source: Chen & Schmidt 2016 (https://arxiv.org/abs/1612.04337), section 4.1;
    rtqichen/style-swap @ c1a393a2, train-vgg-decoder.lua:220-283.

    Attributes:
        encoder: VGG to relu3_1; not trained.
        network: which VGG it is, "vgg16" or "vgg19".
        digest: `nst.weights.digest` of its weights, which checkpoints do not hold.
    """

    def __init__(
        self,
        config: StyleSwapConfig,
        weights: Weights,
        *,
        size: int,
        batch_size: int,
        xla: bool = False,
    ):
        """Args:
        config: hyper-parameters.
        weights: VGG's, for the encoder.
        size: height and width of the training crops, pixels.
        batch_size: contents in a step, and as many styles: N of each give 2N + N² pictures.
        xla: see `core.phases.Algorithm`.

        Raises:
            ValueError: the weights end before relu3_1.
        """
        self.config, self.digest = config, digest(weights)
        if "conv3_1" not in weights.kernels:
            last = list(weights.kernels)[-1]
            raise ValueError(
                f"the weights '{weights.source}' end at {last}, style swap needs conv3_1"
            )
        channels = tuple(weights.kernels[f"conv{b}_1"][1].shape[0] for b in range(1, 4))
        self.encoder, self.network = encoder(weights), weights.network
        networks = {"inverse": inverse_network(channels, config.norm, config.init)}
        pictures = 2 + batch_size  # for each content
        passes = {"encoder": 2 + 2 * pictures, "inverse": pictures}
        frozen = {"encoder": self.encoder}
        super().__init__([Stage(batch_size, size)], networks, passes=passes, frozen=frozen, xla=xla)
        variables = self.networks["inverse"].trainable_variables
        optimizer = built(Adam(config.learning_rate, config.beta_1, config.beta_2), variables)
        self.phases = [
            Phase("inverse", variables, optimizer, self.loss, learning_rate=self.learning_rate)
        ]

    def input_shapes(self, name: str, stage: Stage) -> list[tuple[int, ...]]:
        """See `core.phases.Algorithm.input_shapes`; the inverse network takes features."""
        if name != "inverse":
            return super().input_shapes(name, stage)
        return [sizes.code_shape(self.networks[name], self.shape(stage))]

    def make_stylizer(self) -> StyleSwapStylizer:
        """A new stylizer with this inverse network; keep it, see `nst.stylizer.Stylizer`."""
        return StyleSwapStylizer(
            self.encoder,
            self.networks["inverse"],
            self.network,
            patch=self.config.patch,
            norm=self.config.norm,
        )

    def learning_rate(self, images: Tensor) -> Tensor:
        """The learning rate after this many images."""
        steps = images / self.stages[0].batch_size
        return inverse_decay(self.config.learning_rate, steps, self.config.decay)

    def losses(self, content: Tensor, style: Tensor, training: bool = False) -> dict:
        """The two losses before weighting, `{"features": scalar, "tv": scalar}`.

        "features" is the mean squared difference of the features, "tv" the sum over all pictures of
        the squared differences of neighbouring pixels, in 8-bit levels.

        Args:
            content, style: RGB in [0, 1], `[N, H, W, 3]`, as many of each.
            training: as for `keras.Model`.
        """
        codes = self.encoder(ops.concatenate([content, style]), training=False)[TAP]
        count = content.shape[0]
        swapped = [
            style_swap(codes[i], codes[count + j], self.config.patch)
            for i in range(count)
            for j in range(count)
        ]
        codes = ops.stop_gradient(ops.concatenate([codes, ops.stack(swapped)]))
        pictures = self.networks["inverse"](codes, training=training)
        again = self.encoder(pictures, training=False)[TAP]
        difference = ops.cast(again, "float32") - ops.cast(codes, "float32")
        return {
            "features": ops.mean(ops.square(difference)),
            "tv": 2 * total_variation(pictures),
        }

    def loss(self, batch: dict) -> tuple:
        """The weighted loss of a batch; see `core.phases.Phase.loss`."""
        content, style = ((batch[role] + 1) / 2 for role in ("content", "style"))
        terms = self.losses(content, style, training=True)
        total = terms["features"] + self.config.tv_weight * terms["tv"]
        return total, {f"loss/{name}": value for name, value in terms.items()}, {}
