"""The low-pass filters of StyleGAN3.

Sources: Karras et al. 2021 (https://arxiv.org/abs/2106.12423), appendix C.1 and section 3.2
("jinc"); NVlabs/stylegan3 @ c233a91, training/networks_stylegan3.py (which window).
"""

import numpy as np
from scipy import signal, special


def lowpass(taps: int, cutoff: float, half_width: float, rate: float) -> np.ndarray | None:
    """A filter along one axis with a Kaiser window, `[taps]`, float64, of sum 1.

    Args:
        taps: how many there are; 1: there is no filter, and None is returned.
        cutoff: frequency at which it falls to half.
        half_width: half of the band in which it falls.
        rate: samples for the unit that frequencies are counted in.
    """
    if taps == 1:
        return None
    return signal.firwin(taps, cutoff, width=2 * half_width, fs=rate)


def radial_lowpass(taps: int, cutoff: float, half_width: float, rate: float) -> np.ndarray:
    """A radially symmetric filter, `[taps, taps]`, float64, of sum 1; see `lowpass`."""
    x = (np.arange(taps) - (taps - 1) / 2) / rate
    r = np.hypot(x[:, None], x)
    with np.errstate(invalid="ignore", divide="ignore"):
        jinc = special.j1(2 * cutoff * np.pi * r) / (np.pi * r)
    jinc = np.where(r == 0, cutoff, jinc)  # the limit, in the middle of an odd number of taps
    beta = signal.kaiser_beta(signal.kaiser_atten(taps, 2 * half_width / (rate / 2)))
    window = np.kaiser(taps, beta)
    found = jinc * np.outer(window, window)
    return found / found.sum()
