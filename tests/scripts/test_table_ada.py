"""The table and the figure of adaptive augmentation, made of recorded runs."""

import json

import numpy as np
from absl.testing import flagsaver

from experiments.cli import command
from experiments.data import pictures
from experiments.training.config import flatten
from scripts import paper_tables, table_ada
from scripts.curves import Curve, panel


def record(folder, cell, seed, lines):
    path = folder / cell / f"seed{seed}"
    path.mkdir(parents=True)
    table = table_ada.table("small")
    config = paper_tables.configuration(table, cell, "small", seed, {})
    (path / "config.json").write_text(json.dumps({"config": flatten(config)}))
    (path / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return f"{cell}/seed{seed}"


def distance(images, value):
    return {"images": images, "metrics/fd_hed2k_full": value}


def test_best_and_last_distance_p_sign_and_the_figure(tmp_path, capfd):
    end = {"images": 30_000, "augment/sign": 0.5}
    plain = [distance(5000, 4.0), distance(10_000, 2.0), distance(30_000, 8.0),
             {"images": 29_000, "augment/sign": 0.9}, end | {"augment/sign": 0.7},
             {"images": 1000, "augment/sign": -1.0}]  # fmt: skip
    adapted = [distance(5000, 5.0), distance(30_000, 1.0), end | {"augment/p": 0.25}]
    cells = {
        "200": [record(tmp_path, "200", 0, plain)],
        "200-ada": [record(tmp_path, "200-ada", seed, adapted) for seed in (0, 1)],
    }
    content = {"table": "ada", "scale": "small", "own": {}, "cells": cells}
    (tmp_path / "manifest.json").write_text(json.dumps(content))
    with flagsaver.flagsaver(run_dir=str(tmp_path)):
        assert command(table_ada._figure)(["table"]) == 0
    out = capfd.readouterr().out
    assert "| 200 pictures | 2 | 8 | – | 0.8 | 1 | 200/seed0 |" in out
    assert "| 200 pictures, ADA | 1 ± 0 | 1 ± 0 | 0.25 ± 0 | 0.5 ± 0 | 2 |" in out
    assert "| 5,000 pictures, ADA | – | – | – | – | 0 | – |" in out
    assert "30,000 pictures" not in out
    picture = pictures.read(tmp_path / "ada.png")
    assert (picture == (0xC0, 0x39, 0x2B)).all(-1).sum() > 300


def test_a_dashed_line_has_gaps_and_what_cannot_be_drawn_is_left_out():
    points = {0: 1.0, 100: 10.0}
    full, dashed = (
        (panel("t", "x", [Curve("a", points, "#ff0000", d)]) == (255, 0, 0)).all(-1).sum()
        for d in (False, True)
    )
    assert 0.3 * full < dashed < 0.8 * full
    empty = panel("t", "x", [Curve("a", {0: 0.0}, "#ff0000"), Curve("b", {}, "#ff0000")])
    assert not (empty == (255, 0, 0)).all(-1).any()
    alone = panel("t", "x", [Curve("a", {0: 3.0}, "#ff0000")])
    assert np.any((alone == (255, 0, 0)).all(-1))
