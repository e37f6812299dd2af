"""The proposer of the default model: opinions of the cells of a photo and of learned anchors, and their consensus."""

import math
from typing import NamedTuple

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


def decode_boxes(raw: Tensor) -> Tensor:
    """Four unbounded numbers per box to a box that always lies inside the photo.

    ``raw (..., 4)`` holds logits of width, height and of the position of the free margin: ``w = sigmoid(raw_0)``,
    ``x1 = (1 - w) sigmoid(raw_2)``. Returns ``(..., 4)`` as x1 y1 x2 y2 in [0, 1].
    """
    size = raw[..., :2].sigmoid()
    corner = (1 - size) * raw[..., 2:].sigmoid()
    return torch.cat([corner, corner + size], dim=-1)


def place_map(height: int, width: int, log_aspect: Tensor) -> Tensor:
    """Where each cell is and what shape the photo has: ``(B, 3, h, w)`` of x and y in [-1, 1] and log aspect."""
    x = (torch.arange(width, dtype=log_aspect.dtype, device=log_aspect.device) + 0.5) / width * 2 - 1
    y = (torch.arange(height, dtype=log_aspect.dtype, device=log_aspect.device) + 0.5) / height * 2 - 1
    batch = log_aspect.shape[0]
    return torch.stack(
        [
            x.view(1, 1, -1).expand(batch, height, width),
            y.view(1, -1, 1).expand(batch, height, width),
            log_aspect.view(-1, 1, 1).expand(batch, height, width),
        ],
        dim=1,
    )


class Opinions(NamedTuple):
    """Boxes ``(B, K, 4)`` and their validity logits ``(B, K)``, a distribution after softmax."""

    boxes: Tensor
    validity_logits: Tensor

    def mean_box(self) -> Tensor:
        """Weighted mean ``(B, 4)``."""
        return (self.boxes * self.validity_logits.softmax(dim=-1).unsqueeze(-1)).sum(dim=1)


class Proposer(nn.Module):
    """Three views of the same question on one map.

    ``cells`` and ``anchors`` each describe the distribution of people's choices, one from every cell of the map, one
    from learned anchors. ``consensus`` is a second set of boxes from the cells whose weighted mean is the one crop
    that disappoints least.
    """

    def __init__(
        self, channels: int, width: int = 128, anchors: int = 64, dropout: float = 0.1, consensus_share: float = 0.2
    ) -> None:
        super().__init__()
        self.consensus_share = consensus_share
        self.reduce = nn.Conv2d(channels, width, 1)
        self.place = nn.Conv2d(3, width, 1)
        self.context = nn.Linear(width, width)
        self.mix = nn.Conv2d(width, width, 3, padding=1)
        self.dropout = nn.Dropout2d(dropout)
        self.out = nn.Conv2d(width, 10, 1)
        nn.init.normal_(self.out.weight, std=0.01)
        # Every cell starts with a centred box of 82 % of both sides.
        self.out.bias = nn.Parameter(torch.tensor([1.5, 1.5, 0.0, 0.0, 0.0] * 2))
        self.decoder = AnchorDecoder(width, anchors, dropout=dropout)

    def describe(self, features: Tensor, log_aspect: Tensor) -> tuple[Opinions, Opinions, Opinions]:
        """Opinions of the cells, of the anchors, and those whose mean is the consensus."""
        place = place_map(features.shape[2], features.shape[3], log_aspect)
        shared = F.relu(self.reduce(features[:, : self.reduce.in_channels]) + self.place(place))
        x = shared + self.context(shared.mean(dim=(2, 3)))[:, :, None, None]
        x = F.relu(self.mix(self.dropout(x)))
        cells, consensus = self.out(x).flatten(2).transpose(1, 2).split(5, dim=-1)
        anchors = self.decoder(shared.flatten(2).transpose(1, 2))
        return (
            Opinions(decode_boxes(cells[..., :4]), cells[..., 4]),
            Opinions(decode_boxes(anchors[..., :4]), anchors[..., 4]),
            Opinions(decode_boxes(consensus[..., :4]), consensus[..., 4]),
        )

    def forward(self, features: Tensor, log_aspect: Tensor) -> tuple[Tensor, Tensor]:
        """All proposals as one distribution: boxes ``(B, K, 4)``, validity logits ``(B, K)``.

        The consensus is the last proposal and holds ``consensus_share`` of the weight; cells and anchors share the
        rest equally.
        """
        cells, anchors, consensus = self.describe(features, log_aspect)
        share = math.log((1 - self.consensus_share) / 2)
        one = consensus.mean_box().unsqueeze(1)
        logits = torch.cat(
            [
                F.log_softmax(cells.validity_logits, dim=-1) + share,
                F.log_softmax(anchors.validity_logits, dim=-1) + share,
                torch.full_like(log_aspect, math.log(self.consensus_share)).unsqueeze(1),
            ],
            dim=1,
        )
        return torch.cat([cells.boxes, anchors.boxes, one], dim=1), logits
