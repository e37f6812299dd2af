"""The encoder: every cell of the map looks at all others."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

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


def split_heads(x: Tensor, heads: int) -> Tensor:
    """``(B, N, d)`` to ``(B, heads, N, d / heads)``."""
    return x.view(*x.shape[:2], heads, -1).transpose(1, 2)


def attend(query: Tensor, key: Tensor, value: Tensor, padding: Tensor | None, dropout: float) -> Tensor:
    """Scaled dot-product attention of split heads, put together again: ``(B, N, d)``.

    Args:
        query: ``(B, heads, N, e)``; the scale is ``1 / sqrt(e)``.
        key: ``(B, heads, M, e)``.
        value: ``(B, heads, M, d / heads)``.
        padding: ``(B, M)``, true where nobody may look.
        dropout: probability of dropping an attention weight.
    """
    visible = None if padding is None else ~padding[:, None, None, :]
    mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=visible, dropout_p=dropout)
    return mixed.transpose(1, 2).flatten(2)


def feed_forward(width: int, hidden: int, dropout: float) -> nn.Sequential:
    """What every layer ends with: one hidden layer, applied to each vector alone."""
    return nn.Sequential(nn.Linear(width, hidden), nn.ReLU(), nn.Dropout(dropout), nn.Linear(hidden, width))


class AddNorm(nn.Module):
    """Residual with the norm after the sum."""

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.norm, self.dropout = nn.LayerNorm(width), nn.Dropout(dropout)

    def forward(self, x: Tensor, update: Tensor) -> Tensor:
        out: Tensor = self.norm(x + self.dropout(update))
        return out


class CellAttention(nn.Module):
    """Self-attention of the cells; places decide who looks at whom but are not part of what is seen."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.query, self.key, self.value = (nn.Linear(width, width) for _ in range(3))
        self.out = nn.Linear(width, width)
        for projection in (self.query, self.key, self.value):
            # As if the three were one matrix (3 d, d), which is how the published model stores and draws them.
            nn.init.xavier_uniform_(projection.weight, gain=2**-0.5)
            nn.init.zeros_(projection.bias)
        nn.init.xavier_uniform_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(self, cells: Tensor, position: Tensor, padding: Tensor | None) -> Tensor:
        placed = cells + position
        query, key = split_heads(self.query(placed), self.heads), split_heads(self.key(placed), self.heads)
        value = split_heads(self.value(cells), self.heads)
        out: Tensor = self.out(attend(query, key, value, padding, self.dropout if self.training else 0.0))
        return out


class EncoderLayer(nn.Module):
    """Self-attention and a feed-forward part."""

    def __init__(self, width: int, heads: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.among = CellAttention(width, heads, dropout)
        self.after_among = AddNorm(width, dropout)
        self.feed_forward = feed_forward(width, hidden, dropout)
        self.after_feed_forward = AddNorm(width, dropout)

    def forward(self, cells: Tensor, position: Tensor, padding: Tensor | None) -> Tensor:
        cells = self.after_among(cells, self.among(cells, position, padding))
        out: Tensor = self.after_feed_forward(cells, self.feed_forward(cells))
        return out


class Encoder(nn.Module):
    """A stack of layers without a norm at its end (Carion et al., ECCV 2020, section 3.2)."""

    def __init__(self, layers: int, width: int, heads: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.layers = nn.ModuleList([EncoderLayer(width, heads, hidden, dropout) for _ in range(layers)])

    def forward(self, cells: Tensor, position: Tensor, padding: Tensor | None = None) -> Tensor:
        """``cells (B, M, d)`` to ``(B, M, d)``.

        Args:
            cells: the map, row by row.
            position: place codes of the cells, ``(B, M, d)``, or ``(1, M, d)`` for all photos.
            padding: ``(B, M)``, true where a cell is not photo.
        """
        for layer in self.layers:
            cells = layer(cells, position, padding)
        return cells
