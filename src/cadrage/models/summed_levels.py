"""Three maps of a backbone as one, by sums of 1x1 projections.

Zhang et al., "Human-Centric Image Cropping with Partition-Aware and Content-Preserving Features", ECCV 2022. There is
no activation between the two projections, so together they are one linear map of all channels.
"""

from torch import Tensor, nn
from torch.nn import functional as F

from cadrage.errors import UsageError


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
