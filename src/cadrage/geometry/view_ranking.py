"""The 1,745 boxes among which published work without boxes of its own chooses, made by their rule.

List-wise view ranking (Lu et al., "Listwise View Ranking for Image Cropping", IEEE Access 2019) made them, and
human-centric cropping (Zhang et al., ECCV 2022) and others took them over as a list. They are fractions of any photo,
whatever its shape, and hold no box of the whole photo. The rule gives the published list box for box; its numbers were
found from the list, which the generator that lies beside it does not make.
"""

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from cadrage.geometry.boxes import Boxes, area, iou_matrix

Ints = npt.NDArray[np.int64]

# Photos of five shapes are cut to crops of five ratios (width / height), whose width or else whose height is a share of
# the photo's.
_PHOTOS_WH = ((800, 800), (900, 1600), (1600, 900), (600, 800), (800, 600))
_RATIOS = (4 / 3, 3 / 4, 16 / 9, 9 / 16, 1.0)
_SHARES = (0.90, 0.85, 0.80, 0.75, 0.70, 0.65, 0.60)
# A crop moves in steps of 20 pixels or a little more; where it could not make five of them, to two fifths and four
# fifths of its room.
_STEP_PX, _FEWEST_STEPS, _FEW = 20, 5, np.array([0.0, 0.4, 0.8])
# Of boxes that overlap by this much (IoU) the first one stays, first within a shape of photo, then among all.
_SAME_IN_SHAPE, _SAME = 0.95, 0.85
_SMALLEST_AREA = 0.16


@lru_cache(maxsize=1)
def view_ranking_boxes() -> Boxes:
    """The boxes ``(1745, 4)``, x1 y1 x2 y2 from 0 to 1, in the order of the published list; not to be written into.

    >>> view_ranking_boxes().shape
    (1745, 4)
    """
    of_shapes = [_distinct(_crops_of(size_wh), _SAME_IN_SHAPE) for size_wh in _PHOTOS_WH]
    boxes = _distinct(np.concatenate(of_shapes), _SAME)
    boxes.flags.writeable = False
    return boxes


def _crops_of(photo_wh: tuple[int, int]) -> Boxes:
    photo_width, photo_height = photo_wh
    sizes = []
    for share in _SHARES:
        for ratio in _RATIOS:
            width = int(photo_width * share)
            height = int(width / ratio)
            if height > photo_height:
                continue
            sizes.append((width, height))
            height = int(photo_height * share)
            width = int(height * ratio)
            if width <= photo_width:
                sizes.append((width, height))
    boxes = np.concatenate([_places(size, photo_wh) for size in sizes])
    return boxes[area(boxes) > _SMALLEST_AREA]


def _places(size_wh: tuple[int, int], photo_wh: tuple[int, int]) -> Boxes:
    """One size at all its places, in whole pixels, as fractions of the photo."""
    x, y = (_starts(whole - part) for whole, part in zip(photo_wh, size_wh, strict=True))
    left, top = (axis.ravel() for axis in np.meshgrid(x, y, indexing="ij"))
    boxes_px = np.stack([left, top, left + size_wh[0], top + size_wh[1]], axis=1)
    boxes: Boxes = boxes_px / np.tile(photo_wh, 2)
    return boxes


def _starts(room_px: int) -> Ints:
    """Where a crop begins that can move by so much: never at the far end."""
    steps = room_px // _STEP_PX
    places = np.arange(steps) * (room_px / steps) if steps >= _FEWEST_STEPS else room_px * _FEW
    starts: Ints = np.floor(places).astype(np.int64)
    return starts


def _distinct(boxes: Boxes, same: float) -> Boxes:
    """The boxes that overlap no kept box before them by ``same`` or more."""
    kept = np.ones(len(boxes), dtype=bool)
    lefts, *others = np.ascontiguousarray(boxes.T)
    for index in range(len(boxes)):
        if not kept[index]:
            continue
        # Boxes of which an edge lies further apart cannot overlap so much, and most do.
        near = index + 1 + np.flatnonzero(np.abs(lefts[index + 1 :] - lefts[index]) <= 1 - same)
        near = near[kept[near]]
        for edges in others:
            near = near[np.abs(edges[near] - edges[index]) <= 1 - same]
        kept[near] = iou_matrix(boxes[index : index + 1], boxes[near])[0] < same
    return boxes[kept]
