"""Energies of a distribution over boxes, and the distances of boxes that they are made of."""

import torch
from torch import Tensor

_EPSILON = 1e-6


def iou(a_xyxy: Tensor, b_xyxy: Tensor) -> Tensor:
    """Elementwise IoU of broadcastable boxes ``(..., 4)``; 0 where the union is empty."""
    top_left = torch.maximum(a_xyxy[..., :2], b_xyxy[..., :2])
    bottom_right = torch.minimum(a_xyxy[..., 2:], b_xyxy[..., 2:])
    overlap = (bottom_right - top_left).clamp(min=0).prod(dim=-1)
    area_a = (a_xyxy[..., 2:] - a_xyxy[..., :2]).prod(dim=-1)
    area_b = (b_xyxy[..., 2:] - b_xyxy[..., :2]).prod(dim=-1)
    return overlap / (area_a + area_b - overlap + _EPSILON)


def blur_boxes(boxes: Tensor, deviation: float) -> Tensor:
    """Boxes ``(..., 4)`` with normal noise on every edge, clipped to the photo; edges never change places."""
    noisy = (boxes + deviation * torch.randn_like(boxes)).clamp(0, 1)
    start, end = noisy[..., :2], noisy[..., 2:]
    return torch.cat([torch.minimum(start, end), torch.maximum(start, end)], dim=-1)


def edge_distance(a_xyxy: Tensor, b_xyxy: Tensor) -> Tensor:
    """Sum of the absolute edge displacements of broadcastable boxes ``(..., 4)``."""
    return (a_xyxy - b_xyxy).abs().sum(dim=-1)


def overlap_energy(boxes: Tensor, weights: Tensor, labels: Tensor, label_weights: Tensor) -> Tensor:
    """How badly weighted proposals describe the crops people chose, with IoU as similarity.

    The kernel score ``E[k(b, b')] / 2 - E[k(b, t)]`` of the distribution that puts ``weights`` on ``boxes``
    (Gneiting and Raftery, 2007, section 5.1). IoU is a positive definite kernel, so the score is proper: it is
    lowest in expectation when the proposals are distributed like the labels, which makes ``sum_k w_k IoU(c, b_k)``
    an honest estimate of the overlap of any box c with a person's choice.

    Args:
        boxes: ``(B, K, 4)``.
        weights: ``(B, K)``, summing to 1.
        labels: ``(B, L, 4)``.
        label_weights: ``(B, L)``, summing to 1.

    Returns:
        Mean over the batch.
    """
    to_labels = iou(boxes.unsqueeze(2), labels.unsqueeze(1))
    among = iou(boxes.unsqueeze(2), boxes.unsqueeze(1))
    return _kernel_score(to_labels, among, weights, label_weights)


def edge_energy(boxes: Tensor, weights: Tensor, labels: Tensor, label_weights: Tensor) -> Tensor:
    """The energy score with the L1 distance of the edges, which has a gradient where boxes do not overlap.

    Arguments and result as in :func:`overlap_energy` (Gneiting and Raftery, 2007, equation 22).
    """
    to_labels = -edge_distance(boxes.unsqueeze(2), labels.unsqueeze(1))
    among = -edge_distance(boxes.unsqueeze(2), boxes.unsqueeze(1))
    return _kernel_score(to_labels, among, weights, label_weights)


def consensus_loss(box: Tensor, labels: Tensor, label_weights: Tensor) -> Tensor:
    """L1 distance of the edges plus one minus IoU between one box ``(B, 4)`` and every label, weighted."""
    single = box.unsqueeze(1)
    return ((edge_distance(single, labels) + 1 - iou(single, labels)) * label_weights).sum(dim=-1).mean()


def _kernel_score(to_labels: Tensor, among: Tensor, weights: Tensor, label_weights: Tensor) -> Tensor:
    attraction = torch.einsum("bk,bl,bkl->b", weights, label_weights, to_labels)
    spread = torch.einsum("bk,bj,bkj->b", weights, weights, among)
    return (spread / 2 - attraction).mean()
