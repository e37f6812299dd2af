"""What the importance map of a photo is trained towards: where the crops that people like agree.

Zhang et al., "Human-Centric Image Cropping with Partition-Aware and Content-Preserving Features", ECCV 2022, pseudo
ground truth of the heat map. The released code draws whole pixels and stores pictures; here a crop covers the exact
part of each cell, and the two cases in which that code divides zero by zero have an answer.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cadrage.errors import UsageError
from cadrage.geometry import area, as_boxes

# Cells per side, that of models.heat_head.
_SIZE = 64
# Photos with no more crops than this keep all of them.
_FEW = 10
# Crops kept where none is above the mean.
_FALLBACK = 5
# Worth of the whole photo's area, in units of the score.
_AREA_BONUS = 2.0


def pseudo_heat(
    crops_xyxy: ArrayLike, scores: ArrayLike, *, mean_score: float, size: int = _SIZE
) -> NDArray[np.float32] | None:
    """The weighted mean of the masks of a photo's good crops, stretched to [0, 1].

    Weights are the softmax of ``score + 2 area``. Of more than 10 crops only those above ``mean_score`` count, or the
    best 5 if there is none. A map that is the same everywhere, as from one crop of the whole photo, is not stretched.
    Crops that cover nothing of the photo, as those beside a window of it, are as if they were not there.

    Args:
        crops_xyxy: ``(N, 4)``, normalised; what is outside the photo does not count.
        scores: ``(N,)``, on the scale of mean opinions, 1 to 5: the bonus for area is in its units.
        mean_score: of all crops of the training split.
        size: cells per side; the photo is squeezed into the square.

    Returns:
        ``(size, size)``, or None where there is nothing to learn: no crop, or none that covers anything.

    Raises:
        UsageError: not one finite score for every finite box with x1 <= x2 and y1 <= y2.
    """
    boxes, opinions = as_boxes(crops_xyxy, "crops"), np.asarray(scores, np.float64)
    _check(boxes, opinions)
    boxes = boxes.clip(0, 1)
    covering = area(boxes) > 0
    boxes, opinions = boxes[covering], opinions[covering]
    if not len(boxes):
        return None
    kept = _kept(opinions, mean_score)
    boxes, opinions = boxes[kept], opinions[kept]
    worth = opinions + _AREA_BONUS * area(boxes)
    weights = np.exp(worth - worth.max())
    columns, rows = (_covered(boxes[:, axis], boxes[:, axis + 2], size) for axis in (0, 1))
    heat = (rows * (weights / weights.sum())[:, None]).T @ columns
    low, high = heat.min(), heat.max()
    # Rounding leaves traces on a map that is the same everywhere.
    if high - low > 1e-9:
        heat = (heat - low) / (high - low)
    # Rounding may leave a whole by a trace.
    out: NDArray[np.float32] = heat.clip(0, 1).astype(np.float32)
    return out


def _kept(scores: NDArray[np.float64], mean_score: float) -> NDArray[np.intp]:
    if len(scores) <= _FEW:
        return np.arange(len(scores))
    above = np.flatnonzero(scores > mean_score)
    return above if len(above) else np.argsort(-scores, kind="stable")[:_FALLBACK]


def _covered(starts: NDArray[np.float64], ends: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    """The part of each cell of an axis that each crop covers, ``(N, size)``."""
    cells = np.arange(size)
    return (np.minimum(ends[:, None] * size, cells + 1) - np.maximum(starts[:, None] * size, cells)).clip(0, 1)


def _check(boxes: NDArray[np.float64], scores: NDArray[np.float64]) -> None:
    if scores.shape != boxes.shape[:1]:
        raise UsageError(f"heat map: {len(boxes)} crops and scores of shape {scores.shape}; give one score per crop")
    if not (np.isfinite(boxes).all() and np.isfinite(scores).all()):
        raise UsageError("heat map: a crop or score is not a finite number; leave it out")
    if (boxes[:, :2] > boxes[:, 2:]).any():
        raise UsageError("heat map: a crop has x1 > x2 or y1 > y2; swap its corners")
