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
# What remains of the quality without the companion, and with the whole of a board.
WITHOUT_COMPANION, WITH_BOARD = 0.35, 0.55
# Share of the crop's area that the subject should take, and the lines on which it and the horizon should lie.
SUBJECT_SHARE = 0.09
THIRDS = (1 / 3, 2 / 3)
# Tolerances: one standard deviation in crop sides, in the logarithm of the area, in crop heights.
PLACE_SPREAD, SHARE_SPREAD, HORIZON_SPREAD = 0.12, 0.5, 0.1
PLACE_WEIGHT, SHARE_WEIGHT, HORIZON_WEIGHT = 0.5, 0.2, 0.3


def quality(scene: Scene, boxes_xyxy: npt.ArrayLike) -> Floats:
    """The quality (N,) of crops (N, 4) of a drawn photo, from 1 to 5; continuous in every edge.

    ``1 + 4 * kept * company * clean * composition``, each factor in [0, 1]. g(d) is exp(-d^2 / 2).

    - ``kept``: the share of the subject, with 12 % of room on every side, that is inside, squared; of a person cubed.
    - ``company``: 1 if there is no companion, else .35 + .65 of what ``kept`` is for the companion.
    - ``clean``: for every board 1 - .45 (1 - (1 - f)^2), f the share of it that is inside: 1 if it is left out, .55
      if all of it is there, and a sliver at the border disturbs most for its size.
    - ``composition``: .5 place + .2 share + .3 horizon, where

      - place is g(distance / .12) between the middle of the subject, in fractions of the crop, and the nearest point
        where it belongs: of two subjects the centre of the crop, for the box around both; of a single body a crossing
        of the thirds, and if there is a lamp one of the two far from it, which leaves room on its side; of a person
        the third from which they point into the crop, at half height;
      - share is g(ln(a / .09) / .5), a the share of the crop's area that the box of the subject takes;
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
    kept: Floats = _share_inside(roomy, boxes) ** (CUT_POWER_PERSON if subject.is_person else CUT_POWER)
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

    area = np.prod(seen[0, 2:] - seen[0, :2])
    share = _bell(np.log(area / np.prod(size, axis=1) / SUBJECT_SHARE), SHARE_SPREAD)

    height = (scene.horizon - boxes[:, 1]) / size[:, 1]
    level = _bell(abs(height[:, None] - np.array(THIRDS)).min(axis=1), HORIZON_SPREAD)
    return PLACE_WEIGHT * place + SHARE_WEIGHT * share + HORIZON_WEIGHT * level


def _places(scene: Scene) -> Floats:
    """Where the middle of the subjects belongs (M, 2), in fractions of the crop."""
    if scene.companion is not None:
        return np.array([(0.5, 0.5)])
    across = {-1: THIRDS[1:], 0: THIRDS, 1: THIRDS[:1]}[scene.faces]
    down = (0.5,) if scene.subject.is_person else THIRDS
    return np.array([(x, y) for x in across for y in down])


def _bell(distance: Floats, spread: float) -> Floats:
    bell: Floats = np.exp(-((distance / spread) ** 2) / 2)
    return bell
