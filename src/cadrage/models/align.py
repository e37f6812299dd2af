"""RoI and RoD features of many boxes as separable matrix products.

Bilinear sampling factors into one matrix per axis, and so does the 2x2 mean that follows it, hence the features of a
box are ``Y F X^T`` without any gather or compiled operator (Zeng et al., TPAMI 2020, section 3.2, in matrix form).
Positions are measured in feature cells: cell ``j`` has its centre at position ``j``.

``legacy`` selects the sampling of the code released with the paper, which published weights were trained with: the
window of a box is one cell too long, samples beyond the map are zero, and the last cell is extrapolated. A box lies at
``pixels / 16`` cells then. Mirrored photos do not give mirrored features; new weights should not be trained with it.
"""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from cadrage.errors import UsageError

# In cells. Boxes come as fractions of the photo, so an edge between two cells is rarely met exactly.
SNAP = 1e-4


def sampling_cells(boxes_xyxy: Tensor, size_hw: tuple[int, int], *, legacy: bool = False) -> Tensor:
    """Boxes ``(..., 4)``, normalised, at the positions that samples are taken at, where cell ``j`` has its centre at j.

    ``legacy`` puts the start of a cell there, as released code does.
    """
    height, width = size_hw
    x1, y1, x2, y2 = boxes_xyxy.unbind(-1)
    # Not times a tensor of the sizes: an exported graph would know no others.
    cells = torch.stack([x1 * width, y1 * height, x2 * width, y2 * height], dim=-1)
    return cells - (0.0 if legacy else 0.5)


# Output cells per axis, or per axis y, x.
Bins = int | tuple[int, int]
Region = Literal["roi", "rod", "whole"]


def hat_weights(positions: Tensor, size: int) -> Tensor:
    """Bilinear weights ``(..., P, size)`` of sample ``positions`` ``(..., P)``, clamped to the map's centres."""
    clamped = positions.clamp(0, size - 1).unsqueeze(-1)
    cells = torch.arange(size, dtype=positions.dtype, device=positions.device)
    return (1 - (clamped - cells).abs()).clamp(min=0)


def _legacy_weights(positions: Tensor, size: int) -> Tensor:
    """As :func:`hat_weights`, but extrapolating in ``[size - 1, size)`` and zero beyond the map."""
    cells = torch.arange(size, device=positions.device)
    last = (cells == size - 1).to(positions.dtype) - (cells == max(size - 2, 0)).to(positions.dtype)
    beyond = (positions - (size - 1)).clamp(min=0).unsqueeze(-1)
    on_map = ((positions >= 0) & (positions < size)).to(positions.dtype).unsqueeze(-1)
    return (hat_weights(positions, size) + beyond * last) * on_map


def fold(rows: Tensor) -> Tensor:
    """Mean of neighbouring rows: ``(..., P, n)`` to ``(..., P - 1, n)``, one axis of a 2x2 mean with stride 1."""
    return (rows[..., 1:, :] + rows[..., :-1, :]) / 2


def _separable(rows_y: Tensor, features: Tensor, rows_x: Tensor) -> Tensor:
    """``rows_y (B,N,Ay,h) @ features (B,C,h,w) @ rows_x^T (B,N,Ax,w)`` -> ``(B, N, C, Ay, Ax)``."""
    batch, boxes, bins_y, height = rows_y.shape
    channels, width = features.shape[1], features.shape[3]
    bins_x = rows_x.shape[2]
    # All boxes of a photo share its map, so the first product is one large matrix multiplication per photo.
    flat = features.permute(0, 2, 1, 3).reshape(batch, height, channels * width)
    half = (rows_y.reshape(batch, boxes * bins_y, height) @ flat).reshape(batch, boxes, bins_y * channels, width)
    full = half @ rows_x.transpose(-1, -2)
    return full.reshape(batch, boxes, bins_y, channels, bins_x).permute(0, 1, 3, 2, 4)


def _positions(starts: Tensor, ends: Tensor, points: int) -> Tensor:
    steps = torch.linspace(0, 1, points, dtype=starts.dtype, device=starts.device)
    return starts.unsqueeze(-1) + (ends - starts).unsqueeze(-1) * steps


def _roi_rows(starts: Tensor, ends: Tensor, size: int, bins: int, legacy: bool) -> Tensor:
    if not legacy:
        return fold(hat_weights(_positions(starts, ends, bins + 1), size))
    length = (ends - starts + 1).clamp(min=0)
    return fold(_legacy_weights(_positions(starts, starts + length, bins + 1), size))


def _per_axis(bins: Bins) -> tuple[int, int]:
    return (bins, bins) if isinstance(bins, int) else bins


def roi_align(features: Tensor, boxes_cells: Tensor, bins: Bins, *, legacy: bool = False) -> Tensor:
    """Features inside each box.

    Args:
        features: maps ``(B, C, h, w)``.
        boxes_cells: ``(B, N, 4)`` as x1 y1 x2 y2 in cells.
        bins: output cells per axis (A); A + 1 points per axis are sampled, both ends included.
        legacy: sample ``x1 .. x2 + 1``, extrapolate the last cell, zero beyond the map.

    Returns:
        ``(B, N, C, A, A)``.
    """
    bins_y, bins_x = _per_axis(bins)
    x1, y1, x2, y2 = boxes_cells.unbind(-1)
    rows_x = _roi_rows(x1, x2, features.shape[3], bins_x, legacy)
    rows_y = _roi_rows(y1, y2, features.shape[2], bins_y, legacy)
    return _separable(rows_y, features, rows_x)


