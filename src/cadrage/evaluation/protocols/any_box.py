"""GAICD and CPC with boxes of any position: a box counts if it overlaps a good crop enough."""

from collections.abc import Sequence
from functools import partial

import numpy as np

from cadrage.datasets.good_crops import good_crops, suppress
from cadrage.datasets.manifest import PhotoRecord
from cadrage.evaluation.answers import Answer, Floats, Question
from cadrage.evaluation.metrics.average_precision import bootstrap_average_precision
from cadrage.evaluation.metrics.best_crop_recall import best_crop_recalls
from cadrage.evaluation.protocols.protocol import Judgement, Pooled, Protocol, question_about, refuse_unrated
from cadrage.evaluation.result import Estimate

_CROPS = 40
_TRIES = (5, 10)
_EPSILONS = (0.85, 0.9)
_ROUNDS = 300


def _ask(record: PhotoRecord) -> tuple[Question, ...]:
    return (question_about(record, n=_CROPS),)


def _judge(record: PhotoRecord, answers: Sequence[Answer]) -> Judgement:
    return Judgement(best_crop_recalls(answers[0].boxes_xyxy, record.crops_xyxy, record.scores, _TRIES, _EPSILONS))


def _good(record: PhotoRecord, threshold: float, iou_limit: float | None) -> Floats:
    chosen = np.flatnonzero(good_crops(record.scores, threshold))
    if iou_limit is not None:
        chosen = chosen[suppress(record.crops_xyxy[chosen], record.scores[chosen], iou_limit)]
    return record.crops_xyxy[chosen]


def _pool(
    records: Sequence[PhotoRecord],
    answers: Sequence[Sequence[Answer]],
    *,
    threshold: float,
    iou_limit: float | None,
) -> Pooled:
    predicted = [(answer.boxes_xyxy, answer.confidences) for (answer,) in answers]
    truths = [_good(record, threshold, iou_limit) for record in records]
    estimates = bootstrap_average_precision(predicted, truths, epsilons=_EPSILONS, rounds=_ROUNDS)
    return Pooled(
        {
            f"ap{round(100 * epsilon)}_k{top_k}": Estimate(mean, low, high, len(records))
            for (epsilon, top_k), (mean, low, high) in estimates.items()
        }
    )


def _truth_itself(record: PhotoRecord) -> Judgement:
    best = np.argsort(-record.scores, kind="stable")[:_CROPS]
    return _judge(record, [Answer(record.crops_xyxy[best], record.scores[best])])


def _any_box(name: str, dataset: str, threshold: float, iou_limit: float | None) -> Protocol:
    return Protocol(
        name=name,
        dataset=dataset,
        main_metric="recall5_e85",
        floors=("whole", "centre-0.9", "position-prior", "random"),
        ask=_ask,
        judge=_judge,
        refuse=refuse_unrated,
        ceiling="the people's own crops",
        bound=_truth_itself,
        pool=partial(_pool, threshold=threshold, iou_limit=iou_limit),
    )


# Thresholds of a good crop, and the suppression of near duplicates among CPC's, after Jia et al., CVPR 2022, 4.1.
GAICD_ANYBOX = _any_box("gaicd-anybox", "gaicd", 4.0, None)
CPC_ANYBOX = _any_box("cpc-anybox", "cpc", 2.0, 0.8)
