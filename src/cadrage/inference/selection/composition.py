"""How an object on plain ground sits in a crop, where the learned opinion about photos has little to go by."""

import numpy as np

from cadrage.geometry import area
from cadrage.inference.selection.rules import Rules, shared_area
from cadrage.inference.selection.worth import Floats

# The object's centre may lie this part of a side from the crop's for nothing: within the middle third.
_FREE_OFFSET = 1 / 6


def unease(boxes_xyxy: Floats, rules: Rules) -> Floats:
    """How badly the visible object sits in each of the boxes ``(N, 4)``, ``(N,)`` from 0 for well to about 1.5.

    What counts is the air around the object that is cut off, as a part of all, and how far the object's centre lies
    beyond the middle third of the crop, in sides of it. Without such an object every box is fine.
    """
    if len(rules.visible_xyxy) == 0:
        return np.zeros(len(boxes_xyxy))
    visible, airy = rules.visible_xyxy[0], rules.visible_xyxy[1:]
    stifled = 1 - shared_area(boxes_xyxy, airy)[:, 0] / area(airy)
    start, end = boxes_xyxy[:, :2], boxes_xyxy[:, 2:]
    offset = np.abs(start + end - visible[:2] - visible[2:]) / (2 * (end - start))
    beyond: Floats = np.maximum(offset - _FREE_OFFSET, 0).max(axis=1)
    return stifled + beyond
