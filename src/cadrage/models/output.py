"""What models with an importance map return."""

from typing import NamedTuple

from torch import Tensor


class Output(NamedTuple):
    """Scores of boxes and where in the photo the model sees content.

    Attributes:
        scores: ``(B, N)``.
        heat: importance ``(B, 1, 64, 64)`` in [0, 1], the photo squeezed into a square; None if the model has none.
    """

    scores: Tensor
    heat: Tensor | None
