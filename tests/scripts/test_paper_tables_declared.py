"""The declared tables and figures: their configurations, and what they have of their own."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
from absl.testing import flagsaver

from experiments import api
from experiments.cli import command
from experiments.data import pictures
from experiments.metrics import protocols
from experiments.metrics.picture_scores import PAIRS
from experiments.metrics.sampling import Sampler
from experiments.training.config import differences, flatten
from scripts import (
    figure_adain_losses,
    figure_gatys_ratio,
    paper_tables,
    table_ada,
    table_cyclegan_losses,
    table_generators,
    table_progan_configs,
    table_stylegan_configs,
    table_stylegan_mapping,
    table_stylegan_mixing,
    table_translators,
)
from scripts.records import recorded

TABLES = [module.TABLE for module in (
    table_cyclegan_losses, table_progan_configs, table_stylegan_configs, table_stylegan_mapping,
    table_stylegan_mixing, table_ada, table_translators, table_generators,
)]  # fmt: skip


@pytest.mark.parametrize(
    ("table", "scale"),
    [(table, scale) for table in TABLES for scale in table.scales],
    ids=lambda value: getattr(value, "name", value),
)
def test_cells_are_configurations_that_differ(table, scale):
    found = {cell: paper_tables.configuration(table, cell, scale, 3, {}) for cell in table.cells()}
    flat = {cell: flatten(config) for cell, config in found.items()}
    for cell, rows in table.cells().items():
        assert all(row.changes == rows[0].changes for row in rows)
        assert found[cell].seed == 3 and found[cell].metrics
        assert all(m in (*protocols.NAMES, *PAIRS) for m in found[cell].metrics)
        others = [other for name, other in flat.items() if name != cell]
        assert all(differences(flat[cell], other) for other in others)
    assert all(len(row.published) == len(table.published) for row in table.rows)
    if scale == "small" and table is not table_generators.TABLE:  # which compares minutes
        assert len({config.images for config in found.values()}) == 1
    assert {config.model for config in found.values()} == {
        row.model or table.model for row in table.rows if row.cell
    }


def test_fastcut_of_the_table_is_the_preset():
    own = paper_tables.configuration(table_translators.TABLE, "fastcut", "paper", 0, {})
    changes = differences(flatten(api.make_config("cut", "fastcut")), flatten(own))
    assert [line.partition(":")[0] for line in changes] == ["preset"]


def test_stylegan_configurations_are_the_presets():
    table = table_stylegan_configs.TABLE
    for cell in table.cells():
        own = flatten(paper_tables.configuration(table, cell, "paper", 0, {}))
        preset = flatten(api.make_config("stylegan", cell))
        assert differences(preset, own) == [f"preset: {cell} -> paper"]


def test_styles_of_several_latents_cross_over_in_order():
    own = [np.full((5, 8, 2), i, np.float32) for i in range(4)]
    for count in (1, 2, 3, 4):
        found = table_stylegan_mixing.crossed(own[:count], range(5))[:, :, 0]
        assert (np.diff(found, axis=1) >= 0).all() and (found[:, 0] == 0).all()
        assert all(set(row) == set(range(count)) for row in found)
    assert len({tuple(row) for row in found}) > 1  # other crossovers for other seeds
    alone = table_stylegan_mixing.crossed([x[2:3] for x in own], [2])[:, :, 0]
    assert np.array_equal(alone[0], found[2])


def test_pictures_of_several_latents():
    config = api.make_config("stylegan", "smoke", {"images": 8})
    algorithm = api.build(config, epoch=1, budget=8, run_dir=".").algorithm
    made = Sampler(algorithm)
    usual = made.pictures(range(8), noise="random")
    assert np.array_equal(table_stylegan_mixing.mixed(made, range(8), 1), usual)
    assert not np.array_equal(table_stylegan_mixing.mixed(made, range(8), 2), usual)


def test_scores_of_several_latents_are_recorded_once(tmp_path, monkeypatch):
    (tmp_path / "metrics.jsonl").write_text('{"images": 8, "metrics/fd_hed5k": 1.0}\n')
    config = api.make_config("stylegan", "smoke")
    (tmp_path / "config.json").write_text(json.dumps({"config": flatten(config)}))
    algorithm = SimpleNamespace(images=SimpleNamespace(numpy=lambda: 8), extra={})
    run = SimpleNamespace(run_dir=tmp_path, config=config, algorithm=algorithm, checkpoint="last")
    calls = []

    def compute(name, *args, **kwargs):
        calls.append(name)
        return {name: 10.0 + len(calls)}

    monkeypatch.setattr(protocols, "compute", compute)
    for _ in range(2):
        table_stylegan_mixing.measure(run, ["fd_hed5k"], None)
    assert calls == ["fd_hed5k"] * 3
    found = recorded(tmp_path)
    assert [found[table_stylegan_mixing.value("fd_hed5k", k)] for k in (1, 2, 4)] == [
        1.0,
        11.0,
        13.0,
    ]


# --- Gatys: the sheet


@pytest.fixture
def ratio(tmp_path):
    def call(**given):
        with flagsaver.flagsaver(**({"run_dir": str(tmp_path)} | given)):
            return command(figure_gatys_ratio._figure)(["figure"])

    return call


def gatys_run(folder, images, last):
    folder.mkdir(parents=True)
    config = api.make_config("gatys", "paper", {"images": images})
    (folder / "config.json").write_text(json.dumps({"config": flatten(config)}))
    picture = np.full((24, 32, 3), 77, np.uint8)
    pictures.write_png(folder / "samples" / f"picture-{last:09d}.png", picture)


def test_the_sheet_is_made_of_finished_cells(ratio, tmp_path, capfd):
    gatys_run(tmp_path / figure_gatys_ratio.name(1, 1e-5), 10, 10)
    gatys_run(tmp_path / figure_gatys_ratio.name(2, 1e-5), 10, 5)
    assert ratio() == 0
    out, said = capfd.readouterr()
    assert len(out.splitlines()) == 19 and "conv2_1-1e-05: –" in out
    assert "conv2_1-1e-05: not finished" in said
    sheet = pictures.read(tmp_path / "ratio.png")
    assert 24 * 32 <= (sheet == 77).all(-1).sum() < 2 * 24 * 32


def test_what_the_sheet_refuses(ratio, tmp_path, capfd):
    assert ratio() == 1
    assert "no finished cell there" in capfd.readouterr().err
    (tmp_path / figure_gatys_ratio.name(1, 1e-5)).mkdir()
    assert ratio() == 1
    assert "is not a run directory" in capfd.readouterr().err
    assert ratio(launch=True, only=["conv9"]) == 1
    assert "--only=conv9: no such cell" in capfd.readouterr().err


def test_a_cell_of_the_sheet_is_optimised(ratio, tmp_path):
    cell = figure_gatys_ratio.name(1, 1e-2)
    given = {"weights": "random", "size": 128, "images": 2, "only": [cell], "launch": True,
             "set": ["algorithm.normalise=false"]}  # fmt: skip
    assert ratio(**given) == 0
    stored = json.loads((tmp_path / cell / "config.json").read_text())["config"]
    assert stored["algorithm.style_weight"] == 100 and stored["images"] == 2
    assert stored["algorithm.style_layers"] == ["conv1_1"]
    assert (tmp_path / "ratio.png").exists()


# --- AdaIN: its losses


def test_losses_over_iterations(tmp_path, capfd):
    cells = {"adain": ["adain/seed0"], "gatys": ["gatys/pair0", "gatys/pair1"]}
    content = {"table": "adain_losses", "scale": "small", "own": {}, "cells": cells}
    (tmp_path / "manifest.json").write_text(json.dumps(content))
    table = figure_adain_losses.TABLE
    rows = {
        "adain/seed0": [{"images": 6000, "metrics/content_hed": 1.0, "metrics/style_hed": 0.5}],
        "gatys/pair0": [{"images": 20, "metrics/content_hed": 0.5, "metrics/style_hed": 2.0},
                        {"images": 40, "metrics/content_hed": 0.8, "metrics/style_hed": 0.2}],
        "gatys/pair1": [{"images": 20, "metrics/content_hed": 0.7, "metrics/style_hed": 4.0},
                        {"images": 40, "metrics/content_hed": 0.9, "metrics/style_hed": 0.6}],
    }  # fmt: skip
    for name, lines in rows.items():
        (tmp_path / name).mkdir(parents=True)
        config = flatten(
            paper_tables.configuration(table, "adain", "small", 0, {})
            if name == "adain/seed0"
            else api.make_config("gatys", "quick")
        )
        (tmp_path / name / "config.json").write_text(json.dumps({"config": config}))
        text = "".join(json.dumps(line) + "\n" for line in lines)
        (tmp_path / name / "metrics.jsonl").write_text(text)
    with flagsaver.flagsaver(run_dir=str(tmp_path)):
        assert command(figure_adain_losses._figure)(["figure"]) == 0
    out = capfd.readouterr().out
    assert "| AdaIN | 1 pass | 1 | 0.5 | 1 | adain/seed0 |" in out
    assert "| Gatys et al. | 20 | 0.6 ± 0.14 | 3 ± 1.4 | 2 | gatys/pair0 gatys/pair1 |" in out
    assert "at or below AdaIN's from 40 on" in out
    picture = pictures.read(tmp_path / "adain_losses.png")
    assert (picture == (255, 0, 0)).all(-1).sum() > 300  # a level in each panel
