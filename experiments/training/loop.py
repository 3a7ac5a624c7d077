"""The training loop of all models: stages, counts of images, scores, checkpoints, signals."""

import errno
import math
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from core import engine
from core.engine import processes
from core.errors import InputError, Interrupted
from core.phases import Algorithm
from experiments.data.pipeline import batches
from experiments.data.sources import Dataset
from experiments.training import checkpoint
from experiments.training.best import Best
from experiments.training.config import RunConfig
from experiments.training.signals import Signals, Stopped
from experiments.training.writer import Writer


def _no_metrics(check: Callable[[], None]) -> dict[str, float]:
    """Returns no metrics, for a run that takes none."""
    return {}


@dataclass(frozen=True)
class Work:
    """What a model does besides its steps; `train` says how each function is called."""

    batches: Callable[..., Iterator[dict]]
    evaluate: Callable[..., dict[str, float]]
    sheets: Callable[..., dict[str, np.ndarray]]
    measure: Callable[[Callable[[], None]], dict[str, float]]
    best_sign: int
    keep: Callable[[], None]


def train(
    algorithm: Algorithm,
    dataset: Dataset | None,
    config: RunConfig,
    run_dir: Path,
    *,
    budget: int,
    batches: Callable[..., Iterator[dict]] = batches,
    evaluate: Callable[..., dict[str, float]],
    sheets: Callable[..., dict[str, np.ndarray]],
    measure: Callable[[Callable[[], None]], dict[str, float]] = _no_metrics,
    best_sign: int = 0,
    keep: Callable[[], None] = lambda: None,
    say: Callable[[str], None],
) -> None:
    """Trains until `budget` images, starting from the newest checkpoint of the run.

    Args:
        algorithm: the algorithm that is trained.
        dataset: the data set that it is trained on, None for a model without one.
        config: the configuration of the run.
        run_dir: the directory of the run, which must exist.
        budget: the length of the training in images.
        batches: makes the training batches; called like `experiments.data.pipeline.batches`.
        evaluate: called without arguments every `config.eval_every` images; returns scalars.
        sheets: called without arguments every `config.sample_every` images; returns pictures by
            name.
        measure: called with a function `check` every `config.metrics_every` images; returns the
            metrics of the configuration. It must call `check()` between its batches and must not
            catch the exception that this may raise.
        best_sign: 1 where higher values of the score `config.best` are better, -1 where lower ones
            are; 0 without `config.best`.
        keep: called before anything is saved, and at the end, see `RunDir.keep`.
        say: called with each line for the user.

    Raises:
        Interrupted: SIGTERM or SIGINT came; a checkpoint was saved.
        InputError: a loss is not finite, or the disk is full; the last checkpoint is intact. Or the
            directory of the run has gone.
    """
    progress = _restored(run_dir, algorithm, say)
    images = progress["images"]
    if images >= budget:
        hint = " (--mode=evaluate takes further metrics)" if config.metrics else ""
        say(f"this run is complete: {images:,} of {budget:,} images{hint}")
    elif images:
        say(f"going on after {images:,} of {budget:,} images")
    work = Work(batches, evaluate, sheets, measure, best_sign, keep)
    run = _Run(algorithm, dataset, config, Path(run_dir), budget, work, say)
    with Signals() as signals:
        try:
            run.open(progress)
            run.train(images, progress.get("steps", images // config.batch_size), signals)
        except OSError as error:
            keep()  # says so where the directory has gone
            raise run.cannot_write(error) from error
        finally:
            run.close()


def _restored(run_dir, algorithm, say):
    """Returns the progress of the newest checkpoint, from which all processes go on alike."""
    start = {"images": 0, "steps": 0}
    if processes.first():
        start = checkpoint.restore(run_dir, algorithm, say, tidy=True) or start
    engine.give_all(algorithm.variables())
    progress = processes.from_first(start)
    if progress.get("stage") is not None:
        algorithm.current_stage = algorithm.stages[progress["stage"]]
    return progress


class _Silent:
    """Stands for the writer and the bar in all processes but the first: does nothing."""

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *_: None


class _Run:
    """The state of one call of `train`."""

    def __init__(self, algorithm, dataset, config, run_dir, budget, work, say):
        self.algorithm, self.dataset, self.config = algorithm, dataset, config
        self.run_dir, self.budget, self.work, self.say = run_dir, budget, work, say
        self.pending = []  # (images after the step, its logs) that are not in the log yet
        self.entered = None  # number of the stage that was entered last
        self.saved = None  # images at the last checkpoint
        self.unreported = None  # images before a step whose scores are still to be taken
        self.writer: Any = None  # it and the next two are made by `open`
        self.bar: Any = None
        self.best: Any = None

    def open(self, progress):
        images = progress["images"]
        self.saved = images if images else None
        self.unreported = progress.get("unreported")
        self.entered = progress.get("stage")
        self.pending = [tuple(row) for row in progress.get("pending", [])]
        if not processes.first():
            self.bar = self.writer = _Silent()
            return
        self.bar = _Progress(images, self.budget, self.say)
        self.writer = Writer(self.run_dir, images)
        self.best = Best(self.run_dir, self.config, self.work.best_sign, self.say)

    def close(self):
        for part in (self.bar, self.writer):
            if part is not None:
                part.close()

    def train(self, images, steps, signals):
        stage, clock = None, _Clock()
        data: Iterator[dict] = iter(())  # until the first stage is entered
        if self.unreported is not None:
            self._score(self.unreported, images, steps, clock, signals)
            self._save(images, steps)  # so that they are not taken again
        while images < self.budget:
            if stage is None or (stage.end and images >= stage.end):
                stage = self._next_stage(images)
                data = self._batches(stage, images)
            logs = self.algorithm.step(engine.shard(next(data)), steps)
            before, images, steps = images, images + stage.batch_size, steps + 1
            self.pending.append((images, logs))
            clock.add(stage.batch_size)
            self.bar.move(images)
            if self._due(self.config.log_every, before, images):
                self._log(images, clock)
            self._score(before, images, steps, clock, signals)
            if number := signals.stop_after(steps):
                self._save(images, steps)
                raise Interrupted(number, images)
        if self.saved != images:
            self._save(images, steps)
        self.work.keep()

    def _next_stage(self, images):
        """Returns the stage at a count of images, and enters it unless that has been done."""
        stage = self.algorithm.stage(images)
        self.algorithm.current_stage = stage
        index = list(self.algorithm.stages).index(stage)
        if index != self.entered:
            self.algorithm.enter(stage)
            self.entered = index
        return stage

    def _batches(self, stage, images):
        config, read = self.config, self.algorithm.batches_per_step
        return self.work.batches(
            self.dataset,
            config.data,
            size=stage.size,
            batch_size=read * stage.batch_size,
            start=read * images,
            seed=config.seed,
            share=processes.share(),
        )

    def _due(self, every, before, images):
        """Returns whether something is due between two counts of images, or at the end.

        Args:
            every: how many images lie between two times.
            before: the count before the step.
            images: the count after it.
        """
        return images >= self.budget or images // every > before // every

    def _score(self, before, images, steps, clock, signals):
        """Makes the scores and pictures that are due between two counts of images, then saves.

        The checkpoint comes last, so a run that goes on from it has everything that was due before.
        """
        config = self.config
        scored, sampled, saved = (
            self._due(every, before, images)
            for every in (config.eval_every, config.sample_every, config.checkpoint_every)
        )
        measured = config.metrics and self._due(config.metrics_every or self.budget, before, images)

        def show():
            if scored or measured:
                scores = self.work.evaluate() if scored else {}
                if measured:
                    scores |= self._measure(before, images, steps, signals)
                self._scores(images, steps, scores)
            for name, picture in self.work.sheets().items() if sampled else ():
                self.writer.picture(images, name, picture)

        if scored or measured or sampled:
            engine.alone(show, self.algorithm.variables())
        self.unreported = None
        if saved:
            self._save(images, steps)
        if scored or sampled or measured:
            clock.restart()

    def _measure(self, before, images, steps, signals):
        """Returns the metrics. A signal ends them; they are taken again when the run goes on."""
        try:
            return self.work.measure(signals.check)
        except Stopped:
            self.unreported = before
            self._save(images, steps)
            raise Interrupted(signals.known, images) from None

    def _scores(self, images, steps, scores):
        self.writer.scalars(images, scores)
        self.bar.line(images, scores)
        if self.best.improves(scores):
            self._save(images, steps, self.best.record())

    def _log(self, images, clock):
        rows, self.pending = self._look(), []
        names = dict.fromkeys(
            name for row in rows for name in row
        )  # not every step logs every phase
        means = {n: float(np.mean([row[n] for row in rows if n in row])) for n in names}
        means["images_per_second"] = clock.rate()
        for phase in self.algorithm.phases:
            means[f"learning_rate/{phase.name}"] = _number(phase.optimizer.learning_rate)
        self.writer.scalars(images, means)
        self.bar.losses(images, means)
        clock.restart()

    def _look(self):
        """Converts the pending logs to numbers; InputError for the first that is not finite."""
        self.pending = [(i, {k: _number(v) for k, v in logs.items()}) for i, logs in self.pending]
        for images, row in self.pending:
            bad = [name for name, value in row.items() if not math.isfinite(value)]
            if bad:
                raise self._not_finite(images, bad, row)
        return [row for _, row in self.pending]

    def _not_finite(self, images, bad, row):
        phase = next((p.name for p in self.algorithm.phases if f"loss/{p.name}" in bad), "?")
        terms = ", ".join(f"{name} = {row[name]}" for name in bad)
        return InputError(
            f"phase {phase}: the loss is not finite after {images:,} images ({terms}). Training "
            f"stopped. {self._kept()} Lower algorithm.learning_rate or use --precision=float32, "
            "in a new --run_dir."
        )

    def _save(self, images, steps, best=None):
        """Saves the newest checkpoint, or the best one, given the record of its score."""
        self._look()
        if processes.first():
            self._write(images, steps, best)
        if best is None:
            self.saved = images

    def _write(self, images, steps, best):
        progress = {"images": images, "steps": steps, "stage": self.entered}
        progress["pending"] = self.pending  # so that the next line of the log misses nothing
        progress["unreported"] = self.unreported
        self.work.keep()
        try:
            checkpoint.save(
                self.run_dir,
                self.algorithm,
                progress | ({"best": best} if best else {}),
                keep=self.config.keep,
                as_best=best is not None,
            )
        except FloatingPointError as error:
            raise InputError(
                f"variable '{error}' is not finite after {images:,} images, though the losses "
                f"were. Training stopped and this state was not saved. {self._kept()} Lower "
                "algorithm.learning_rate or use --precision=float32, in a new --run_dir."
            ) from error

    def cannot_write(self, error: OSError) -> InputError:
        """Returns the error for a full disk, or for a file that the system refuses to write."""
        full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        todo = "Make room" if full else f"Make {error.filename or self.run_dir} writable"
        return InputError(
            f"cannot write to {self.run_dir} ({error.strerror or error}). Training stopped. "
            f"{self._kept()} {todo} and give the same command again."
        )

    def _kept(self):
        if self.saved is None:
            return "No checkpoint had been saved yet."
        return f"The checkpoint of {self.saved:,} images is kept."


def _number(value: Any) -> float:
    return float(np.asarray(value))


class _Clock:
    """Images per second since the last restart."""

    def __init__(self):
        self.restart()

    def restart(self):
        self.images, self.start = 0, time.perf_counter()

    def add(self, images):
        self.images += images

    def rate(self):
        return self.images / max(time.perf_counter() - self.start, 1e-9)


class _Progress:
    """Shows a bar on a terminal, lines elsewhere: one in ten seconds at most, and the last."""

    def __init__(self, images, budget, say):
        self.budget, self.say, self.last_line = budget, say, 0.0
        self.bar = None
        if sys.stderr.isatty():
            self.bar = tqdm(total=budget, initial=images, unit="img", dynamic_ncols=True)

    def move(self, images):
        if self.bar is not None:
            self.bar.update(images - self.bar.n)

    def losses(self, images, means):
        text = " ".join(f"{k[5:]} {v:.3f}" for k, v in means.items() if k.startswith("loss/"))
        if self.bar is not None:
            self.bar.set_postfix_str(text)
        elif images >= self.budget or time.monotonic() - self.last_line > 10:
            self.last_line = time.monotonic()
            rate = means["images_per_second"]
            left = (self.budget - images) / rate
            self.say(
                f"{images:,}/{self.budget:,} images, {rate:.1f} images/s, {left:.0f} s left, {text}"
            )

    def line(self, images, scores):
        text = f"{images:,} images: " + ", ".join(f"{k} {v:.4g}" for k, v in scores.items())
        if self.bar is not None:
            self.bar.write(text, file=sys.stderr)
        else:
            self.say(text)

    def close(self):
        if self.bar is not None:
            self.bar.close()
