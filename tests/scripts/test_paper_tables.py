"""Tables of papers: reading recorded runs, launching what is missing."""

import json
import shlex
import signal

import pytest
from absl import flags
from absl.testing import flagsaver

from core.errors import Interrupted
from experiments import api
from experiments.cli import FLAGS, command
from experiments.training.config import flatten
from scripts import paper_tables
from scripts.paper_tables import Column, Row, Scale, Table
from scripts.records import Manifest

TABLE = Table(
    name="toy",
    model="cyclegan",
    head="loss",
    rows=(
        Row("GAN alone", "gan", {"algorithm.lambda_A": 0.0, "algorithm.lambda_B": 0.0}, ("0.5",)),
        Row("all", "all", {}, ("0.6",), {"way": "AtoB"}),
        Row("all, back", "all", {}, ("–",), {"way": "BtoA"}),
        Row("another", "", {}, ("0.7",)),
    ),
    scales={
        name: Scale("smoke", {"images": 4, "batch_size": 2}, ("l1",),
                    (Column("L1", "l1/AtoB"), Column("cycle", "cycle_error/A")))
        for name in ("small", "paper")
    },
    published=("accuracy",),
    notes="Published: nowhere.",
)  # fmt: skip


DATA = paper_tables.configuration(TABLE, "all", "small", 0, {}).data


@pytest.fixture
def run(tmp_path):
    """The program of the table in `tmp_path`; its exit status."""

    def call(table=TABLE, **given):
        with flagsaver.flagsaver(**({"run_dir": str(tmp_path)} | given)):
            return command(lambda: paper_tables.run(table))(["table"])

    return call


