"""From boxes in pixels as published to a row of the manifest: turned, clipped, normalised, and every loss counted."""

import json
from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cadrage.datasets.conversion.raw import LeftOut, RawPhoto
from cadrage.geometry.boxes import Boxes
from cadrage.photo import Photo

IMAGES = "images"

# Annotation tools are a little off at the border. Further out, the box or the photo must be another one.
_CLIPPED_SHARE, _CLIPPED_PX = 0.01, 2.0
# Broken boxes are rare. If this share of a photo's boxes lies outside, the photo is not the one that was annotated.
_MISFIT_SHARE = 0.25
# Sizes worked out from rounded boxes may be off by one.
_SIZE_SLACK_PX = 2
# Tells the pixels of any photo apart.
_DECIMALS = 7


@dataclass(frozen=True, slots=True)
class Misfit:
    """A photo whose boxes belong to another picture: how many times larger, and whether swapping x and y would do."""

    times: float
    swapped_fits: bool


@dataclass(frozen=True, slots=True)
class Placed:
    """What became of one photo: its ``row`` of the manifest or why there is none, and what was dropped or changed."""

    name: str
    row: dict[str, Any] | None
    split: str | None
    counts: dict[str, int]
    left_out: LeftOut | None = None
    misfit: Misfit | None = None


def leave_out(raw: RawPhoto, reason: str, text: str, misfit: Misfit | None = None) -> Placed:
    """The outcome for a photo that does not come into the manifest; the message names its annotation."""
    return Placed(raw.name, None, None, {}, LeftOut(reason, f"{raw.where}: {text}"), misfit)


def place(raw: RawPhoto, photo: Photo | None) -> Placed:
    """Bring ``raw`` into the form of the manifest; without ``photo`` by the size that its annotation states.

    Boxes that reach over the border by at most 1 % of the side or 2 px are clipped, those that reach further and those
    without area are dropped; a quarter of them outside, or another size than the annotated one, and the photo itself is
    left out. Boxes that were drawn on the pixels as stored are turned as the EXIF orientation turns the photo.
    """
    size_wh = photo.size_wh if photo else raw.size_wh
    if size_wh is None:
        return leave_out(raw, "unknown-size", f"there is no photo {raw.name}, and its boxes do not give its size")
    orientation = _orientation_of_boxes(raw, photo) if photo else 1
    stated = raw.size_wh and (raw.size_wh[::-1] if orientation >= 5 else raw.size_wh)
    if stated and not _alike(stated, size_wh):
        return leave_out(
            raw,
            "other-size",
            f"the boxes are those of a photo of {stated[0]} x {stated[1]}, {raw.name} has {size_wh[0]} x {size_wh[1]}",
            Misfit(max(stated) / max(size_wh), _alike(stated[::-1], size_wh)),
        )
    views = [pair.views_xyxy_px for pair in raw.pairs]
    boxes_px = turned(np.concatenate([raw.boxes_xyxy_px, *views, raw.persons_xyxy_px]), size_wh, orientation)
    boxes, beyond, empty, clipped = _normalised(boxes_px, size_wh)
    crops, persons = slice(len(raw.boxes_xyxy_px)), slice(len(boxes) - len(raw.persons_xyxy_px), None)
    # Persons were found by detectors and say little of the annotated photo.
    misfit = _misfit(boxes_px[: persons.start], beyond[: persons.start], size_wh)
    if misfit:
        return leave_out(
            raw,
            "boxes-beyond-photo",
            f"{int(beyond[: persons.start].sum())} of {persons.start} boxes reach beyond {raw.name}, "
            f"{size_wh[0]} x {size_wh[1]}",
            misfit,
        )
    counts = Counter(raw.counts)
    counts["photo-turned"] += orientation != 1
    counts["crop-outside"] += int(beyond[crops].sum())
    counts["crop-empty"] += int((empty & ~beyond)[crops].sum())
    counts["person-outside"] += int(beyond[persons].sum())
    counts["person-empty"] += int((empty & ~beyond)[persons].sum())
    usable = ~beyond & ~empty
    pairs = []
    for index, pair in enumerate(raw.pairs):
        both = slice(crops.stop + 2 * index, crops.stop + 2 * index + 2)
        if usable[both].all():
            a, b = boxes[both].tolist()
            pairs.append({"a": a, "b": b, "votes_a": pair.votes_a, "votes_b": pair.votes_b})
        else:
            usable[both] = False
            counts["pair-outside" if beyond[both].any() else "pair-empty"] += 1
    counts["box-clipped"] += int((clipped & usable).sum())
    kept = usable[crops]
    # A photo whose crops are all broken is not kept for its pairs: it is hardly the annotated one.
    if not kept.any() and (len(kept) or not pairs):
        placed = leave_out(raw, "no-crops-left", f"none of the {_crops_read(raw)} crops of {raw.name} can be used")
        return Placed(raw.name, None, None, dict(+counts), placed.left_out)
    row = {
        "file_name": f"{IMAGES}/{raw.name}",
        "width": size_wh[0],
        "height": size_wh[1],
        "crops": [
            {"box": box, "score": round(score, _DECIMALS)}
            for box, score in zip(boxes[crops][kept].tolist(), raw.scores[kept].tolist(), strict=True)
        ],
        "pairs": pairs,
        "persons": boxes[persons][usable[persons]].tolist(),
        "source": raw.source | {"width": size_wh[0], "height": size_wh[1]},
    }
    return Placed(raw.name, row, raw.split, dict(+counts))


