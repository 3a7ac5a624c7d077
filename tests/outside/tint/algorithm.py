"""Two networks, each learning to give pictures the mean colour of the other domain."""

from keras import ops

from core.optimizers import Adam, built
from core.phases import Phase, Stage
from gan.translator import Translator
from tint.config import TintConfig
from tint.networks import tinter


class Tint(Translator):
    """A batch is `{"A": [N, S, S, 3], "B": [N, S, S, 3]}`, float32 in [-1, 1]."""

    width = 8

    def __init__(self, config: TintConfig, *, size: int, batch_size: int):
        networks = {name: tinter(config.channels, name) for name in ("AtoB", "BtoA")}
        super().__init__([Stage(batch_size, size)], networks)
        self.config = config
        self.phases = [self._phase(direction) for direction in config.directions]

    def translator_name(self, direction: str) -> str:
        return direction

    def _phase(self, direction):
        source, target = direction[0], direction[-1]
        network = self.networks[direction]

        def loss(batch):
            made = network(batch[source], training=True)
            wanted = ops.mean(batch[target], axis=(1, 2))
            error = ops.mean(ops.square(ops.mean(made, axis=(1, 2)) - wanted))
            return error, {f"loss/tint_{direction}": error}, {}

        variables = network.trainable_variables
        optimizer = built(Adam(self.config.learning_rate), variables)
        return Phase(direction, variables, optimizer, loss)
