"""Comparisons: style transfer of three kinds of method, and translation, from end to end."""

import csv
import functools
import json
import os
import re
import shutil
import signal
import threading
import time
import urllib.request
import warnings

import numpy as np
import pytest
import tiny
from absl import logging
from test_runner import error

from experiments import api
from experiments.cli import FLAGS
from experiments.compare import __main__ as compare
from experiments.compare import processes, worker
from experiments.data import pictures
from experiments.metrics import pairs
from experiments.metrics.picture_scores import CONTENT_TAPS, STYLE_TAPS
from experiments.training import checkpoint
from experiments.training.rundir import RunDir
from nst.features import feature_network
from nst.weights import load_weights, random_weights, save_weights

LOG = [{"images": 4, "time": 1.0, "loss/style": 2.0, "learning_rate/network": 0.1},
       {"images": 8, "time": 2.0, "loss/style": 1.0, "test/style": 3.0}]  # fmt: skip


def main(*arguments):
    """`python -m experiments.compare` in this process, after the start; its exit status."""
    verbosity = logging.get_verbosity()
    rest = FLAGS(["compare", *map(str, arguments)])
    try:
        return compare.main(rest)
    finally:
        FLAGS.unparse_flags()
        logging.set_verbosity(verbosity)


def untrained(run_dir, model, images=8, **changes):
    """A run directory as training leaves it, with fresh weights."""
    config = api.make_config(model, "smoke", changes)
    run = api.build(config, epoch=1, budget=1, run_dir=run_dir)
    run.algorithm.images.assign(images)
    directory = RunDir(run_dir, config)
    directory.store(config, api.own_fingerprint(run))
    directory.close()
    progress = {"images": images, "steps": 4}
    checkpoint.save(run_dir, run.algorithm, progress, keep=1)
    (run_dir / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in LOG))


@functools.cache
def prepared(root):
    """The folder `here`, made once for the modules that import the fixture."""
    tiny.noise(root / "content", 1, 0, (100, 80))
    tiny.noise(root / "wide", 2, 1, (90, 120))
    (root / "wide" / "1.png").rename(root / "content" / "1.png")
    tiny.noise(root / "style", 2, 2, (120, 90))
    for i, name in enumerate("ac"):
        (root / "style" / f"{i}.png").rename(root / "style" / f"{name}.png")
    shutil.copy(root / "wide" / "0.png", root / "b.png")
    for network in ("vgg16", "vgg19"):
        save_weights(root / f"{network}.npz", random_weights(network, width=1 / 32))
    weights = {"algorithm.weights": f"{root}/vgg19.npz", "algorithm.normalise": False}
    untrained(root / "adain", "adain", **weights)
    learned = f"{root}/style/a.png,{root}/b.png"
    narrow = {"algorithm.width": 0.1, "algorithm.style_size": 40, "algorithm.style": learned}
    weights = {"algorithm.weights": f"{root}/vgg16.npz"}
    untrained(root / "dumoulin", "dumoulin", **weights, **narrow)
    for model, dataset in (("cyclegan", "seasons"), ("pix2pix", "seasons_paired")):
        untrained(root / model, model, **{"data.dataset": dataset})
    return root


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    """Contents of two sizes, styles a and c, narrow weights, runs; not to be changed."""
    return prepared(tmp_path_factory.getbasetemp() / "compared_runs")


def in_process(path):
    """In place of a process for a column."""
    worker.make(json.loads(path.read_text()))
    return 0, False


@pytest.fixture
def asked(monkeypatch):
    """Columns are made in this process: the list of those that are."""
    found = []
    monkeypatch.setattr(
        processes, "run", lambda path: found.append(path.parent.name) or in_process(path)
    )
    return found


def common(here, output):
    return ["--size=96", f"--weights={here}/vgg19.npz", f"--content={here}/content",
            f"--style={here}/style", f"--output={output}"]  # fmt: skip


def flags(here, output):
    return ["--models=gatys,adain,dumoulin", "--preset=smoke", "--images=4",
            f"--runs=adain={here}/adain,dumoulin={here}/dumoulin",
            *common(here, output)]  # fmt: skip


