"""``position-prior``: all that can be known without looking at the photo."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cadrage.datasets.good_crops import suppress
from cadrage.datasets.manifest import PhotoRecord
from cadrage.evaluation.answers import Answer, Floats, Predictor, Question
from cadrage.evaluation.baselines.median_box import TrainingCrops, best_crops
from cadrage.geometry import fixed_ratio_candidates, free_candidates, grid_anchors, iou_matrix

_DENSE = 20
# Half a pixel of rounding on four edges costs less than this even on small photos; the next anchor is far below.
_SAME_PLACE = 0.97
_LARGEST_IOU = 0.85
# A prefix of the set is the set for fewer crops, so it is worked out once; no protocol asks for more.
_SET = 40
# Mirrored boxes are worth the same up to the noise of float32 sums, which must not decide between them.
_GAIN_DECIMALS = 5


def position_prior(train: Sequence[PhotoRecord]) -> Predictor:
    """The prior that the training photos permit: by grid anchor if most have 20 scored grid crops, else by overlap."""
    judged = [record for record in train if len(record.crops_xyxy)]
    dense = sum(np.count_nonzero(_grid_places(record) >= 0) >= _DENSE for record in judged)
    if 2 * dense >= len(judged):
        return AnchorPrior(_grid_scores(judged), len(judged))
    return OverlapPrior(best_crops(judged))


@dataclass(frozen=True, slots=True, eq=False)
class _GridScores:
    """Scores at places of the 12x12 grid: ``places`` and ``scores (M,)``, and how many crops lie elsewhere."""

    places: Any
    scores: Floats
    elsewhere: int


def _grid_scores(train: Sequence[PhotoRecord]) -> _GridScores:
    """The scored crops that lie on the 12x12 grid (Zeng et al., CVPR 2019), by their place in `grid_anchors`."""
    places, scores, elsewhere = [np.empty(0, np.int64)], [np.empty(0)], 0
    for record in train:
        place = _grid_places(record)
        on_grid = place >= 0
        places.append(place[on_grid])
        scores.append(record.scores[on_grid])
        elsewhere += int(np.count_nonzero(~on_grid))
    return _GridScores(np.concatenate(places), np.concatenate(scores), elsewhere)


def _grid_places(record: PhotoRecord) -> Any:
    """The index in `grid_anchors` of each crop of a photo ``(N,)``, -1 for crops off the grid."""
    overlaps = iou_matrix(record.crops_xyxy, grid_anchors())
    return np.where(overlaps.max(axis=1) >= _SAME_PLACE, overlaps.argmax(axis=1), -1)


class AnchorPrior:
    """``position-prior`` where people scored every candidate.

    The score of a box is the mean training score of its anchor, the one with the highest IoU. Free crops are the best
    anchors of which no two have an IoU above .85; of a ratio, the whole-pixel boxes of that ratio which overlap most
    with each of those in turn. What is asked beyond them is not answered.
    """

    name = "position-prior"
    needs_photos = False

    def __init__(self, learned: _GridScores, photos: int) -> None:
        counts = np.bincount(learned.places)
        seen = np.flatnonzero(counts)
        self._anchors = grid_anchors()[seen]
        self._means = np.bincount(learned.places, learned.scores)[seen] / counts[seen]
        self._diverse = suppress(self._anchors, self._means, _LARGEST_IOU)
        self._learned_from = {"photos": photos, "crops": len(learned.scores), "crops_off_the_grid": learned.elsewhere}

    def answer(self, question: Question) -> Answer:
        """Up to n crops, and the mean score at the place of each asked box."""
        overlaps = iou_matrix(question.boxes_xyxy, self._anchors)
        scores = self._means[overlaps.argmax(axis=1)]
        if not question.n:
            return Answer(box_scores=scores)
        boxes, confidences = self._anchors[self._diverse], self._means[self._diverse]
        if question.ratio is not None:
            candidates = fixed_ratio_candidates(question.size_wh, question.ratio)
            nearest = iou_matrix(boxes, candidates).argmax(axis=1)
            first = np.sort(np.unique(nearest, return_index=True)[1])
            boxes, confidences = candidates[nearest[first]], confidences[first]
        return Answer(boxes[: question.n], confidences[: question.n], scores)

    def describe(self) -> dict[str, Any]:
        """Kind, name, what a score is and how much it was learned from."""
        return {
            "kind": "baseline",
            "name": self.name,
            "scores": "mean score per grid anchor",
            "learned_from": self._learned_from,
        }


class OverlapPrior:
    """``position-prior`` where people chose a few crops per photo.

    The score of a box is its mean IoU with the training crops. Free crops are the constant set that greedily maximises
    the mean, over training crops, of the best IoU within the set, chosen from all boxes between the lines of a 12x12
    lattice with at least a tenth of the photo. Of a ratio they are the same among whole-pixel boxes of that ratio, the
    first being the one with the highest mean IoU.
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
        added = np.round(np.maximum(overlaps - best, 0) @ weights, _GAIN_DECIMALS)
        added[chosen] = -1
        pick = int(np.argmax(added))
        chosen.append(pick)
        gains.append(float(added[pick]))
        best = np.maximum(best, overlaps[pick])
    return chosen, np.minimum.accumulate(np.array(gains, dtype=np.float64))
