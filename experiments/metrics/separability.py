"""Linear separability of a generator's latents, with portraits judged by a network.

| name | latents | pictures |
|---|---|---|
| `sep_faces_z`, `sep_faces_w` | z or w | 10,000 of a model of `faces`, half of them kept |

Attributes and judge are those of `experiments.metrics.attributes`: numbers of ours, not to be held
against the published ones, which are of CelebA's 40 attributes and 200,000 pictures.

Source: Karras et al. 2019 (https://arxiv.org/abs/1812.04948), section 4.2;
NVlabs/stylegan @ 1e0d5c7, metrics/linear_separability.py.
"""

import numpy as np
from keras import ops

from experiments.metrics import sampling
from experiments.metrics.attributes import probabilities
from experiments.metrics.disentanglement import linear_separability
from experiments.metrics.features import BATCH, progress

COUNT = 10_000
SEPARABILITIES = {"sep_faces_z": "z", "sep_faces_w": "w"}
DATASET = "faces"  # what a model has to be trained on


def measure_separability(name: str, algorithm, count: int = COUNT) -> float:
    """One of `SEPARABILITIES` of an algorithm, see `linear_separability`.

    Args:
        algorithm: offers what `experiments.tasks.generation` lists; of portraits of `faces`.
        count: pictures, of the seeds from 0 on.

    Raises:
        InputError: a model without such latents, or pictures below `attributes.SIZE` pixels.
    """
    sampling.check_space(name, algorithm, SEPARABILITIES[name])
    latents, judged = [], []
    chunks = [range(i, min(i + BATCH, count)) for i in range(0, count, BATCH)]
    for seeds in progress(chunks, name, count):
        z = sampling.latents(algorithm, seeds)
        labels = sampling.labels(algorithm, seeds)
        judged.append(probabilities(sampling.generate(algorithm, seeds, noise="random")))
        if SEPARABILITIES[name] == "w":  # the same for all layers
            z = ops.convert_to_numpy(algorithm.generator.mapping(z, *labels))[:, 0]
        latents.append(z)
    return linear_separability(np.concatenate(latents), np.concatenate(judged))
