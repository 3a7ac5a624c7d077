"""The arrays of a file by name, together with the settings that the file has of its network."""

from collections.abc import Mapping
from typing import Any

import numpy as np


class NamedState(dict[str, np.ndarray]):
    """Arrays by official name.

    Attributes:
        settings: what the file says of how the network was made, as plain Python values; empty
            where it says nothing.
    """

    def __init__(self, arrays: Mapping[str, np.ndarray], settings: Mapping[str, Any] | None = None):
        super().__init__(arrays)
        self.settings: dict[str, Any] = dict(settings or {})
