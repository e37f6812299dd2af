"""How much the crops of one set differ from each other."""

import numpy as np

from cadrage.evaluation.metrics.checks import Floats
from cadrage.geometry import iou_matrix


def diversity(boxes_xyxy: Floats) -> float:
    """One minus the mean IoU over all pairs of ``boxes_xyxy (K, 4)``, in [0, 1]; 0.0 for fewer than two boxes.

    The metric is this project's own. It describes a set and does not judge it: boxes strewn at random are diverse.
    """
    overlaps = iou_matrix(boxes_xyxy, boxes_xyxy)[np.triu_indices(len(boxes_xyxy), k=1)]
    return float(1 - overlaps.mean()) if len(overlaps) else 0.0
