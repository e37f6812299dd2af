"""What calling a prediction valid costs, and the one-to-one matching with good crops that costs least."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor
from torch.nn import functional as F

from cadrage.errors import UsageError
from cadrage.models.boxes import cxcywh_to_xyxy, giou

ALPHA = 0.25
GAMMA = 2.0
# Keeps the logarithm finite for a validity of exactly 0 or 1.
_TINY = 1e-8


def focal(logits: Tensor, labels: Tensor) -> Tensor:
    """Elementwise focal loss of validity logits against labels in [0, 1], shapes alike.

    ``a (1 - q)^2 BCE(logit, v)`` with ``q = p v + (1 - p)(1 - v)`` and ``a = v / 4 + 3 (1 - v) / 4`` (Lin et al., ICCV
    2017, equation 5, continued to soft labels v). For v other than 0, 1/2 and 1 the lowest loss is not at p = v: labels
    below a half are pushed down, labels above it up (v = 0.25 ends at p = 0.077, v = 0.9 at 0.986).
    """
    p = logits.sigmoid()
    miss = p * (1 - labels) + (1 - p) * labels
    balance = ALPHA * labels + (1 - ALPHA) * (1 - labels)
    return balance * miss.pow(GAMMA) * F.binary_cross_entropy_with_logits(logits, labels, reduction="none")


@dataclass(frozen=True, slots=True)
class TermWeights:
    """Weight of each term, the same in the matching and in the loss.

    Five times 1, 0.4 and 0.4 of Jia et al., CVPR 2022, section 3.1.
    """

    class_: float = 2.0
    l1: float = 5.0
    giou: float = 2.0


class Matching(NamedTuple):
    """Which anchor describes each of the T good crops of a batch, photo after photo, in each of L layers."""

    photo: Tensor  # (T,) place in the batch
    anchor: Tensor  # (L, T) never twice in one layer of one photo

    def of(self, values: Tensor) -> Tensor:
        """The matched entries ``(L, T, ...)`` of predictions ``(L, B, Q, ...)``."""
        return values[self._layer(), self.photo, self.anchor]

    def labels(self, logits: Tensor) -> Tensor:
        """Hard labels ``(L, B, Q)`` for validity logits of that shape: 1 where matched, 0 elsewhere."""
        labels = torch.zeros_like(logits)
        labels[self._layer(), self.photo, self.anchor] = 1
        return labels

    def _layer(self) -> Tensor:
        return torch.arange(len(self.anchor), device=self.anchor.device).unsqueeze(1)


def class_cost(logits: Tensor) -> Tensor:
    """What calling a prediction valid adds to the focal loss: its loss as a valid one less that as an invalid one.

    The sum over the matched ones therefore differs from the focal loss of all by a constant (Jia et al., CVPR 2022,
    equation 3).
    """
    p = logits.sigmoid()
    as_valid = ALPHA * (1 - p).pow(GAMMA) * -(p + _TINY).log()
    as_invalid = (1 - ALPHA) * p.pow(GAMMA) * -(1 - p + _TINY).log()
    return as_valid - as_invalid


def matching_cost(boxes_cxcywh: Tensor, logits: Tensor, good_boxes_cxcywh: Tensor, weights: TermWeights) -> Tensor:
    """Cost ``(..., T, Q)`` of describing each good crop ``(T, 4)`` by each of its predictions.

    Args:
        boxes_cxcywh: ``(..., T, Q, 4)``, for every good crop the predictions of its photo.
        logits: ``(..., T, Q)`` of the same predictions.
    """
    good = good_boxes_cxcywh.unsqueeze(-2)
    distance = (boxes_cxcywh - good).abs().sum(dim=-1)
    overlap = giou(cxcywh_to_xyxy(boxes_cxcywh), cxcywh_to_xyxy(good))
    return weights.l1 * distance + weights.class_ * class_cost(logits) - weights.giou * overlap


@torch.no_grad()
def match(
    boxes_cxcywh: Tensor, logits: Tensor, good_boxes_cxcywh: Sequence[Tensor], weights: TermWeights | None = None
) -> Matching:
    """Match every layer of every photo on its own, at the least total cost.

    Args:
        boxes_cxcywh: predictions ``(L, B, Q, 4)``.
        logits: their validity ``(L, B, Q)``.
        good_boxes_cxcywh: B tensors ``(G, 4)``; G may differ and may be 0.
        weights: those of :class:`TermWeights` unless given.

    Raises:
        UsageError: a photo has more good crops than there are predictions.
        FloatingPointError: a prediction is not a finite number; the message names the layer and the photo.
        ValueError: the good crops are not those of B photos.
    """
    counts = [len(good) for good in good_boxes_cxcywh]
    if len(counts) != logits.shape[1]:
        raise ValueError(f"expected the good crops of {logits.shape[1]} photos, got those of {len(counts)}")
    for index, count in enumerate(counts):
        if count > logits.shape[2]:
            raise UsageError(f"photo {index} of the batch: {count} good crops for {logits.shape[2]} anchors; use more")
    photo = torch.arange(len(counts)).repeat_interleave(torch.tensor(counts)).to(logits.device)
    good = torch.cat(list(good_boxes_cxcywh))
    cost = matching_cost(boxes_cxcywh[:, photo], logits[:, photo], good, weights or TermWeights())
    anchors = [
        torch.cat([_assign(each, layer, index) for index, each in enumerate(of_layer.split(counts))])
        for layer, of_layer in enumerate(cost.cpu())
    ]
    return Matching(photo, torch.stack(anchors).to(logits.device))


def _assign(cost: Tensor, layer: int, photo: int) -> Tensor:
    """The column of each row ``(G, Q)`` in the cheapest assignment."""
    if not cost.isfinite().all():
        raise FloatingPointError(f"layer {layer}, photo {photo} of the batch: a prediction is not a finite number")
    return torch.from_numpy(linear_sum_assignment(cost.numpy())[1])
