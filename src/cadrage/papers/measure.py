"""The metrics of evaluators on photos, from torch and not through an exported model."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from cadrage.datasets.manifest import PhotoRecord
from cadrage.errors import UsageError
from cadrage.evaluation.answers import Answer
from cadrage.evaluation.metrics.overlap import alpha_recall, best_iou_of_set, iou_and_bde
from cadrage.evaluation.protocols.given_boxes import GAICD_RANKING
from cadrage.inference.candidate_lists import CandidateList
from cadrage.papers.results import Floats, PhotoValues
from cadrage.training.engine.evaluators.system import score_rated
from cadrage.training.engine.evaluators.targets import cuts_person, main_person


def measure_ranking(trained: Any, records: Sequence[PhotoRecord], entries: Sequence[str] = ()) -> PhotoValues:
    """The values of `judge_ranking` for what a model says of the rated crops.

    Raises:
        UsageError: none of the photos can be read; ``entries`` are named in the message.
    """
    return judge_ranking(records, [scores for _, scores in score_rated(trained, records)], entries)


def judge_ranking(
    records: Sequence[PhotoRecord], answers: Sequence[Floats | None], entries: Sequence[str] = ()
) -> PhotoValues:
    """Every metric of `GAICD_RANKING`, and of photos with a person ``cut`` and ``cut_least``.

    ``cut`` is 1 where the crop of the highest score cuts the main person, ``cut_least`` where every rated crop does.

    Args:
        records: the photos.
        answers: scores ``(N,)`` of the crops of each photo, None for a photo that could not be read.
        entries: what the message names if there is no score at all.

    Raises:
        UsageError: there is no score at all.
    """
    read, unreadable = _read(records, answers, entries)
    judged = [GAICD_RANKING.judge(record, [Answer(box_scores=scores)]) for record, scores in read]
    metrics = {name: np.array([each.values[name] for each in judged]) for name in judged[0].values}
    metrics["cut"] = np.array([_cut(record, record.crops_xyxy[int(np.argmax(scores))]) for record, scores in read])
    metrics["cut_least"] = np.array([min(_cut(record, crop) for crop in record.crops_xyxy) for record, _ in read])
    return _values(read, metrics, unreadable, sum("srcc" in each.undefined for each in judged))


GRID_ANCHORS = CandidateList("gaic")


def measure_choice(
    trained: Any,
    records: Sequence[PhotoRecord],
    entries: Sequence[str] = (),
    *,
    candidates: CandidateList = GRID_ANCHORS,
) -> PhotoValues:
    """The values of `judge_choice` for the scores that a model gives to the candidates of every photo.

    Raises:
        UsageError: none of the photos can be read; ``entries`` are named in the message.
    """
    asked = [_with_candidates(record, candidates) for record in records]
    answers = [scores for _, scores in score_rated(trained, asked)]
    return judge_choice(records, answers, entries, candidates=candidates)


def judge_choice(
    records: Sequence[PhotoRecord],
    answers: Sequence[Floats | None],
    entries: Sequence[str] = (),
    *,
    candidates: CandidateList = GRID_ANCHORS,
) -> PhotoValues:
    """How well the candidate of the highest score, the first one of equals, agrees with the crops that people chose.

    ``iou`` and ``bde`` as in `iou_and_bde`, ``recall75``, the ``area`` of the chosen crop, ``cut`` as in
    `judge_ranking`, and ``best_iou``, which no order of the candidates can pass.

    Args:
        records: the photos, with people's crops.
        answers: scores ``(N,)`` of the candidates of each photo, None for a photo that could not be read.
        entries: what the message names if there is no score at all.

    Raises:
        UsageError: there is no score at all.
    """
    read, unreadable = _read(records, answers, entries)
    rows = []
    for record, scores in read:
        boxes = candidates.on(record.size_wh)
        chosen = boxes[int(np.argmax(scores))]
        iou, bde = iou_and_bde(chosen, record.crops_xyxy)
        rows.append(
            {
                "iou": iou,
                "bde": bde,
                "recall75": alpha_recall(iou),
                "area": float((chosen[2:] - chosen[:2]).prod()),
                "cut": _cut(record, chosen),
                "best_iou": best_iou_of_set(boxes, record.crops_xyxy),
            }
        )
    return _values(read, {name: np.array([row[name] for row in rows]) for name in rows[0]}, unreadable, 0)


def _with_candidates(record: PhotoRecord, candidates: CandidateList) -> PhotoRecord:
    boxes = candidates.on(record.size_wh)
    return replace(record, crops_xyxy=boxes, scores=np.zeros(len(boxes)))


def _read(
    records: Sequence[PhotoRecord], answers: Sequence[Floats | None], entries: Sequence[str]
) -> tuple[list[tuple[PhotoRecord, Floats]], tuple[str, ...]]:
    """Photos with their scores, and the names of those without."""
    given = list(zip(records, answers, strict=True))
    read = [(record, scores) for record, scores in given if scores is not None]
    if not read:
        whose = f"{', '.join(entries)}: none of its" if entries else "none of the"
        raise UsageError(f"{whose} {len(given)} photos can be read; check the folder")
    return read, tuple(record.file_name for record, scores in given if scores is None)


def _values(
    read: Sequence[tuple[PhotoRecord, Floats]], metrics: dict[str, Floats], unreadable: tuple[str, ...], undefined: int
) -> PhotoValues:
    has_person = np.array([main_person(record) is not None for record, _ in read], np.bool_)
    return PhotoValues(tuple(record.file_name for record, _ in read), metrics, has_person, unreadable, undefined)


def _cut(record: PhotoRecord, crop_xyxy: Floats) -> float:
    person = main_person(record)
    return float("nan") if person is None else float(cuts_person(crop_xyxy, person))