def turned(boxes_px: Boxes, upright_size_wh: tuple[int, int], orientation: int) -> Boxes:
    """Boxes (N, 4) on the pixels as stored, moved to where the EXIF ``orientation`` 1 to 8 puts them.

    >>> turned(np.array([[0.0, 290.0, 20.0, 300.0]]), (300, 400), 6).tolist()
    [[0.0, 0.0, 10.0, 20.0]]
    """
    width, height = upright_size_wh
    x1, y1, x2, y2 = boxes_px.T
    if orientation >= 5:
        x1, y1, x2, y2 = y1, x1, y2, x2
    if orientation in (2, 3, 6, 7):
        x1, x2 = width - x2, width - x1
    if orientation in (3, 4, 7, 8):
        y1, y2 = height - y2, height - y1
    return np.stack([x1, y1, x2, y2], axis=1)


def row_text(row: dict[str, Any]) -> bytes:
    """One line of the manifest, without its end."""
    text = json.dumps(row, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError:
        # File names that are not text can only be carried by escapes.
        return json.dumps(row, allow_nan=False, separators=(",", ":")).encode("ascii")


def _alike(one_wh: tuple[int, int], other_wh: tuple[int, int]) -> bool:
    return max(abs(one_wh[0] - other_wh[0]), abs(one_wh[1] - other_wh[1])) <= _SIZE_SLACK_PX


def _orientation_of_boxes(raw: RawPhoto, photo: Photo) -> int:
    """The orientation that the boxes still need; 1 if they already lie on the upright photo, or nothing shows it."""
    if photo.orientation < 5:
        return 1
    upright, stored = photo.size_wh, photo.size_wh[::-1]
    if raw.size_wh and upright != stored:
        off = [abs(raw.size_wh[0] - width) + abs(raw.size_wh[1] - height) for width, height in (upright, stored)]
        return photo.orientation if off[1] < off[0] else 1
    fits_upright, fits_stored = (not _beyond(raw.boxes_xyxy_px, size_wh).any() for size_wh in (upright, stored))
    return photo.orientation if fits_stored and not fits_upright else 1


def _normalised(
    boxes_px: Boxes, size_wh: tuple[int, int]
) -> tuple[Boxes, NDArray[np.bool_], NDArray[np.bool_], NDArray[np.bool_]]:
    """Boxes as clipped fractions, and which of them reach too far beyond the photo, are empty, were clipped."""
    fractions = boxes_px / np.array([*size_wh, *size_wh], float)
    boxes = np.round(np.clip(fractions, 0, 1), _DECIMALS)
    empty = (boxes_px[:, 2:] <= boxes_px[:, :2]).any(axis=1) | (boxes[:, 2:] <= boxes[:, :2]).any(axis=1)
    clipped = ((fractions < 0) | (fractions > 1)).any(axis=1)
    return boxes, _beyond(boxes_px, size_wh), empty, clipped


def _beyond(boxes_px: Boxes, size_wh: tuple[int, int]) -> NDArray[np.bool_]:
    size = np.array([*size_wh, *size_wh], float)
    slack = np.maximum(_CLIPPED_SHARE * size, _CLIPPED_PX)
    inside: NDArray[np.bool_] = np.all((boxes_px >= -slack) & (boxes_px <= size + slack), axis=1)
    return ~inside


def _misfit(boxes_px: Boxes, beyond: NDArray[np.bool_], size_wh: tuple[int, int]) -> Misfit | None:
    if not len(beyond) or beyond.mean() < _MISFIT_SHARE:
        return None
    times = float((boxes_px[:, 2:] / np.array(size_wh, float)).max())
    return Misfit(times, not _beyond(boxes_px[:, [1, 0, 3, 2]], size_wh).any())


def _crops_read(raw: RawPhoto) -> int:
    return len(raw.scores) + sum(count for reason, count in raw.counts.items() if reason.startswith("crop-"))
