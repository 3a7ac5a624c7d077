"""Linear separability of a generator's latents, with portraits judged by a network.

| name | latents | pictures |
|---|---|---|
| `sep_faces_z`, `sep_faces_w` | z or w | 10,000 of a model of `faces`, half of them kept |

The attributes and the network that judges them are those of `experiments.metrics.attributes`. The
numbers cannot be compared with the published ones, which are for CelebA's 40 attributes and 200,000
pictures.

Source: Karras et al. 2019 (https://arxiv.org/abs/1812.04948), section 4.2;
NVlabs/stylegan @ 1e0d5c7, metrics/linear_separability.py.
"""

from typing import Any

import numpy as np

from experiments.metrics import sampling
from experiments.metrics.attributes import probabilities
from experiments.metrics.disentanglement import linear_separability
from experiments.metrics.features import BATCH, progress

COUNT = 10_000
SEPARABILITIES = {"sep_faces_z": "z", "sep_faces_w": "w"}
DATASET = "faces"  # the data set that a model must be trained on


def measure_separability(name: str, algorithm: Any, count: int = COUNT) -> float:
    """Returns the linear separability of an algorithm's latents, see `linear_separability`.

    Args:
        name: a key of `SEPARABILITIES`.
        algorithm: a `gan.latent.LatentGAN` of portraits like `faces`.
        count: how many pictures, with the seeds from 0 on.

    Raises:
        InputError: the model has no such latents, or its pictures are smaller than
            `attributes.SIZE` pixels.
    """
    sampling.check_space(name, algorithm, SEPARABILITIES[name])
    made, latents, judged = sampling.Sampler(algorithm, BATCH), [], []
    chunks = [range(i, min(i + BATCH, count)) for i in range(0, count, BATCH)]
    for seeds in progress(chunks, name, count):
        z = sampling.latents(algorithm, seeds)
        labels = sampling.labels(algorithm, seeds)
        judged.append(probabilities(made.pictures(seeds, noise="random")))
        if SEPARABILITIES[name] == "w":  # all layers have the same w
            z = made.ws_of(z, labels)[:, 0]
        latents.append(z)
    return linear_separability(np.concatenate(latents), np.concatenate(judged))
