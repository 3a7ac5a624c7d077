"""Schedules of the learning rate, and of what else changes with the images seen."""

import math

from keras import ops

from core.tensors import Tensor


def linear_decay(
    base: float, images: Tensor, *, epoch: int, epochs: float, decay_from: float
) -> Tensor:
    """A learning rate that is constant, then falls linearly towards 0, changing once an epoch.

    In epoch e = 1, 2, ... the rate is `base * (1 - max(0, e - c) / (epochs - c + 1))` with
    c = `decay_from * epochs`: at 200 epochs it falls from epoch 101 on and the last epoch trains
    with base / 101. After the last epoch it falls on to 0 and stays there.

    Source: junyanz/pytorch-CycleGAN-and-pix2pix @ 3b8170b (2020-03), train.py:78 with
    models/networks.py `lambda_rule`. Since fd29199 (2020-07) the schedule is stepped before the
    epoch, which starts the decay one epoch early and trains the last one with rate 0.

    Args:
        base: rate before the decay.
        images: images seen, a float32 scalar.
        epoch: images in one epoch.
        epochs: length of training in epochs, perhaps with a fraction.
        decay_from: fraction of training after which the decay begins.
    """
    constant = decay_from * epochs
    current = ops.floor(images / epoch) + 1
    decay = ops.maximum(0.0, current - constant) / (epochs - constant + 1)
    return base * ops.maximum(0.0, 1.0 - decay)


def inverse_decay(base: float, steps: Tensor, decay: float) -> Tensor:
    """The learning rate `base / (1 + decay * steps)`.

    Source: xunhuang1995/AdaIN-style @ 6d8ac28, train.lua:171-177, after Torch's `optim`.
    """
    return base / (1 + decay * steps)


def cosine(start: float, end: float, images: Tensor, duration: float) -> Tensor:
    """A value that goes from `start` to `end` along half a cosine, and then stays there.

    With t = `images` / `duration`, at most 1: `end + (1 + cos(pi t)) / 2 * (start - end)`.

    Args:
        start, end: the first and the last value.
        images: images seen, a float32 scalar.
        duration: images after which `end` is reached.

    Source: brownvc/R3GAN @ 19a7ddf, training/training_loop.py.
    """
    share = ops.minimum(images / duration, 1.0)
    return end + 0.5 * (1.0 + ops.cos(math.pi * share)) * (start - end)