def fabricate(folder, cell, seed, rows, evaluations=(), **changes):
    """A recorded run, and its place in the manifest."""
    path = folder / cell / f"seed{seed}"
    path.mkdir(parents=True)
    config = paper_tables.configuration(TABLE, cell, "small", seed, changes)
    (path / "config.json").write_text(json.dumps({"config": flatten(config)}))
    for name, lines in (("metrics", rows), ("evaluations", evaluations)):
        (path / f"{name}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    manifest = folder / "manifest.json"
    content = {"table": "toy", "scale": "small", "own": {}, "cells": {}}
    content = json.loads(manifest.read_text()) if manifest.exists() else content
    content["cells"].setdefault(cell, []).append(f"{cell}/seed{seed}")
    manifest.write_text(json.dumps(content))
    return path


def scores(l1, images=4, **more):
    return {"images": images, "time": 1.0, "metrics/l1/AtoB": l1} | more


def printed(capfd):
    lines = [x for x in capfd.readouterr().out.splitlines() if x.startswith("| ")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {row[0]: row[1:] for row in cells}


def test_mean_spread_n_runs_and_what_is_missing(run, tmp_path, capfd):
    fabricate(tmp_path, "all", 0, [scores(99.0, images=2), scores(1.0)])
    fabricate(tmp_path, "all", 1, [scores(3.0, **{"cycle_error/A": 7.0})])
    assert run() == 0
    found = printed(capfd)
    assert found["all"] == ["2 ± 1.4", "7 (n = 1)", "2", "0.6", "all/seed0 all/seed1"]
    assert found["GAN alone"] == ["–", "–", "0", "0.5", "–"]
    assert found["another"] == ["–", "–", "0", "0.7", "–"]
    assert found["all, back"][:3] == found["all"][:3]  # of the same runs
    assert "all,2 ± 1.4,7 (n = 1),2,0.6," in (tmp_path / "toy.csv").read_text()
    assert "GAN alone & -- & -- & 0 & 0.5 & --" in (tmp_path / "toy.tex").read_text()


def test_a_scale_that_a_table_lacks_is_refused(run, tmp_path, capfd):
    table = TABLE._replace(scales={"small": TABLE.scales["small"]})
    assert run(table, scale="paper", launch=True) != 0
    assert capfd.readouterr().err.count("--scale=paper: this table has small.") == 1
    assert not list(tmp_path.iterdir())


def test_a_single_run_has_no_spread(run, tmp_path, capfd):
    fabricate(tmp_path, "gan", 5, [scores(1.25)])
    assert run() == 0
    assert printed(capfd)["GAN alone"] == ["1.25", "–", "1", "0.5", "gan/seed5"]


def test_evaluations_count_where_they_are_of_the_end_and_of_the_last_checkpoint(
    run, tmp_path, capfd
):
    def line(l1, images, checkpoint, dataset=DATA.dataset, size=DATA.size):
        return {"metric": "l1", "values": {"l1/AtoB": l1}, "images": images,
                "checkpoint": checkpoint, "dataset": dataset, "size": size}  # fmt: skip

    evaluations = [line(5.0, 4, "last"), line(6.0, 2, "last"), line(7.0, 4, "best"),
                   line(8.0, 4, "last", "folder:other"), line(9.0, 4, "last", size=64)]  # fmt: skip
    fabricate(tmp_path, "all", 0, [{"images": 4, "loss/G": 1.0}], evaluations)
    assert run() == 0
    assert printed(capfd)["all"][0] == "5"


def test_a_run_from_elsewhere_may_feed_a_cell(run, tmp_path, capfd):
    path = fabricate(tmp_path, "all", 0, [scores(1.0)])
    other = tmp_path / "elsewhere"
    path.rename(other)
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    manifest["cells"]["all"] = [str(other)]
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    assert run() == 0
    assert printed(capfd)["all"] == ["1", "–", "1", "0.6", str(other)]


def spoilt(folder, what):
    """What is wrong with the one run of a table, or with its manifest."""
    path, manifest = fabricate(folder, "gan", 0, [scores(1.0)]), folder / "manifest.json"
    content = json.loads(manifest.read_text())
    if what == "no run":
        content["cells"]["gan"] = ["."]
    elif what == "another cell":
        content["cells"] = {"all": ["gan/seed0"]}
    elif what == "another model":
        stored = json.loads((path / "config.json").read_text())
        stored["config"]["model"] = "pix2pix"
        (path / "config.json").write_text(json.dumps(stored))
    elif what == "a torn line":
        (path / "metrics.jsonl").write_text('{"images": 4}\n{"ima')
    elif what == "text for a number":
        (path / "metrics.jsonl").write_text('{"images": "4"}\n')
    elif what == "unfinished":
        (path / "metrics.jsonl").write_text('{"images": 2}\n')
    elif what == "twice":
        content["cells"] = {"gan": ["gan/seed0", "gan/../gan/seed0"]}
    elif what == "unknown settings":
        content["own"] = {"nosuch": 1}
    elif what == "another table":
        content["table"] = "other"
    elif what == "text":
        content["cells"]["gan"] = "gan/seed0"
    elif what == "a list":
        content = [1]
    manifest.write_text(json.dumps(content) if what != "no json" else "{")


@pytest.mark.parametrize(("what", "given", "message"), [
    ("no run", {}, "is not a run directory (no config.json)"),
    ("another cell", {}, "algorithm.lambda_A: 10.0 -> 0.0"),
    ("another model", {}, "is a run of --model=pix2pix, not cyclegan"),
    ("a torn line", {}, "metrics.jsonl, line 2: not a line of a record"),
    ("text for a number", {}, "metrics.jsonl, line 1: not a line of a record"),
    ("unfinished", {}, "is not finished: 2 of 4 images"),
    ("twice", {}, "cell gan: names a run twice"),
    ("unknown settings", {}, "manifest.json, cell gan: --set nosuch"),
    ("", {"only": ["gan"]}, "--only=['gan']: chooses what is launched"),
    ("another table", {}, "is of the table other at scale small, expected toy"),
    ("text", {}, "cell gan: expected a list of run directories"),
    ("a list", {}, "not the manifest of a table"),
    ("no json", {}, "manifest.json' cannot be read"),
    ("", {"scale": "paper"}, "was begun with small"),
    ("", {"images": 8}, "was begun with no settings, got {'images': 8}"),
    ("", {"launch": True, "only": ["gans"]}, "--only=gans: no such cell. Expected some of"),
    ("", {"launch": True, "seeds": "x"}, "--seeds=x: expected numbers"),
])  # fmt: skip
def test_what_it_refuses(what, given, message, run, tmp_path, capfd):
    spoilt(tmp_path, what)
    assert run(**given) == 1
    out, said = capfd.readouterr()
    assert message in said and out == "" and "Traceback" not in said


def test_a_folder_without_a_manifest_and_settings_that_rows_differ_in(run, tmp_path, capfd):
    assert run() == 1
    assert "no manifest.json there" in capfd.readouterr().err
    assert run(launch=True, set=["algorithm.lambda_A=1"]) == 1
    assert "--set algorithm.lambda_A: is what the cells" in capfd.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_launching_once_and_twice(run, tmp_path, capfd, monkeypatch):
    given = {"launch": True, "seeds": "0", "set": ["eval_images=2", "data.load_size=32"]}
    assert run(only=["all"], **given) == 0
    first = printed(capfd)
    assert first["all"][2] == "1" and float(first["all"][0]) > 0
    assert float(first["all"][1]) > 0 and first["GAN alone"][2] == "0"
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert manifest["cells"] == {"all": ["all/seed0"]} and manifest["own"]["eval_images"] == "2"

    def refuse(*args, **kwargs):
        raise AssertionError("trains again")

    monkeypatch.setattr(api, "train_config", refuse)
    assert run(only=["all"], **given) == 0
    assert printed(capfd) == first
    assert run() == 0  # reads with what it was begun with
    assert printed(capfd) == first


def test_two_launches_in_one_folder(tmp_path):
    first, second = (Manifest(tmp_path, TABLE, "small", {}, begin=True) for _ in range(2))
    first.add("gan", "gan/seed0")
    second.add("all", "all/seed0")
    first.add("gan", "gan/seed1")
    found = Manifest(tmp_path, TABLE, None, {}, begin=False).cells
    assert found == {"gan": ["gan/seed0", "gan/seed1"], "all": ["all/seed0"]}


def test_an_interrupted_launch_goes_on(run, tmp_path, capfd, monkeypatch):
    trained, stop = [], {"gan/seed1"}

    def train(config, run_dir, **kwargs):
        name = str(run_dir.relative_to(tmp_path))
        if name in stop:
            stop.clear()
            raise Interrupted(signal.SIGTERM, 2)
        run_dir.mkdir(parents=True)
        (run_dir / "config.json").write_text(json.dumps({"config": flatten(config)}))
        (run_dir / "metrics.jsonl").write_text(json.dumps(scores(1.0 + config.seed)) + "\n")
        trained.append(name)

    monkeypatch.setattr(api, "train_config", train)
    assert run(launch=True) == 128 + signal.SIGTERM
    assert "The same command goes on" in capfd.readouterr().err
    assert run(launch=True) == 0
    assert trained == ["gan/seed0", "all/seed0", "gan/seed1", "all/seed1"]
    found = printed(capfd)
    assert found["GAN alone"] == ["1.5 ± 0.71", "–", "2", "0.5", "gan/seed0 gan/seed1"]


def test_a_command_for_each_missing_cell(run, tmp_path, capfd, monkeypatch):
    """The printed commands, parsed again, choose one run each, and leave the rest as it was."""
    fabricate(tmp_path, "gan", 0, [scores(1.0)])
    monkeypatch.setattr(api, "train_config", None)
    with flagsaver.flagsaver():
        FLAGS(["table", f"--run_dir={tmp_path}", "--launch=print", "--scale=small"])
        assert command(lambda: paper_tables.run(TABLE))(["table"]) == 0
        lines = [shlex.split(line) for line in capfd.readouterr().out.splitlines()]
        assert len(lines) == 3 and not any("gan" in w and "seeds=0" in w for w in lines)
        chosen = []
        for words in lines:
            assert words[:2] == ["python", "-m"]
            FLAGS.unparse_flags()
            FLAGS(["table", *words[3:]])
            assert FLAGS.launch is True and FLAGS.scale == "small"
            assert FLAGS.run_dir == str(tmp_path)
            chosen.append((*FLAGS.only, FLAGS.seeds))
    assert chosen == [("all", "0"), ("gan", "1"), ("all", "1")]


@pytest.mark.parametrize(("words", "value"), [
    (["--launch"], True), (["--nolaunch"], False), ([], False), (["--launch=print"], "print"),
    (["--launch=true"], True),
])  # fmt: skip
def test_the_flag(words, value):
    with flagsaver.flagsaver():
        FLAGS(["table", *words])
        assert FLAGS.launch == value


def test_the_flag_refuses():
    with flagsaver.flagsaver(), pytest.raises(flags.Error, match="--launch=print"):
        FLAGS(["table", "--launch=maybe"])
