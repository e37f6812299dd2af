"""Batch norm with the statistics of its pretraining."""

import torch
from torch import Tensor, nn

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
