"""Where people, animals, other objects and faces are, read off the features that the crops come from."""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

KINDS = ("person", "animal", "object")


class SubjectMaps(NamedTuple):
    """Maps at twice the resolution of the features, ``(B, channels, H, W)``.

    ``masks (B, 3, H, W)`` are logits of the part of each cell that each of ``KINDS`` covers, ``centres (B, 3, H, W)``
    logits that a cell is the middle of one, and ``edges (B, 8, H, W)`` the distances from the cell's middle to the
    left, top, right and bottom edge of its subject as parts of the photo: four for a person, then four for anything
    else. ``face_centres (B, 1, H, W)`` and ``face_edges (B, 4, H, W)`` say the same of faces.
    """

    masks: Tensor
    centres: Tensor
    edges: Tensor
    face_centres: Tensor
    face_edges: Tensor


class FaceHead(nn.Module):
    """A few convolutions from features ``(B, C + 4 * fine_channels, h, w)`` to centres and edges of ``(2h, 2w)``.

    A face on the photo of a group is a few pixels of the model's input wide. So it is looked for on the map of stride
    8, whose four parts of each cell are the features behind the first ``C`` channels; those say where people are.
    """

    def __init__(self, channels: int, fine_channels: int, *, width: int = 40, around: int = 24, dropout: float) -> None:
        super().__init__()
        self.reduce = nn.Conv2d(channels, 2 * around, 1)
        self.context = nn.Conv2d(2 * around, 2 * around, 3, padding=1)
        self.finer = nn.Conv2d(2 * around, 4 * around, 1)
        self.look = nn.Conv2d(fine_channels, width, 3, padding=1)
        self.join = nn.Conv2d(around + width, width, 1)
        self.smooth = nn.Conv2d(width, width, 3, padding=1)
        self.read = nn.Conv2d(width, 5, 1)
        self.dropout = nn.Dropout2d(dropout)
        nn.init.zeros_(self.read.bias)  # type: ignore[arg-type]
        nn.init.constant_(self.read.bias[:1], -4.0)  # type: ignore[index]

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        channels = self.reduce.in_channels
        people = F.relu(self.reduce(self.dropout(features[:, :channels])))
        people = people + F.relu(self.context(people))
        people = F.relu(F.pixel_shuffle(self.finer(people), 2))
        seen = F.relu(self.look(self.dropout(F.pixel_shuffle(features[:, channels:], 2))))
        x = F.relu(self.join(torch.cat([people, seen], dim=1)))
        x = x + F.relu(self.smooth(x))
        centres, edges = self.read(x).split((1, 4), dim=1)
        return centres, F.softplus(edges - 3)


class SubjectHead(nn.Module):
    """A few convolutions from features ``(B, C + 4 * fine_channels, h, w)`` to `SubjectMaps` of ``(2h, 2w)``.

    A subject is the box at a peak of its centre map, after "Objects as Points" (Zhou et al., arXiv:1904.07850,
    section 3), with edges for size and offset, as in FCOS (Tian et al., ICCV 2019, section 3.1).
    """

    def __init__(
        self, channels: int, fine_channels: int, *, width: int = 64, fine: int = 24, dropout: float = 0.1
    ) -> None:
        super().__init__()
        self.faces = FaceHead(channels, fine_channels, dropout=dropout)
        self.reduce = nn.Conv2d(channels, width, 1)
        self.context = nn.Conv2d(width, width, 3, padding=1)
        self.finer = nn.Conv2d(width, 4 * fine, 1)
        self.smooth = nn.Conv2d(fine, fine, 3, padding=1)
        self.read = nn.Conv2d(fine, 2 * len(KINDS) + 8, 1)
        self.dropout = nn.Dropout2d(dropout)
        nn.init.zeros_(self.read.bias)  # type: ignore[arg-type]
        # Nearly every cell is the middle of nothing, and training should not begin with learning that.
        nn.init.constant_(self.read.bias[: 2 * len(KINDS)], -3.0)  # type: ignore[index]

    def forward(self, features: Tensor) -> SubjectMaps:
        face_centres, face_edges = self.faces(features)
        x = F.relu(self.reduce(self.dropout(features[:, : self.reduce.in_channels])))
        x = x + F.relu(self.context(x))
        x = F.relu(F.pixel_shuffle(self.finer(x), 2))
        x = x + F.relu(self.smooth(x))
        masks, centres, edges = self.read(x).split((len(KINDS), len(KINDS), 8), dim=1)
        return SubjectMaps(masks, centres, F.softplus(edges - 1.5), face_centres, face_edges)
