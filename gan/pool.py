"""History of generated images for the discriminator."""

import math

import keras
from keras import ops

from core.memory import check_fits
from core.tensors import Tensor


class ImagePool:
    """The last fakes: the discriminator sees a mixture of new and old ones.

    While it fills, every image is stored and returned. Then, image by image, a coin decides: the
    new image is returned, or it is stored in place of a random old one, which is returned.

    Source: Shrivastava et al. 2017 (https://arxiv.org/abs/1612.07828), section 2.3, in the form of
    junyanz/pytorch-CycleGAN-and-pix2pix @ 9f8f61e, util/image_pool.py.
    """

    def __init__(self, capacity: int, shape: tuple[int, int, int], seed: int):
        """Args:
        capacity: how many images are kept, 50 in the papers; with 0 every image is returned as it
            came.
        shape: `(H, W, C)` of one image.
        seed: what the coin and the choice of an old image depend on.

        Raises:
            InputError: so many images do not fit into memory.
        """
        size = 4 * capacity * math.prod(shape)  # float32
        check_fits(size, f"pool_size={capacity}", "Published: 50.")
        self.capacity = capacity
        self.seed = keras.random.SeedGenerator(seed)
        self.buffer = keras.Variable(
            ops.zeros((max(capacity, 1), *shape)), trainable=False, name="pool"
        )
        self.count = keras.Variable(0, dtype="int32", trainable=False, name="pool_count")

    @property
    def variables(self) -> list:
        """The images kept, how many there are and the state of the random numbers."""
        return [self.buffer, self.count, self.seed.state]

    def query(self, images: Tensor) -> Tensor:
        """Returns as many images as come in, new ones and old ones; no gradient passes.

        Args:
            images: the new ones, `[N, H, W, C]`, float32.
        """
        if self.capacity == 0:
            return ops.stop_gradient(images)
        images = ops.stop_gradient(images)
        n = images.shape[0]
        coins = keras.random.uniform((n,), seed=self.seed)
        slots = keras.random.randint((n,), 0, self.capacity, seed=self.seed)
        buffer, count = ops.convert_to_tensor(self.buffer), ops.convert_to_tensor(self.count)
        returned = []
        for i in range(n):  # an image may push out one that came earlier in the same batch
            filling = count < self.capacity
            slot = ops.where(filling, count, slots[i])
            old, new = ops.take(buffer, slot, axis=0), images[i]
            swap = ops.logical_and(ops.logical_not(filling), coins[i] > 0.5)
            returned.append(ops.where(swap, old, new))
            stored = ops.where(ops.logical_or(filling, swap), new, old)
            buffer = ops.scatter_update(buffer, ops.reshape(slot, (1, 1)), stored[None])
            count = ops.minimum(count + 1, self.capacity)
        self.buffer.assign(buffer)
        self.count.assign(count)
        return ops.stack(returned)
