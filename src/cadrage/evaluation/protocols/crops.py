"""FCDB and FLMS: the predictor returns crops, which are held against the crops that people chose."""

from collections.abc import Sequence

import numpy as np

from cadrage.datasets.manifest import PhotoRecord
from cadrage.evaluation.answers import Answer, Floats, Question, same_shape
from cadrage.evaluation.metrics.overlap import alpha_recall, best_iou_of_set, coverage, diversity, iou_and_bde
from cadrage.evaluation.metrics.scale import LARGE, QUANTILES, SMALL, area_quantiles, scale_recall
from cadrage.evaluation.protocols.protocol import Judgement, Protocol, question_about
from cadrage.geometry import area, grid_anchors, iou_matrix

_WHOLE_AREA = 0.95
_SET, _LARGE_SET = 5, 10


def _refuse(record: PhotoRecord) -> str | None:
    return None if len(record.crops_xyxy) else "no crop to compare with"


def _first(record: PhotoRecord, answer: Answer) -> dict[str, float]:
    """The metrics of the first crop; a predictor that returns none gets the worst value."""
    if not len(answer.boxes_xyxy):
        return {"iou": 0.0, "bde": 1.0, "recall75": 0.0}
    iou, bde = iou_and_bde(answer.boxes_xyxy[0], record.crops_xyxy)
    return {"iou": iou, "bde": bde, "recall75": alpha_recall(iou)}


def _shape(answer: Answer) -> dict[str, float]:
    first_area = float(area(answer.boxes_xyxy[:1]).sum())
    return {"area": first_area, "whole_share": float(first_area >= _WHOLE_AREA)}


def _spread(five: Answer, ten: Answer) -> dict[str, float]:
    return {"diversity": diversity(five.boxes_xyxy), "pairwise_iou10": 1 - diversity(ten.boxes_xyxy)}


def _no_pair(five: Answer, ten: Answer) -> tuple[str, ...]:
    answers = {"diversity": five, "pairwise_iou10": ten}
    return tuple(name for name, answer in answers.items() if len(answer.boxes_xyxy) < 2)


def _no_crop(answer: Answer, *names: str) -> tuple[str, ...]:
    return () if len(answer.boxes_xyxy) else names


def _ask_free(record: PhotoRecord) -> tuple[Question, ...]:
    # Two questions: the best five crops need not be the first five of the best ten.
    return question_about(record, n=_SET), question_about(record, n=_LARGE_SET)


def _judge_free(record: PhotoRecord, answers: Sequence[Answer]) -> Judgement:
    five, ten = answers
    return Judgement(
        {
            **_first(record, five),
            "best5_iou": best_iou_of_set(five.boxes_xyxy, record.crops_xyxy),
            "best10_iou": best_iou_of_set(ten.boxes_xyxy, record.crops_xyxy),
            **_spread(five, ten),
            **_shape(five),
        },
        undefined=_no_crop(five, "iou", "bde") + _no_pair(five, ten),
    )


def _best_of_grid(record: PhotoRecord) -> Judgement:
    candidates = grid_anchors(record.size_wh)
    best = candidates[iou_matrix(candidates, record.crops_xyxy).max(axis=1).argmax()]
    return Judgement(_first(record, _answer(best)))


def _ask_ratio(record: PhotoRecord) -> tuple[Question, ...]:
    return (question_about(record, n=1, ratio=_ratio_of_truth(record)),)


def _judge_ratio(record: PhotoRecord, answers: Sequence[Answer]) -> Judgement:
    (answer,) = answers
    return Judgement(
        {**_first(record, answer), **_shape(answer), "ratio_kept": _keeps_ratio(record, answer)},
        undefined=_no_crop(answer, "iou", "bde"),
    )


def _keeps_ratio(record: PhotoRecord, answer: Answer) -> float:
    if not len(answer.boxes_xyxy):
        return 0.0
    x1, y1, x2, y2 = answer.boxes_xyxy[0]
    width, height = record.size_wh
    return float(same_shape(((x2 - x1) * width, (y2 - y1) * height), (_ratio_of_truth(record), 1.0)))


