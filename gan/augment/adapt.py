"""The probability of the augmentation, adapted to how far the discriminator overfits."""

import keras
from keras import ops

from core.tensors import Tensor


class AdaptiveProbability:
    """`p`, which rises while the discriminator is too sure of reals and falls otherwise.

    `observe` the logits of every batch of reals; call `update` in every step with `due` true in
    every fourth, or only in every fourth. Both may be inside a compiled step.

    Source: Karras et al. 2020 (https://arxiv.org/abs/2006.06676), section 3.1, r_t;
    NVlabs/stylegan2-ada-pytorch @ d72cc7d, training/training_loop.py:311-315.
    """

    def __init__(self, target: float = 0.6, kimg: float = 500.0, p: float = 0.0):
        """Args:
        target: the mean sign of the logits of reals, -1 to 1, at which p stays.
        kimg: thousands of images in which p can move by 1; 100 when a trained model goes on.
        p: the first probability.
        """
        self.target, self.kimg = target, kimg
        self.p = _variable(p, "augmentation_p")
        self.signs = _variable(0.0, "sum_of_signs")
        self.count = _variable(0.0, "count_of_signs")

    @property
    def variables(self) -> list:
        """The probability, and what was observed since it last changed."""
        return [self.p, self.signs, self.count]

    def observe(self, logits: Tensor) -> None:
        """Takes in the logits of reals, augmented as they are, of any shape."""
        signs = ops.sign(ops.cast(logits, "float32"))
        self.signs.assign(self.signs + ops.sum(signs))
        self.count.assign(self.count + ops.cast(ops.size(signs), "float32"))

    def update(self, images: Tensor | float, due: Tensor | bool = True) -> None:
        """Moves p by `images / (1000 kimg)` and forgets what was observed.

        There is no upper end: above 1, p takes as long to come back as it was there. It stays where
        nothing was observed.

        Args:
            images: how many images were trained on since the last time, such as 4 batches.
            due: a bool or a scalar tensor; nothing changes where it is false.
        """
        p, signs, count = map(ops.convert_to_tensor, self.variables)
        excess = ops.sign(signs - self.target * count)  # of the mean over the target
        moved = ops.maximum(0.0, p + excess * images / (1000.0 * self.kimg))
        self.p.assign(ops.where(due, moved, p))
        self.signs.assign(ops.where(due, 0.0, signs))
        self.count.assign(ops.where(due, 0.0, count))


def _variable(value, name):
    return keras.Variable(value, dtype="float32", trainable=False, name=name)
