"""The task of translation in one direction."""

from typing import Any

import numpy as np

from experiments.data import pictures
from experiments.data.pipeline import test_images
from experiments.metrics.pairs import absolute_error, psnr, ssim
from experiments.model import Run
from experiments.tasks.translation import SHEET_ROWS, Translation, predict, translator

SCORES = {"l1": absolute_error, "psnr": psnr, "ssim": ssim}


class OneWayTranslation(Translation):
    """Two domains, A and B, and a network for one direction."""

    def evaluate(self, run: Run, dataset: Any) -> dict[str, float]:
        """Returns scores of the translation and of doing nothing ("identity") on the test pairs.

        L1 is the mean absolute difference in 8-bit levels (0 to 255). PSNR and SSIM are those of
        `Translation.evaluate`. Without test pairs there are no scores.
        """
        if not dataset.truth:
            return {}
        (direction,) = run.algorithm.directions
        inputs, truth = (
            test_images(dataset, run.config.data, role, run.config.eval_images)
            for role in (direction[0], direction[-1])
        )
        results = {direction: self.predicted(run, direction, inputs), "identity": inputs}
        return {
            f"{name}/{what}": score(result, truth)
            for name, score in SCORES.items()
            for what, result in results.items()
        }

    def predicted(self, run: Run, direction: str, images: np.ndarray) -> np.ndarray:
        """Returns the translations of test images, uint8 `[N, H, W, C]`."""
        return predict(translator(run, direction), images)

    def sheets(self, run: Run, dataset: Any) -> dict[str, np.ndarray]:
        """Returns `{"translation": sheet}`: input, output and truth, two test images in a row."""
        (direction,) = run.algorithm.directions
        source, target, data = direction[0], direction[-1], run.config.data
        parts = []
        for shift in (0, 0.5):
            images = test_images(dataset, data, source, SHEET_ROWS, shift)
            parts += [images, self.predicted(run, direction, images)]
            if dataset.truth:
                parts.append(test_images(dataset, data, target, SHEET_ROWS, shift))
        titles = [source, f"{source} to {target}", "truth"][: len(parts) // 2]
        rows = [list(row) for row in zip(*parts, strict=False)]
        scale = pictures.enlargement(rows[0][0])
        return {"translation": pictures.sheet(rows, 2 * titles, scale=scale)}
