"""Boxes as tensors: the forms networks work in, and overlaps that have gradients.

``cxcywh`` is centre and size, ``xyxy`` corners; both are normalised to the photo, in the last dimension.
"""

import torch
from torch import Tensor


def cxcywh_to_xyxy(boxes_cxcywh: Tensor) -> Tensor:
    """Corners of boxes ``(..., 4)`` given by centre and size; they may lie outside the photo."""
    centre, size = boxes_cxcywh[..., :2], boxes_cxcywh[..., 2:]
    return torch.cat([centre - size / 2, centre + size / 2], dim=-1)


def xyxy_to_cxcywh(boxes_xyxy: Tensor) -> Tensor:
    """Centre and size of boxes ``(..., 4)`` given by their corners."""
    start, end = boxes_xyxy[..., :2], boxes_xyxy[..., 2:]
    return torch.cat([(start + end) / 2, end - start], dim=-1)


def mirror_cxcywh(boxes_cxcywh: Tensor) -> Tensor:
    """The same boxes ``(..., 4)`` on the photo flipped left to right."""
    x, y, width, height = boxes_cxcywh.unbind(-1)
    return torch.stack([1 - x, y, width, height], dim=-1)


def iou(a_xyxy: Tensor, b_xyxy: Tensor) -> Tensor:
    """Elementwise IoU of boxes ``(..., 4)`` whose leading dimensions broadcast; 0 where both are empty.

    Example:
        >>> iou(torch.tensor([0.0, 0.0, 2.0, 2.0]), torch.tensor([0.0, 0.0, 1.0, 2.0])).item()
        0.5
    """
    intersection, union = _intersection_and_union(a_xyxy, b_xyxy)
    return _divide(intersection, union)


def giou(a_xyxy: Tensor, b_xyxy: Tensor) -> Tensor:
    """Elementwise generalised IoU of boxes ``(..., 4)`` whose leading dimensions broadcast, in (-1, 1].

    ``IoU - (hull - union) / hull`` with the smallest box around both as hull (Rezatofighi et al., CVPR 2019).
    """
    intersection, union = _intersection_and_union(a_xyxy, b_xyxy)
    start = torch.minimum(a_xyxy[..., :2], b_xyxy[..., :2])
    hull = _area(torch.maximum(a_xyxy[..., 2:], b_xyxy[..., 2:]) - start)
    return _divide(intersection, union) - _divide(hull - union, hull)


def _intersection_and_union(a_xyxy: Tensor, b_xyxy: Tensor) -> tuple[Tensor, Tensor]:
    start = torch.maximum(a_xyxy[..., :2], b_xyxy[..., :2])
    end = torch.minimum(a_xyxy[..., 2:], b_xyxy[..., 2:])
    intersection = _area((end - start).clamp(min=0))
    area_a, area_b = (_area(boxes[..., 2:] - boxes[..., :2]) for boxes in (a_xyxy, b_xyxy))
    return intersection, area_a + area_b - intersection


def _area(size_wh: Tensor) -> Tensor:
    return size_wh[..., 0] * size_wh[..., 1]


def _divide(numerator: Tensor, denominator: Tensor) -> Tensor:
    # Where the denominator is 0 the numerator is 0 as well, and the smallest normal number keeps the quotient 0.
    return numerator / denominator.clamp(min=torch.finfo(denominator.dtype).tiny)
