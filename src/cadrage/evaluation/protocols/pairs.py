"""FCDB pairs: two views of a photo are scored and held against the votes of five people."""

from collections.abc import Sequence

import numpy as np

from cadrage.datasets.manifest import PhotoRecord
from cadrage.evaluation.answers import Answer, Question
from cadrage.evaluation.metrics.pairs import one_against_others, pair_agreement
from cadrage.evaluation.protocols.protocol import Judgement, Protocol, question_about


def _refuse(record: PhotoRecord) -> str | None:
    if not record.pairs:
        return "no voted pair"
    return None if any(pair.votes_a != pair.votes_b for pair in record.pairs) else "no pair with a majority"


def _ask(record: PhotoRecord) -> tuple[Question, ...]:
    boxes = np.array([[pair.a_xyxy, pair.b_xyxy] for pair in record.pairs]).reshape(-1, 4)
    return (question_about(record, boxes_xyxy=boxes),)


def _judge(record: PhotoRecord, answers: Sequence[Answer]) -> Judgement:
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
    ask=_ask,
    judge=_judge,
    refuse=_refuse,
    ceiling="one person against the others",
    bound=_one_person,
    weights={"pairs": "decided_pairs", "pairs_weighted": "decided_votes"},
)
