"""The importance map: which parts of a photo a crop should keep.

Zhang et al., "Human-Centric Image Cropping with Partition-Aware and Content-Preserving Features", ECCV 2022, the heat
map of the content-preserving features; trained towards :func:`cadrage.training.engine.evaluators.targets.pseudo_heat`.
"""

from torch import Tensor, nn
from torch.nn import functional as F

# Cells per side of the map; the photo is squeezed into the square.
HEAT_SIZE = 64


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
