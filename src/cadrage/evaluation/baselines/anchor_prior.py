"""``position-prior`` where people scored every candidate: the mean score of each place of the grid."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cadrage.datasets.good_crops import suppress
from cadrage.datasets.manifest import PhotoRecord
from cadrage.evaluation.answers import Answer, Floats, Question
from cadrage.geometry import fixed_ratio_candidates, grid_anchors, iou_matrix

# Half a pixel of rounding on four edges costs less than this even on small photos; the next anchor is far below.
_SAME_PLACE = 0.97
_LARGEST_IOU = 0.85


@dataclass(frozen=True, slots=True, eq=False)
class GridScores:
    """Scores at places of the 12x12 grid: ``places`` and ``scores (M,)``, and how many crops lie elsewhere."""

    places: Any
    scores: Floats
    elsewhere: int


def grid_scores(train: Sequence[PhotoRecord]) -> GridScores:
    """The scored crops that lie on the 12x12 grid (Zeng et al., CVPR 2019), by their place in `grid_anchors`."""
    places, scores, elsewhere = [np.empty(0, np.int64)], [np.empty(0)], 0
    for record in train:
        place = grid_places(record)
        on_grid = place >= 0
        places.append(place[on_grid])
        scores.append(record.scores[on_grid])
        elsewhere += int(np.count_nonzero(~on_grid))
    return GridScores(np.concatenate(places), np.concatenate(scores), elsewhere)


def grid_places(record: PhotoRecord) -> Any:
    """The index in `grid_anchors` of each crop of a photo ``(N,)``, -1 for crops off the grid."""
    overlaps = iou_matrix(record.crops_xyxy, grid_anchors())
    return np.where(overlaps.max(axis=1) >= _SAME_PLACE, overlaps.argmax(axis=1), -1)


class AnchorPrior:
    """The score of a box is the mean training score of its anchor, the one with the highest IoU.

    Free crops are the best anchors of which no two have an IoU above .85; of a ratio, the whole-pixel boxes of that
    ratio which overlap most with each of those in turn. What is asked beyond them is not answered.
    """

    name = "position-prior"
    needs_photos = False

    def __init__(self, learned: GridScores, photos: int) -> None:
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