@pytest.fixture(scope="module")
def compared(here, tmp_path_factory):
    """The folder of a comparison; to be copied, not changed."""
    output = tmp_path_factory.mktemp("compared") / "out"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(processes, "run", in_process)
        assert main(*flags(here, output)) == 0
    return output


def table(output):
    with open(output / "comparison.csv", encoding="utf-8") as file:
        return {row["method"]: row for row in csv.DictReader(file)}


# --- style transfer


def test_the_table(compared, here):
    found = table(compared)
    assert list(found) == ["gatys", "adain", "dumoulin"]
    assert [row["pictures"] for row in found.values()] == ["4 of 4", "4 of 4", "2 of 4"]
    assert [row["training images"] for row in found.values()] == ["0", "8", "8"]
    run = api.load(here / "adain", say=str)
    count = sum(
        n.count_params() for n in (run.algorithm.encoder, run.algorithm.networks["decoder"])
    )
    assert found["adain"]["parameters"] == str(count)
    assert all(float(row["s / picture"]) > 0 for row in found.values())
    assert all(float(row["peak memory, MiB"]) > 100 for row in found.values())
    assert "| adain |" in (compared / "comparison.md").read_text()


def test_scores_are_means_over_the_pictures_that_all_have(compared, here):
    """In one space of features, of style a alone: dumoulin has not learned c."""
    weights = load_weights(f"{here}/vgg19.npz")
    content, style = feature_network(weights, CONTENT_TAPS), feature_network(weights, STYLE_TAPS)
    for method, row in table(compared).items():
        terms = []
        for name in "01":
            made, given, wanted = (pictures.read(compared / f"{path}.png") for path in
                                   (f"{method}/{name}-a", f"inputs/content/{name}",
                                    "inputs/style/a"))  # fmt: skip
            terms.append((pairs.content_term(content, made, given, "mean"),
                          pairs.style_term(style, made, wanted, "johnson")))  # fmt: skip
        means = np.mean(terms, axis=0)
        assert [row["content term"], row["style term"]] == [f"{mean:.4g}" for mean in means]


def test_all_methods_have_the_same_inputs_and_give_their_size(compared, here):
    """The content is read from `inputs`, at the size of the comparison."""
    for name, shape in (("0", (96, 77, 3)), ("1", (72, 96, 3))):
        assert pictures.read(compared / "inputs" / "content" / f"{name}.png").shape == shape
        for method in ("gatys", "adain", "dumoulin"):
            assert pictures.read(compared / method / f"{name}-a.png").shape == shape
    content = pictures.read(compared / "inputs" / "content" / "0.png")
    style = pictures.read(compared / "inputs" / "style" / "c.png")
    expected = api.load(here / "adain", say=str).stylize(content, [style])
    made = pictures.read(compared / "adain" / "0-c.png")
    assert np.abs(made.astype(int) - expected).max() <= 1


def test_the_sheet_has_inputs_and_methods(compared):
    """Five columns of 96 pixels, four rows; a dash where dumoulin has no picture."""
    sheet = pictures.read(compared / "sheet.png")
    assert sheet.shape[0] > 4 * 96 and sheet.shape[1] > 5 * 96
    last = sheet[:, -98:-6]
    rows = [last[-100 * (4 - i) : -100 * (3 - i) or None] for i in range(4)]  # 0-a 0-c 1-a 1-c
    coloured = [(row.max(2) != row.min(2)).mean() > 0.3 for row in rows]
    assert coloured == [True, False, True, False]
    assert (rows[1] == 0).all(2).sum() == 8  # 1 x 8 pixels


def test_the_page_is_one_file_and_says_how_it_was_made(compared, here):
    page = (compared / "report.html").read_text(encoding="utf-8")
    sources = re.findall(r'src="([^"]{0,30})', page)
    assert len(sources) == 4 * 5 - 2 and all(s.startswith("data:image/") for s in sources)
    assert not re.findall(r"https?:|<script|<link|url\(", page)
    assert page.count("<td>–</td>") == 2
    for text in ("vgg19 with the weights", "commit", "means over 2 pictures", f"{here}/adain",
                 "dumoulin: 2 of 4 pictures are missing"):  # fmt: skip
        assert text in page


