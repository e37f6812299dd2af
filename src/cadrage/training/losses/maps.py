"""Losses of maps: where a photo matters, and where its subjects are."""

import torch
from torch import Tensor
from torch.nn import functional as F

from cadrage.models.subject_head import SubjectMaps
from cadrage.training.losses.counts import per_process


def heat_loss(heat: Tensor, target: Tensor, known: Tensor) -> Tensor:
    """Mean absolute error per photo, averaged over the photos that have a target; 0 if none has.

    From Zhang et al., "Human-Centric Image Cropping with Partition-Aware and Content-Preserving Features", ECCV 2022.

    Args:
        heat, target: ``(B, 1, H, W)``; a photo without a target may hold anything there, NaN included.
        known: ``(B,)``, whether the photo has a target.
    """
    unknown = ~known.view(-1, 1, 1, 1)
    errors = (heat - target).abs().masked_fill(unknown, 0.0).mean(dim=(1, 2, 3))
    return errors.sum() / per_process(known.sum())


def mask_loss(masks: Tensor, target: Tensor) -> Tensor:
    """Cross-entropy between the covered part of each cell and its prediction, mean over cells."""
    return F.binary_cross_entropy_with_logits(masks, target)


def centre_loss(centres: Tensor, target: Tensor) -> Tensor:
    """Focal loss of "Objects as Points" (equation 1, alpha 2, beta 4), per subject."""
    peaks = (target > 0.999).float()
    hit = F.logsigmoid(centres) * (1 - centres.sigmoid()) ** 2 * peaks
    missed = F.logsigmoid(-centres) * centres.sigmoid() ** 2 * (1 - target) ** 4 * (1 - peaks)
    return -(hit.sum() + missed.sum()) / per_process(peaks.sum())


def edge_loss(edges: Tensor, target: Tensor, weights: Tensor) -> Tensor:
    """One minus the IoU of the boxes that edges span around a cell (Yu et al., UnitBox, 2016), weighted mean.

    A cell may lie just outside its subject, whose edge then has a negative distance; the IoU allows for that.
    """
    batch, _, rows, columns = edges.shape
    ours, theirs = (part.view(batch, 2, 4, rows, columns) for part in (edges, target))
    overlap = _area(torch.minimum(ours, theirs))
    iou = overlap / (_area(ours) + _area(theirs) - overlap).clamp(min=1e-6)
    apart = (ours - theirs).abs().mean(dim=2)
    return (weights * (1 - iou + apart)).sum() / per_process(weights.sum())


def subject_loss(maps: SubjectMaps, target: SubjectMaps, weights: Tensor) -> dict[str, Tensor]:
    """The three terms by name; their weights are the recipe's."""
    return {
        "masks": mask_loss(maps.masks, target.masks),
        "centres": centre_loss(maps.centres, target.centres),
        "edges": edge_loss(maps.edges, target.edges, weights),
    }


def _area(edges: Tensor) -> Tensor:
    """Area of boxes from their four edges on axis 2; 0 for one turned inside out."""
    return (edges[:, :, 0] + edges[:, :, 2]).clamp(min=0) * (edges[:, :, 1] + edges[:, :, 3]).clamp(min=0)
