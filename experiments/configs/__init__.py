"""The models, each in a module of its own that has a `MODEL`, an `experiments.model.Model`."""

import importlib
from collections.abc import Callable
from importlib.metadata import entry_points
from typing import TYPE_CHECKING

from core.errors import InputError
from core.names import nearest, short
from core.picture_size import as_text

if TYPE_CHECKING:  # importing them takes seconds
    from experiments.model import Model
    from experiments.training.config import RunConfig

ENTRY_POINTS = "style_transfer_and_image_gans.models"  # where other packages name theirs
# name -> module; in the order in which --help lists them
MODELS = {
    name: f"experiments.configs.{name}"
    for name in (
        "gatys",
        "style_swap_optimise",
        "ghiasi",
        "adain",
        "style_swap",
        "johnson",
        "dumoulin",
        "ulyanov",
        "texture",
        "ulyanov_texture",
        "cyclegan",
        "cut",
        "pix2pix",
        "dcgan",
        "progan",
        "stylegan",
        "stylegan2",
        "stylegan3",
        "r3gan",
    )
}


def names() -> tuple[str, ...]:
    """The names of all models: those above, and those of installed packages."""
    return (*MODELS, *(p.name for p in entry_points(group=ENTRY_POINTS) if p.name not in MODELS))


def check(name: str) -> None:
    """Raises InputError for a name that no model has, and names the nearest; imports no model."""
    if name not in names():
        raise InputError(f"--model={short(name)}: no such model. {nearest(short(name), names())}")


def find(name: str) -> "Model":
    """A model by its name.

    Raises:
        InputError: an unknown name (the nearest one is named), or a module without a model of it.
    """
    check(name)
    others = {point.name: point.value for point in entry_points(group=ENTRY_POINTS)}
    places = others | MODELS
    model = importlib.import_module(places[name]).MODEL
    if model.name != name:
        raise InputError(f"--model={name}: {places[name]} has a model named {model.name}.")
    return model


def check_pictures(config: "RunConfig") -> None:
    """Refuses pictures that the networks cannot take, and classes that they do not use.

    Args:
        config: of a model that is trained on a data set.

    Raises:
        InputError: says which models can.
    """
    data, model = config.data, find(config.model)
    if not (model.any_shape or isinstance(data.size, int)):
        raise InputError(
            f"data.size={as_text(data.size)}: {config.model} is trained on squares. Give one "
            f"number, such as data.size={min(data.sides)}, or take one of "
            f"{_listed(lambda other: other.any_shape)}."
        )
    if not model.any_shape and data.channels != 3:
        raise InputError(
            f"data.channels={data.channels}: {config.model} is trained on RGB pictures, with 3. "
            f"Leave it out, or take one of {_listed(lambda other: other.any_shape)}."
        )
    if data.labels and not _has_classes(model):
        raise InputError(
            f"data.labels needs a model that is told classes, which {config.model} is not. Leave "
            f"it out, or take one of {_listed(_has_classes)}."
        )
    if data.labels and not config.algorithm.classes:
        raise InputError(
            "data.labels: algorithm.classes is 0, so that the classes would not be used. Give "
            "their number too, such as --set algorithm.classes=10."
        )


def _has_classes(model):
    return any(hasattr(config.algorithm, "classes") for config in model.presets.values())


def _listed(able: Callable[["Model"], bool]) -> str:
    return ", ".join(name for name in names() if able(find(name)))
