"""The models, each in a module of its own that has a `MODEL`, an `experiments.model.Model`."""

import importlib
from importlib.metadata import entry_points
from typing import TYPE_CHECKING

from core.errors import InputError
from core.names import nearest

if TYPE_CHECKING:  # importing it takes seconds
    from experiments.model import Model

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
        "pix2pix",
        "dcgan",
        "progan",
        "stylegan",
        "stylegan2",
        "stylegan3",
    )
}


def names() -> tuple[str, ...]:
    """The names of all models: those above, and those of installed packages."""
    return (*MODELS, *(p.name for p in entry_points(group=ENTRY_POINTS) if p.name not in MODELS))


def check(name: str) -> None:
    """Raises InputError for a name that no model has, and names the nearest; imports no model."""
    if name not in names():
        raise InputError(f"--model={name}: no such model. {nearest(name, names())}")


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
