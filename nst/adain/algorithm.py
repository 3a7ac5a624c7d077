"""Training of AdaIN's decoder."""

import keras
from keras import ops

from core import sizes
from core.optimizers import Adam
from core.phases import Algorithm, Phase, Stage
from core.schedules import inverse_decay
from core.stats import adain, moments
from core.tensors import Tensor
from nst.adain.config import CONTENT_EPSILON, AdaINConfig
from nst.adain.networks import TAPS, decoder, encoder
from nst.adain.stylize import AdaINStylizer
from nst.backbones.seeing import Seer, look, mean_of_features
from nst.backbones.seeing import digest as digest_of
from nst.features import Weights
from nst.losses import moment_loss
from nst.weights import digest


class AdaIN(Algorithm):
    """The decoder learns to invert features whose moments are a style's.

    Batches hold "content" and "style", each `[N, size, size, 3]` in [-1, 1] as the pipeline gives
    them; the networks see RGB in [0, 1].

    Source: Huang & Belongie 2017 (https://arxiv.org/abs/1703.06868), equations 11 to 14.

    Attributes:
        encoder: VGG to relu4_1; not trained.
        network: which VGG it is, "vgg16" or "vgg19".
        digest: `nst.weights.digest` of its weights, which checkpoints do not hold.
        looks: the network of the style loss, if it is not the encoder; not trained.
        looks_digest: `nst.backbones.seeing.digest` of its weights; empty without it.
    """

    def __init__(
        self,
        config: AdaINConfig,
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
        batch_size: pairs of content and style in a step.
        xla: see `core.phases.Algorithm`.

        Raises:
            ValueError: the weights end before relu4_1.
        """
        self.config, self.digest = config, digest(weights)
        if "conv4_1" not in weights.kernels:
            last = list(weights.kernels)[-1]
            raise ValueError(f"the weights '{weights.source}' end at {last}, AdaIN needs conv4_1")
        channels = tuple(weights.kernels[f"conv{b}_1"][1].shape[0] for b in range(1, 5))
        self.encoder, self.network = encoder(weights), weights.network
        self.looks: keras.Model | None = None
        self.looks_digest = ""
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

    def attach(self, seer: Seer) -> None:
        """Gives the style loss a network of its own, which training and evaluation need.

        Args:
            seer: its weights.

        Raises:
            ValueError: a layer that it does not have.
        """
        config = self.config
        taps = config.style_layers or TAPS
        mean = mean_of_features(config.normalise, config.activation)
        self.looks = look(seer, taps, smoothing=config.smoothing, mean=mean)
        self.looks_digest = digest_of(seer)
        self.frozen["looks"], self.passes["looks"] = self.looks, 3  # style, result and back

    def input_shapes(self, name: str, stage: Stage) -> list[tuple[int, ...]]:
        """See `core.phases.Algorithm.input_shapes`; the decoder takes features."""
        if name != "decoder":
            return super().input_shapes(name, stage)
        return [sizes.code_shape(self.networks[name], self.shape(stage))]

    def make_stylizer(self) -> AdaINStylizer:
        """A new stylizer with this decoder; keep it, see `nst.stylizer.Stylizer`."""
        return AdaINStylizer(
            self.encoder,
            self.networks["decoder"],
            self.network,
            style_epsilon=self.config.style_epsilon,
            unbiased=self.config.unbiased,
        )

    def learning_rate(self, images: Tensor) -> Tensor:
        """The learning rate after this many images."""
        steps = images / self.stages[0].batch_size
        return inverse_decay(self.config.learning_rate, steps, self.config.decay)

    def losses(self, content: Tensor, style: Tensor) -> dict:
        """The two losses before weighting, `{"content": scalar, "style": scalar}`.

        Args:
            content, style: RGB in [0, 1], `[N, H, W, 3]`.
        """
        config = self.config
        code = self.encoder(content, training=False)[TAPS[-1]]
        seen = self.encoder(style, training=False)
        targets = self._moments(seen, config.style_epsilon)
        mean, std = targets[TAPS[-1]]
        if self.looks:
            targets = self._moments(self.looks(style, training=False), config.style_epsilon)
        code = adain(code, mean, std, CONTENT_EPSILON, unbiased=config.unbiased)
        code = ops.stop_gradient(code)
        pictures = self.networks["decoder"](code, training=True)
        made = self.encoder(pictures, training=False)
        shown = self.looks(pictures, training=False) if self.looks else made
        own = self._moments(shown, config.output_epsilon)
        taps = (config.style_layers if self.looks else ()) or TAPS
        style_terms = [moment_loss(own[t], targets[t], config.style_reduction) for t in taps]
        difference = ops.cast(made[TAPS[-1]], "float32") - ops.cast(code, "float32")
        return {"content": ops.mean(ops.square(difference)), "style": sum(style_terms)}

    def _moments(self, features, epsilon):
        unbiased = self.config.unbiased
        return {tap: moments(x, epsilon, unbiased=unbiased) for tap, x in features.items()}

    def loss(self, batch: dict) -> tuple:
        """The weighted loss of a batch; see `core.phases.Phase.loss`."""
        content, style = ((batch[role] + 1) / 2 for role in ("content", "style"))
        terms = self.losses(content, style)
        total = self.config.content_weight * terms["content"]
        total += self.config.style_weight * terms["style"]
        return total, {f"loss/{name}": value for name, value in terms.items()}, {}
