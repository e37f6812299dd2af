"""From the aligned regions of a crop to its score.

The global-aligned crop evaluator of Yang et al., "Global Attention-fused Image Cropping with Attention-guided and
Global-aligned Crop Evaluator" (GAFIC), as its figure draws it: what is inside a crop, what is left out and the aligned
whole photo pass a convolution and a non-linearity together. The whole photo is the same for all crops and still has a
say in their order, because it enters before the non-linearity. Its part of the first layer is linear and computed once
per photo.
"""

from typing import Literal

from torch import Tensor, nn
from torch.nn import functional as F

from cadrage.errors import UsageError

EvaluatorHead = Literal["slim", "wide"]

# The figure gives no widths. These keep an evaluator a fraction of the size of those with a 9x9 convolution.
_SLIM_HIDDEN, _SLIM_NARROW, _SLIM_KERNEL = 128, 64, 3
# That of the released code, for comparisons at equal size.
_WIDE_HIDDEN = 512


class SlimEvaluator(nn.Module):
    """Convolution 3x3, ReLU, 1x1, linear: 122,113 parameters for 64 + 32 channels and 9x9 cells."""

    def __init__(self, region_channels: int, context_channels: int, bins: int) -> None:
        super().__init__()
        self.region_channels = region_channels
        self.first = nn.Conv2d(region_channels + context_channels, _SLIM_HIDDEN, _SLIM_KERNEL)
        self.second = nn.Conv2d(_SLIM_HIDDEN, _SLIM_NARROW, 1)
        self.last = nn.Linear(_SLIM_NARROW * (bins - _SLIM_KERNEL + 1) ** 2, 1)

    def forward(self, regions: Tensor, context: Tensor | None) -> Tensor:
        """Regions ``(B, N, C, A, A)`` and context ``(B, Cc, A, A)``, None without such channels, to ``(B, N)``."""
        batch, count = regions.shape[:2]
        weight = self.first.weight
        hidden = F.conv2d(regions.flatten(0, 1), weight[:, : self.region_channels], self.first.bias)
        if context is not None:
            shared = F.conv2d(context, weight[:, self.region_channels :])
            hidden = (hidden.reshape(batch, count, *shared.shape[1:]) + shared.unsqueeze(1)).flatten(0, 1)
        scores: Tensor = self.last(self.second(F.relu(hidden)).flatten(1))
        return scores.reshape(batch, count)


class WideEvaluator(nn.Module):
    """A convolution over all cells at once to 512 channels, ReLU, linear.

    A convolution as large as its input is a matrix product, hence the linear layer.
    """

    def __init__(self, region_channels: int, context_channels: int, bins: int) -> None:
        super().__init__()
        self.region_inputs = region_channels * bins * bins
        self.first = nn.Linear((region_channels + context_channels) * bins * bins, _WIDE_HIDDEN)
        self.last = nn.Linear(_WIDE_HIDDEN, 1)

    def forward(self, regions: Tensor, context: Tensor | None) -> Tensor:
        """As :meth:`SlimEvaluator.forward`."""
        weight = self.first.weight
        hidden = F.linear(regions.flatten(2), weight[:, : self.region_inputs], self.first.bias)
        if context is not None:
            hidden = hidden + F.linear(context.flatten(1), weight[:, self.region_inputs :]).unsqueeze(1)
        scores: Tensor = self.last(F.relu(hidden)).squeeze(-1)
        return scores


def make_evaluator(head: EvaluatorHead, region_channels: int, context_channels: int, bins: int) -> nn.Module:
    """The untrained evaluator of a name.

    Raises:
        UsageError: there is none of this name, or the regions are too small for it.
    """
    if head not in ("slim", "wide"):
        raise UsageError(f"head {head!r}: unknown; choose one of slim, wide")
    if bins < _SLIM_KERNEL:
        raise UsageError(f"bins {bins}: a region needs at least {_SLIM_KERNEL} cells per axis")
    made = SlimEvaluator if head == "slim" else WideEvaluator
    return made(region_channels, context_channels, bins)
