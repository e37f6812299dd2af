"""A map of features and what matters in it, as one map.

The attention-guided feature fusion of Yang et al., "Global Attention-fused Image Cropping with Attention-guided and
Global-aligned Crop Evaluator" (GAFIC), as its figure draws it. The figure makes the importance of each region from the
crops that people chose, which no photo of a user has; here it is predicted from the photo, and those crops teach it.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cadrage.errors import UsageError


class FusionEncoder(nn.Module):
    """Convolution 3x3, ReLU, 1x1: 10,592 parameters with 32 channels and the importance.

    ``fed`` says whether the importance is among the inputs; ``residual`` adds the features to what leaves.
    """

    def __init__(self, channels: int, *, fed: bool, residual: bool) -> None:
        super().__init__()
        self.residual = residual
        self.first = nn.Conv2d(channels + fed, channels, 3, padding=1)
        self.last = nn.Conv2d(channels, channels, 1)

    def forward(self, features: Tensor, importance: Tensor | None) -> Tensor:
        """Features ``(B, C, h, w)`` and importance ``(B, 1, h, w)``, None if it is not fed, to ``(B, C, h, w)``."""
        joined = features if importance is None else torch.cat([features, importance], dim=1)
        encoded: Tensor = self.last(F.relu(self.first(joined)))
        return encoded + features if self.residual else encoded


def region_importance(heat: Tensor, size_hw: tuple[int, int]) -> Tensor:
    """Importance ``(B, 1, s, s)`` on the cells of a map ``(B, 1, h, w)``: the mean over what each cell touches.

    The same as adaptive average pooling, as two matrix products, which also export where s is no multiple of h or w.
    """
    height, width = size_hw
    return _window_means(height, heat) @ heat @ _window_means(width, heat).transpose(0, 1)


def _window_means(cells: int, heat: Tensor) -> Tensor:
    """``(cells, s)`` weights of a mean over ``floor(i s / cells)`` up to ``ceil((i + 1) s / cells)``."""
    size = heat.shape[-1]
    starts = torch.arange(cells, device=heat.device) * size // cells
    ends = -(torch.arange(1, cells + 1, device=heat.device) * -size // cells)
    places = torch.arange(size, device=heat.device)
    inside = ((places >= starts.unsqueeze(1)) & (places < ends.unsqueeze(1))).to(heat.dtype)
    return inside / inside.sum(dim=1, keepdim=True)


def mix_heat(predicted: Tensor, teacher: Tensor, share: float | Tensor) -> Tensor:
    """``(1 - share) predicted + share teacher`` of maps ``(B, 1, s, s)``, with one share for all photos or ``(B,)``.

    Raises:
        UsageError: the maps differ in shape, or a share is outside [0, 1].
    """
    if predicted.shape != teacher.shape:
        raise UsageError(f"expected a teacher's map of shape {tuple(predicted.shape)}, got {tuple(teacher.shape)}")
    shares = torch.as_tensor(share, dtype=predicted.dtype, device=predicted.device)
    if shares.shape not in ((), (len(predicted),)) or not bool(((shares >= 0) & (shares <= 1)).all()):
        raise UsageError(f"share {share}: expected how much the teacher counts, 0 to 1, for all photos or one each")
    shares = shares.reshape(-1, 1, 1, 1)
    # A photo without a teacher may hold anything in its place, NaN too.
    return torch.where(shares == 0, predicted, (1 - shares) * predicted + shares * teacher)
