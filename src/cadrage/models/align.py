"""RoI and RoD features of many boxes as separable matrix products.

Bilinear sampling factors into one matrix per axis, and so does the 2x2 mean that follows it, hence the features of a
box are ``Y F X^T`` without any gather or compiled operator (Zeng et al., TPAMI 2020, section 3.2, in matrix form).
Positions are measured in feature cells: cell ``j`` has its centre at position ``j``.
"""

import torch
from torch import Tensor


def hat_weights(positions: Tensor, size: int) -> Tensor:
    """Bilinear weights ``(..., P, size)`` of sample ``positions`` ``(..., P)``, clamped to the map's centres."""
    clamped = positions.clamp(0, size - 1).unsqueeze(-1)
    cells = torch.arange(size, dtype=positions.dtype, device=positions.device)
    return (1 - (clamped - cells).abs()).clamp(min=0)


def fold(rows: Tensor) -> Tensor:
    """Mean of neighbouring rows: ``(..., P, n)`` to ``(..., P - 1, n)``, one axis of a 2x2 mean with stride 1."""
    return (rows[..., 1:, :] + rows[..., :-1, :]) / 2


def _separable(rows_y: Tensor, features: Tensor, rows_x: Tensor) -> Tensor:
    """``rows_y (B,N,A,h) @ features (B,C,h,w) @ rows_x^T (B,N,A,w)`` -> ``(B, N, C, A, A)``."""
    batch, boxes, bins, height = rows_y.shape
    channels, width = features.shape[1], features.shape[3]
    # All boxes of a photo share its map, so the first product is one large matrix multiplication per photo.
    flat = features.permute(0, 2, 1, 3).reshape(batch, height, channels * width)
    half = (rows_y.reshape(batch, boxes * bins, height) @ flat).reshape(batch, boxes, bins * channels, width)
    full = half @ rows_x.transpose(-1, -2)
    return full.reshape(batch, boxes, bins, channels, bins).permute(0, 1, 3, 2, 4)


def _positions(starts: Tensor, ends: Tensor, points: int) -> Tensor:
    steps = torch.linspace(0, 1, points, dtype=starts.dtype, device=starts.device)
    return starts.unsqueeze(-1) + (ends - starts).unsqueeze(-1) * steps


def roi_align(features: Tensor, boxes_cells: Tensor, bins: int) -> Tensor:
    """Features inside each box.

    Args:
        features: maps ``(B, C, h, w)``.
        boxes_cells: ``(B, N, 4)`` as x1 y1 x2 y2 in cells.
        bins: output cells per axis (A); A + 1 points per axis are sampled, both ends included.

    Returns:
        ``(B, N, C, A, A)``.
    """
    x1, y1, x2, y2 = boxes_cells.unbind(-1)
    rows_x = fold(hat_weights(_positions(x1, x2, bins + 1), features.shape[3]))
    rows_y = fold(hat_weights(_positions(y1, y2, bins + 1), features.shape[2]))
    return _separable(rows_y, features, rows_x)


def rod_align(features: Tensor, boxes_cells: Tensor, bins: int) -> Tensor:
    """Features outside each box: the whole map resampled to a fixed grid with the samples inside the box set to 0.

    Arguments and result as in :func:`roi_align`. The box borders count as inside.
    """
    height, width = features.shape[2:]
    x1, y1, x2, y2 = boxes_cells.unbind(-1)
    grid_x = torch.linspace(0, 1, bins + 1, dtype=features.dtype, device=features.device) * (width - 1)
    grid_y = torch.linspace(0, 1, bins + 1, dtype=features.dtype, device=features.device) * (height - 1)
    inside_x = ((grid_x >= x1.unsqueeze(-1)) & (grid_x <= x2.unsqueeze(-1))).to(features.dtype)
    inside_y = ((grid_y >= y1.unsqueeze(-1)) & (grid_y <= y2.unsqueeze(-1))).to(features.dtype)
    all_x, all_y = hat_weights(grid_x, width), hat_weights(grid_y, height)
    whole = fold(all_y) @ features @ fold(all_x).transpose(-1, -2)
    masked_x = fold(inside_x.unsqueeze(-1) * all_x)
    masked_y = fold(inside_y.unsqueeze(-1) * all_y)
    return whole.unsqueeze(1) - _separable(masked_y, features, masked_x)
