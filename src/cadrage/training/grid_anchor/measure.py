"""The early look at validation photos during training; reported numbers come from ``cadrage eval``."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cadrage.datasets.manifest import PhotoRecord
from cadrage.evaluation.answers import Answer
from cadrage.evaluation.metrics.pairs import pair_agreement
from cadrage.evaluation.protocols.ranking import GAICD_RANKING

Floats = NDArray[np.float64]
_RANKING = ("srcc", "acc5", "acc10")


class Scores(NamedTuple):
    """Scores of one photo: ``rated (R,)`` of its rated crops and ``pairs (P, 2)`` of its pairs of views, in order."""

    rated: Floats
    pairs: Floats


def measure_scores(records: Sequence[PhotoRecord], answers: Mapping[str, Scores]) -> dict[str, float]:
    """What the photos that have an answer allow to measure.

    Args:
        records: photos with what people said.
        answers: scores by file name.

    Returns:
        ``srcc``, ``acc5``, ``acc10``, means over photos whose crops were rated differently, and their mean ``ranking``;
        ``pairs``, the share of decided pairs ranked as people rank them. All at most 1, higher is better.
    """
    given = [(record, answers[record.file_name]) for record in records if record.file_name in answers]
    measured: dict[str, float] = {}
    ranked = [
        GAICD_RANKING.judge(record, [Answer(box_scores=scores.rated)]).values
        for record, scores in given
        if len(record.scores) > 1 and np.ptp(record.scores) > 0
    ]
    if ranked:
        measured = {name: float(np.mean([values[name] for values in ranked])) for name in _RANKING}
        measured["ranking"] = float(np.mean(list(measured.values())))
    votes = [(pair.votes_a, pair.votes_b) for record, _ in given for pair in record.pairs]
    if any(a != b for a, b in votes):
        first, second = np.concatenate([scores.pairs for _, scores in given]).T
        measured["pairs"] = pair_agreement(first, second, votes).share
    return measured


def measurable(records: Sequence[PhotoRecord]) -> tuple[str, ...]:
    """The names that `measure_scores` will give for these photos."""
    nothing = {
        record.file_name: Scores(np.zeros(len(record.scores)), np.zeros((len(record.pairs), 2))) for record in records
    }
    return tuple(measure_scores(records, nothing))
