"""Phases whose Adam has a constant rate that then falls linearly, as CycleGAN and pix2pix train.

Source: junyanz/pytorch-CycleGAN-and-pix2pix @ 9f8f61e, models/cycle_gan_model.py, models/
pix2pix_model.py; the schedule: `core.schedules.linear_decay`.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import keras

from core.optimizers import Adam, built
from core.phases import Phase
from core.schedules import linear_decay


def decaying_phase(
    name: str,
    loss: Callable,
    networks: Sequence[keras.Model],
    config: Any,
    *,
    epoch: int,
    epochs: float,
    ahead: Callable | None = None,
) -> Phase:
    """A phase that trains networks with one Adam.

    Args:
        name, loss, ahead: see `core.phases.Phase`.
        networks: the networks whose trainable variables the Adam updates.
        config: hyper-parameters that have `learning_rate`, `beta_1`, `beta_2` and `decay_from`.
        epoch, epochs: images in an epoch and length of training, for the learning rate.
    """
    variables = [v for network in networks for v in network.trainable_variables]
    optimizer = built(Adam(config.learning_rate, config.beta_1, config.beta_2), variables)
    rate = functools.partial(
        linear_decay, config.learning_rate, epoch=epoch, epochs=epochs, decay_from=config.decay_from
    )
    return Phase(name, variables, optimizer, loss, learning_rate=rate, ahead=ahead)
