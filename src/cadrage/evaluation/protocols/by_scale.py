"""FLMS by scale: whether ten crops find the small crops that people chose, and how large they are beside people's."""

from collections.abc import Sequence

import numpy as np

from cadrage.datasets.manifest import PhotoRecord
from cadrage.evaluation.answers import Answer, Floats
from cadrage.evaluation.metrics.scale import LARGE, QUANTILES, SMALL, area_quantiles, scale_recall
from cadrage.evaluation.protocols.protocol import Judgement

_SCALES = {"small": SMALL, "large": LARGE}

# Means over crops of a scale, which some photos have many of and others none.
WEIGHTS = {f"{scale}_{what}10": f"{scale}_crops" for scale in _SCALES for what in ("recall", "coverage")}


def judge_by_scale(record: PhotoRecord, ten: Answer) -> Judgement:
    """Recall and coverage of the small and of the large crops by ten crops, with the number of either."""
    found = {name: scale_recall(ten.boxes_xyxy, record.crops_xyxy, 10, areas=areas) for name, areas in _SCALES.items()}
    values: dict[str, float] = {}
    for scale, one in found.items():
        values |= {f"{scale}_recall10": one.recall, f"{scale}_coverage10": one.coverage}
    return Judgement(
        values,
        undefined=tuple(name for name, column in WEIGHTS.items() if not found[column.removesuffix("_crops")].crops),
        columns={f"{scale}_crops": float(one.crops) for scale, one in found.items()},
    )


def areas_in_words(records: Sequence[PhotoRecord], answers: Sequence[Sequence[Answer]]) -> tuple[str, ...]:
    """One sentence with the quantiles of the areas of first crops, of sets of ten and of people's crops."""
    sets = {
        "first crops": [five.boxes_xyxy[:1] for five, _ in answers],
        "sets of ten": [ten.boxes_xyxy for _, ten in answers],
        "people's crops": [record.crops_xyxy for record in records],
    }
    at = ", ".join(f"{100 * quantile:g}" for quantile in QUANTILES)
    said = "; ".join(f"{name} {_quantiles(np.concatenate(boxes))}" for name, boxes in sets.items())
    return (f"areas at the quantiles {at} %: {said}",)


def _quantiles(boxes_xyxy: Floats) -> str:
    if not len(boxes_xyxy):
        return "none"
    return " ".join(f"{value:.3f}".removeprefix("0") for value in area_quantiles(boxes_xyxy))
