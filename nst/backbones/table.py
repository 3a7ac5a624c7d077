"""The networks by name: where they come from, the colours they expect, and their usual layers."""

from typing import NamedTuple

import numpy as np

from core.errors import InputError
from nst.features import CONVOLUTIONS
from nst.vgg_files import COLOURS as VGG_COLOURS

Colour = tuple[np.ndarray, np.ndarray]  # the network sees `rgb @ matrix + bias`, RGB in [0, 1]

_EYE = np.eye(3, dtype="float32")
# "caffe", "torch" and "tf" are modes of Keras (keras/src/applications/imagenet_utils.py)
COLOURS: dict[str, Colour] = {
    **VGG_COLOURS,
    "tf": (2 * _EYE, -np.ones(3, "float32")),  # RGB in [-1, 1]
    "unit": (_EYE, np.zeros(3, "float32")),  # RGB in [0, 1], as it is
}


class Entry(NamedTuple):
    """A row of the table.

    Attributes:
        builder: the function of `keras.applications`; empty for a vision transformer of KerasHub.
        colour: a key of `COLOURS`, what the weights "imagenet" were trained on.
        style: the usual layers for the style, shallow to deep.
        content: the usual layers for the content.
        smallest: the least height and width that it takes, pixels.
    """

    builder: str
    colour: str
    style: tuple[str, ...]
    content: tuple[str, ...]
    smallest: int = 32


# The layers of ResNet-50 are those of Wang et al. 2021 (https://arxiv.org/abs/2104.05623;
# peiwang062/swag, resnet_swag.py): the last of every resolution for the style, the last of stride
# 16 for the content. The others follow them, since nothing was published: a layer for each of the
# strides 2, 4, 8, 16 and 32, which ConvNeXt (from 4 on) and the transformer (16 throughout) have
# not all. KerasHub's ViT was trained on RGB in [-1, 1]. Keras names some layers by counting
# ("activation_4"); here they have the names of a network that is the first in its process.
NETWORKS: dict[str, Entry] = {
    "resnet50": Entry(
        "ResNet50",
        "caffe",
        ("conv1_relu", "conv2_block3_out", "conv3_block4_out", "conv4_block6_out",
         "conv5_block3_out"),
        ("conv4_block6_out",),
    ),
    "inception_v3": Entry(
        "InceptionV3",
        "tf",
        ("activation_2", "activation_4", "mixed2", "mixed7", "mixed10"),
        ("mixed7",),
        smallest=75,  # its convolutions are not padded
    ),
    "mobilenet_v2": Entry(
        "MobileNetV2",
        "tf",
        ("block_1_expand_relu", "block_3_expand_relu", "block_6_expand_relu",
         "block_13_expand_relu", "out_relu"),
        ("block_13_expand_relu",),
    ),
    "mobilenet_v3": Entry(
        "MobileNetV3Large",
        "tf",
        ("expanded_conv_add", "expanded_conv_2_add", "expanded_conv_5_add",
         "expanded_conv_11_add", "expanded_conv_14_add"),
        ("expanded_conv_11_add",),
    ),
    "efficientnet_v2_b0": Entry(
        "EfficientNetV2B0",
        "torch",
        ("stem_activation", "block2b_expand_activation", "block4a_expand_activation",
         "block6a_expand_activation", "top_activation"),
        ("block6a_expand_activation",),
    ),
    "convnext_tiny": Entry(
        "ConvNeXtTiny",
        "torch",
        ("convnext_tiny_stem", "convnext_tiny_downsampling_block_0",
         "convnext_tiny_downsampling_block_1", "convnext_tiny_downsampling_block_2"),
        ("convnext_tiny_downsampling_block_1",),
    ),
    "vit_b16": Entry(
        "",
        "tf",
        ("transformer_block_3", "transformer_block_6", "transformer_block_9",
         "transformer_block_12"),
        ("transformer_block_6",),
    ),
}  # fmt: skip
CHOICES = ("", *CONVOLUTIONS, *NETWORKS)  # of a setting that names a network


def check_smallest(network: str, height: int, width: int, what: str) -> None:
    """Refuses a picture that is too small for a network; VGG has `nst.features.check_size`.

    Args:
        network: a key of `NETWORKS`.
        height, width: of the picture, pixels.
        what: what the message calls the picture.

    Raises:
        InputError: the shorter side is too small.
    """
    least = NETWORKS[network].smallest
    if min(height, width) < least:
        raise InputError(
            f"{what}: {width}x{height} pixels, but {network} takes {least} or more on the shorter "
            "side. Enlarge it, ask for a larger size, or take another network."
        )
