"""The conditional decoder: learned anchors look at each other and at the photo around their reference points.

Meng et al., "Conditional DETR for Fast Training Convergence", ICCV 2021, section 3. Every anchor owns a reference
point. In the cross-attention a head compares two things at once and adds them up: content of the anchor with content
of the cell, and place of the anchor with place of the cell. The place an anchor looks from is the code of its
reference point, stretched per feature by what the anchor has learned about the photo so far.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn

from cadrage.models.encoder import AddNorm, attend, feed_forward, place_code, split_heads


def mlp(*widths: int) -> nn.Sequential:
    """Linear layers with a ReLU between them."""
    parts: list[nn.Module] = []
    for inputs, outputs in pairwise(widths):
        parts += [nn.Linear(inputs, outputs), nn.ReLU()]
    return nn.Sequential(*parts[:-1])


class AnchorAttention(nn.Module):
    """Self-attention: anchors look at each other, so that no two of them propose the same."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.query_content, self.query_anchor = nn.Linear(width, width), nn.Linear(width, width)
        self.key_content, self.key_anchor = nn.Linear(width, width), nn.Linear(width, width)
        self.value, self.out = nn.Linear(width, width), nn.Linear(width, width)

    def forward(self, content: Tensor, anchors: Tensor) -> Tensor:
        query = split_heads(self.query_content(content) + self.query_anchor(anchors), self.heads)
        key = split_heads(self.key_content(content) + self.key_anchor(anchors), self.heads)
        value = split_heads(self.value(content), self.heads)
        out: Tensor = self.out(attend(query, key, value, None, self.dropout if self.training else 0.0))
        return out


class ConditionalCrossAttention(nn.Module):
    """Anchors look at the photo; in every head half of the dot product is content and half is place."""

    def __init__(self, width: int, heads: int, dropout: float, *, first: bool) -> None:
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.query_content, self.query_place = nn.Linear(width, width), nn.Linear(width, width)
        self.key_content, self.key_place = nn.Linear(width, width), nn.Linear(width, width)
        self.value, self.out = nn.Linear(width, width), nn.Linear(width, width)
        # The content of the first layer is zero: the anchors themselves stand in for it.
        self.query_anchor = nn.Linear(width, width) if first else None

    def forward(
        self,
        content: Tensor,
        anchors: Tensor,
        seen_from: Tensor,
        memory: Tensor,
        position: Tensor,
        padding: Tensor | None,
    ) -> Tensor:
        query_content, key_content = self.query_content(content), self.key_content(memory)
        query_place, key_place = self.query_place(seen_from), self.key_place(position)
        if self.query_anchor is not None:
            query_content = query_content + self.query_anchor(anchors)
            key_content = key_content + key_place
        query, key = self._beside(query_content, query_place), self._beside(key_content, key_place)
        value = split_heads(self.value(memory), self.heads)
        out: Tensor = self.out(attend(query, key, value, padding, self.dropout if self.training else 0.0))
        return out

    def _beside(self, content: Tensor, place: Tensor) -> Tensor:
        """Content and place side by side within every head: ``(B, heads, N, 2 d / heads)``."""
        return torch.cat([split_heads(content, self.heads), split_heads(place.expand_as(content), self.heads)], dim=-1)


class ConditionalDecoderLayer(nn.Module):
    """Self-attention, conditional cross-attention and a feed-forward part."""

    def __init__(self, width: int, heads: int, hidden: int, dropout: float, *, first: bool) -> None:
        super().__init__()
        self.among = AnchorAttention(width, heads, dropout)
        self.after_among = AddNorm(width, dropout)
        self.to_photo = ConditionalCrossAttention(width, heads, dropout, first=first)
        self.after_photo = AddNorm(width, dropout)
        self.feed_forward = feed_forward(width, hidden, dropout)
        self.after_feed_forward = AddNorm(width, dropout)

    def forward(
        self,
        content: Tensor,
        anchors: Tensor,
        seen_from: Tensor,
        memory: Tensor,
        position: Tensor,
        padding: Tensor | None,
    ) -> Tensor:
        content = self.after_among(content, self.among(content, anchors))
        photo = self.to_photo(content, anchors, seen_from, memory, position, padding)
        content = self.after_photo(content, photo)
        out: Tensor = self.after_feed_forward(content, self.feed_forward(content))
        return out


class ConditionalDecoder(nn.Module):
    """Refines the content of all anchors layer by layer; the answer of every layer is kept."""

    def __init__(self, layers: int, width: int, heads: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.reference_head = mlp(width, width, 2)
        self.stretch_head = mlp(width, width, width)
        self.layers = nn.ModuleList(
            [ConditionalDecoderLayer(width, heads, hidden, dropout, first=index == 0) for index in range(layers)]
        )
        self.norm = nn.LayerNorm(width)
        for name, parameter in self.named_parameters():
            if parameter.dim() > 1:
                nn.init.xavier_uniform_(parameter)
            elif name.endswith(".out.bias"):
                nn.init.zeros_(parameter)

    def reference_points(self, anchors: Tensor) -> Tensor:
        """Where in the photo each anchor ``(Q, d)`` starts to look: ``(Q, 2)`` as x y in [0, 1]."""
        # In half precision a point could only lie on a coarse grid.
        with torch.autocast(anchors.device.type, enabled=False):
            points: Tensor = self.reference_head(anchors).sigmoid()
        return points

    def forward(
        self, anchors: Tensor, memory: Tensor, position: Tensor, padding: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Answers ``(L, B, Q, d)`` of all layers through one norm, and the reference points ``(Q, 2)``.

        Args:
            anchors: learned vectors ``(Q, d)``, the same for every photo.
            memory: encoded cells ``(B, M, d)``.
            position: their place codes, ``(B, M, d)`` or ``(1, M, d)``.
            padding: ``(B, M)``, true where a cell is not photo.
        """
        reference = self.reference_points(anchors)
        reference_code = place_code(reference, anchors.shape[-1])
        content = torch.zeros_like(anchors).expand(memory.shape[0], -1, -1)
        answers: list[Tensor] = []
        for layer in self.layers:
            seen_from = reference_code * self.stretch_head(content) if answers else reference_code
            content = layer(content, anchors, seen_from, memory, position, padding)
            answers.append(self.norm(content))
        return torch.stack(answers), reference
