"""Aligned regions of a crop to a description of it (Zhang et al., ECCV 2022)."""

from torch import Tensor, nn
from torch.nn import functional as F

_WIDE = 512


class RegionHead(nn.Module):
    """A convolution as large as the region, ReLU and a projection without bias, both as matrix products."""

    def __init__(self, channels: int = 64, *, bins: int = 9, outputs: int = 256) -> None:
        super().__init__()
        self.first = nn.Linear(channels * bins * bins, _WIDE)
        self.last = nn.Linear(_WIDE, outputs, bias=False)

    def forward(self, regions: Tensor) -> Tensor:
        """``(..., channels, bins, bins)`` to ``(..., outputs)``."""
        out: Tensor = self.last(F.relu(self.first(regions.flatten(-3))))
        return out
