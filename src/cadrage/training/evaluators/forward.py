"""What a training step hands to a model, whatever its kind."""

from collections.abc import Callable
from typing import NamedTuple

from torch import Tensor, nn

from cadrage.models.regions import Output


class Seen(NamedTuple):
    """Photos of one size and what is known of them; boxes are normalised x1 y1 x2 y2.

    Attributes:
        image: ``(B, 3, H, W)``, RGB in [0, 1].
        boxes_xyxy: ``(B, N, 4)`` to score.
        person_xyxy: ``(B, 4)``, zeros without a person.
        has_person: ``(B,)`` bool.
        heat: ``(B, 1, 64, 64)`` the map made of people's crops, zeros without one.
        has_heat: ``(B,)`` bool.
        progress: share of the run that is over, 0 to 1.
        training: false in validation.
    """

    image: Tensor
    boxes_xyxy: Tensor
    person_xyxy: Tensor
    has_person: Tensor
    heat: Tensor
    has_heat: Tensor
    progress: float
    training: bool


Forward = Callable[[nn.Module, Seen], Output]
"""Runs a model on what it is to see of a batch."""


def plain_forward(model: nn.Module, seen: Seen) -> Output:
    """For models that know nothing but photos and boxes."""
    return Output(model(seen.image, seen.boxes_xyxy), None)
