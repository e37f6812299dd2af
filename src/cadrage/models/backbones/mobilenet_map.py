"""MobileNetV2 as a backbone with a single map."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cadrage.models.backbones.mobilenet_v2 import MobileNetV2


class MobileNetMap(nn.Module):
    """Photo to one feature map at stride 16 that joins strides 8, 16 and 32.

    Input: ``(B, 3, H, W)``, RGB in [0, 1], H and W multiples of 32. Output: ``(B, 448, H/16, W/16)``.
    """

    neutral_rgb: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.backbone = MobileNetV2()
        self.channels = sum(MobileNetV2.channels)
        self.stride = 16
        self.register_buffer("neutral_rgb", torch.full((3,), 0.5), persistent=False)

    def forward(self, image: Tensor) -> Tensor:
        fine, middle, coarse = self.backbone(image * 2 - 1)
        coarse = F.interpolate(coarse, scale_factor=2.0, mode="bilinear", align_corners=False)
        return torch.cat([F.avg_pool2d(fine, 2), middle, coarse], dim=1)
