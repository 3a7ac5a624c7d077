"""The loop with the smallest algorithm there is: what stops it, what is due when."""

import dataclasses
import json
import math
import signal
import threading

import pytest
import tiny
import toy

from core.errors import InputError
from core.phases import Stage
from experiments.training import checkpoint, loop
from experiments.training.writer import Writer, read_metrics


@pytest.fixture
def config():
    return tiny.config("unused", data__size=8, data__load_size=8, data__flip=False)


def saved(path):
    return [int(p.stem) for p in checkpoint.newest_first(path)]


def test_loss_that_is_not_finite(config, tmp_path):
    algorithm = toy.Toy(
        poison=lambda n: {"loss/D": math.nan, "loss/D_mse": math.inf} if n == 8 else {}
    )
    with pytest.raises(InputError) as error:
        toy.train(algorithm, tmp_path, config, budget=16)
    assert "phase D: the loss is not finite after 8 images (loss/D = nan, loss/D_mse = inf)" in str(
        error.value
    )
    assert "The checkpoint of 4 images is kept" in str(error.value)
    assert saved(tmp_path) == [4]


def test_it_is_found_between_two_log_lines(config, tmp_path):
    """Every step is looked at, also those whose losses are only part of a mean."""
    config = tiny.config("unused", data__size=8, data__load_size=8, log_every=16)
    algorithm = toy.Toy(poison=lambda n: {"loss/G": math.nan} if n == 6 else {})
    with pytest.raises(InputError, match="phase G: .* after 6 images"):
        toy.train(algorithm, tmp_path, config, budget=16)
    assert saved(tmp_path) == [4]


def test_before_the_first_checkpoint(config, tmp_path):
    algorithm = toy.Toy(poison=lambda n: {"loss/G": math.inf})
    with pytest.raises(InputError, match="No checkpoint had been saved yet"):
        toy.train(algorithm, tmp_path, config, budget=16)
    assert saved(tmp_path) == []


def test_weights_that_are_not_finite_though_the_losses_are(config, tmp_path):
    with pytest.raises(InputError) as error:
        toy.train(toy.Toy(spoil_weights_at=6), tmp_path, config, budget=16)
    assert "unused' is not finite after 8 images, though the losses were" in str(error.value)
    assert "The checkpoint of 4 images is kept" in str(error.value)
    assert saved(tmp_path) == [4]


def test_a_learning_rate_that_is_far_too_high(pictures_of_two, tmp_path):
    with pytest.raises(InputError, match="not finite after .* images"):
        tiny.train(pictures_of_two, tmp_path / "run", [], algorithm__learning_rate=1e30)


def test_what_is_due(config, tmp_path):
    toy.train(toy.Toy(), tmp_path, config, budget=10)
    rows = read_metrics(tmp_path)
    assert [r["images"] for r in rows if "loss/G" in r] == [2, 4, 6, 8, 10]
    assert [r["images"] for r in rows if "score" in r] == [10]  # at the end, whatever the interval
    assert saved(tmp_path) == [10, 8]
    assert [p.name for p in (tmp_path / "samples").iterdir()] == ["sheet-000000010.png"]
    assert {"loss/G_mse", "images_per_second", "learning_rate/G", "time"} <= set(rows[0])


def test_a_finished_run_changes_nothing(config, tmp_path):
    toy.train(toy.Toy(), tmp_path, config, budget=8)
    before = (tmp_path / "metrics.jsonl").read_bytes(), saved(tmp_path)
    toy.train(toy.Toy(), tmp_path, config, budget=8)
    assert before == ((tmp_path / "metrics.jsonl").read_bytes(), saved(tmp_path))