def test_the_same_command_again_makes_nothing(compared, here, tmp_path, asked):
    output = tmp_path / "out"
    shutil.copytree(compared, output)
    assert main(*flags(here, output)) == 0
    assert asked == [] and table(output) == table(compared)


def test_what_is_missing_is_made_and_methods_are_added(compared, here, tmp_path, asked, capsys):
    """A lost picture, and a second name for a run."""
    output = tmp_path / "out"
    shutil.copytree(compared, output)
    (output / "adain" / "1-c.png").unlink()
    before = {p: p.stat().st_mtime_ns for p in output.glob("*/?-?.png")}
    shutil.copytree(here / "adain", tmp_path / "second")
    runs = f"--runs=adain={here}/adain,dumoulin={here}/dumoulin,again={tmp_path}/second"
    assert main(*flags(here, output), runs) == 0
    assert asked == ["adain", "again"]
    assert all(path.stat().st_mtime_ns == when for path, when in before.items())
    again, adain = (table(output)[name] for name in ("again", "adain"))
    assert again["style term"] == adain["style term"] and adain["pictures"] == "4 of 4"


def test_changed_inputs_are_refused(compared, here, tmp_path, capsys):
    output = tmp_path / "out"
    shutil.copytree(compared, output)
    for name in ("content", "style", "adain", "dumoulin"):
        shutil.copytree(here / name, tmp_path / "changed" / name)
    changed = tmp_path / "changed"
    shutil.copy(here / "vgg19.npz", changed)
    tiny.noise(changed / "content", 1, 9, (100, 80))
    assert main(*flags(changed, output)) == 1
    assert "the input 0 is not the one of the comparison" in error(capsys)
    shutil.copy(here / "content" / "0.png", changed / "content" / "0.png")
    (file,) = checkpoint.newest_first(changed / "adain")
    with np.load(file) as stored:
        arrays = {name: stored[name] for name in stored.files}
    np.savez(file, **arrays | {"decoder/001 bias": arrays["decoder/001 bias"] + 1})
    assert main("--models=adain", f"--runs=adain={changed}/adain", *common(changed, output)) == 1
    assert "what it was made from has changed: checkpoint." in error(capsys)
    assert main(*flags(here, output), "--images=5") == 1
    assert "what it was made from has changed: settings." in error(capsys)


