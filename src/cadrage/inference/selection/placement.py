"""Where to look inside a crop, how much of what matters it holds, and how to show it on a web page."""

import numpy as np

from cadrage.geometry import area
from cadrage.inference.selection.overlap import Floats


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
