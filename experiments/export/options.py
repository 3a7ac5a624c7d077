"""How files are written: their sizes, types of numbers, and the pictures that calibrate them."""

from dataclasses import dataclass, field

import numpy as np

QUANTIZED = ("float16", "int8")
CALIBRATING = 256  # height and width of calibrating pictures where the network takes any, pixels


@dataclass(frozen=True)
class Options:
    """What a person chooses beside the format.

    Attributes:
        size: height and width of all pictures of free size, pixels; None: any.
        uint8: whether pictures are bytes, 0 to 255, instead of floats in [0, 1].
        quantize: "float16", "int8", or "" for float32.
        calibration: pictures that show between which numbers features lie, uint8 `[h, w, C]`, all
            of one size; with "int8". Empty: features stay floats, weights alone become bytes.
        styles: names and pictures, uint8 `[h, w, 3]`, that a page offers as styles.
    """

    size: int | None = None
    uint8: bool = False
    quantize: str = ""
    calibration: list[np.ndarray] = field(default_factory=list)
    styles: list[tuple[str, np.ndarray]] = field(default_factory=list)