def test_a_longer_budget_goes_on(config, tmp_path):
    toy.train(toy.Toy(), tmp_path, config, budget=8)
    said = []
    toy.train(toy.Toy(), tmp_path, config, budget=12, say=said.append)
    assert any("going on after 8 of 12 images" in line for line in said)
    assert [r["images"] for r in read_metrics(tmp_path) if "loss/G" in r] == [2, 4, 6, 8, 10, 12]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal(config, tmp_path, number):
    before = signal.getsignal(number)
    algorithm = toy.Toy(poison=lambda n: signal.raise_signal(number) or {} if n == 6 else {})
    with pytest.raises(loop.Interrupted) as stop:
        toy.train(algorithm, tmp_path, config, budget=16)
    assert stop.value.signal == number and "after 6 images; saved" in str(stop.value)
    assert saved(tmp_path)[0] == 6
    assert signal.getsignal(number) == before


def test_a_second_signal_stops_at_once(config, tmp_path):
    def twice(images):
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        toy.train(toy.Toy(poison=twice), tmp_path, config, budget=16)
    assert signal.getsignal(signal.SIGINT) == before
    assert saved(tmp_path) == []


@pytest.mark.parametrize("at", [6, 12])  # within, and after the last step
def test_a_signal_does_not_wait_for_a_metric(at, tmp_path):
    """What was not measured is measured when the run goes on, once."""
    config = tiny.config("unused", data__size=8, data__load_size=8, metrics=["x"], metrics_every=6)

    def train(name, measure):
        algorithm = toy.Toy()
        options = {"budget": 12, "measure": lambda check: measure(algorithm, check)}
        toy.train(algorithm, tmp_path / name, config, **options)

    def measured(algorithm, check):
        check()
        return {"metrics/x": float(algorithm.images.numpy())}

    def stopped(algorithm, check):
        for batch in range(100):
            check()
            assert algorithm.images.numpy() < at or batch <= 3, "went on after the signal"
            if algorithm.images.numpy() == at and batch == 3:
                signal.raise_signal(signal.SIGTERM)
        return measured(algorithm, check)

    train("whole", measured)
    with pytest.raises(loop.Interrupted, match=f"after {at} images; saved"):
        train("parts", stopped)
    assert saved(tmp_path / "parts")[0] == at
    for _ in range(2):  # the second time nothing is left to do
        train("parts", measured)
        whole, parts = ([(row["images"], sorted(row)) for row in read_metrics(tmp_path / name)]
                        for name in ("whole", "parts"))  # fmt: skip
        assert parts == whole
    assert [images for images, names in whole if "metrics/x" in names] == [6, 12]


def test_outside_of_the_main_thread(config, tmp_path):
    errors = []

    def work():
        try:
            toy.train(toy.Toy(), tmp_path, config, budget=4)
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert not errors and saved(tmp_path) == [4]


def test_a_damaged_image_in_mid_training(config, tmp_path):
    """It is left out and said; the run goes on. All of them: the reader's message."""

    def read(bad):
        def inner(i):
            if i in bad:
                raise InputError(f"Cannot read {i}.png: truncated.")
            return toy.dataset().train["A"].read(i)

        return inner

    said = []
    data = toy.dataset(read=read({2}), report=said.append)
    toy.train(toy.Toy(), tmp_path / "one", config, budget=16, data=data)
    assert said == ["left out (1 of 5): Cannot read 2.png: truncated."]
    assert data.left_out() == ["Cannot read 2.png: truncated."]
    data = toy.dataset(read=read({0, 1, 2, 3, 4}), report=lambda line: None)
    with pytest.raises(InputError, match="A: none of its 5 images can be read. .*truncated"):
        toy.train(toy.Toy(), tmp_path / "all", config, budget=16, data=data)


def test_writer_drops_what_came_after_and_torn_lines(tmp_path):
    lines = [json.dumps({"images": n, "x": n}) for n in (2, 4, 6)]
    (tmp_path / "metrics.jsonl").write_text("\n".join(lines) + '\n{"images": 8, "lo')
    writer = Writer(tmp_path, 4)
    writer.scalars(6, {"x": 60.0})
    writer.close()
    assert [(r["images"], r["x"]) for r in read_metrics(tmp_path)] == [(2, 2), (4, 4), (6, 60.0)]


