"""A person: head, torso, legs and two arms, one of them stretched out to the side that the person points to."""

import colorsys

import numpy as np
import numpy.typing as npt

from cadrage.datasets.synthetic.scene import Subject

Floats = npt.NDArray[np.float32]

# Width over height of a person with one arm stretched out.
PERSON_RATIO = 0.55

_SKIN, _HAIR, _TROUSERS = (0.9, 0.72, 0.58), (0.2, 0.14, 0.1), (0.16, 0.18, 0.28)
_SHIRT = None
# Limbs from behind to the front: from x y to x y and half the thickness, in heights of a person who points to the
# right; a colour, or the shirt's. Together they touch all four sides of the box.
_PARTS = (
    ((0.13, 0.27), (0.045, 0.5), 0.04, _SHIRT),
    ((0.155, 0.6), (0.12, 0.95), 0.05, _TROUSERS),
    ((0.23, 0.6), (0.27, 0.95), 0.05, _TROUSERS),
    ((0.19, 0.3), (0.19, 0.52), 0.105, _SHIRT),
    ((0.245, 0.26), (0.48, 0.31), 0.04, _SHIRT),
    ((0.5, 0.315), (0.513, 0.318), 0.035, _SKIN),
    ((0.18, 0.09), (0.18, 0.105), 0.09, _HAIR),
    ((0.2, 0.11), (0.2, 0.12), 0.085, _SKIN),
)


def figure(subject: Subject, size_wh: tuple[int, int]):  # brush
    x1, y1, x2, y2 = np.array(subject.box_xyxy) * np.tile(size_wh, 2)
    shirt = np.array(colorsys.hsv_to_rgb(subject.hue, 0.85, 0.9))

    def paint_figure(x: Floats, y: Floats) -> tuple[Floats, Floats]:
        across = (x - x1) / (x2 - x1) if subject.points > 0 else (x2 - x) / (x2 - x1)
        across, down = across * PERSON_RATIO, (y - y1) / (y2 - y1)
        colour, opacity = np.zeros((*x.shape, 3), dtype=np.float32), np.zeros(x.shape, dtype=np.float32)
        for start, end, radius, own in _PARTS:
            covered = np.clip((radius - _distance(across, down, start, end)) * (y2 - y1) + 0.5, 0, 1)
            colour += ((shirt if own is None else np.array(own)) - colour) * covered[..., None]
            opacity += (1 - opacity) * covered
        return colour, opacity

    return paint_figure


def _distance(x: Floats, y: Floats, start: tuple[float, float], end: tuple[float, float]) -> Floats:
    """From positions to the line between two points."""
    along_x, along_y = end[0] - start[0], end[1] - start[1]
    share = np.clip(((x - start[0]) * along_x + (y - start[1]) * along_y) / (along_x**2 + along_y**2), 0, 1)
    distance: Floats = np.hypot(x - start[0] - share * along_x, y - start[1] - share * along_y)
    return distance
