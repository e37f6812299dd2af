"""Which photos a report shows, each with what people chose and what was answered."""

import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from cadrage.datasets.manifest import PhotoRecord
from cadrage.datasets.pixels import load_photo
from cadrage.errors import PhotoError
from cadrage.evaluation.answers import Answer, Floats
from cadrage.evaluation.metrics.ranking import canonical_order
from cadrage.evaluation.protocols import METRICS
from cadrage.evaluation.reports.numbers import heading, number, unit
from cadrage.evaluation.result import Result

Group = Literal["best", "median", "worst"]

_SIDE_PX = 480
_JPEG_QUALITY = 80
# Of many scored candidates the best few say what was wanted; ten people's crops can all be drawn.
_BEST_CANDIDATES = 5
_MOST_TRUTHS = 10
_VALUES_SHOWN = 3


@dataclass(frozen=True, slots=True, eq=False)
class ShownPhoto:
    """One photo of the report: people's crops and the first answered ones, normalised x1 y1 x2 y2."""

    file: Path
    file_name: str
    size_wh: tuple[int, int]
    group: Group
    truths_xyxy: Floats
    predicted_xyxy: Floats
    values: Mapping[str, float]


def pick_shown(
    result: Result,
    records: Sequence[PhotoRecord],
    answers: Sequence[Sequence[Answer]],
    main_metric: str,
    each: int = 6,
) -> tuple[ShownPhoto, ...]:
    """The best, the middle and the worst photos by one metric, no photo twice.

    Args:
        result: its photos are those of ``records``, in their order.
        records: the measured photos.
        answers: for each photo the answers to the protocol's questions.
        main_metric: photos without a value of it are not chosen.
        each: how many of each kind; of fewer than three times as many photos, a third.
    """
    rows = [(photo, index) for index, photo in enumerate(result.photos) if main_metric in photo]
    # A metric that is 0 or 1 on one photo leaves many equal; the other metrics then order them.
    metrics = [main_metric, *(metric for metric in result.metrics if METRICS[metric].judges)]
    rows.sort(key=lambda row: ([_worse(metric, row[0]) for metric in metrics], row[0]["file_name"]))
    each = max(1, min(each, len(rows) // 3))
    middle = rows[each : len(rows) - each]
    start = max(0, (len(middle) - each) // 2)
    chosen: list[tuple[Group, int]] = [("best", index) for _, index in rows[:each]]
    chosen += [("median", index) for _, index in middle[start : start + each]]
    chosen += [("worst", index) for _, index in rows[max(each, len(rows) - each) :]]
    return tuple(
        _shown(group, records[index], answers[index], result.photos[index], result, main_metric)
        for group, index in chosen
    )


def _worse(metric: str, photo: Mapping[str, float]) -> float:
    value = photo.get(metric, 0.0)
    return -value if METRICS[metric].higher_is_better else value


def _shown(
    group: Group,
    record: PhotoRecord,
    answers: Sequence[Answer],
    values: Mapping[str, float],
    result: Result,
    main_metric: str,
) -> ShownPhoto:
    truths, predicted = _boxes(record, answers[0], main_metric)
    # Shares are 0 or 1 on one photo, which the main metric already shows.
    telling = [name for name in result.metrics if name in values and METRICS[name].judges and not METRICS[name].percent]
    names = list(dict.fromkeys([main_metric, *telling]))
    return ShownPhoto(
        file=record.file,
        file_name=record.file_name,
        size_wh=record.size_wh,
        group=group,
        truths_xyxy=truths,
        predicted_xyxy=predicted,
        values={metric: values[metric] for metric in names[:_VALUES_SHOWN]},
    )


def _boxes(record: PhotoRecord, answer: Answer, main_metric: str) -> tuple[Floats, Floats]:
    """What was wanted and what was answered, as far as the metric looks."""
    scores = answer.box_scores
    if len(scores) and len(scores) == 2 * len(record.pairs):
        return _clearest_pair(record, scores)
    if len(scores) and len(scores) == len(record.crops_xyxy):
        first = canonical_order(scores, record.crops_xyxy)[:1]
        return _truths(record), record.crops_xyxy[first]
    tries = re.match(r"recall(\d+)_", main_metric)
    return _truths(record), answer.boxes_xyxy[: int(tries.group(1)) if tries else 1]


def _truths(record: PhotoRecord) -> Floats:
    if not len(record.scores) or record.scores.min() == record.scores.max():
        return record.crops_xyxy[:_MOST_TRUTHS]
    return record.crops_xyxy[canonical_order(record.scores, record.crops_xyxy)[:_BEST_CANDIDATES]]


def _clearest_pair(record: PhotoRecord, scores: Floats) -> tuple[Floats, Floats]:
    """Of the pair that people agreed on most, the view they preferred and the one that was scored higher."""
    index = int(np.argmax([abs(pair.votes_a - pair.votes_b) for pair in record.pairs]))
    pair = record.pairs[index]
    views = np.array([pair.a_xyxy, pair.b_xyxy])
    liked, scored = int(pair.votes_b > pair.votes_a), int(scores[2 * index + 1] > scores[2 * index])
    return views[[liked]], views[[scored]]


def photo_card(photo: ShownPhoto) -> dict[str, Any]:
    """What ``shot.html`` shows of a photo; the picture is None where it cannot be read."""
    width, height = photo.size_wh
    return {
        "name": photo.file_name,
        "base_name": photo.file_name.replace("\\", "/").rsplit("/", 1)[-1],
        "wide": width / max(height, 1),
        "jpeg": _jpeg(photo.file),
        "theirs": np.clip(photo.truths_xyxy, 0, 1).tolist(),
        "ours": np.clip(photo.predicted_xyxy, 0, 1).tolist(),
        "measured": {heading(metric): number(metric, value) + unit(metric) for metric, value in photo.values.items()},
    }


def _jpeg(file: Path) -> bytes | None:
    from PIL import Image

    try:
        pixels = load_photo(file, _SIDE_PX)
    except PhotoError:  # the card says that there is no photo
        return None
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", quality=_JPEG_QUALITY, optimize=True)
    return stream.getvalue()
