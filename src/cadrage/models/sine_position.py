"""Places in the photo as vectors of sines and cosines of falling frequency.

Cells of the map and reference points of the anchors speak the same code, so that their dot product tells how far apart
they are (Vaswani et al., NeurIPS 2017, section 3.5; in two dimensions Carion et al., ECCV 2020, appendix A.4).
"""

import math

import torch
from torch import Tensor

_LONGEST = 10000.0  # the slowest wave is this many times slower than the fastest
_EPSILON = 1e-6


def sine_code(turns: Tensor, features: int) -> Tensor:
    """Numbers ``(...)`` to ``(..., features)`` as sin, cos, sin, cos, ...; 1 is one turn of the fastest wave."""
    # Periods are rounded to float32 in every precision: the published weights were trained with these.
    periods = _LONGEST ** (torch.arange(0, features, 2, dtype=torch.float32, device=turns.device) / features)
    angles = (turns * (2 * math.pi)).unsqueeze(-1) / periods
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(-2)


def place_code(places_xy: Tensor, width: int) -> Tensor:
    """Points ``(..., 2)`` in [0, 1] to ``(..., width)``: first half y, second half x."""
    x, y = places_xy.unbind(-1)
    return torch.cat([sine_code(y, width // 2), sine_code(x, width // 2)], dim=-1)


def cell_places(height: int, width: int, *, like: Tensor) -> Tensor:
    """Places ``(1, height * width, 2)`` of the cells of a map, row by row; the last row and column are at 1.

    ``like`` lends dtype and device.
    """
    x = torch.arange(1, width + 1, dtype=like.dtype, device=like.device) / (width + _EPSILON)
    y = torch.arange(1, height + 1, dtype=like.dtype, device=like.device) / (height + _EPSILON)
    return torch.stack([x.expand(height, width), y.unsqueeze(1).expand(height, width)], dim=-1).flatten(0, 1)[None]


def unpadded_cell_places(padding: Tensor, *, like: Tensor) -> Tensor:
    """Places ``(B, h * w, 2)`` of cells when only those outside ``padding`` ``(B, h, w)`` count as photo."""
    photo = (~padding).to(like.dtype)
    x, y = photo.cumsum(dim=2), photo.cumsum(dim=1)
    places = torch.stack([x / (x[:, :, -1:] + _EPSILON), y / (y[:, -1:, :] + _EPSILON)], dim=-1)
    return places.flatten(1, 2)
