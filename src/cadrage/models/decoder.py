"""A small transformer decoder: learned anchors look at each other and at the photo."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Attention(nn.Module):
    """Multi-head attention with a projection per role."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.query, self.key = nn.Linear(width, width), nn.Linear(width, width)
        self.value, self.out = nn.Linear(width, width), nn.Linear(width, width)

    def forward(self, asking: Tensor, asked: Tensor) -> Tensor:
        """``asking (B, Q, d)`` and ``asked (B, M, d)`` to ``(B, Q, d)``."""

        def split(x: Tensor) -> Tensor:
            heads: Tensor = x.view(*x.shape[:2], self.heads, -1).transpose(1, 2)
            return heads

        mixed = F.scaled_dot_product_attention(
            split(self.query(asking)),
            split(self.key(asked)),
            split(self.value(asked)),
            dropout_p=self.dropout if self.training else 0.0,
        )
        out: Tensor = self.out(mixed.transpose(1, 2).flatten(2))
        return out


class DecoderLayer(nn.Module):
    """Self attention, attention to the map and a feed-forward part, each with a norm before and a residual around."""

    def __init__(self, width: int, heads: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.among, self.to_map = Attention(width, heads, dropout), Attention(width, heads, dropout)
        self.feed_forward = nn.Sequential(
            nn.Linear(width, hidden), nn.ReLU(), nn.Dropout(dropout), nn.Linear(hidden, width)
        )
        self.norm_among, self.norm_map, self.norm_feed = nn.LayerNorm(width), nn.LayerNorm(width), nn.LayerNorm(width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, anchors: Tensor, cells: Tensor) -> Tensor:
        """``anchors (B, Q, d)`` and the map's ``cells (B, M, d)`` to new anchors ``(B, Q, d)``."""
        x = self.norm_among(anchors)
        anchors = anchors + self.dropout(self.among(x, x))
        anchors = anchors + self.dropout(self.to_map(self.norm_map(anchors), cells))
        refined: Tensor = anchors + self.dropout(self.feed_forward(self.norm_feed(anchors)))
        return refined


class AnchorDecoder(nn.Module):
    """Learned anchors refined against a map; every anchor yields five numbers, starting from its own learned prior.

    The prior is the raw box (see :func:`cadrage.models.proposer.decode_boxes`) an anchor proposes before it has seen
    anything; it is drawn at random so that the anchors start in different places.
    """

    def __init__(self, width: int, anchors: int = 64, layers: int = 2, heads: int = 4, dropout: float = 0.1) -> None:
        super().__init__()
        self.anchors = nn.Parameter(torch.randn(anchors, width) * 0.5)
        self.layers = nn.ModuleList([DecoderLayer(width, heads, 2 * width, dropout) for _ in range(layers)])
        self.norm = nn.LayerNorm(width)
        self.out = nn.Linear(width, 5)
        nn.init.normal_(self.out.weight, std=0.01)
        nn.init.zeros_(self.out.bias)
        sizes, places = torch.randn(anchors, 2) * 0.7 + 1.2, torch.randn(anchors, 2) * 0.8
        self.prior = nn.Parameter(torch.cat([sizes, places, torch.zeros(anchors, 1)], dim=1))

    def forward(self, cells: Tensor) -> Tensor:
        """Map cells ``(B, M, d)`` to ``(B, anchors, 5)``: four raw box numbers and a validity logit."""
        x = self.anchors.expand(cells.shape[0], -1, -1)
        for layer in self.layers:
            x = layer(x, cells)
        out: Tensor = self.out(self.norm(x)) + self.prior
        return out
