"""Training of AdaIN's decoder."""

from keras import ops

from core.optimizers import Adam
from core.phases import Algorithm, Phase, Stage
from core.schedules import inverse_decay
from core.stats import adain, moments
from nst.adain.config import AdaINConfig
from nst.adain.networks import TAPS, decoder, encoder
from nst.features import Weights
from nst.losses import moment_loss

CONTENT_EPSILON = 1e-5  # of the content's variance, in all codes


class AdaIN(Algorithm):
    """The decoder learns to invert features whose moments are a style's.

    Batches hold "content" and "style", each `[N, size, size, 3]` in [-1, 1] as the pipeline gives
    them; the networks see RGB in [0, 1].

    Source: Huang & Belongie 2017 (https://arxiv.org/abs/1703.06868), equations 11 to 14.
    """

    def __init__(
        self, config: AdaINConfig, weights: Weights, *, size: int, batch_size: int, xla=False
    ):
        """Args:
        config: hyper-parameters.
        weights: of the encoder.
        size: of the training crops, pixels.
        batch_size: pairs a step.
        xla: see `core.phases.Algorithm`.
        """
        self.config = config
        if "conv4_1" not in weights.kernels:
            last = list(weights.kernels)[-1]
            raise ValueError(f"the weights '{weights.source}' end at {last}, AdaIN needs conv4_1")
        channels = tuple(weights.kernels[f"conv{b}_1"][1].shape[0] for b in range(1, 5))
        self.encoder, self.network = encoder(weights), weights.network
        networks = {"decoder": decoder(weights.network, channels, config.init)}
        frozen = {"encoder": self.encoder}
        passes = {"encoder": 4}  # content, style, result and back
        super().__init__([Stage(batch_size, size)], networks, passes=passes, frozen=frozen, xla=xla)
        variables = self.networks["decoder"].trainable_variables
        optimizer = Adam(config.learning_rate, config.beta_1, config.beta_2)
        optimizer.build(variables)
        self.phases = [
            Phase("decoder", variables, optimizer, self.loss, learning_rate=self.learning_rate)
        ]

    def learning_rate(self, images):
        """After so many images."""
        steps = images / self.stages[0].batch_size
        return inverse_decay(self.config.learning_rate, steps, self.config.decay)

    def losses(self, content, style):
        """`{"content": …, "style": …}` without their weights, for pictures in [0, 1]."""
        config = self.config
        code = self.encoder(content, training=False)[TAPS[-1]]
        targets = {
            tap: moments(x, config.style_epsilon, unbiased=config.unbiased)
            for tap, x in self.encoder(style, training=False).items()
        }
        code = adain(code, *targets[TAPS[-1]], CONTENT_EPSILON, unbiased=config.unbiased)
        code = ops.stop_gradient(code)
        found = self.encoder(self.networks["decoder"](code, training=True), training=False)
        own = (moments(found[t], config.output_epsilon, unbiased=config.unbiased) for t in TAPS)
        style_terms = [
            moment_loss(mine, targets[tap], config.style_reduction)
            for tap, mine in zip(TAPS, own, strict=True)
        ]
        difference = ops.cast(found[TAPS[-1]], "float32") - ops.cast(code, "float32")
        return {"content": ops.mean(ops.square(difference)), "style": sum(style_terms)}

    def loss(self, batch):
        """The phase's loss."""
        content, style = ((batch[role] + 1) / 2 for role in ("content", "style"))
        terms = self.losses(content, style)
        total = self.config.content_weight * terms["content"]
        total += self.config.style_weight * terms["style"]
        return total, {f"loss/{name}": value for name, value in terms.items()}, {}
