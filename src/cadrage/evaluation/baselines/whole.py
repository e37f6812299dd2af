"""``whole``: nothing is cut away, or as little as the ratio permits."""

from typing import Any

from cadrage.evaluation.answers import Answer, Question
from cadrage.evaluation.baselines.placing import WHOLE, area_px, box_of_ratio, one_crop


class Whole:
    """The full frame; of a ratio the largest centred box; a larger box scores higher."""

    name = "whole"
    needs_photos = False

    def answer(self, question: Question) -> Answer:
        """One crop, and the pixel area of each asked box."""
        box = WHOLE if question.ratio is None else box_of_ratio(question.size_wh, question.ratio)
        return one_crop(question, box, area_px(question.boxes_xyxy, question.size_wh))

    def describe(self) -> dict[str, Any]:
        """Kind and name."""
        return {"kind": "baseline", "name": self.name}
