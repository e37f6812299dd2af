"""The early look at validation photos during training; reported numbers come from ``cadrage eval``."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from cadrage.datasets.good_crops import good_crops, suppress
from cadrage.datasets.manifest import PhotoRecord
from cadrage.evaluation.answers import Answer, Floats
from cadrage.evaluation.metrics.average_precision import average_precision
from cadrage.evaluation.metrics.best_crop_recall import best_crop_recall
from cadrage.evaluation.metrics.overlap import best_iou_of_set, coverage, iou_and_bde
from cadrage.training.set_prediction.recipe import SetRecipe

_FEW, _MANY = 5, 10


def measure_sets(records: Sequence[PhotoRecord], answers: Sequence[Answer], recipe: SetRecipe) -> dict[str, float]:
    """Means over photos of proposals in order of validity, nothing removed.

    Args:
        records: photos with their truth.
        answers: for each photo its proposals, best first.
        recipe: says what a good crop is.

    Returns:
        ``iou``, ``best5_iou``, ``best10_iou``, ``coverage10`` against the good crops; ``recall5_e85``, ``recall10_e85``
        and the same at .90 against the best; ``ap85_k10``, ``ap90_k40`` and their kin. All in [0, 1].
    """
    truths = [good_boxes(record, recipe) for record in records]
    pairs = list(zip(truths, (answer.boxes_xyxy for answer in answers), strict=True))
    measured: dict[str, Any] = {
        "iou": np.mean([iou_and_bde(boxes[0], truth)[0] for truth, boxes in pairs]),
        "best5_iou": np.mean([best_iou_of_set(boxes[:_FEW], truth) for truth, boxes in pairs]),
        "best10_iou": np.mean([best_iou_of_set(boxes[:_MANY], truth) for truth, boxes in pairs]),
        "coverage10": np.mean([coverage(boxes, truth, _MANY) for truth, boxes in pairs]),
    }
    for epsilon in (0.85, 0.9):
        for n in (_FEW, _MANY):
            measured[f"recall{n}_e{round(100 * epsilon)}"] = np.mean(
                [
                    best_crop_recall(answer.boxes_xyxy, record.crops_xyxy, record.scores, n, epsilon)
                    for record, answer in zip(records, answers, strict=True)
                ]
            )
    found = average_precision([(answer.boxes_xyxy, answer.confidences) for answer in answers], truths)
    measured |= {f"ap{round(100 * epsilon)}_k{k}": value for (epsilon, k), value in found.items()}
    return {name: float(value) for name, value in measured.items()}


def good_boxes(record: PhotoRecord, recipe: SetRecipe) -> Floats:
    """The good crops ``(G, 4)`` of a photo as the recipe chooses them, for learning and measuring alike."""
    chosen = np.flatnonzero(good_crops(record.scores, recipe.good_score))
    if recipe.good_iou_limit:
        chosen = chosen[suppress(record.crops_xyxy[chosen], record.scores[chosen], recipe.good_iou_limit)]
    return record.crops_xyxy[chosen]
