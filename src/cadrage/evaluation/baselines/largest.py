"""``largest``: the larger the better (Baseline_L of Zeng et al., CVPR 2019)."""

from typing import Any

import numpy as np

from cadrage.evaluation.answers import Answer, Question
from cadrage.evaluation.baselines.placing import area_px, box_of_ratio, one_crop
from cadrage.geometry import grid_anchors


class Largest:
    """The largest candidates of the 12x12 grid; of a ratio the largest centred box; scores are pixel areas."""

    name = "largest"
    needs_photos = False

    def answer(self, question: Question) -> Answer:
        """Up to n candidates by falling area, equal ones in the order of the grid, and the area of each asked box."""
        scores = area_px(question.boxes_xyxy, question.size_wh)
        if question.ratio is not None:
            return one_crop(question, box_of_ratio(question.size_wh, question.ratio), scores)
        candidates = grid_anchors(question.size_wh)
        areas = area_px(candidates, question.size_wh)
        chosen = np.argsort(-areas, kind="stable")[: question.n]
        return Answer(candidates[chosen], areas[chosen], scores)

    def describe(self) -> dict[str, Any]:
        """Kind and name."""
        return {"kind": "baseline", "name": self.name}
