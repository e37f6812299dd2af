"""Boxes and scores of any tool in a file: other systems can be judged without their code or ours.

One JSON object per photo and line. Boxes are ``x1 y1 x2 y2``, as fractions of the upright photo unless said otherwise,
best first; they may reach over the border and are judged as they are.

    {"file_name": "images/a.jpg", "boxes": [[0.1, 0.0, 0.9, 1.0]], "scores": [0.8]}
    {"file_name": "images/a.jpg", "boxes_px": [[60, 0, 540, 400]], "width": 600, "height": 400}
    {"file_name": "images/a.jpg", "candidates": [{"box": [0, 0, 1, 1], "score": 2.5}]}
    {"file_name": "images/a.jpg", "box_scores": [2.5, 1.75]}

The first two are crops. With ``scores``, which are optional, they are put in falling order. Where a ratio is asked,
they are crops of that ratio. Where the best five are not the first five of the best ten, a photo has a line for each
number, which says so: ``"n": 5``. The last two are scores of the boxes that are asked for: a photo's ``crops`` in the
manifest, or ``a`` and ``b`` of its ``pairs`` in turn. ``candidates`` may come in any order and are told apart by their
boxes, up to 1e-4; ``box_scores`` come in the manifest's order. Lines of ``cadrage suggest`` and ``cadrage score`` are
understood as they are; if several models answered, as with ``--model auto``, the reciprocal of a crop's rank stands for
its score, since those of two models cannot be compared. Photos are named by ``file_name``, by a path that ends with it,
or by a file name or stem that only one photo has.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from cadrage.datasets.manifest import PhotoRecord, decode_line
from cadrage.errors import UsageError
from cadrage.evaluation.answers import Answer, Question
from cadrage.evaluation.file_predictor import FilePredictor, Predicted
from cadrage.evaluation.photo_names import PhotoNames
from cadrage.evaluation.prediction_rows import Row, read_row

__all__ = ["FilePredictor", "prediction_line", "read_predictions"]


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


def _rows(file: Path) -> Iterator[Row]:
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
