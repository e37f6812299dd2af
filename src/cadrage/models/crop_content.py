"""What crops keep: a map of what matters in a photo, related over all its cells, and how much of it a crop holds."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cadrage.models.align import SNAP

# Cells per side of the map; the photo is squeezed into the square.
HEAT_SIZE = 64

# Below this length a vector counts as zero.
_EPSILON = 1e-6


class ConvRelation(nn.Module):
    """What the heat head reads, from the surroundings of each cell: 3x3, ReLU, 1x1."""

    def __init__(self, channels: int = 32, outputs: int = 8) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.last = nn.Conv2d(channels, outputs, 1)

    def forward(self, features: Tensor) -> Tensor:
        """``(B, channels, h, w)`` to ``(B, outputs, h, w)``."""
        out: Tensor = self.last(F.relu(self.first(features)))
        return out


class HeatHead(nn.Module):
    """A map of any size to importance in [0, 1] on 64x64 cells.

    ``legacy`` enlarges between the corners of the map, as the released code does, not between its borders.
    """

    def __init__(self, channels: int = 8, *, legacy: bool = False) -> None:
        super().__init__()
        self.legacy = legacy
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.last = nn.Conv2d(channels, 1, 1)

    def forward(self, related: Tensor) -> Tensor:
        """``(B, channels, h, w)`` to ``(B, 1, 64, 64)``."""
        large = F.interpolate(related, size=(HEAT_SIZE, HEAT_SIZE), mode="bilinear", align_corners=self.legacy)
        out: Tensor = self.last(F.relu(self.first(large))).sigmoid()
        return out


class GraphRelation(nn.Module):
    """Graph reasoning over the cells of a map.

    Cell i collects all cells j by ``softmax_j(cos(P v_i, T v_j))``, then one projection and ReLU (Zhang et al., ECCV
    2022, content-preserving features). Cosines lie in [-1, 1] and have no temperature, so that no cell counts more than
    ``e^2 = 7.4`` times another: the result is close to the mean of the photo. ``ConvRelation`` of
    :mod:`cadrage.models.crop_content` is the local alternative.
    """

    def __init__(self, channels: int = 32, outputs: int = 8) -> None:
        super().__init__()
        self.query = nn.Linear(channels, channels, bias=False)
        self.key = nn.Linear(channels, channels, bias=False)
        self.out = nn.Linear(channels, outputs, bias=False)
        nn.init.xavier_uniform_(self.out.weight)

    def forward(self, features: Tensor) -> Tensor:
        """``(B, channels, h, w)`` to ``(B, outputs, h, w)``."""
        height, width = features.shape[2:]
        cells = features.flatten(2).transpose(1, 2)
        # Without a bound, a cell of zeros has no direction and would turn the whole map into NaN.
        query = F.normalize(self.query(cells), dim=-1, eps=_EPSILON)
        key = F.normalize(self.key(cells), dim=-1, eps=_EPSILON)
        shares = (query @ key.transpose(1, 2)).softmax(dim=-1)
        # Projecting first is the same by associativity and four times cheaper.
        related = F.relu(shares @ self.out(cells))
        return related.transpose(1, 2).reshape(features.shape[0], -1, height, width)


_KERNEL, _WIDE, _NARROW, _OUTPUTS = 5, 64, 32, 256
_FIRST = HEAT_SIZE - _KERNEL + 1
_SECOND = _FIRST // 2 - _KERNEL + 1


def crop_mask_sides(boxes_xyxy: Tensor, *, legacy: bool = False) -> tuple[Tensor, Tensor]:
    """Masks of crops on 64x64 cells, which are outer products of one vector per axis.

    A cell holds the part of its area that the crop covers, so the mask, and with it the score, follows the box without
    jumps, and a mirrored box has the mirrored mask. ``legacy`` truncates the corners to whole cells, as the released
    code does: there, boxes up to 1/64 of the photo apart are one.

    Args:
        boxes_xyxy: ``(B, N, 4)``, normalised.

    Returns:
        ``rows_y (B, N, 64)`` and ``rows_x (B, N, 64)``, in [0, 1].
    """
    starts, ends = boxes_xyxy[..., :2] * HEAT_SIZE, boxes_xyxy[..., 2:] * HEAT_SIZE
    if legacy:
        starts, ends = (starts + SNAP).trunc(), (ends + SNAP).trunc()
    cells = torch.arange(HEAT_SIZE, dtype=boxes_xyxy.dtype, device=boxes_xyxy.device)
    covered = torch.minimum(ends.unsqueeze(-1), cells + 1) - torch.maximum(starts.unsqueeze(-1), cells)
    rows_x, rows_y = covered.clamp(0, 1).unbind(-2)
    return rows_y, rows_x


def _windows(rows: Tensor) -> Tensor:
    """``(..., 64)`` to what the kernel sees along one axis at each place, ``(..., 60, 5)``."""
    return torch.stack([rows[..., start : start + _FIRST] for start in range(_KERNEL)], dim=-1)


class CropContent(nn.Module):
    """Importance map and crops to 256 numbers per crop; ``legacy`` is explained at :func:`crop_mask_sides`.

    The first convolution is linear in map and mask: the half of the map is the same for all crops of a photo and
    computed once by :meth:`shared`; the half of the mask factors into one matrix product per axis.
    """

    def __init__(self, *, legacy: bool = False) -> None:
        super().__init__()
        self.legacy = legacy
        self.first = nn.Conv2d(2, _WIDE, _KERNEL)
        self.second = nn.Conv2d(_WIDE, _NARROW, _KERNEL)
        self.last = nn.Linear(_NARROW * (_SECOND // 2) ** 2, _OUTPUTS)

    def shared(self, heat: Tensor) -> Tensor:
        """What all crops on maps ``(B, 1, 64, 64)`` have in common, ``(B, 60, 60, 64)``, channels last."""
        return F.conv2d(heat, self.first.weight[:, :1], self.first.bias).permute(0, 2, 3, 1)

    def forward(self, shared: Tensor, boxes_xyxy: Tensor) -> Tensor:
        """``(B, N, 256)`` of boxes ``(B, N, 4)``; while it works, some 1.5 MB per box in single precision."""
        batch, boxes = boxes_xyxy.shape[:2]
        rows_y, rows_x = crop_mask_sides(boxes_xyxy, legacy=self.legacy)
        # Kernel (channel, row, column) to (column, row * channel).
        kernel = self.first.weight[:, 1].permute(2, 1, 0).flatten(1)
        half = (_windows(rows_x) @ kernel).reshape(batch, boxes, _FIRST, _KERNEL, _WIDE)
        half = half.transpose(2, 3).reshape(batch, boxes, _KERNEL, _FIRST * _WIDE)
        masks = (_windows(rows_y) @ half).reshape(batch, boxes, _FIRST, _FIRST, _WIDE)
        x = (masks + shared.unsqueeze(1)).flatten(0, 1).permute(0, 3, 1, 2)
        x = F.max_pool2d(self.second(F.max_pool2d(x, 2)), 2)
        out: Tensor = self.last(x.flatten(1)).reshape(batch, boxes, _OUTPUTS)
        return out
