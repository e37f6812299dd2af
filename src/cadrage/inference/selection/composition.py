"""How an object on plain ground sits in a crop, and whom a crop halves: what the learned opinion hardly knows."""

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


def halved(boxes_xyxy: Floats, people_xyxy: Floats) -> Floats:
    """How much each of the boxes ``(N, 4)`` halves somebody of ``(M, 4)``, ``(N,)`` from 0 for nobody to 1 for a half.

    Of a person whom the box meets counts the part of the width that it shows or that it leaves out, whichever is less.
    What is cut off below does not count: feet and legs are seldom missed.
    """
    if len(people_xyxy) == 0:
        return np.zeros(len(boxes_xyxy))
    boxes = boxes_xyxy[:, None]
    shared = np.minimum(boxes[..., 2:], people_xyxy[:, 2:]) - np.maximum(boxes[..., :2], people_xyxy[:, :2])
    shown = (shared[..., 0] / (people_xyxy[:, 2] - people_xyxy[:, 0])).clip(0, 1)
    worst: Floats = np.where(shared[..., 1] > 0, 2 * np.minimum(shown, 1 - shown), 0.0).max(axis=1)
    return worst
