"""``position-prior`` where people chose a few crops per photo: where those lie, whatever the photo shows."""

from typing import Any

import numpy as np

from cadrage.evaluation.answers import Answer, Floats, Question
from cadrage.evaluation.baselines.training_crops import TrainingCrops
from cadrage.geometry import fixed_ratio_candidates, free_candidates, iou_matrix

# A prefix of the set is the set for fewer crops, so it is worked out once; no protocol asks for more.
_SET = 40
# Mirrored boxes are worth the same up to the noise of float32 sums, which must not decide between them.
_DECIMALS = 5


class OverlapPrior:
    """The score of a box is its mean IoU with the training crops.

    Free crops are the constant set that greedily maximises the mean, over training crops, of the best IoU within the
    set, chosen from all boxes between the lines of a 12x12 lattice with at least a tenth of the photo. Of a ratio they
    are the same among whole-pixel boxes of that ratio, the first being the one with the highest mean IoU.
    """

    name = "position-prior"
    needs_photos = False

    def __init__(self, crops: TrainingCrops) -> None:
        self._crops = crops
        # Half the memory: a data set can have tens of thousands of crops.
        self._boxes32 = crops.boxes_xyxy.astype(np.float32)
        self._free = self._best_set(free_candidates(), _SET)

    def answer(self, question: Question) -> Answer:
        """Up to n crops, at most 40, and the mean IoU of each asked box with the training crops."""
        scores = iou_matrix(question.boxes_xyxy, self._crops.boxes_xyxy) @ self._crops.weights
        if not question.n:
            return Answer(box_scores=scores)
        boxes, gains = self._free
        if question.ratio is not None:
            candidates = fixed_ratio_candidates(question.size_wh, question.ratio)
            boxes, gains = self._best_set(candidates, min(question.n, _SET))
        return Answer(boxes[: question.n], gains[: question.n], scores)

    def describe(self) -> dict[str, Any]:
        """Kind, name, what a score is and how much it was learned from."""
        learned_from = {"photos": self._crops.photos, "crops": len(self._crops.weights)}
        return {
            "kind": "baseline",
            "name": self.name,
            "scores": "mean IoU with training crops",
            "learned_from": learned_from,
        }

    def _best_set(self, candidates_xyxy: Floats, count: int) -> tuple[Floats, Floats]:
        overlaps = iou_matrix(candidates_xyxy.astype(np.float32), self._boxes32)
        chosen, gains = greedy_set(overlaps, self._crops.weights.astype(np.float32), count)
        return candidates_xyxy[chosen], gains


def greedy_set(overlaps: Any, weights: Any, count: int) -> tuple[list[int], Floats]:
    """Rows of ``overlaps (N, M)`` that one by one add most to the weighted mean of the best overlap per column.

    Returns:
        Up to ``count`` different rows and what each of them added, never rising. The first N come first among equals.
    """
    best = np.zeros(overlaps.shape[1], overlaps.dtype)
    chosen: list[int] = []
    gains: list[float] = []
    for _ in range(min(count, len(overlaps))):
        added = np.round(np.maximum(overlaps - best, 0) @ weights, _DECIMALS)
        added[chosen] = -1
        pick = int(np.argmax(added))
        chosen.append(pick)
        gains.append(float(added[pick]))
        best = np.maximum(best, overlaps[pick])
    return chosen, np.minimum.accumulate(np.array(gains, dtype=np.float64))
