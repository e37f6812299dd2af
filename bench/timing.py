"""Interleaved rounds: every call once per round, so that a busy moment of the machine hits all of them alike."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

# Lets worker threads that wait busily go to sleep before the next tool is timed.
_PAUSE_S = 0.02


@dataclass(frozen=True, slots=True)
class Times:
    """Milliseconds of ``n`` calls: median, lower and upper quartile."""

    n: int
    median_ms: float
    q1_ms: float
    q3_ms: float

    @classmethod
    def of(cls, seconds: Sequence[float]) -> "Times":
        q1, median, q3 = np.percentile(np.array(seconds) * 1e3, (25, 50, 75))
        return cls(len(seconds), float(median), float(q1), float(q3))

    def to_json(self) -> dict[str, Any]:
        return {
            "n": self.n,
            "median_ms": round(self.median_ms, 3),
            "q1_ms": round(self.q1_ms, 3),
            "q3_ms": round(self.q3_ms, 3),
            "iqr_ms": round(self.q3_ms - self.q1_ms, 3),
        }


def interleaved(calls: Mapping[str, Callable[[], object]], rounds: int, warm_up: int = 2) -> dict[str, Times]:
    """Time every call once per round, starting each round with another one; warm-up rounds are not counted."""
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    names = list(calls)
    for number in range(-warm_up, rounds):
        turn = number % len(names)
        for name in names[turn:] + names[:turn]:
            time.sleep(_PAUSE_S)
            start = time.perf_counter()
            calls[name]()
            took = time.perf_counter() - start
            if number >= 0:
                seconds[name].append(took)
    return {name: Times.of(values) for name, values in seconds.items()}
