"""How far what the subject head says is from what it should say."""

import torch
from torch import Tensor
from torch.nn import functional as F

from cadrage.models.subject_head import SubjectMaps
from cadrage.training.losses.counts import per_process
from cadrage.training.systems.subjects.samples import SubjectSample
from cadrage.training.systems.subjects.targets import PEAK


def mask_loss(masks: Tensor, target: Tensor) -> Tensor:
    """Cross-entropy between the covered part of each cell and its prediction, mean over cells."""
    return F.binary_cross_entropy_with_logits(masks, target)


def centre_loss(centres: Tensor, target: Tensor, counted: Tensor | float = 1.0) -> Tensor:
    """Focal loss of "Objects as Points" (equation 1, alpha 2, beta 4), per subject; cells that count 0 are left out."""
    peaks = (target > PEAK).float()
    hit = F.logsigmoid(centres) * (1 - centres.sigmoid()) ** 2 * peaks
    missed = F.logsigmoid(-centres) * centres.sigmoid() ** 2 * (1 - target) ** 4 * (1 - peaks) * counted
    return -(hit.sum() + missed.sum()) / per_process(peaks.sum())


def edge_loss(edges: Tensor, target: Tensor, weights: Tensor) -> Tensor:
    """One minus the IoU of the boxes that edges span around a cell (Yu et al., UnitBox, 2016), weighted mean.

    A cell may lie just outside its subject, whose edge then has a negative distance; the IoU allows for that.
    """
    batch, planes, rows, columns = edges.shape
    ours, theirs = (part.view(batch, planes // 4, 4, rows, columns) for part in (edges, target))
    overlap = _spanned(torch.minimum(ours, theirs))
    iou = overlap / (_spanned(ours) + _spanned(theirs) - overlap).clamp(min=1e-6)
    apart = (ours - theirs).abs().mean(dim=2)
    return (weights * (1 - iou + apart)).sum() / per_process(weights.sum())


def subject_loss(maps: SubjectMaps, target: SubjectSample) -> dict[str, Tensor]:
    """The terms by name; their weights are the recipe's."""
    return {
        "masks": mask_loss(maps.masks, target.masks),
        "centres": centre_loss(maps.centres, target.centres),
        "edges": edge_loss(maps.edges, target.edges, target.weights),
        "face_centres": centre_loss(maps.face_centres, target.face_centres, 1 - target.doubtful),
        "face_edges": edge_loss(maps.face_edges, target.face_edges, target.face_weights),
    }


def _spanned(edges: Tensor) -> Tensor:
    """Area of boxes from their four edges on axis 2; 0 for one turned inside out."""
    return (edges[:, :, 0] + edges[:, :, 2]).clamp(min=0) * (edges[:, :, 1] + edges[:, :, 3]).clamp(min=0)
