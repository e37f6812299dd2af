"""MobileNetV2 as a backbone with a single map."""

import torch
from torch import Tensor

from cadrage.models.default import Trunk


class MobileNetMap(Trunk):
    """Photo to one map of 448 channels at stride 16; height and width of the photo are multiples of 32."""

    neutral_rgb: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.stride = 16
        self.register_buffer("neutral_rgb", torch.full((3,), 0.5), persistent=False)
