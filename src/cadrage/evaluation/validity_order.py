"""A set predictor as it is: its proposals in pure order of validity, without the product's selection."""

from typing import Any

from cadrage.errors import UsageError
from cadrage.evaluation.answers import Answer, Question
from cadrage.evaluation.product import ModelPredictor


class ValidityOrder(ModelPredictor):
    """The first proposals of `EncodedPhoto.predicted_set`, as Jia et al., CVPR 2022, section 4, measure them.

    Asked for more crops than there are proposals, it answers all of them.
    """

    def answer(self, question: Question) -> Answer:
        """The most valid proposals, with their validities as confidences.

        Raises:
            PhotoError: the photo cannot be read.
            ModelError: the model does not work or predicts no validities.
            UsageError: a ratio or scores of boxes are asked for, or the photo is not of the shape that its manifest
                says.
        """
        if question.ratio is not None or len(question.boxes_xyxy):
            raise UsageError(
                f"{self.name}: a set of proposals has no crops of an asked ratio and scores no given boxes"
            )
        found = self._encoded(question).predicted_set
        return Answer(found.boxes_xyxy[: question.n], found.validities[: question.n])

    def describe(self) -> dict[str, Any]:
        """As `ModelPredictor.describe`, and how the crops were chosen."""
        return {**super().describe(), "crops": "proposals in order of validity"}
