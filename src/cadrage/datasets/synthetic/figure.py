"""A person: head, torso, legs and two arms, one of them stretched out to the side that the person points to."""

from typing import Any

import numpy as np

from cadrage.datasets.synthetic.brush import Brush, Floats, blend, covered, hsv, in_pixels
from cadrage.datasets.synthetic.scene import Subject

# Width over height in pixels.
PERSON_RATIO = 0.55

_SKIN, _HAIR, _TROUSERS, _SHIRT = (0.9, 0.72, 0.58), (0.2, 0.14, 0.1), (0.16, 0.18, 0.28), None
# From behind to the front: a line from x y to x y and half its thickness, in heights of a person who points to the
# right. The shirt has the colour of the subject. Together the parts touch all four sides of the box.
_PARTS = (
    ((0.13, 0.27), (0.04, 0.5), 0.04, _SHIRT),
    ((0.155, 0.6), (0.12, 0.95), 0.05, _TROUSERS),
    ((0.23, 0.6), (0.27, 0.95), 0.05, _TROUSERS),
    ((0.19, 0.3), (0.19, 0.52), 0.105, _SHIRT),
    ((0.245, 0.26), (0.48, 0.31), 0.04, _SHIRT),
    ((0.5, 0.315), (0.515, 0.318), 0.035, _SKIN),
    ((0.18, 0.09), (0.18, 0.105), 0.09, _HAIR),
    ((0.2, 0.11), (0.2, 0.12), 0.085, _SKIN),
)


def figure(subject: Subject, size_wh: tuple[int, int]) -> Brush:
    """A person who fills the box of the subject."""
    x1, y1, x2, y2 = in_pixels(subject.box_xyxy, size_wh)
    shirt = hsv(subject.hue, 0.85, 0.9)

    def brush(x: Floats, y: Floats) -> tuple[Any, Any]:
        behind_hand = x - x1 if subject.points > 0 else x2 - x
        across, down = behind_hand / (x2 - x1) * PERSON_RATIO, (y - y1) / (y2 - y1)
        colour, opacity = np.zeros((*x.shape, 3), dtype=np.float32), np.zeros(x.shape, dtype=np.float32)
        for start, end, thickness, own in _PARTS:
            part = covered((thickness - _distance(across, down, start, end)) * (y2 - y1))
            colour = blend(colour, shirt if own is None else own, part)
            opacity = opacity + (1 - opacity) * part
        # So far a part that covers a pixel by half has mixed with black.
        return colour / np.maximum(opacity, 1e-6)[..., None], opacity

    return brush


def _distance(x: Floats, y: Floats, start: tuple[float, float], end: tuple[float, float]) -> Any:
    """From positions to the line between two points."""
    along_x, along_y = end[0] - start[0], end[1] - start[1]
    share = np.clip(((x - start[0]) * along_x + (y - start[1]) * along_y) / (along_x**2 + along_y**2), 0, 1)
    return np.hypot(x - start[0] - share * along_x, y - start[1] - share * along_y)