@pytest.mark.thorough
def test_interrupted_and_gone_on(here, tmp_path, capfd):
    """In processes: SIGINT comes in the middle of a picture, which then is finished."""
    output = tmp_path / "out"
    log = output / "gatys" / "runs" / "0-a" / "metrics.jsonl"
    every = (f"--set={name}_every=60" for name in ("sample", "eval", "checkpoint"))
    arguments = ["--models=gatys", "--preset=smoke", "--images=60", "--set=log_every=1", *every,
                 "--size=64", f"--weights={here}/vgg19.npz", f"--content={here}/content/0.png",
                 f"--style={here}/style/a.png", f"--output={output}"]  # fmt: skip
    until = time.monotonic() + 120

    def interrupt():
        while not log.exists() and time.monotonic() < until:
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    assert main(*arguments) == 130
    thread.join()
    (saved,) = checkpoint.newest_first(log.parent)
    assert 0 < int(saved.stem) < 60 and not (output / "report.html").exists()
    assert "The same command goes on" in capfd.readouterr().err
    assert main(*arguments) == 0
    assert f"going on after {int(saved.stem)} of 60 images" in capfd.readouterr().err
    steps = [row["images"] for row in tiny.rows(log.parent) if "loss/total" in row]
    assert steps == list(range(1, 61))
    record = json.loads((output / "gatys" / "0-a.json").read_text())
    assert 2**27 < record["memory"] < worker.peak_memory()  # its own, not that of this process
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_ended_process_is_an_error(here, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(processes, "run", lambda path: (-9, False))
    assert main(*flags(here, tmp_path)) == 1
    assert "gatys: its process was ended by SIGKILL" in error(capsys)


# --- TensorBoard


@pytest.fixture(scope="module")
def ask(compared):
    """A function that asks TensorBoard, on a free port, for a path below /data."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of TensorBoard's own
        from tensorboard import program

        board = program.TensorBoard()
        folder = str(compared / "tensorboard")
        # read once: a thread that still reads when the process ends would abort it
        once = "--load_fast=false", "--reload_interval=0"
        board.configure(argv=["", "--logdir", folder, "--port=0", *once])
        address = board.launch()  # in a thread that ends with the process

    def ask(path, **body):
        data = json.dumps(body).encode() if body else None
        request = urllib.request.Request(
            f"{address}data/{path}", data, {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.read()

    until = time.monotonic() + 60
    while len(json.loads(ask("plugin/images/tags"))) < 4 and time.monotonic() < until:
        time.sleep(0.1)
    return ask


def test_methods_are_runs_with_the_same_pictures(ask, compared):
    assert sorted(json.loads(ask("runs"))) == ["adain", "dumoulin", "gatys", "inputs"]
    tags = json.loads(ask("plugin/images/tags"))
    expected = {f"comparison/{name}" for name in ("0-a", "0-c", "1-a", "1-c")}
    assert set(tags["gatys"]) == set(tags["adain"]) == expected
    assert set(tags["dumoulin"]) == {"comparison/0-a", "comparison/1-a"}
    assert set(tags["inputs"]) == expected | {"sheet"}
    found = json.loads(ask("plugin/images/images?run=adain&tag=comparison%2F1-c&sample=0"))
    data = ask(f"plugin/images/individualImage?{found[0]['query']}")
    assert np.array_equal(
        pictures.decode(data, "TensorBoard's"), pictures.read(compared / "adain" / "1-c.png")
    )


def test_the_table_is_in_hparams(ask, compared):
    statuses = ["STATUS_UNKNOWN", "STATUS_SUCCESS", "STATUS_FAILURE", "STATUS_RUNNING"]
    request = {"experimentName": "", "allowedStatuses": statuses, "colParams": [], "startIndex": 0,
               "sliceSize": 9}  # fmt: skip
    answer = json.loads(ask("plugin/hparams/session_groups", **request))
    groups = {group["name"]: group for group in answer["sessionGroups"]}
    written = table(compared)
    assert set(groups) == set(written)
    for name, group in groups.items():
        values = {value["name"]["tag"]: value["value"] for value in group["metricValues"]}
        assert f"{values['table/style_term']:.4g}" == written[name]["style term"]
        assert f"{values['table/seconds']:.3g}" == written[name]["s / picture"]
        assert f"{group['hparams']['parameters']:.0f}" == written[name]["parameters"]


def test_the_layout_overlays_what_compares(ask):
    """Each picture's scores; no losses of different models, which have their own names."""
    layout = json.loads(ask("plugin/custom_scalars/layout"))["category"]
    charts = {c["title"]: [chart["title"] for chart in c["chart"]] for c in layout}
    expected = [f"by_input/{n}" for n in ("content_term", "style_term", "seconds")]
    assert charts == {"By input": expected}
    scalars = json.loads(ask("plugin/scalars/tags"))
    for tag in expected:
        assert all(tag in scalars[run] for run in ("gatys", "adain", "dumoulin"))
    assert {"gatys/loss/style", "gatys/images_per_second"} <= set(scalars["gatys"])
    points = json.loads(ask("plugin/scalars/scalars?run=dumoulin&tag=dumoulin%2Floss%2Fstyle"))
    assert [(step, value) for _, step, value in points] == [(4, 2.0), (8, 1.0)]
    points = json.loads(ask("plugin/scalars/scalars?run=dumoulin&tag=by_input%2Fseconds"))
    assert [step for _, step, _ in points] == [0, 2]  # the rows it has, by number
