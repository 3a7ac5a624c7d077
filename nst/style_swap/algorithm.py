"""Training of the inverse network."""

from keras import ops

from core.optimizers import Adam, built
from core.phases import Algorithm, Phase, Stage
from core.schedules import inverse_decay
from nst.features import Weights
from nst.losses import total_variation
from nst.style_swap.config import StyleSwapConfig
from nst.style_swap.networks import TAP, encoder, inverse_network
from nst.style_swap.swap import style_swap


class StyleSwap(Algorithm):
    """The inverse network learns to give pictures whose features are those it was given: of the
    contents, of the styles, and of every content swapped with every style.

    Batches hold "content" and "style", each `[N, size, size, 3]` in [-1, 1] as the pipeline gives
    them; the networks see RGB in [0, 1].

    Source: Chen & Schmidt 2016 (https://arxiv.org/abs/1612.04337), section 4.1;
    rtqichen/style-swap @ c1a393a2, train-vgg-decoder.lua:220-283.
    """

    def __init__(
        self, config: StyleSwapConfig, weights: Weights, *, size: int, batch_size: int, xla=False
    ):
        """Args:
        config: hyper-parameters.
        weights: of the encoder.
        size: of the training crops, pixels.
        batch_size: contents and styles a step: N of each are 2N + N² pictures.
        xla: see `core.phases.Algorithm`.

        Raises:
            ValueError: the weights end before relu3_1.
        """
        self.config = config
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

    def learning_rate(self, images):
        """After so many images."""
        steps = images / self.stages[0].batch_size
        return inverse_decay(self.config.learning_rate, steps, self.config.decay)

    def losses(self, content, style, training: bool = False):
        """`{"features": …, "tv": …}` without weights, for pictures in [0, 1], as many of each.

        "features" is the mean square over all features, "tv" the sum of the squared differences of
        neighbours over all pictures, in 8-bit levels.
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
        found = self.encoder(pictures, training=False)[TAP]
        difference = ops.cast(found, "float32") - ops.cast(codes, "float32")
        return {
            "features": ops.mean(ops.square(difference)),
            "tv": 2 * total_variation(pictures),
        }

    def loss(self, batch):
        """The phase's loss."""
        content, style = ((batch[role] + 1) / 2 for role in ("content", "style"))
        terms = self.losses(content, style, training=True)
        total = terms["features"] + self.config.tv_weight * terms["tv"]
        return total, {f"loss/{name}": value for name, value in terms.items()}, {}