def test_a_lazy_phase_is_in_the_log_whenever_it_ran(tmp_path):
    config = tiny.config("unused", data__size=8, data__load_size=8, log_every=4)
    algorithm = toy.Toy()
    algorithm.phases[1] = dataclasses.replace(algorithm.phases[1], interval=2)  # steps 0, 2, 4, …
    toy.train(algorithm, tmp_path, config, budget=8)
    losses = [row for row in read_metrics(tmp_path) if "loss/G" in row]
    assert [("loss/D" in row) for row in losses] == [True, True]


def test_a_line_of_the_log_misses_nothing_when_a_checkpoint_comes_between(tmp_path):
    options = {"data__size": 8, "data__load_size": 8, "log_every": 6, "checkpoint_every": 4}
    config = tiny.config("unused", **options)
    poison = {"poison": lambda images: {"loss/count": float(images)}}
    toy.train(toy.Toy(**poison), tmp_path, config, budget=4)  # leaves 2 and 4 logged
    rows = [row for row in read_metrics(tmp_path) if "loss/count" in row]
    assert rows[-1]["loss/count"] == 3.0
    toy.train(toy.Toy(**poison), tmp_path, config, budget=12)
    rows = [row for row in read_metrics(tmp_path) if "loss/count" in row]
    assert [row["loss/count"] for row in rows[-2:]] == [6.0, 10.0]


class TwoStages(toy.Toy):
    """Counts how often a stage was entered."""

    def __init__(self):
        super().__init__()
        self.stages = [Stage(2, toy.SIZE, end=5), Stage(4, toy.SIZE, start=5)]

    def enter(self, stage):
        self.unused.assign_add(10 if stage.start else 1)


def test_a_stage_is_entered_once_also_when_a_run_goes_on(config, tmp_path):
    """The batch of 2 does not divide the start at 5: the checkpoint at 6 is before the entry."""
    config = dataclasses.replace(config, checkpoint_every=2)
    whole, parts = TwoStages(), TwoStages()
    toy.train(whole, tmp_path / "whole", config, budget=14)
    toy.train(parts, tmp_path / "parts", config, budget=6)
    for budget in (10, 14):
        parts = TwoStages()
        toy.train(parts, tmp_path / "parts", config, budget=budget)
    assert float(whole.unused.numpy()) == float(parts.unused.numpy()) == 11.0


def test_a_signal_before_a_metric_is_due_does_not_wait_for_it(tmp_path):
    config = tiny.config("unused", data__size=8, data__load_size=8, metrics=["x"], metrics_every=6)
    algorithm = toy.Toy(poison=lambda n: signal.raise_signal(signal.SIGINT) or {} if n == 6 else {})

    def measure(check):
        check()
        pytest.fail("the metric was taken")

    with pytest.raises(loop.Interrupted, match="after 6 images; saved"):
        toy.train(algorithm, tmp_path, config, budget=12, measure=measure)
    assert saved(tmp_path)[0] == 6


def test_a_signal_lands_on_no_line_of_the_code(config, tmp_path):
    """Only `check` and the end of a step look for it: what it comes in is finished."""
    config = dataclasses.replace(config, metrics=("x",), metrics_every=6)
    finished = []

    def measure(check):
        signal.raise_signal(signal.SIGTERM)
        finished.append(sum(range(10_000)))  # many bytecodes, no check
        return {"metrics/x": 1.0}

    with pytest.raises(loop.Interrupted, match="after 6 images; saved"):
        toy.train(toy.Toy(), tmp_path, config, budget=12, measure=measure)
    assert finished == [sum(range(10_000))]
    assert [row["images"] for row in read_metrics(tmp_path) if "metrics/x" in row] == [6]
