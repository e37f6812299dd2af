"""The metrics of the paper on the proposals of one model, with intervals."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from cadrage.datasets.manifest import PhotoRecord
from cadrage.errors import UsageError
from cadrage.evaluation.answers import Answer, Floats
from cadrage.evaluation.metrics.average_precision import bootstrap_average_precision
from cadrage.evaluation.metrics.best_crop_recall import best_crop_recalls, hits_one_of_best
from cadrage.evaluation.metrics.overlap import iou_and_bde
from cadrage.evaluation.result import Estimate
from cadrage.geometry import area
from cadrage.papers.paper import Measurement, Places
from cadrage.papers.plan import FLMS
from cadrage.papers.results import TestResult, estimate, rounded
from cadrage.papers.set_prediction.compositions import compositions
from cadrage.papers.set_prediction.figure_data import anchors_of_figure_3, points_of_figure_7
from cadrage.papers.set_prediction.proposals import propose
from cadrage.training.engine.photos import select_photos
from cadrage.training.systems.set_prediction.module import measure_sets
from cadrage.training.systems.set_prediction.recipe import SetRecipe
from cadrage.training.systems.set_prediction.targets import good_boxes

DISTILLED = "C"
"""The run that figure 7 is about."""
_EPSILONS, _TRIES, _TOP_KS = (0.85, 0.9), (5, 10), (5, 10, 40)
_ROUNDS = 300
_DECIMALS = 6


def measure(asked: Measurement) -> dict[str, Any]:
    """Measure one list of photos; on the first one of a run the figures are fed as well."""
    model, recipe = asked.trained.model, asked.trained.recipe
    proposals = list(propose(model, recipe, asked.records))
    read = [each.record for each in proposals]
    if not read:
        total = len(asked.records)
        raise UsageError(f"{', '.join(asked.entries)}: none of its {total} photos can be read; check the folder")
    answers = [each.answer() for each in proposals]
    measured = measure_first_box(read, answers) if asked.test == FLMS else measure_good_crops(read, answers, recipe)
    if asked.test == asked.run.tests[0]:
        places = asked.places
        asked.beside.update(anchors_of_figure_3(model, recipe, places.data, proposals))
        if asked.run.letter == DISTILLED:
            learned = select_photos(places.data, recipe.train)
            file = points_file(places, asked.run.name)
            asked.beside.update(points_of_figure_7(model, recipe, proposals, learned, file))
    # The last test is of photos that chose nothing.
    if asked.test == asked.run.tests[-1]:
        asked.beside.update(compositions(proposals, asked.places.data))
    have = {record.file_name for record in read}
    unreadable = tuple(record.file_name for record in asked.records if record.file_name not in have)
    return TestResult(asked.entries, len(read), unreadable, *measured).to_dict()


def points_file(places: Places, training: str) -> Path:
    """The file with the points of figure 7."""
    return places.measured(training).with_suffix(".points.npz")


def measure_good_crops(
    records: Sequence[PhotoRecord], answers: Sequence[Answer], recipe: SetRecipe
) -> tuple[dict[str, Estimate], dict[str, float]]:
    """ACC_{1/N} and AP of Jia et al., CVPR 2022, section 4.2, for boxes as they are.

    Args:
        records: photos with their truth.
        answers: for each photo its proposals, best first.
        recipe: says what a good crop is.

    Returns:
        Metrics ``recall{5,10}_e{85,90}``, with ``_any`` where each of several tied best crops counts, and
        ``ap{85,90}_k{5,10,40}``, and other numbers: the same of boxes clipped to the photo less that of the boxes as
        they are (``..._clipped_gain``); ``hit{5,10}_e{85,90}``, where the first box must meet one of the N best
        annotated crops, as the methods that are quoted beside ours were measured; mean areas of the first box, of the
        first ten and of the good crops; with suppressed near duplicates among the good crops also the AP without
        (``..._unsuppressed``).
    """
    pairs = list(zip(records, answers, strict=True))
    truths = [good_boxes(record, recipe) for record in records]
    recalls = [
        best_crop_recalls(answer.boxes_xyxy, record.crops_xyxy, record.scores, _TRIES, _EPSILONS)
        for record, answer in pairs
    ]
    metrics = {name: estimate(np.array([each[name] for each in recalls])) for name in recalls[0]}
    predicted = [(answer.boxes_xyxy, answer.confidences) for answer in answers]
    found = bootstrap_average_precision(predicted, truths, _EPSILONS, _TOP_KS, rounds=_ROUNDS)
    metrics |= {
        f"ap{round(100 * epsilon)}_k{top_k}": rounded(Estimate(*each, len(records)))
        for (epsilon, top_k), each in found.items()
    }
    clipped = [Answer(answer.boxes_xyxy.clip(0, 1), answer.confidences) for answer in answers]
    gained = measure_sets(records, clipped, recipe)
    others = {f"{name}_clipped_gain": gained[name] - metrics[name].mean for name in metrics}
    for n in _TRIES:
        for epsilon in _EPSILONS:
            hits = [
                hits_one_of_best(answer.boxes_xyxy[0], record.crops_xyxy, record.scores, n, epsilon)
                for record, answer in pairs
            ]
            others[f"hit{n}_e{round(100 * epsilon)}"] = float(np.mean(hits))
    others |= {
        "area_first": _mean_area(answer.boxes_xyxy[:1] for answer in clipped),
        "area_first_ten": _mean_area(answer.boxes_xyxy[:10] for answer in clipped),
        "area_good": _mean_area(truths),
    }
    if recipe.good_iou_limit:
        whole = measure_sets(records, answers, replace(recipe, good_iou_limit=0.0))
        others |= {f"{name}_unsuppressed": whole[name] for name in metrics if name.startswith("ap")}
    return metrics, {name: round(value, _DECIMALS) for name, value in others.items()}


def measure_first_box(
    records: Sequence[PhotoRecord], answers: Sequence[Answer]
) -> tuple[dict[str, Estimate], dict[str, float]]:
    """Mean IoU of the first box with the best of a photo's crops (section 4.4, FLMS), and what clipping would add."""
    ious = [
        [iou_and_bde(box, record.crops_xyxy)[0] for box in (answer.boxes_xyxy[0], answer.boxes_xyxy[0].clip(0, 1))]
        for record, answer in zip(records, answers, strict=True)
    ]
    as_is, clipped = np.array(ious).T
    gain = round(float((clipped - as_is).mean()), _DECIMALS)
    return {"iou": estimate(as_is)}, {
        "iou_clipped_gain": gain,
        "area_first": round(_mean_area(answer.boxes_xyxy[:1].clip(0, 1) for answer in answers), _DECIMALS),
    }


def _mean_area(sets: Iterable[Floats]) -> float:
    return float(np.mean([area(boxes).mean() for boxes in sets]))
