"""How good a crop of a drawn photo is: a formula that stands in for people's opinions."""

import numpy as np
import numpy.typing as npt

from cadrage.datasets.synthetic.scene import Box, Scene, Subject
from cadrage.geometry.boxes import Boxes, validate_boxes

Floats = npt.NDArray[np.float64]

# Room that a subject needs on every side, as a share of its own size.
MARGIN = 0.12
# How fast a cut spoils the crop: powers of the share that is kept. A person cut in half is worse than half a ball.
CUT_POWER, CUT_POWER_PERSON = 2.0, 3.0
# What remains of the quality without the companion, and with a board in full view.
WITHOUT_COMPANION, WITH_BOARD = 0.4, 0.45
# Share of the crop's area that its subjects should take, and the lines on which they and the horizon should lie.
SUBJECT_SHARE = 0.12
THIRDS = (1 / 3, 2 / 3)
# Tolerances: one standard deviation in crop sides, in the logarithm of the area, in crop heights.
PLACE_SPREAD, SHARE_SPREAD, HORIZON_SPREAD = 0.12, 0.4, 0.1
PLACE_WEIGHT, SHARE_WEIGHT, HORIZON_WEIGHT = 0.4, 0.3, 0.3


def quality(scene: Scene, boxes_xyxy: npt.ArrayLike) -> Floats:
    """The quality (N,) of crops (N, 4) of a drawn photo, from 1 to 5; continuous in every edge.

    ``1 + 4 * kept * company * clean * composition``, each factor in [0, 1]. g(d) is exp(-d^2 / 2).

    - ``kept``: the share of the subject, with 12 % of room around it, that is inside, squared; for a person cubed.
    - ``company``: 1 if there is no companion or all of it is kept, 0.4 if it is left out.
    - ``clean``: for every board .45 if all of it is inside, 1 if it is left out, and falling fastest at the
      beginning, 1 - .55 (1 - (1 - f)^2) for a share f: a sliver at the border disturbs already.
    - ``composition``: 0.4 * place + 0.3 * share + 0.3 * horizon, where

      - place is g(distance / .12) between the middle of the subject, in fractions of the crop, and the nearest point
        where it belongs: of a single body the four crossings of the thirds; of a person the third from which they
        point into the crop, at half height; of two subjects the centre of the crop, for the box around both;
      - share is g(ln(a / .12) / .4), a the share of the crop's area that the boxes of the subjects take;
      - horizon is g(distance / .1) between the horizon and the nearer third, in heights of the crop.

    Raises:
        UsageError: a box is empty or reaches outside the photo.
    """
    boxes = validate_boxes(boxes_xyxy)
    kept = _kept(scene.subject, boxes)
    for other in scene.subjects[1:]:
        kept *= WITHOUT_COMPANION + (1 - WITHOUT_COMPANION) * _kept(other, boxes)
    for board in scene.boards_xyxy:
        kept *= 1 - (1 - WITH_BOARD) * (1 - (1 - _share_inside(board, boxes)) ** 2)
    scores: Floats = 1 + 4 * kept * _composition(scene, boxes)
    return scores


def _kept(subject: Subject, boxes: Boxes) -> Floats:
    x1, y1, x2, y2 = subject.box_xyxy
    room_x, room_y = MARGIN * (x2 - x1), MARGIN * (y2 - y1)
    # Beyond the border there is nothing to keep.
    roomy = max(x1 - room_x, 0.0), max(y1 - room_y, 0.0), min(x2 + room_x, 1.0), min(y2 + room_y, 1.0)
    kept: Floats = _share_inside(roomy, boxes) ** (CUT_POWER_PERSON if subject.person else CUT_POWER)
    return kept


def _share_inside(box: Box, boxes: Boxes) -> Floats:
    x1, y1, x2, y2 = box
    width = np.minimum(boxes[:, 2], x2) - np.maximum(boxes[:, 0], x1)
    height = np.minimum(boxes[:, 3], y2) - np.maximum(boxes[:, 1], y1)
    share: Floats = np.maximum(width, 0) * np.maximum(height, 0) / ((x2 - x1) * (y2 - y1))
    return share


def _composition(scene: Scene, boxes: Boxes) -> Floats:
    start, size = boxes[:, :2], boxes[:, 2:] - boxes[:, :2]
    seen = np.array([subject.box_xyxy for subject in scene.subjects])
    middle = (seen[:, :2].min(axis=0) + seen[:, 2:].max(axis=0)) / 2
    off = ((middle - start) / size)[:, None] - _places(scene)
    place = _bell(np.hypot(*off.transpose(2, 0, 1)).min(axis=1), PLACE_SPREAD)

    area = np.prod(seen[:, 2:] - seen[:, :2], axis=1).sum()
    share = _bell(np.log(area / np.prod(size, axis=1) / SUBJECT_SHARE), SHARE_SPREAD)

    height = (scene.horizon - boxes[:, 1]) / size[:, 1]
    level = _bell(abs(height[:, None] - np.array(THIRDS)).min(axis=1), HORIZON_SPREAD)
    return PLACE_WEIGHT * place + SHARE_WEIGHT * share + HORIZON_WEIGHT * level


def _places(scene: Scene) -> Floats:
    """Where the middle of the subjects belongs (M, 2), in fractions of the crop."""
    if scene.companion is not None:
        return np.array([(0.5, 0.5)])
    if scene.subject.person:
        return np.array([(THIRDS[0] if scene.subject.points > 0 else THIRDS[1], 0.5)])
    return np.array([(x, y) for x in THIRDS for y in THIRDS])


def _bell(distance: Floats, spread: float) -> Floats:
    bell: Floats = np.exp(-((distance / spread) ** 2) / 2)
    return bell
