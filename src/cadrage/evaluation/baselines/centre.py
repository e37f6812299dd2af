"""``centre-0.9``: a centred crop with nine tenths of the sides."""

from typing import Any

import numpy as np

from cadrage.evaluation.answers import Answer, Question
from cadrage.evaluation.baselines.placing import box_of_ratio, one_crop
from cadrage.geometry import iou_matrix

_SCALE = 0.9
_FREE = np.array([0.05, 0.05, 0.95, 0.95])


class Centre:
    """The centred box of side .9; of a ratio the largest centred box shrunk as much; scores are the IoU with it."""

    name = "centre-0.9"
    needs_photos = False

    def answer(self, question: Question) -> Answer:
        """One crop, and the IoU of each asked box with it."""
        box = _FREE if question.ratio is None else box_of_ratio(question.size_wh, question.ratio, scale=_SCALE)
        return one_crop(question, box, iou_matrix(question.boxes_xyxy, box[None])[:, 0])

    def describe(self) -> dict[str, Any]:
        """Kind and name."""
        return {"kind": "baseline", "name": self.name}
