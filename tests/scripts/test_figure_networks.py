"""The cells of the figure of networks, and what stands where one cannot be made."""

import numpy as np
import pytest
from absl.testing import flagsaver

from core.errors import InputError
from experiments.cli import FLAGS
from scripts import cells, figure_networks


@pytest.fixture(autouse=True)
def flags():
    FLAGS(["test"])
    with flagsaver.flagsaver(columns=["vgg16", "resnet50"], smoothed=["resnet50"]):
        yield


def test_the_weights_of_every_cell():
    plan = figure_networks.planned()
    assert {key: cell["algorithm.weights"] for key, cell in plan.items()} == {
        ("trained", "vgg16"): "hed",
        ("random", "vgg16"): "random",
        ("trained", "resnet50"): "imagenet",
        ("random", "resnet50"): "random",
        ("random, smoothed", "resnet50"): "random",
    }
    assert plan["random, smoothed", "resnet50"]["algorithm.smoothing"] == "softmax"
    with flagsaver.flagsaver(columns=["resnet"]), pytest.raises(InputError, match="no network"):
        figure_networks.planned()


def test_a_cell_that_cannot_be_made_says_so(monkeypatch):
    made, saved = np.full((64, 80, 3), 9, np.uint8), {}

    def optimised(model, name, changes):
        if changes["algorithm.weights"] == "imagenet":
            raise InputError("the weights could not be downloaded")
        return made

    monkeypatch.setattr(cells, "optimised", optimised)
    monkeypatch.setattr(cells, "save", saved.__setitem__)
    assert figure_networks._figure() == 0
    sheet = saved["networks"]
    grey = figure_networks.words("resnet50 trained: not made, the weights could not be downloaded",
                                 (64, 80))  # fmt: skip
    assert (grey < 100).any() and grey.shape == (64, 80, 3)
    found = np.lib.stride_tricks.sliding_window_view(sheet, grey.shape)[:, :, 0]
    assert (found == grey).all((2, 3, 4)).sum() == 1
    monkeypatch.setattr(
        cells, "optimised", lambda *_: optimised(0, 0, {"algorithm.weights": "imagenet"})
    )
    with pytest.raises(InputError, match="no cell could be made"):
        figure_networks._figure()
