"""Boxes and scores of any tool in a file: other systems can be judged without their code or ours.

One JSON object per photo and line. Boxes are ``x1 y1 x2 y2``, as fractions of the upright photo unless the key says
otherwise, best first; they may reach over the border and are judged as they are.

    {"file_name": "images/a.jpg", "boxes": [[0.1, 0.0, 0.9, 1.0]], "scores": [0.8]}
    {"file_name": "images/a.jpg", "boxes_px": [[60, 0, 540, 400]], "width": 600, "height": 400}
    {"file_name": "images/a.jpg", "candidates": [{"box": [0, 0, 1, 1], "score": 2.5}]}
    {"file_name": "images/a.jpg", "box_scores": [2.5, 1.75]}

The first two are crops. ``scores`` are optional and put them in falling order. Where a protocol asks for a ratio, they
are crops of that ratio. Where the best five are not the first five of the best ten, a photo has a line for each number,
which says so: ``"n": 5``. The last two are scores of the boxes that a protocol asks for: a photo's ``crops`` in the
manifest, or ``a`` and ``b`` of its ``pairs`` in turn. ``candidates`` may come in any order, for their boxes identify
them, up to 1e-4; ``box_scores`` come in the manifest's order. Lines of ``cadrage suggest`` and ``cadrage score`` serve
as they are; if several models answered, as with ``--model auto``, the reciprocal of a crop's rank stands for its score,
since those of two models cannot be compared. A photo is named by its ``file_name``, by a path that ends with it, or by
a file name or stem that only one photo has.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from cadrage.datasets.manifest import PhotoRecord, decode_line
from cadrage.errors import UsageError
from cadrage.evaluation.answers import Answer, Floats, Question, same_shape
from cadrage.evaluation.photo_names import PhotoNames
from cadrage.evaluation.prediction_rows import PredictionRow, read_row

_SAME_BOX = 1e-4
_NOISE = 1e-9


@dataclass(slots=True)
class Predicted:
    """All lines about one photo: crops by the number that was asked for, and scores of given boxes."""

    crops: dict[int | None, PredictionRow] = field(default_factory=dict)
    scored: PredictionRow | None = None

    def add(self, row: PredictionRow, file_name: str, size_wh: tuple[int, int]) -> None:
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
    """Answers what a file says; `read_predictions` makes it.

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


def _twice(row: PredictionRow, file_name: str, first: PredictionRow) -> UsageError:
    return UsageError(
        f"{row.where}: {file_name} was predicted before ({first.where}); keep one of the lines, "
        'or say in each for how many crops it is, as in "n": 5'
    )


def _expect_shape(row: PredictionRow, seen_wh: tuple[float, float], file_name: str, size_wh: tuple[int, int]) -> None:
    if not same_shape(seen_wh, size_wh):
        raise UsageError(
            f"{row.where}: {file_name} has {size_wh[0]}x{size_wh[1]} pixels, not the shape of "
            f"{seen_wh[0]:g}x{seen_wh[1]:g}; give boxes of the whole upright photo"
        )


def read_predictions(
    file: Path, records: Sequence[PhotoRecord], *, others: Iterable[PhotoRecord] = ()
) -> FilePredictor:
    """The predictor that answers what ``file`` says.

    Args:
        file: JSON lines in the form above. Lines that only report an error count as no prediction.
        records: the photos that will be asked about.
        others: the remaining photos of the data set, so that a bare name cannot be taken for the wrong photo.

    Raises:
        UsageError: a line is malformed, holds an impossible box or number, names several photos at once or one that
            another line was about; or no line is about any of ``records``. The message names file and line.
    """
    sizes_wh = {record.file_name: record.size_wh for record in (*others, *records)}
    names = PhotoNames(sizes_wh)
    photos: dict[str, Predicted] = {}
    unknown, models = [], set()
    for row in _rows(file):
        try:
            file_name = names.find(row.photo)
        except UsageError as error:
            raise UsageError(f"{row.where}: {error}") from error
        if file_name is None:
            unknown.append(row.photo)
        else:
            models.add(row.weights_sha256)
            photos.setdefault(file_name, Predicted()).add(row, file_name, sizes_wh[file_name])
    asked = [record.file_name for record in records]
    if asked and photos.keys().isdisjoint(asked):
        example = f"; it names {unknown[0]!r}, for example" if unknown else ""
        raise UsageError(f"{file}: is about none of the {len(asked)} photos, such as {asked[0]}{example}")
    description = {"kind": "predictions", "name": file.stem, "file_sha256": _sha256(file)}
    return FilePredictor(description, photos, asked, unknown, models=len(models - {None}))


def prediction_line(question: Question, answer: Answer) -> str:
    """One answer as a line, without its end, from which `read_predictions` gives exactly the same one."""
    content: dict[str, Any] = {"file_name": question.file_name}
    if question.n:
        content["n"] = question.n
        if question.ratio is not None:
            content["ratio"] = question.ratio
        content |= {"boxes": answer.boxes_xyxy.tolist(), "scores": answer.confidences.tolist()}
    if len(question.boxes_xyxy):
        pairs = zip(question.boxes_xyxy.tolist(), answer.box_scores.tolist(), strict=True)
        content["candidates"] = [{"box": box, "score": score} for box, score in pairs]
    return json.dumps(content, allow_nan=False)


def _rows(file: Path) -> Iterator[PredictionRow]:
    try:
        with file.open("rb") as handle:
            for number, line in enumerate(handle, start=1):
                if line.strip():
                    row = read_row(_decoded(line, f"{file}, line {number}"), f"{file}, line {number}")
                    if row is not None:
                        yield row
    except OSError as error:
        raise UsageError(f"{file}: cannot be read: {error.strerror or error}; check the path") from error


def _decoded(line: bytes, where: str) -> object:
    try:
        return decode_line(line)
    except ValueError as error:
        raise UsageError(f"{where}: not JSON ({error}); one JSON object per line is expected") from error


def _sha256(file: Path) -> str:
    with file.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
