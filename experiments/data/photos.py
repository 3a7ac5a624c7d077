"""Photographs and textures that come with scikit-image and need no download.

They are free to use, see the README.txt beside them. Training a stylizer well needs many more.
"""

import numpy as np
from skimage import data

CONTENT = ("astronaut", "chelsea", "coffee", "rocket")
STYLE = ("immunohistochemistry", "hubble_deep_field", "retina", "brick", "grass", "gravel")


def read(name: str) -> np.ndarray:
    """Returns a picture by its name in `skimage.data`, uint8 `[H, W, 3]`, grey ones as RGB too."""
    picture = getattr(data, name)()
    return np.repeat(picture[..., None], 3, 2) if picture.ndim == 2 else picture[..., :3]
