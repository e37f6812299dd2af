"""GAICD and FCDB pairs: the predictor scores given boxes, which people scored or voted on."""

from collections.abc import Sequence

import numpy as np

from cadrage.datasets.manifest import PhotoRecord
from cadrage.evaluation.answers import Answer, Question
from cadrage.evaluation.metrics.correlation import is_constant, pcc, srcc
from cadrage.evaluation.metrics.pairs import one_against_others, pair_agreement
from cadrage.evaluation.metrics.ranking import (
    canonical_order,
    mean_top_k_accuracy,
    mean_weighted_top_k_accuracy,
    top_k_accuracy,
)
from cadrage.evaluation.protocols.protocol import Judgement, Protocol, question_about, refuse_unrated

_BEST = (5, 10)


def _ask_candidates(record: PhotoRecord) -> tuple[Question, ...]:
    return (question_about(record, boxes_xyxy=record.crops_xyxy),)


def _judge_ranking(record: PhotoRecord, answers: Sequence[Answer]) -> Judgement:
    # Two equal boxes do not show which one people liked better: the worse one stands first.
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
    return _judge_ranking(record, [Answer(box_scores=record.scores)])


GAICD_RANKING = Protocol(
    name="gaicd-ranking",
    dataset="gaicd",
    main_metric="srcc",
    floors=("random", "largest", "centre-0.9", "position-prior"),
    ask=_ask_candidates,
    judge=_judge_ranking,
    refuse=refuse_unrated,
    ceiling="the people's own scores",
    bound=_truth_itself,
)


def _refuse_pairs(record: PhotoRecord) -> str | None:
    if not record.pairs:
        return "no voted pair"
    return None if any(pair.votes_a != pair.votes_b for pair in record.pairs) else "no pair with a majority"


def _ask_pairs(record: PhotoRecord) -> tuple[Question, ...]:
    boxes = np.array([[pair.a_xyxy, pair.b_xyxy] for pair in record.pairs]).reshape(-1, 4)
    return (question_about(record, boxes_xyxy=boxes),)


def _judge_pairs(record: PhotoRecord, answers: Sequence[Answer]) -> Judgement:
    scores_a, scores_b = answers[0].box_scores.reshape(-1, 2).T
    found = pair_agreement(scores_a, scores_b, _votes(record))
    return Judgement(
        {"pairs": found.share, "pairs_weighted": found.vote_share},
        undefined=("pairs",) * found.tied_scores,
        columns={"decided_pairs": found.decided, "decided_votes": found.decided_votes},
    )


def _one_person(record: PhotoRecord) -> Judgement:
    agreement, voters = one_against_others(_votes(record))
    return Judgement({"pairs": agreement}, columns={"decided_pairs": voters}) if voters else Judgement({})


def _votes(record: PhotoRecord) -> list[tuple[int, int]]:
    return [(pair.votes_a, pair.votes_b) for pair in record.pairs]


FCDB_PAIRS = Protocol(
    name="fcdb-pairs",
    dataset="fcdb",
    main_metric="pairs",
    floors=("largest", "centre-0.9", "median-box", "position-prior", "random"),
    ask=_ask_pairs,
    judge=_judge_pairs,
    refuse=_refuse_pairs,
    ceiling="one person against the others",
    bound=_one_person,
    weights={"pairs": "decided_pairs", "pairs_weighted": "decided_votes"},
)