def _best_position(record: PhotoRecord) -> Judgement:
    """The largest box of the ratio at the place that suits the truth best: all that a tool without scale can do."""
    x1, y1, x2, y2 = record.crops_xyxy[0]
    ratio = (x2 - x1) / (y2 - y1)
    width, height = min(1.0, ratio), min(1.0, 1 / ratio)
    left = np.clip((x1 + x2 - width) / 2, 0, 1 - width)
    top = np.clip((y1 + y2 - height) / 2, 0, 1 - height)
    return Judgement(_first(record, _answer(np.array([left, top, left + width, top + height]))))


def _judge_flms(record: PhotoRecord, answers: Sequence[Answer]) -> Judgement:
    five, ten = answers
    scales = _by_scale(record, ten)
    return Judgement(
        {
            **_first(record, five),
            "coverage1": coverage(five.boxes_xyxy, record.crops_xyxy, 1),
            "coverage5": coverage(five.boxes_xyxy, record.crops_xyxy, _SET),
            "coverage10": coverage(ten.boxes_xyxy, record.crops_xyxy, _LARGE_SET),
            **scales.values,
            **_spread(five, ten),
            **_shape(five),
        },
        undefined=_no_crop(five, "iou", "bde") + scales.undefined + _no_pair(five, ten),
        columns=scales.columns,
    )


def _one_person(record: PhotoRecord) -> Judgement:
    """Each person's crop in turn against the best of the others; a single crop has no others."""
    crops = record.crops_xyxy
    if len(crops) < 2:
        return Judgement({})
    scores = np.array([iou_and_bde(crop, np.delete(crops, i, axis=0)) for i, crop in enumerate(crops)])
    return Judgement({"iou": float(scores[:, 0].mean()), "bde": float(scores[:, 1].mean())})


def _ratio_of_truth(record: PhotoRecord) -> float:
    x1, y1, x2, y2 = record.crops_xyxy[0]
    width, height = record.size_wh
    return float((x2 - x1) * width / ((y2 - y1) * height))


def _answer(box_xyxy: Floats) -> Answer:
    return Answer(box_xyxy[None], np.zeros(1))


_SCALES = {"small": SMALL, "large": LARGE}

# Means over crops of a scale, which some photos have many of and others none.
_SCALE_WEIGHTS = {f"{scale}_{what}10": f"{scale}_crops" for scale in _SCALES for what in ("recall", "coverage")}


def _by_scale(record: PhotoRecord, ten: Answer) -> Judgement:
    """Recall and coverage of the small and of the large crops by ten crops, with the number of either."""
    found = {name: scale_recall(ten.boxes_xyxy, record.crops_xyxy, 10, areas=areas) for name, areas in _SCALES.items()}
    values: dict[str, float] = {}
    for scale, one in found.items():
        values |= {f"{scale}_recall10": one.recall, f"{scale}_coverage10": one.coverage}
    return Judgement(
        values,
        undefined=tuple(
            name for name, column in _SCALE_WEIGHTS.items() if not found[column.removesuffix("_crops")].crops
        ),
        columns={f"{scale}_crops": float(one.crops) for scale, one in found.items()},
    )


def _areas_in_words(records: Sequence[PhotoRecord], answers: Sequence[Sequence[Answer]]) -> tuple[str, ...]:
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


FCDB_FREE = Protocol(
    name="fcdb-free",
    dataset="fcdb",
    main_metric="iou",
    floors=("whole", "centre-0.9", "median-box", "position-prior", "random"),
    ask=_ask_free,
    judge=_judge_free,
    refuse=_refuse,
    ceiling="best box of the 12x12 grid",
    bound=_best_of_grid,
)

FCDB_RATIO = Protocol(
    name="fcdb-ratio",
    dataset="fcdb",
    main_metric="iou",
    floors=("largest", "centre-0.9", "median-box", "position-prior"),
    ask=_ask_ratio,
    judge=_judge_ratio,
    refuse=_refuse,
    ceiling="largest box of the ratio, best position",
    bound=_best_position,
)

FLMS = Protocol(
    name="flms",
    dataset="flms",
    main_metric="iou",
    floors=("whole", "centre-0.9", "median-box", "position-prior", "random"),
    ask=_ask_free,
    judge=_judge_flms,
    refuse=_refuse,
    ceiling="one person against the others",
    bound=_one_person,
    weights=_SCALE_WEIGHTS,
    remark=_areas_in_words,
)
