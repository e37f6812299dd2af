"""From photos to estimates: a predictor answers a protocol's questions, every photo is judged, the photos averaged."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from cadrage.datasets.manifest import PhotoRecord
from cadrage.errors import DetectionError, PhotoError
from cadrage.evaluation.answers import Answer, Predictor, Question, expect_answer_to
from cadrage.evaluation.bootstrap import bootstrap_mean
from cadrage.evaluation.protocols import METRICS, Judgement, Protocol
from cadrage.evaluation.result import Estimate

OF_PHOTO = (PhotoError, DetectionError)
"""The photo cannot be read, or the detector of persons cannot look at it: it is left out, the others are measured."""


@dataclass(frozen=True, slots=True)
class Asked:
    """The photos that were answered with their answers, and why the others were not."""

    records: tuple[PhotoRecord, ...]
    answers: tuple[tuple[Answer, ...], ...]
    unreadable: tuple[str, ...]


def ask_all(
    protocol: Protocol,
    records: Sequence[PhotoRecord],
    predictor: Predictor,
    *,
    jobs: int = 1,
    advance: Callable[[], None] = lambda: None,
) -> Asked:
    """Ask the predictor about every photo.

    Args:
        protocol: what to ask.
        records: the photos; the predictor sees the questions only, never these.
        predictor: who answers.
        jobs: photos at a time.
        advance: called after each photo.

    Returns:
        The answers in the order of the photos, those that cannot be opened or looked at left out and named with the
        reason.

    Raises:
        ValueError: the predictor answers more crops, or another number of scores, than it is asked for.
    """

    def ask(record: PhotoRecord) -> tuple[Answer, ...] | str:
        try:
            return tuple(_answered(predictor, question) for question in protocol.ask(record))
        except OF_PHOTO as error:
            return str(error)
        finally:
            advance()

    if jobs == 1:
        outcomes = [ask(record) for record in records]
    else:
        with ThreadPoolExecutor(jobs) as pool:
            outcomes = list(pool.map(ask, records))
    answered = [(record, found) for record, found in zip(records, outcomes, strict=True) if not isinstance(found, str)]
    return Asked(
        records=tuple(record for record, _ in answered),
        answers=tuple(found for _, found in answered),
        unreadable=tuple(found for found in outcomes if isinstance(found, str)),
    )


def _answered(predictor: Predictor, question: Question) -> Answer:
    answer = predictor.answer(question)
    expect_answer_to(question, answer)
    return answer


@dataclass(frozen=True, slots=True)
class Judged:
    """Estimates over all photos, how often each metric was undefined, and the numbers of each photo."""

    metrics: Mapping[str, Estimate]
    undefined: Mapping[str, int]
    photos: tuple[Mapping[str, Any], ...]


def judge_all(
    protocol: Protocol,
    records: Sequence[PhotoRecord],
    answers: Sequence[Sequence[Answer]],
    *,
    seed: int = 0,
    pooled_too: bool = True,
) -> Judged:
    """Hold the answers about each photo against its truth.

    Args:
        protocol: how to judge.
        records: N photos with their truth, N >= 1.
        answers: for each photo the answers to its questions.
        seed: of the bootstrap.
        pooled_too: also the metrics that exist for the whole set only.

    Returns:
        Means over photos, or over observations where the protocol says so, with 95 % bootstrap intervals.
    """
    judgements = [protocol.judge(record, given) for record, given in zip(records, answers, strict=True)]
    metrics = estimates(protocol, judgements, seed=seed)
    undefined = Counter(name for judgement in judgements for name in judgement.undefined)
    if pooled_too and protocol.pool is not None:
        pooled = protocol.pool(records, answers)
        metrics |= pooled.metrics
        undefined.update(pooled.undefined)
    photos = tuple(
        {"file_name": record.file_name, **judgement.values, **judgement.columns}
        for record, judgement in zip(records, judgements, strict=True)
    )
    return Judged(metrics, dict(undefined), photos)


def average_draws(protocol: Protocol, draws: Sequence[Judged], *, seed: int = 0) -> Judged:
    """Several draws of a predictor that leaves its answers to chance, as one: each photo has the mean of its draws.

    Metrics of the whole set and cases without a definition are those of the first draw.
    """
    first = draws[0]
    names = [name for name in first.metrics if name in first.photos[0]]
    judgements = [
        Judgement(
            {name: float(np.mean([row[name] for row in rows])) for name in names},
            columns={key: value for key, value in rows[0].items() if key not in (*names, "file_name")},
        )
        for rows in zip(*(draw.photos for draw in draws), strict=True)
    ]
    photos = tuple({**photo, **judgement.values} for photo, judgement in zip(first.photos, judgements, strict=True))
    return Judged({**first.metrics, **estimates(protocol, judgements, seed=seed)}, first.undefined, photos)


def judge_bound(
    protocol: Protocol, records: Sequence[PhotoRecord], *, seed: int = 0
) -> dict[str, tuple[str, Estimate]]:
    """The protocol's ceiling: for each metric it bounds, its name and estimate over the photos where it exists."""
    bounds = [protocol.bound(record) for record in records]
    found = estimates(protocol, bounds, seed=seed)
    return {name: (protocol.ceiling, value) for name, value in found.items() if METRICS[name].judges}


def estimates(protocol: Protocol, judgements: Sequence[Judgement], *, seed: int = 0) -> dict[str, Estimate]:
    """Average what the photos have; a photo without a metric, or without an observation of it, is not in its n."""
    names = dict.fromkeys(name for judgement in judgements for name in judgement.values)
    found = {}
    for name in names:
        column = protocol.weights.get(name)
        having = [
            judgement
            for judgement in judgements
            if name in judgement.values and (column is None or judgement.columns[column] > 0)
        ]
        if not having:
            continue
        values = np.array([judgement.values[name] for judgement in having], dtype=np.float64)
        weights = np.array([judgement.columns[column] for judgement in having], dtype=np.float64) if column else None
        mean, low, high = bootstrap_mean(values, weights=weights, seed=seed)
        found[name] = Estimate(mean, low, high, len(values), METRICS[name].higher_is_better)
    return found
