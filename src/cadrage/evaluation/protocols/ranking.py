"""GAICD: the annotated candidates are scored and their order is held against the people's."""

from collections.abc import Sequence

import numpy as np

from cadrage.datasets.manifest import PhotoRecord
from cadrage.evaluation.answers import Answer, Question
from cadrage.evaluation.metrics.correlation import is_constant, pcc, srcc
from cadrage.evaluation.metrics.ranking import (
    canonical_order,
    mean_top_k_accuracy,
    mean_weighted_top_k_accuracy,
    top_k_accuracy,
)
from cadrage.evaluation.protocols.protocol import Judgement, Protocol, question_about

_BEST = (5, 10)


def _refuse(record: PhotoRecord) -> str | None:
    if not len(record.crops_xyxy):
        return "no scored crop"
    return "a crop with a negative score, which means not rated" if (record.scores < 0).any() else None


def _ask(record: PhotoRecord) -> tuple[Question, ...]:
    return (question_about(record, boxes_xyxy=record.crops_xyxy),)


def _judge(record: PhotoRecord, answers: Sequence[Answer]) -> Judgement:
    # Of two equal boxes nobody can tell which one people liked better: the worse one stands first.
    rising = np.argsort(record.scores, kind="stable")
    boxes, truth, predicted = record.crops_xyxy[rising], record.scores[rising], answers[0].box_scores[rising]
    order = canonical_order(predicted, boxes)
    values = {"srcc": srcc(predicted, truth), "pcc": pcc(predicted, truth)}
    for n in _BEST:
        values |= {f"acc{k}_{n}": top_k_accuracy(order, truth, k, n) for k in range(1, 5)}
        values[f"acc{n}"] = mean_top_k_accuracy(order, truth, n)
        values[f"accw{n}"] = mean_weighted_top_k_accuracy(order, truth, n)
        values[f"accw{n}_published"] = mean_weighted_top_k_accuracy(order, truth, n, boxes_xyxy=boxes, ties="stable")
    values["top1_score"] = float(truth[order[0]])
    constant = is_constant(predicted) or is_constant(truth)
    return Judgement(values, undefined=("srcc", "pcc") if constant else ())


def _truth_itself(record: PhotoRecord) -> Judgement:
    return _judge(record, [Answer(box_scores=record.scores)])


GAICD_RANKING = Protocol(
    name="gaicd-ranking",
    dataset="gaicd",
    main_metric="srcc",
    floors=("random", "largest", "centre-0.9", "position-prior"),
    ask=_ask,
    judge=_judge,
    refuse=_refuse,
    ceiling="the people's own scores",
    bound=_truth_itself,
)
