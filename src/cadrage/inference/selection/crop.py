"""A crop: one box with all that is known of it, where to look inside it, and how to show it on a web page."""

import math
from dataclasses import dataclass

import numpy as np

from cadrage.errors import UsageError
from cadrage.geometry import area
from cadrage.inference.selection.heads import HeadFate, HeadInCrop, count_fates, fates_in_words
from cadrage.inference.selection.rules import FLAGS
from cadrage.inference.selection.worth import Floats

WHOLE_PHOTO_UNRATED = "whole_photo_unrated"
"""This crop is the whole photo, and the model learned from none that was: its score there is a guess."""

MORE_ALIKE = "more_alike"
"""This crop overlaps one before it by more than crops do by default: the photo has too few that differ as much."""

# No rule gave way for the last two, so a strict request does not mind them.
CROP_FLAGS = (*FLAGS, WHOLE_PHOTO_UNRATED, MORE_ALIKE)


@dataclass(frozen=True, slots=True)
class Crop:
    """One crop of a photo.

    ``box_px`` is x, y, width, height in pixels of the upright photo; ``box_norm`` is the box as x1 y1 x2 y2 in [0, 1].
    ``score`` never rises with the rank. That of the best crop is its expected overlap (IoU, 0 to 1) with the crop a
    person would choose, given the ratio; another one has as much less as it is worth less, by all that counts in the
    order. Of a model that only scores boxes it is that score, unbounded and comparable within one photo
    (`Cropper.score`), with an asked scale in it.
    ``area_fraction`` is the crop's part of the photo, ``importance_fraction`` its part of what people keep, and
    ``focal_point`` the centre of that (or of the kept boxes or an object on plain ground, if there are any) as fx, fy
    in [0, 1] of the photo.
    ``flags`` names rules that gave way, `WHOLE_PHOTO_UNRATED` and `MORE_ALIKE`.
    ``heads`` says what becomes of each head that was heeded, in the order of `Suggestions.heads`.
    """

    rank: int
    ratio: str
    box_px: tuple[int, int, int, int]
    box_norm: tuple[float, float, float, float]
    score: float
    area_fraction: float
    importance_fraction: float
    focal_point: tuple[float, float]
    flags: tuple[str, ...] = ()
    reason: str = ""
    heads: tuple[HeadInCrop, ...] = ()

    def __post_init__(self) -> None:
        expect(self.rank >= 1, "a rank of at least 1", self.rank)
        x, y, width, height = self.box_px
        expect(x >= 0 and y >= 0 and width >= 1 and height >= 1, "a pixel box x, y, width, height", self.box_px)
        x1, y1, x2, y2 = self.box_norm
        expect(0 <= x1 < x2 <= 1 and 0 <= y1 < y2 <= 1, "a normalised box x1, y1, x2, y2", self.box_norm)
        expect(math.isfinite(self.score), "a finite score", self.score)
        for name in ("area_fraction", "importance_fraction"):
            expect(0 <= getattr(self, name) <= 1, f"{name} in [0, 1]", getattr(self, name))
        fx, fy = self.focal_point
        expect(x1 <= fx <= x2 and y1 <= fy <= y2, f"a focal point inside {self.box_norm}", self.focal_point)
        expect(set(self.flags) <= set(CROP_FLAGS), f"flags among {CROP_FLAGS}", self.flags)

    def __repr__(self) -> str:
        x, y, width, height = self.box_px
        told = f" {' '.join(self.flags)}" if self.flags else ""
        return f"<Crop {self.ratio} #{self.rank}: {width}x{height} at {x},{y}, score {self.score:.2f}{told}>"

    @property
    def head_counts(self) -> dict[HeadFate, int]:
        """How many heads the crop holds whole, cuts and leaves out."""
        return count_fates(self.heads)

    @property
    def says_of_heads(self) -> str:
        """The same in words, such as "holds 2 heads whole, leaves out 1 head"; nothing where there are none."""
        return fates_in_words(self.heads)

    @property
    def xyxy(self) -> tuple[int, int, int, int]:
        """Pixels x1, y1, x2, y2, end-exclusive, as Pillow's ``crop`` takes them."""
        x, y, width, height = self.box_px
        return x, y, x + width, y + height

    @property
    def xywh(self) -> tuple[int, int, int, int]:
        """Pixels x, y, width, height."""
        return self.box_px


def focal_points(crops_xyxy: Floats, boxes_xyxy: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """Centre of what people keep inside each crop, and how much of all that they keep it holds.

    Every point of the photo is kept with the probability that the chosen crop covers it, ``sum_k w_k [p in b_k]`` over
    the proposals ``boxes_xyxy (K, 4)`` with ``weights (K,)``. The focal point is the centroid of that probability over
    the crop, hence always inside it; it is the crop's own centre if no proposal reaches into the crop.

    Returns:
        Focal points ``(N, 2)`` as fx fy in [0, 1] of the photo, and the held share ``(N,)`` in [0, 1], 1 for the full
        frame.
    """
    x1, y1, x2, y2 = crops_xyxy.T[:, :, None]
    left, top, right, bottom = boxes_xyxy.T
    start_x, end_x = np.maximum(x1, left), np.minimum(x2, right)
    start_y, end_y = np.maximum(y1, top), np.minimum(y2, bottom)
    mass = np.maximum(end_x - start_x, 0) * np.maximum(end_y - start_y, 0) * weights
    total = mass.sum(axis=1)
    moments = np.stack([(mass * (start_x + end_x)).sum(axis=1), (mass * (start_y + end_y)).sum(axis=1)], axis=1)
    centres = (crops_xyxy[:, :2] + crops_xyxy[:, 2:]) / 2
    found = total > 0
    centres[found] = moments[found] / (2 * total[found, None])
    share = total / (area(boxes_xyxy) @ weights)
    return np.clip(centres, crops_xyxy[:, :2], crops_xyxy[:, 2:]), np.clip(share, 0, 1)


def object_position(box_px: tuple[int, int, int, int], size_wh: tuple[int, int]) -> str:
    """CSS ``object-position`` for an ``<img>`` with ``object-fit: cover`` and the crop's aspect.

    The browser shows the largest box of that aspect and places it by ``percentage * (photo - shown)``. Along the axis
    with room to move, the shown box is centred on the crop ``x, y, width, height`` as far as the photo permits; as the
    shown box is at least as large as the crop, the crop is always visible. The other axis is 50%.

    >>> object_position((0, 0, 500, 500), (1000, 500))
    '0% 50%'
    """
    start, side, photo = np.array(box_px[:2]), np.array(box_px[2:]), np.array(size_wh)
    shown = side * (photo / side).min()
    room = photo - shown
    # Less room than a thousandth of a pixel is rounding noise of the exact fit.
    moves = room > 1e-3
    percent = np.full(2, 50.0)
    percent[moves] = 100 * np.clip((start + side / 2 - shown / 2)[moves] / room[moves], 0, 1)
    return " ".join(f"{round(value, 2) + 0.0:g}%" for value in percent.tolist())


def expect(holds: bool, expected: str, got: object) -> None:
    """Raise UsageError if a result is not what it has to be."""
    if not holds:
        raise UsageError(f"expected {expected}, got {got!r}")
