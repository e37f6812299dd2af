"""Average precision of a set of boxes per photo, by the procedure of COCO."""

import contextlib
import hashlib
import io
from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np

from cadrage.errors import CadrageError
from cadrage.evaluation.metrics.checks import Floats, expect_as_many, expect_scores
from cadrage.evaluation.metrics.overlap import IOU_TOLERANCE

Predicted = Sequence[tuple[Floats, Floats]]

_PHOTO, _CATEGORY = 0, 1
# No box is too small or too large to count.
_ANY_AREA = (-np.inf, np.inf)
# Finer than a pixel, coarser than the noise of computing the same box in another way.
_DECIMALS = 6


def average_precision(
    predicted: Predicted,
    truths: Sequence[Floats],
    epsilons: Sequence[float] = (0.85, 0.9),
    top_ks: Sequence[int] = (5, 10, 40),
) -> dict[tuple[float, int], float]:
    """AP of the first K boxes of each photo at single IoU thresholds, through pycocotools.

    The metric of Jia et al., CVPR 2022, section 4, by COCO's rule (Lin et al., ECCV 2014): in each photo, by falling
    confidence, every box takes the still free good crop of the highest IoU that is at least epsilon (up to 1e-6), or is
    wrong; the boxes of all photos are then sorted by confidence, and precision, made monotone from the right, is
    averaged at the recalls 0, 0.01, ..., 1.

    Neither the order of the photos nor that of the good crops has a say: boxes of different photos with the same
    confidence are sorted by a checksum of their photo's boxes and good crops. Within a photo the given order decides.

    Args:
        predicted: for each photo its boxes ``(K, 4)``, best first, and their confidences ``(K,)``.
        truths: for each photo its good crops ``(G, 4)``, which may be none.
        epsilons: IoU thresholds.
        top_ks: how many boxes of a photo count.

    Returns:
        AP in [0, 1] for each (epsilon, K); 0.0 where it is undefined, that is if no photo has a good crop.

    Raises:
        ValueError: different numbers of photos, or of boxes and confidences, or a number that is not finite.
        CadrageError: pycocotools is not installed.
    """
    values = _accumulated(_matched(predicted, truths, epsilons, top_ks))
    return _by_setting(values, epsilons, top_ks)


def bootstrap_average_precision(
    predicted: Predicted,
    truths: Sequence[Floats],
    epsilons: Sequence[float] = (0.85, 0.9),
    top_ks: Sequence[int] = (5, 10, 40),
    *,
    rounds: int = 200,
    seed: int = 0,
) -> dict[tuple[float, int], tuple[float, float, float]]:
    """`average_precision` with its 95 % percentile bootstrap intervals (Efron 1979), resampling photos.

    Boxes are matched once; every round accumulates the matches of a new draw of photos. Arguments and errors are those
    of `average_precision`; a draw in which no photo has a good crop counts as 0.0, and of no photos all is 0.0.

    Returns:
        ``(AP, low, high)`` for each (epsilon, K).
    """
    coco = _matched(predicted, truths, epsilons, top_ks)
    whole, matches = _accumulated(coco), coco.evalImgs
    samples = np.zeros((rounds, *whole.shape))
    if matches:
        for index, draw in enumerate(np.random.default_rng(seed).integers(len(matches), size=(rounds, len(matches)))):
            coco.evalImgs = [matches[photo] for photo in draw]
            samples[index] = _accumulated(coco)
    edges = np.quantile(samples, [0.025, 0.975], axis=0)
    mean, low, high = (_by_setting(values, epsilons, top_ks) for values in (whole, *edges))
    return {setting: (mean[setting], low[setting], high[setting]) for setting in mean}


