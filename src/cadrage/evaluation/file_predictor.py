"""A file of predictions as a predictor."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from cadrage.errors import UsageError
from cadrage.evaluation.answers import Answer, Floats, Question
from cadrage.evaluation.prediction_rows import Row
from cadrage.evaluation.shapes import same_shape

_SAME_BOX = 1e-4
_NOISE = 1e-9


@dataclass(slots=True)
class Predicted:
    """All lines about one photo: crops by the number that was asked for, and scores of given boxes."""

    crops: dict[int | None, Row] = field(default_factory=dict)
    scored: Row | None = None

    def add(self, row: Row, file_name: str, size_wh: tuple[int, int]) -> None:
        """Take in what one more line says about the photo.

        Raises:
            UsageError: another line said it already, or the tool saw a photo of another shape.
        """
        if row.size_wh is not None:
            _expect_shape(row, row.size_wh, file_name, size_wh)
        if row.boxes_xyxy is not None:
            # Only lines that say for how many crops they are can stand side by side.
            if self.crops and (None in self.crops or row.n is None or row.n in self.crops):
                raise _twice(row, file_name, next(iter(self.crops.values())))
            self.crops[row.n] = row
        if row.scores is not None:
            if self.scored is not None:
                raise _twice(row, file_name, self.scored)
            self.scored = row


class FilePredictor:
    """Answers what a file says; made by `read_predictions`.

    ``missing`` are the asked photos that the file does not speak of, ``unknown`` names in the file that mean no photo;
    ``elsewhere`` counts the photos it speaks of that are in the data set but not asked about. ``models`` counts those
    that the lines name; with several, the reciprocal of a crop's rank is its confidence.
    """

    needs_photos = False

    def __init__(
        self,
        description: dict[str, Any],
        photos: dict[str, Predicted],
        asked: Iterable[str],
        unknown: Iterable[str] = (),
        *,
        models: int = 0,
    ) -> None:
        wanted = dict.fromkeys(asked)
        self.name = str(description["name"])
        self.missing = tuple(file_name for file_name in wanted if file_name not in photos)
        self.unknown = tuple(dict.fromkeys(unknown))
        self.elsewhere = sum(file_name not in wanted for file_name in photos)
        self.models = models
        self._description = description
        self._photos = photos

    def answer(self, question: Question) -> Answer:
        """What the file says about the photo, cut to n crops.

        Raises:
            UsageError: it says nothing, or not what is asked.
        """
        predicted = self._photos.get(question.file_name)
        if predicted is None:
            raise UsageError(
                f"{self.name}: no line about {question.file_name}; add it, or leave such photos out (--allow-missing)"
            )
        boxes, confidences, scores = np.empty((0, 4)), np.empty(0), np.empty(0)
        if question.n:
            boxes, confidences = _crops_for(predicted, question)
            if self.models > 1:
                # Crops of all photos are put in one order by some metrics, where scores of two models must not meet.
                confidences = 1 / np.arange(1.0, len(boxes) + 1)
        if len(question.boxes_xyxy):
            scores = _scores_for(predicted, question)
        return Answer(boxes, confidences, scores)

    def describe(self) -> dict[str, Any]:
        """Kind, name, hash of the file, of how many photos it speaks and how many names in it mean none."""
        return {**self._description, "photos": len(self._photos), "unknown": len(self.unknown)}


def _crops_for(predicted: Predicted, question: Question) -> tuple[Floats, Floats]:
    """The line for exactly n crops, else for the next larger number, else for the largest."""
    made_for = {
        len(row.confidences) if n is None else n: (row.boxes_xyxy, row.confidences)
        for n, row in predicted.crops.items()
    }
    enough = [n for n in made_for if n >= question.n]
    boxes, confidences = made_for.get(min(enough) if enough else max(made_for, default=0), (None, np.empty(0)))
    if boxes is None:
        raise UsageError(f'{_where(predicted)}: no crops of {question.file_name}; add "boxes" or "boxes_px"')
    return boxes[: question.n], confidences[: question.n]


def _scores_for(predicted: Predicted, question: Question) -> Floats:
    row, asked = predicted.scored, question.boxes_xyxy
    if row is None or row.scores is None:
        raise UsageError(
            f'{_where(predicted)}: no scores of given boxes of {question.file_name}; add "candidates" or "box_scores"'
        )
    if row.candidates_xyxy is None:
        if len(row.scores) != len(asked):
            raise UsageError(
                f"{row.where}: {len(row.scores)} scores for {len(asked)} boxes of {question.file_name}; "
                "give one per box of the manifest, in its order"
            )
        return row.scores
    # What is asked comes from a manifest, whose boxes end at the border.
    return _matched(row.where, np.clip(row.candidates_xyxy, 0.0, 1.0), row.scores, asked)


def _matched(where: str, candidates_xyxy: Floats, scores: Floats, asked_xyxy: Floats) -> Floats:
    """The score of each asked box, that of the nearest candidate."""
    if len(candidates_xyxy) == len(asked_xyxy) and abs(candidates_xyxy - asked_xyxy).max() <= _SAME_BOX:
        return scores
    distances = abs(asked_xyxy[:, None] - candidates_xyxy).max(axis=2)
    least = distances.min(axis=1, initial=np.inf)
    if (least > _SAME_BOX).any():
        box = asked_xyxy[int(np.argmax(least))].tolist()
        raise UsageError(f'{where}: no score of the box {box}; "candidates" must hold every box of the photo')
    same = distances <= least[:, None] + _NOISE
    lowest: Floats = np.where(same, scores, np.inf).min(axis=1)
    clash = np.where(same, scores, -np.inf).max(axis=1) > lowest
    if clash.any():
        box = asked_xyxy[int(np.argmax(clash))].tolist()
        raise UsageError(f"{where}: two scores of the box {box}; keep one of them")
    return lowest


def _where(predicted: Predicted) -> str:
    rows = [*predicted.crops.values(), *([predicted.scored] if predicted.scored else [])]
    return rows[0].where


def _twice(row: Row, file_name: str, first: Row) -> UsageError:
    return UsageError(
        f"{row.where}: {file_name} was predicted before ({first.where}); keep one of the lines, "
        'or say in each for how many crops it is, as in "n": 5'
    )


def _expect_shape(row: Row, seen_wh: tuple[float, float], file_name: str, size_wh: tuple[int, int]) -> None:
    if not same_shape(seen_wh, size_wh):
        raise UsageError(
            f"{row.where}: {file_name} has {size_wh[0]}x{size_wh[1]} pixels, not the shape of "
            f"{seen_wh[0]:g}x{seen_wh[1]:g}; give boxes of the whole upright photo"
        )
