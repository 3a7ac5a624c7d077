"""SciPy's L-BFGS-B, one iteration at a time.

`scipy.optimize.minimize` runs to its end and calls functions on the way, but a training loop asks
for one iteration after another. So SciPy runs in a thread of its own, which hands over each point
that is to be evaluated and each iteration that is finished. The evaluations run in the thread that
asks, because Keras has its settings per thread.
"""

import queue
import threading
import weakref
from collections.abc import Callable

import numpy as np
from scipy.optimize import minimize

FIRST_STEP = 0.1  # the largest change of a value in the first step
MEMORY_BYTES = 2**30  # how much the corrections may take: large pictures keep fewer of them


class LBFGS:
    """Minimises a function of values in [0, 1] (Byrd et al. 1995, Zhu et al. 1997).

    It begins with an empty memory. The same start and the same answers of `evaluate` give the same
    points.
    """

    def __init__(self, start: np.ndarray, *, memory: int):
        """Args:
        start: the first point, values in [0, 1], of any shape.
        memory: how many corrections are kept; fewer where they would exceed `MEMORY_BYTES`.
        """
        self._shape = start.shape
        self._scale: float | None = None
        self._events: queue.SimpleQueue = queue.SimpleQueue()
        self._answers: queue.SimpleQueue = queue.SimpleQueue()
        memory = max(3, min(memory, MEMORY_BYTES // (16 * start.size)))  # two float64 vectors each
        options = {"maxcor": memory, "maxiter": 10**9, "maxfun": 10**9, "ftol": 0, "gtol": 0}
        start = np.clip(start.astype(np.float64).ravel(), 0, 1)
        # daemon: a process that ends does not wait for an answer that nobody will give
        args = (start, options, self._events, self._answers)
        self._thread = threading.Thread(target=_minimise, args=args, daemon=True)
        self._thread.start()
        weakref.finalize(self, self._answers.put, None)  # the thread must not outlive what asks

    def iterate(self, evaluate: Callable) -> np.ndarray | None:
        """The point after the next iteration; None if no lower one is found.

        Args:
            evaluate: `point -> (value, gradient)`; the gradient has the point's shape.
        """
        while True:
            kind, point = self._events.get()
            if kind == "evaluate":
                try:
                    answer = self._scaled(*evaluate(point.reshape(self._shape)))
                except BaseException:
                    self.close()
                    raise
                self._answers.put(answer)
            elif kind == "iterate":
                return point.reshape(self._shape)
            elif kind == "error":
                raise point
            else:
                self._events.put((kind, point))  # to be found again by the next call
                return None

    def _scaled(self, value, gradient):
        """Value and gradient, scaled. With bounds, SciPy's first step is as long as the gradient,
        so the first gradient is made short."""
        gradient = np.asarray(gradient, np.float64).ravel()
        if self._scale is None:
            largest = np.abs(gradient).max()
            self._scale = FIRST_STEP / largest if 0 < largest < np.inf else 1.0
        return float(value) * self._scale, gradient * self._scale

    def close(self) -> None:
        """Ends the thread."""
        self._answers.put(None)
        self._thread.join()


class _Closed(Exception):
    """`close` was called, or nobody asks any more."""


def _minimise(start, options, events, answers):
    """Runs SciPy in the thread. It holds the queues but no reference to the `LBFGS`, which can so
    be collected."""

    def ask(point):
        events.put(("evaluate", point.copy()))
        answer = answers.get()
        if answer is None:
            raise _Closed
        return answer

    def tell(intermediate_result):
        events.put(("iterate", intermediate_result.x.copy()))

    try:
        box = [(0, 1)] * start.size
        minimize(
            ask, start, method="L-BFGS-B", jac=True, bounds=box, callback=tell, options=options
        )
        events.put(("end", None))
    except _Closed:
        events.put(("end", None))
    except BaseException as error:  # raised again where it was asked for
        events.put(("error", error))
