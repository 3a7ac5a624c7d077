"""Begins training with the networks of another run: fine-tuning."""

import hashlib
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from core.errors import InputError
from core.phases import Algorithm
from experiments.training import checkpoint
from experiments.training.config import changed, flatten
from experiments.training.imported import check_imported
from experiments.training.rundir import read_config

SETTING = "start_from"


def start(run: Any, load: Callable[..., Any], say: Callable[[str], None]) -> dict[str, str]:
    """Gives a new run the networks of the run that `start_from` names, and their averages.

    Optimizers, counts, noise and pools of fakes begin anew. A run that has a checkpoint goes on
    from that and does not need the other run any more.

    Args:
        run: the run that will be trained.
        load: opens another run by its directory, see `experiments.api.load`.
        say: takes a line for a person.

    Returns:
        The fingerprint of the weights, under "start_from"; nothing without that setting.

    Raises:
        InputError: there is no trained run of this model, its networks are others, or a picture is
            optimised, which has none.
    """
    place = run.config.start_from
    if not place:
        return {}
    if known := _fingerprint_of_begun(run):
        return known
    if getattr(run.config.algorithm, "base", ""):
        raise InputError(
            f"{SETTING}={place}: algorithm.base names a run to begin with, too. Give one of both."
        )
    if not run.algorithm.networks:
        raise InputError(
            f"{SETTING}={place}: {run.config.model} optimises a picture and has no networks to "
            "begin with. Leave it out."
        )
    other = take_networks(run, load, SETTING, place)
    images = int(other.algorithm.images.numpy())
    say(f"beginning with the networks of {place}, which has seen {images:,} images")
    return {SETTING: _digest(run.algorithm)}


def take_networks(run: Any, load: Callable[..., Any], setting: str, place: str) -> Any:
    """Gives a run the weights of all networks of another one, and of their averages.

    Args:
        run: the run.
        load: see `start`.
        setting: the key that names the other run, for messages.
        place: the directory of the other run.

    Returns:
        The other run.

    Raises:
        InputError: it is no trained run of this model, or a network has other layers; the message
            names the settings that differ.
    """
    where = f"{setting}={place}"
    try:
        other = load(place, say=lambda line: None)
    except InputError as error:
        raise InputError(f"{where}: {error}") from error
    keras.config.set_dtype_policy(run.config.precision)  # loading sets that of the other
    if type(other.algorithm) is not type(run.algorithm):
        raise InputError(
            f"{where}: a run of {other.config.model}, expected one of {run.config.model}."
        )
    for name in run.algorithm.networks:
        check_imported(other, name, where)
    try:
        run.algorithm.start_from(other.algorithm)
    except ValueError as error:
        differing = changed(flatten(other.config), flatten(run.config))
        shown = [
            f"{key} ({there} there, {here} here)"
            for key, (there, here) in differing.items()
            if key.startswith("algorithm.") or key in ("data.size", "data.channels")
        ]
        raise InputError(
            f"{where}: {error}. Give the settings that it was made with"
            + (f": {', '.join(shown)} differ." if shown else ".")
        ) from error
    return other


def _fingerprint_of_begun(run):
    """Returns the fingerprint that a run stored which has a checkpoint and the same setting."""
    path = run.run_dir / "config.json"
    if not path.exists() or not checkpoint.newest_first(run.run_dir):
        return {}
    content = read_config(path)
    digest = (content.get("data") or {}).get(SETTING)
    same = content["config"].get(SETTING) == run.config.start_from
    return {SETTING: digest} if digest and same else {}


def _digest(algorithm: Algorithm) -> str:
    digest = hashlib.sha256()
    for name, network in algorithm.networks.items():
        digest.update(name.encode())
        for array in network.get_weights():
            digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()[:16]
