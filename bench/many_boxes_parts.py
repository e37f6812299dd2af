"""One published model scores boxes of one photo in a process of its own, so that its peak memory is that question's.

python bench/many_boxes_parts.py weights/global-attention.fcdb --count 1745 --threads 2 --views 1 --out seconds.json
"""

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cadrage.geometry.candidates import grid_anchors
from cadrage.inference.runtime import onnxruntime
from cadrage.inference.store.card import Card, read_card

WARM_UP = 2
# In the middle, as main persons are; of the mirror image it is the same.
PERSON_XYXY = (0.3, 0.2, 0.7, 0.9)


class Scorer:
    """Trunk and evaluator of one model, which scores as many boxes at a time as its card says."""

    def __init__(self, folder: Path, threads: int) -> None:
        self.card: Card = read_card(folder)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        self._trunk, self._evaluator = (
            onnxruntime.InferenceSession(self.card.read_part(part), options, ["CPUExecutionProvider"])
            for part in ("trunk", "evaluator")
        )

    def __call__(self, images: NDArray[np.float32], boxes: NDArray[np.float32]) -> NDArray[np.float32]:
        """``(V, N)`` scores of boxes ``(V, N, 4)`` on views ``(V, 3, S, S)`` of a photo."""
        (features,) = self._trunk.run(["features"], {"image": images})
        views = len(images)
        given: dict[str, Any] = {"features": features, "log_aspect": np.zeros(views, np.float32)}
        if self.card.persons:
            given |= {
                "person_xyxy": np.array([PERSON_XYXY] * views, np.float32),
                "has_person": np.ones(views, np.bool_),
            }
        parts = [
            self._evaluator.run(["scores"], {**given, "boxes": boxes[:, start : start + self.card.chunk]})[0]
            for start in range(0, boxes.shape[1], self.card.chunk)
        ]
        return np.concatenate(parts, axis=1)


def boxes_of(count: int, views: int) -> NDArray[np.float32]:
    """``(views, count, 4)`` normalised: the grid anchors of a square photo, then any boxes."""
    grid = grid_anchors((1200, 1200))
    corners = np.sort(np.random.default_rng(0).uniform(size=(max(0, count - len(grid)), 2, 2)), axis=1).reshape(-1, 4)
    boxes = np.concatenate([grid, corners])[:count].astype(np.float32)
    return np.broadcast_to(boxes, (views, count, 4)).copy()


def main(argv: Sequence[str] | None = None) -> None:
    """Answer one question and write the answer."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--count", type=int, default=1745, metavar="N")
    parser.add_argument("--threads", type=int, default=2, metavar="N")
    parser.add_argument("--views", type=int, choices=(1, 2), default=1)
    parser.add_argument("--rounds", type=int, default=11, metavar="N")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE")
    arguments = parser.parse_args(argv)
    scorer = Scorer(arguments.model, arguments.threads)
    side = scorer.card.input.side
    images = np.random.default_rng(1).uniform(size=(arguments.views, 3, side, side)).astype(np.float32)
    boxes = boxes_of(arguments.count, arguments.views)
    seconds = []
    # A single round only shows that it works, and need not be warm.
    for number in range(-min(WARM_UP, arguments.rounds - 1), arguments.rounds):
        start = time.perf_counter()
        scorer(images, boxes)
        if number >= 0:
            seconds.append(time.perf_counter() - start)
    arguments.out.write_text(json.dumps({"seconds": seconds}), encoding="utf-8")


if __name__ == "__main__":
    main()