def _matched(predicted: Predicted, truths: Sequence[Floats], epsilons: Sequence[float], top_ks: Sequence[int]) -> Any:
    """A COCOeval whose ``evalImgs`` hold the matches of each photo."""
    expect_as_many(predicted, truths, "photos with predictions as with truths")
    coco = _coco_eval()
    coco.params.iouThrs = np.array(epsilons) - IOU_TOLERANCE
    coco.params.maxDets = sorted(top_ks)
    coco.params.areaRng, coco.params.areaRngLbl = [_ANY_AREA], ["all"]
    coco.params.imgIds, coco.params.catIds = list(range(len(truths))), [_CATEGORY]
    coco._paramsEval = coco.params
    coco.evalImgs = [_match(coco, *photo) for photo in _in_order_of_content(predicted, truths)]
    return coco


def _match(coco: Any, boxes: Floats, confidences: Floats, truths: Floats) -> dict[str, Any] | None:
    # COCOeval prints before it matches many photos; what it calls for one does not.
    key = (_PHOTO, _CATEGORY)
    coco._gts[key] = _annotations(truths)
    coco._dts[key] = [{**box, "score": score} for box, score in zip(_annotations(boxes), confidences, strict=True)]
    coco.ious[key] = coco.computeIoU(*key)
    match: dict[str, Any] | None = coco.evaluateImg(*key, _ANY_AREA, coco.params.maxDets[-1])
    if match is not None:
        # Joining arrays is much faster than joining lists, and happens once per photo and round.
        match["dtScores"] = np.array(match["dtScores"])
    return match


def _annotations(boxes_xyxy: Floats) -> list[dict[str, Any]]:
    # COCO's form is the corner and the size; 0 as a number of a box would mean "not matched".
    sizes = boxes_xyxy[:, 2:] - boxes_xyxy[:, :2]
    rows = np.hstack([boxes_xyxy[:, :2], sizes]).tolist()
    return [
        {"id": number, "bbox": row, "area": row[2] * row[3], "iscrowd": 0, "ignore": 0}
        for number, row in enumerate(rows, start=1)
    ]


def _in_order_of_content(predicted: Predicted, truths: Sequence[Floats]) -> list[tuple[Floats, Floats, Floats]]:
    photos = []
    for (boxes, confidences), crops in zip(predicted, truths, strict=True):
        expect_scores(confidences, "confidences")
        expect_as_many(boxes, confidences, "boxes as confidences")
        # No IoU compares as smaller than a threshold if it is NaN, which COCO would take for a match.
        expect_scores(np.concatenate([boxes, crops]).ravel(), "boxes")
        photos.append((boxes, confidences, crops[np.lexsort(crops.T[::-1])]))
    return sorted(photos, key=lambda photo: (_checksum(photo[0], photo[2]), photo[1].tolist()))


def _checksum(*boxes_xyxy: Floats) -> bytes:
    # Adding zero makes the negative zero, which has other bytes, an ordinary one.
    rounded = [np.round(boxes, _DECIMALS) + 0.0 for boxes in boxes_xyxy]
    return hashlib.sha256(b"|".join(boxes.tobytes() for boxes in rounded)).digest()


def _accumulated(coco: Any) -> Floats:
    """AP for each epsilon and K."""
    with contextlib.redirect_stdout(io.StringIO()):
        coco.accumulate()
    precision: Floats = coco.eval["precision"][:, :, 0, 0, :]
    # COCO marks the undefined by -1.
    average: Floats = np.maximum(precision.mean(axis=1), 0.0)
    return average


def _by_setting(values: Floats, epsilons: Sequence[float], top_ks: Sequence[int]) -> dict[tuple[float, int], float]:
    return dict(zip(product(epsilons, sorted(top_ks)), values.ravel().tolist(), strict=True))


def _coco_eval() -> Any:
    try:
        from pycocotools.cocoeval import COCOeval
    except ModuleNotFoundError:
        raise CadrageError(
            "average precision needs pycocotools, which is not installed; pip install 'cadrage[eval]'"
        ) from None
    return COCOeval(iouType="bbox")
