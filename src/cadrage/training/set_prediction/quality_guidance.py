"""Soft labels for unmatched predictions from the scores of the crops they resemble.

Jia et al., CVPR 2022, section 3.3: with densely rated crops, a prediction that no good crop claimed is still as good as
the rated crop it lies on, so calling it plainly invalid would teach the wrong order.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.nn.utils.rnn import pad_sequence

from cadrage.errors import UsageError
from cadrage.models.boxes import cxcywh_to_xyxy, iou
from cadrage.training.set_prediction.targets import PhotoTargets

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
