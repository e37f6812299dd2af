"""A set predictor's own proposals in another order than that of their validity."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cadrage.datasets.good_crops import suppress
from cadrage.evaluation.answers import Answer, Floats, Question
from cadrage.evaluation.area_calibration import AreaCalibration
from cadrage.evaluation.feature_cache import FeatureCache
from cadrage.evaluation.greedy_cover import greedy_cover
from cadrage.evaluation.validity_order import ValidityOrder
from cadrage.geometry import area
from cadrage.inference.cropper import Cropper

EVERY_PROPOSAL = 1_000_000

# From all proposals ``(Q, 4)``, their validities ``(Q,)`` and n to the indices of at most n of them, best first, and
# their confidences, which never rise.
Order = Callable[[Floats, Floats, int], tuple[NDArray[np.intp], Floats]]


class ProposalOrder(ValidityOrder):
    """The proposals of `EncodedPhoto.predicted_set` as ``order`` puts them; ``said`` names it in the description."""

    def __init__(self, cropper: Cropper, order: Order, said: str, cache: FeatureCache | None = None) -> None:
        super().__init__(cropper, cache)
        self._order = order
        self._said = said

    def answer(self, question: Question) -> Answer:
        """The first proposals of the order; raises what `ValidityOrder.answer` raises."""
        found = super().answer(replace(question, n=EVERY_PROPOSAL))
        indices, confidences = self._order(found.boxes_xyxy, found.confidences, question.n)
        return Answer(found.boxes_xyxy[indices], confidences)

    def describe(self) -> dict[str, Any]:
        """As `ModelPredictor.describe`, and how the crops were chosen."""
        return {**super().describe(), "crops": self._said}


def without_duplicates(iou_limit: float) -> Order:
    """By validity, each removing those that overlap it by more than ``iou_limit``; may leave fewer than n."""

    def order(boxes_xyxy: Floats, validities: Floats, n: int) -> tuple[NDArray[np.intp], Floats]:
        kept = suppress(boxes_xyxy, validities, iou_limit)[:n]
        return kept, validities[kept]

    return order


def calibrated(calibration: AreaCalibration) -> Order:
    """By the probability of being right, given validity and area; of equal ones the lower index first."""

    def order(boxes_xyxy: Floats, validities: Floats, n: int) -> tuple[NDArray[np.intp], Floats]:
        probabilities = calibration.probabilities(validities, area(boxes_xyxy))
        kept = np.argsort(-probabilities, kind="stable")[:n]
        return kept, probabilities[kept]

    return order


def covering(boxes_xyxy: Floats, validities: Floats, n: int) -> tuple[NDArray[np.intp], Floats]:
    """By what each adds to the expected overlap of the best, see `greedy_cover`; validities are the weights."""
    indices, gains = greedy_cover(boxes_xyxy, validities, n)
    # Sums in another order may differ in their last digit.
    return indices, np.minimum.accumulate(gains)
