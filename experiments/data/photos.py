"""Photographs and textures that scikit-image brings: no download.

Free to use, see the README.txt beside them. Many more are needed to train a stylizer well.
"""

import numpy as np
from skimage import data

CONTENT = ("astronaut", "chelsea", "coffee", "rocket")
STYLE = ("immunohistochemistry", "hubble_deep_field", "retina", "brick", "grass", "gravel")


def read(name: str) -> np.ndarray:
    """A picture by its name in `skimage.data`: uint8 `[H, W, 3]`; grey ones as grey RGB."""
    picture = getattr(data, name)()
    return np.repeat(picture[..., None], 3, 2) if picture.ndim == 2 else picture[..., :3]
