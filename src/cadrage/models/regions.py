"""What evaluators share: what a model returns, the description of a region, and the levels of a pyramid as one map."""

from typing import NamedTuple

from torch import Tensor, nn
from torch.nn import functional as F

from cadrage.errors import UsageError


class Output(NamedTuple):
    """Scores of boxes and where in the photo the model sees content.

    Attributes:
        scores: ``(B, N)``.
        heat: importance ``(B, 1, 64, 64)`` in [0, 1], the photo squeezed into a square; None if the model has none.
    """

    scores: Tensor
    heat: Tensor | None


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


class SummedLevels(nn.Module):
    """Maps at strides 8, 16 and 32 to one at stride 16.

    Args:
        channels: of the three maps.
        width: channels of the sum.
        reduced: channels that leave.
        legacy: resample between the corners of the maps, as the released code does, not between their borders.

    Raises:
        UsageError: a number of channels below 1.
    """

    def __init__(
        self, channels: tuple[int, int, int], *, width: int = 256, reduced: int = 32, legacy: bool = False
    ) -> None:
        super().__init__()
        if min(*channels, width, reduced) < 1:
            raise UsageError(f"channels {channels}, width {width}, reduced {reduced}: all must be at least 1")
        self.legacy = legacy
        self.laterals = nn.ModuleList(nn.Conv2d(each, width, 1) for each in channels)
        self.reduce = nn.Conv2d(width, reduced, 1)

    def forward(self, fine: Tensor, middle: Tensor, coarse: Tensor) -> Tensor:
        """``(B, channels[i], H / stride, W / stride)`` to ``(B, reduced, H / 16, W / 16)``."""
        size = middle.shape[2:]
        fine, coarse = (
            F.interpolate(each, size=size, mode="bilinear", align_corners=self.legacy) for each in (fine, coarse)
        )
        projected = [lateral(each) for lateral, each in zip(self.laterals, (fine, middle, coarse), strict=True)]
        out: Tensor = self.reduce(projected[0] + projected[1] + projected[2])
        return out
