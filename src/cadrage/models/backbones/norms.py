"""Normalisation: photos by the statistics of ImageNet, and batch norms frozen at those of their pretraining."""

import torch
from torch import Tensor, nn

# Statistics of the photos of ImageNet, RGB in [0, 1], as all weights trained with PyTorch use them.
_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class Normalise(nn.Module):
    """RGB in [0, 1], ``(B, 3, H, W)``, less the mean of ImageNet and divided by its deviation; nothing to store."""

    mean: Tensor
    deviation: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(_MEAN).view(3, 1, 1), persistent=False)
        self.register_buffer("deviation", torch.tensor(_DEVIATION).view(3, 1, 1), persistent=False)

    def forward(self, image: Tensor) -> Tensor:
        return (image - self.mean) / self.deviation


_EPSILON = 1e-5


class FrozenNorm(nn.Module):
    """Batch norm whose four vectors are buffers: neither training mode nor an optimiser changes them.

    Batches of one or two photos are too few for statistics of their own. The names are those of ``nn.BatchNorm2d``.
    """

    weight: Tensor
    bias: Tensor
    running_mean: Tensor
    running_var: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("weight", torch.ones(channels))
        self.register_buffer("bias", torch.zeros(channels))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        scale = self.weight * (self.running_var + _EPSILON).rsqrt()
        shift = self.bias - self.running_mean * scale
        return x * scale[:, None, None] + shift[:, None, None]
