"""How well the product does on held-out photos, measured through its public interface."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cadrage.datasets.manifest import PhotoRecord
from cadrage.evaluation.bootstrap import bootstrap_mean
from cadrage.evaluation.metrics.overlap import best_iou_of_set, iou_and_bde
from cadrage.evaluation.metrics.pairs import pair_agreement
from cadrage.geometry import area, iou_matrix
from cadrage.inference.cropper import Cropper

Boxes = NDArray[np.float64]
QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)
_WHOLE = np.array([0.0, 0.0, 1.0, 1.0])
_CENTRE = np.array([0.05, 0.05, 0.95, 0.95])


def _interval(values: Sequence[float], weights: Sequence[float] | None = None) -> dict[str, Any]:
    mean, low, high = bootstrap_mean(np.array(values), weights=None if weights is None else np.array(weights))
    return {"mean": round(mean, 4), "ci95": [round(low, 4), round(high, 4)]}


def _overlap(boxes: Iterable[Boxes], records: Sequence[PhotoRecord]) -> dict[str, Any]:
    scores = [iou_and_bde(box, record.crops_xyxy) for box, record in zip(boxes, records, strict=True)]
    return {"iou": _interval([iou for iou, _ in scores]), "bde": _interval([bde for _, bde in scores])}


def _quantiles(areas: NDArray[np.float64]) -> list[float]:
    return [round(float(value), 3) for value in np.quantile(areas, QUANTILES)]


def _pairs(
    score: Callable[[PhotoRecord, Boxes], NDArray[np.float64]], records: Sequence[PhotoRecord]
) -> dict[str, Any]:
    counts = []
    for record in records:
        if record.pairs:
            boxes = np.array([[pair.a_xyxy, pair.b_xyxy] for pair in record.pairs]).reshape(-1, 4)
            a, b = score(record, boxes).reshape(-1, 2).T
            counts.append(pair_agreement(a, b, [(pair.votes_a, pair.votes_b) for pair in record.pairs]))
    # Where all votes are tied there is nothing to agree with.
    shares = [(found.agree / found.decided, float(found.decided)) for found in counts if found.decided]
    weights = [decided for _, decided in shares]
    return {"n": int(sum(weights)), **_interval([share for share, _ in shares], weights)}


def largest_centred(ratio: float) -> Boxes:
    """The largest centred box of a normalised width : height ``ratio``, the floor when the ratio is given."""
    width, height = min(1.0, ratio), min(1.0, 1 / ratio)
    return np.array([(1 - width) / 2, (1 - height) / 2, (1 + width) / 2, (1 + height) / 2])


def _normalised_ratio(record: PhotoRecord) -> float:
    x1, y1, x2, y2 = record.crops_xyxy[0]
    return float((x2 - x1) / (y2 - y1))


def measure(cropper: Cropper, records: Sequence[PhotoRecord], *, ratio_given: bool = False) -> dict[str, Any]:
    """Metrics of the first crop, of the set of five, of the scores, and of trivial baselines.

    Args:
        cropper: the product with the model to measure.
        records: held-out photos with at least one crop each.
        ratio_given: also ask for the ratio of each photo's first truth.

    Returns:
        Plain values for JSON; every mean stands with its 95 % bootstrap interval over photos.
    """
    encoded = {record.file: cropper.encode(record.file) for record in records}
    answers = [encoded[record.file].suggest(n=5) for record in records]
    sets = [answer.xyxyn for answer in answers]
    firsts = [boxes[0] for boxes in sets]
    similar = [float(np.triu(iou_matrix(boxes, boxes), 1).max(initial=0.0)) for boxes in sets]
    best = [best_iou_of_set(boxes, record.crops_xyxy) for boxes, record in zip(sets, records, strict=True)]
    report: dict[str, Any] = {
        "n": len(records),
        "first": _overlap(firsts, records),
        "first_expected_iou": round(float(np.mean([answer.scores[0] for answer in answers])), 4),
        "best_of_5": _interval(best),
        "highest_iou_within_a_set": round(max(similar), 4),
        "crops_per_photo": round(float(np.mean([len(boxes) for boxes in sets])), 3),
        "area_quantiles": {
            "at": list(QUANTILES),
            "first": _quantiles(area(np.array(firsts))),
            "set": _quantiles(area(np.concatenate(sets))),
            "people": _quantiles(area(np.concatenate([record.crops_xyxy for record in records]))),
        },
        "baselines": {
            "whole": _overlap([_WHOLE] * len(records), records),
            "centre-0.9": _overlap([_CENTRE] * len(records), records),
        },
    }
    if any(record.pairs for record in records):
        report["pairs"] = _pairs(lambda record, boxes: encoded[record.file].score(boxes), records)
        report["baselines"]["pairs, larger view"] = _pairs(lambda _, boxes: area(boxes), records)
    if ratio_given:
        report["ratio_given"] = _overlap(
            [_of_ratio(encoded[record.file].suggest, record) for record in records], records
        )
        centred = [largest_centred(_normalised_ratio(record)) for record in records]
        report["baselines"]["ratio given, largest centred"] = _overlap(centred, records)
    return report


def _of_ratio(suggest: Callable[..., Any], record: PhotoRecord) -> Boxes:
    ratio = _normalised_ratio(record) * record.size_wh[0] / record.size_wh[1]
    box: Boxes = suggest(ratio=f"{ratio:.6f}", n=1).xyxyn[0]
    return box