def rod_align(features: Tensor, boxes_cells: Tensor, bins: Bins, *, legacy: bool = False) -> Tensor:
    """Features outside each box: the whole map resampled to a fixed grid with the samples inside the box set to 0.

    Arguments and result as in :func:`roi_align`. The box borders count as inside. ``legacy`` ends the grid a thousandth
    of a cell before the last centre.
    """
    height, width = features.shape[2:]
    bins_y, bins_x = _per_axis(bins)
    short = 1.001 if legacy else 1
    x1, y1, x2, y2 = boxes_cells.unbind(-1)
    grid_x = torch.linspace(0, 1, bins_x + 1, dtype=features.dtype, device=features.device) * (width - short)
    grid_y = torch.linspace(0, 1, bins_y + 1, dtype=features.dtype, device=features.device) * (height - short)
    inside_x = ((grid_x >= x1.unsqueeze(-1)) & (grid_x <= x2.unsqueeze(-1))).to(features.dtype)
    inside_y = ((grid_y >= y1.unsqueeze(-1)) & (grid_y <= y2.unsqueeze(-1))).to(features.dtype)
    all_x, all_y = hat_weights(grid_x, width), hat_weights(grid_y, height)
    whole = fold(all_y) @ features @ fold(all_x).transpose(-1, -2)
    masked_x = fold(inside_x.unsqueeze(-1) * all_x)
    masked_y = fold(inside_y.unsqueeze(-1) * all_y)
    return whole.unsqueeze(1) - _separable(masked_y, features, masked_x)


def aligned_regions(
    features: Tensor,
    boxes_xyxy: Tensor,
    bins: Bins,
    regions: Sequence[Region] = ("roi", "rod"),
    *,
    legacy: bool = False,
) -> Tensor:
    """What is seen of each box, one region behind the other.

    Args:
        features: maps ``(B, C, h, w)`` of the whole photo.
        boxes_xyxy: ``(B, N, 4)``, normalised.
        bins: output cells per axis (A).
        regions: inside, outside, or the whole map, in the order of the result.
        legacy: place and sample boxes as the released code does.

    Returns:
        ``(B, N, len(regions) * C, A, A)`` in the precision of the boxes, also under autocast.
    """
    cells = sampling_cells(boxes_xyxy, (features.shape[2], features.shape[3]), legacy=legacy)
    seen = []
    # Half precision would round positions to an eighth of a cell.
    with torch.autocast(features.device.type, enabled=False):
        exact = features.to(cells.dtype)
        for region in regions:
            if region == "roi":
                seen.append(roi_align(exact, cells, bins, legacy=legacy))
            elif region == "rod":
                seen.append(rod_align(exact, cells, bins, legacy=legacy))
            else:
                # Outside a box that lies beyond the map there is all of it.
                nowhere = torch.full_like(cells[:, :1], -1)
                whole = rod_align(exact, nowhere, bins, legacy=legacy)
                seen.append(whole.expand(-1, cells.shape[1], -1, -1, -1))
    return torch.cat(seen, dim=2)


def aligned_whole(features: Tensor, bins: Bins, *, legacy: bool = False) -> Tensor:
    """Maps ``(B, C, h, w)`` on the cells of :func:`aligned_regions` inside a box of the whole photo, ``(B, C, A, A)``.

    The result has the precision of the maps, and positions at least single precision.
    """
    exact = torch.promote_types(features.dtype, torch.float32)
    whole = features.new_tensor([[0.0, 0.0, 1.0, 1.0]], dtype=exact).expand(features.shape[0], 1, 4)
    return aligned_regions(features, whole, bins, ("roi",), legacy=legacy)[:, 0].to(features.dtype)


def check_corners(boxes_xyxy: Tensor) -> None:
    """Refuse boxes ``(..., 4)`` whose corners changed places, as a mirror that forgets to swap them leaves behind.

    Such a box collapses to one column inside and hides nothing outside, so a model would learn from it in silence.
    Boxes of zero size pass: they pad batches.

    Raises:
        UsageError: x1 > x2 or y1 > y2, or a number is not finite.
    """
    if boxes_xyxy.shape[-1] != 4:
        raise UsageError(f"expected boxes of shape (..., 4), got {tuple(boxes_xyxy.shape)}; give x1 y1 x2 y2 per box")
    # NaN compares false, hence the test for what is right.
    right = (boxes_xyxy[..., :2] <= boxes_xyxy[..., 2:]).all(-1) & boxes_xyxy.isfinite().all(-1)
    if not right.all():
        worst = (~right).nonzero()[0].tolist()
        box = ", ".join(f"{value:g}" for value in boxes_xyxy[tuple(worst)].tolist())
        raise UsageError(f"box {worst} is ({box}); expected finite x1 <= x2 and y1 <= y2: swap the corners")
