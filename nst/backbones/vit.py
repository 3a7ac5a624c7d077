"""A vision transformer of KerasHub whose tokens are feature maps, for pictures of any size.

Dosovitskiy et al. 2021 (https://arxiv.org/abs/2010.11929): a picture is cut into patches of 16 x 16
pixels, each becomes a token, and what is added to a token says where it was. The network was
trained at one size; for another, these positions are interpolated (their section 3.2).
"""

from typing import Any

import keras
from keras import ops

from core.errors import InputError
from core.names import reason
from core.tensors import Shape, Tensor
from nst.backbones.networks import Backbone, pictures_in
from nst.backbones.table import Colour

PRESET = "vit_base_patch16_224_imagenet"  # KerasHub's
BASE: dict[str, Any] = {  # the same without weights: ViT-Base
    "image_shape": (224, 224, 3), "patch_size": 16, "num_layers": 12, "num_heads": 12,
    "hidden_dim": 768, "mlp_dim": 3072,
}  # fmt: skip


class PatchTokens(keras.layers.Layer):
    """Pictures as tokens: `[N, H, W, 3]` to `[N, 1 + h * w, C]`, with h = ⌈H/p⌉ and w = ⌈W/p⌉.

    Pictures whose sides are no multiples of the patch's p are enlarged to the next ones.

    Args:
        embedding: KerasHub's layer, which has the kernel of the patches, the class token and the
            positions.
        patch: p, pixels.
        grid: rows and columns of patches at the size of the training.
    """

    def __init__(self, embedding: Any, patch: int, grid: tuple[int, int], **kwargs):
        super().__init__(**kwargs)
        self.embedding, self.patch, self.grid = embedding, patch, grid

    def call(self, pictures: Tensor) -> Tensor:
        """The class token, then the patches row by row."""
        rows, columns = patches(pictures, self.patch)
        size = (rows * self.patch, columns * self.patch)
        sized = ops.image.resize(pictures, size, "bilinear", antialias=False)
        x = self.embedding.patch_embedding(ops.cast(sized, self.compute_dtype))
        channels = x.shape[-1]
        x = ops.reshape(x, (ops.shape(x)[0], -1, channels))
        own = ops.cast(self.embedding.position_embedding.embeddings, "float32")
        first, others = own[:1], ops.reshape(own[1:], (1, *self.grid, channels))
        others = ops.image.resize(others, (rows, columns), "bicubic", antialias=False)
        places = ops.concatenate([first, ops.reshape(others, (-1, channels))], 0)[None]
        token = ops.cast(self.embedding.class_token, x.dtype)
        token = ops.broadcast_to(token, (ops.shape(x)[0], 1, channels))
        return ops.concatenate([token, x], 1) + ops.cast(places, x.dtype)

    def compute_output_shape(self, shape: Shape) -> Shape:
        """`[N, None, C]`: how many tokens there are depends on the picture."""
        return (shape[0], None, self.embedding.hidden_dim)


class TokenMaps(keras.layers.Layer):
    """Tokens in the places of their patches: `[N, 1 + h * w, C]` to `[N, h, w, C]`.

    Args:
        patch: height and width of a patch, pixels.
    """

    def __init__(self, patch: int, **kwargs):
        super().__init__(**kwargs)
        self.patch = patch

    def call(self, tokens: Tensor, pictures: Tensor) -> Tensor:
        """The maps; the class token, which has no place, is left out."""
        rows, columns = patches(pictures, self.patch)
        shape = (ops.shape(tokens)[0], rows, columns, tokens.shape[-1])
        return ops.reshape(tokens[:, 1:], shape)

    def compute_output_shape(self, tokens_shape: Shape, pictures_shape: Shape) -> Shape:
        """`[N, None, None, C]`."""
        return (tokens_shape[0], None, None, tokens_shape[-1])


def patches(pictures: Tensor, patch: int) -> tuple[Any, Any]:
    """Rows and columns of patches that cover pictures `[N, H, W, 3]`."""
    height, width = ops.shape(pictures)[1:3]
    return -(-height // patch), -(-width // patch)


def transformer(network: str, colour: Colour, weights: str | None = None, **shape: Any) -> Backbone:
    """The network without its classifier.

    Args:
        network: a key of `nst.backbones.table.NETWORKS`.
        colour: what its weights were trained on.
        weights: "imagenet", downloaded once, or None for those that Keras draws.
        shape: arguments of `keras_hub.models.ViTBackbone` other than those of `BASE`.

    Raises:
        InputError: KerasHub is not installed.
    """
    hub = _keras_hub(network)
    if weights:
        model = hub.models.ViTBackbone.from_preset(PRESET)
    else:
        model = hub.models.ViTBackbone(**(BASE | shape))
    model.trainable = False
    patch = model.patch_size[0]
    grid = tuple(side // patch for side in model.image_shape[:2])
    inputs, seen = pictures_in(colour)
    tokens = PatchTokens(model.get_layer("vit_patching_and_embedding"), patch, grid)(seen)
    taps = {}
    for block in model.get_layer("vit_encoder").encoder_layers:
        tokens = block(tokens)
        taps[block.name] = TokenMaps(patch, name=f"{block.name}_maps")(tokens, seen)
    return Backbone(network, colour, inputs, taps, model)


def _keras_hub(network):
    try:
        import keras_hub
    except ImportError as error:
        raise InputError(
            f"network={network}: it comes in a package that cannot be imported "
            f"({reason(error)}): pip install -e '.[vit]', or take another network."
        ) from error
    return keras_hub
