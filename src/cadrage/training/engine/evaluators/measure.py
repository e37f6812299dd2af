"""The early look at validation photos during training; reported numbers come from ``cadrage eval``."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from cadrage.datasets.manifest import PhotoRecord
from cadrage.evaluation.answers import Answer
from cadrage.evaluation.metrics.pairs import pair_agreement
from cadrage.evaluation.protocols.given_boxes import GAICD_RANKING
from cadrage.training.engine.augment import Floats
from cadrage.training.engine.evaluators.targets import cuts_person, main_person

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
        if _is_rated(record)
    ]
    if ranked:
        measured = {name: float(np.mean([values[name] for values in ranked])) for name in _RANKING}
        measured["ranking"] = float(np.mean(list(measured.values())))
    votes = [(pair.votes_a, pair.votes_b) for record, _ in given for pair in record.pairs]
    if any(a != b for a, b in votes):
        first, second = np.concatenate([scores.pairs for _, scores in given]).T
        measured["pairs"] = pair_agreement(first, second, votes).share
    return measured


def measure_cuts(records: Sequence[PhotoRecord], answers: Mapping[str, Scores]) -> float | None:
    """The share of photos with a person whose highest-scored crop cuts it; None without any such photo.

    Crops are the rated ones, or both views of each pair where crops were not rated differently. A crop cuts if it keeps
    less than 98 % of the person's box, so leaving the person out is a cut as well. Lower is better; how low it can be
    depends on the crops.
    """
    cuts = []
    for record in records:
        person, found = main_person(record), answers.get(record.file_name)
        if person is None or found is None:
            continue
        if _is_rated(record):
            boxes, scores = record.crops_xyxy, found.rated
        else:
            views = [view for pair in record.pairs for view in (pair.a_xyxy, pair.b_xyxy)]
            boxes, scores = np.array(views).reshape(-1, 4), found.pairs.ravel()
        if len(boxes):
            cuts.append(cuts_person(boxes[int(np.argmax(scores))], person))
    return float(np.mean(cuts)) if cuts else None


def _is_rated(record: PhotoRecord) -> bool:
    return len(record.scores) > 1 and bool(np.ptp(record.scores) > 0)


def measurable(records: Sequence[PhotoRecord]) -> tuple[str, ...]:
    """The names that `measure_scores` will give for these photos."""
    nothing = {
        record.file_name: Scores(np.zeros(len(record.scores)), np.zeros((len(record.pairs), 2))) for record in records
    }
    return tuple(measure_scores(records, nothing))
