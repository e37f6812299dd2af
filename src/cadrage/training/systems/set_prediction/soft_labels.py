"""The two ways to soften the labels of predictions that no good crop claimed (Jia et al., CVPR 2022, 3.3 and 3.4).

Quality guidance, where crops are rated densely: such a prediction is still as good as the rated crop it lies on, so
calling it plainly invalid would teach the wrong order. Self distillation, where people rated too few: a teacher that
follows the student sees the same batch, and its last layer's validity of an anchor is the soft label of that anchor,
matched or not, in every layer of the student.
"""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from itertools import chain
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pad_sequence

from cadrage.errors import UsageError
from cadrage.models.boxes import cxcywh_to_xyxy, iou
from cadrage.training.systems.set_prediction.matching import focal
from cadrage.training.systems.set_prediction.targets import PhotoTargets

Model = TypeVar("Model", bound=nn.Module)

# An overlap that misses the least one by rounding alone has it.
_NOISE = 1e-6


@dataclass(frozen=True, slots=True)
class QualityGuidance:
    """How the score of the nearest rated crop becomes a label; the defaults are for GAICD, scores 1 to 5."""

    mu: float = 0.5  # label of the best unmatched predictions; 0 gives hard labels
    low: float = 2.0  # score up to which the label is 0
    high: float = 3.5  # score from which it is mu
    min_iou: float = 0.85  # overlap from which a rated crop speaks for a prediction

    def __post_init__(self) -> None:
        if not 0 <= self.mu <= 1:
            raise UsageError(f"mu: {self.mu:g} is not a label; give a number from 0 to 1")
        if not self.low < self.high:
            raise UsageError(f"scores from {self.low:g} to {self.high:g}: give a low one below the high one")
        if not 0 < self.min_iou <= 1:
            raise UsageError(f"min_iou: {self.min_iou:g} is not an overlap; give a number above 0, at most 1")

    def soften(self, scores: Tensor) -> Tensor:
        """M(s) of equation 4: from 0 at ``low`` in a straight line to ``mu`` at ``high``, constant outside.

        Example:
            >>> QualityGuidance().soften(torch.tensor([1.0, 2.75, 5.0])).tolist()
            [0.0, 0.25, 0.5]
        """
        return self.mu * ((scores - self.low) / (self.high - self.low)).clamp(0, 1)

    def soft_labels(self, boxes_cxcywh: Tensor, targets: Sequence[PhotoTargets]) -> Tensor:
        """Label ``(L, B, Q)`` of each prediction ``(L, B, Q, 4)``, were it unmatched; without gradient."""
        return self.soften(nearest_scores(boxes_cxcywh, targets, self.min_iou)).nan_to_num(0.0)


@torch.no_grad()
def nearest_scores(boxes_cxcywh: Tensor, targets: Sequence[PhotoTargets], min_iou: float) -> Tensor:
    """Score of the rated crop that each prediction overlaps most; NaN where that is by less than ``min_iou``.

    Of equally near crops the better one counts, so that their order never matters.

    Args:
        boxes_cxcywh: ``(L, B, Q, 4)``.
        targets: one per photo.
        min_iou: in (0, 1].

    Returns:
        ``(L, B, Q)``.
    """
    # The padding overlaps nothing, and one row of it more than needed serves photos without any rated crop.
    boxes, scores = (
        pad_sequence([getattr(each, name) for each in targets], batch_first=True).to(boxes_cxcywh)
        for name in ("boxes_cxcywh", "scores")
    )
    boxes, scores = F.pad(boxes, (0, 0, 0, 1)), F.pad(scores, (0, 1))
    overlaps = iou(cxcywh_to_xyxy(boxes_cxcywh).unsqueeze(-2), cxcywh_to_xyxy(boxes).unsqueeze(-3))
    most = overlaps.amax(dim=-1, keepdim=True)
    nearest = scores.unsqueeze(-2).where(overlaps == most, -torch.inf).amax(dim=-1)
    return nearest.where(most.squeeze(-1) >= min_iou - _NOISE, torch.nan)


@dataclass(frozen=True, slots=True)
class Distillation:
    """Weights of the two classification losses.

    Halves, as in the authors' code, keep the balance with the box losses when the teacher enters; equation 6 has 1, 1.
    """

    hard: float = 0.5
    taught: float = 0.5

    def loss(self, logits: Tensor, hard_labels: Tensor, teacher_logits: Tensor) -> Tensor:
        """Elementwise loss ``(L, B, Q)`` of logits of that shape; the teacher's are ``(B, Q)`` and get no gradient."""
        taught_labels = teacher_logits.detach().sigmoid().expand_as(logits)
        return self.hard * focal(logits, hard_labels) + self.taught * focal(logits, taught_labels)


def make_teacher(student: Model) -> Model:
    """A copy of the student in evaluation mode whose weights take no gradient."""
    return deepcopy(student).eval().requires_grad_(False)


@torch.no_grad()
def update_teacher(teacher: nn.Module, student: nn.Module, keep: float = 0.5) -> None:
    """Move the teacher in place: ``keep`` of itself plus ``1 - keep`` of the student, after every optimiser step.

    The recursive average of the authors' code; equation 5 read literally would average the student's last two states.
    Buffers are averaged like weights, except whole numbers such as counters, which are copied.

    Raises:
        ValueError: the two have different weights.
    """
    ours, theirs = _state(teacher), _state(student)
    if ours.keys() != theirs.keys():
        raise ValueError(f"teacher and student differ in {sorted(ours.keys() ^ theirs.keys())}")
    for name, value in ours.items():
        if value.is_floating_point():
            value.lerp_(theirs[name], 1 - keep)
        else:
            value.copy_(theirs[name])


def _state(module: nn.Module) -> dict[str, Tensor]:
    # Not the state_dict: it names a shared weight twice, and leaves out buffers that are not saved.
    return dict(chain(module.named_parameters(), module.named_buffers()))
