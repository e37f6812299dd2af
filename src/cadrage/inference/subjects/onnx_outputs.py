"""Reading the outputs of other people's networks.

YuNet has one possible face per cell of three grids; DETR and its descendants give each query a class of COCO.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cadrage.geometry import iou_matrix
from cadrage.inference.subjects.detector import Floats, Kind

STRIDES = (8, 16, 32)
WIDTHS = {"cls": 1, "obj": 1, "bbox": 4}
"""Numbers per cell of each part of the outputs."""

_SAME = 0.3

CLASSES = (80, 91, 92)
"""How many logits a query of DETR or its descendants may have."""

# Numbers of the classes in the 91-entry list (with gaps) and in the 80-entry list (without).
_PERSON = {91: 1, 80: 0}
_ANIMALS = {91: range(16, 26), 80: range(14, 24)}


def faces(outputs: Mapping[str, NDArray[Any]], size_hw: tuple[int, int], believed: float) -> tuple[Floats, Floats]:
    """Boxes ``(N, 4)`` in pixels of the network's input and confidences ``(N,)``, doubles removed.

    A cell's confidence is the geometric mean of ``cls`` and ``obj``; ``bbox`` holds the centre relative to the cell
    and the logarithm of the size, both in strides.

    Raises:
        ValueError: an output does not fit the grid of its stride.
    """
    boxes, confidences = [np.empty((0, 4))], [np.empty(0)]
    for stride in STRIDES:
        rows, columns = size_hw[0] // stride, size_hw[1] // stride
        cls, obj, box = (
            np.asarray(outputs[f"{part}_{stride}"], np.float64).reshape(-1, width) for part, width in WIDTHS.items()
        )
        if not len(cls) == len(obj) == len(box) == rows * columns:
            raise ValueError(f"the outputs of stride {stride} do not fit an input of {size_hw[1]}x{size_hw[0]} pixels")
        sure = np.sqrt(np.clip(cls[:, 0], 0, 1) * np.clip(obj[:, 0], 0, 1))
        cells = np.flatnonzero(sure >= believed)
        corner = np.stack([cells % columns, cells // columns], axis=1)
        centre, size = (corner + box[cells, :2]) * stride, np.exp(np.minimum(box[cells, 2:], 10)) * stride
        boxes.append(np.concatenate([centre - size / 2, centre + size / 2], axis=1))
        confidences.append(sure[cells])
    return without_doubles(np.concatenate(boxes), np.concatenate(confidences), _SAME)


def without_doubles(boxes_xyxy: Floats, confidences: Floats, same: float) -> tuple[Floats, Floats]:
    """The boxes that overlap no more confident one by an IoU of ``same`` or more, most confident first."""
    order = np.argsort(-confidences, kind="stable")
    boxes, sure = boxes_xyxy[order], confidences[order]
    overlaps = iou_matrix(boxes, boxes)
    kept: list[int] = []
    for index in range(len(boxes)):
        if not (overlaps[index, kept] >= same).any():
            kept.append(index)
    return boxes[kept], sure[kept]


def kinds_and_confidences(logits: Floats) -> tuple[list[Kind], Floats]:
    """Kind and confidence ``(N,)`` of each query's best class.

    Args:
        logits: ``(N, C)``. C = 92 is DETR's list of 91 entries with "no object" last, whose softmax counts; 91 and 80
            are those of its descendants, where each class has a probability of its own.

    Raises:
        ValueError: another number of classes.
    """
    classes = logits.shape[1]
    if classes == 92:
        exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
        probabilities, listed = (exponentials / exponentials.sum(axis=1, keepdims=True))[:, :-1], 91
    elif classes in _PERSON:
        probabilities, listed = 1 / (1 + np.exp(-np.clip(logits, -50, 50))), classes
    else:
        raise ValueError(f"expected 80, 91 or 92 classes of COCO in logits, got {classes}")
    best = probabilities.argmax(axis=1)
    return [_kind(int(one), listed) for one in best], probabilities.max(axis=1)


def _kind(number: int, listed: int) -> Kind:
    if number == _PERSON[listed]:
        return "person"
    return "animal" if number in _ANIMALS[listed] else "object"
