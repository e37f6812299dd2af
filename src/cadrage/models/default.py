"""The default model: one trunk, a proposer and an evaluator."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cadrage.models.backbones.mobilenet_v2 import MobileNetV2
from cadrage.models.evaluator import Evaluator
from cadrage.models.proposer import Proposer


class Trunk(nn.Module):
    """Photo to one feature map at stride 16 that joins strides 8, 16 and 32.

    Input: ``(B, 3, S, S)``, RGB in [0, 1]. Output: ``(B, 448, S/16, S/16)``.
    """

    def __init__(self) -> None:
        super().__init__()
        self.backbone = MobileNetV2()
        self.channels = sum(MobileNetV2.channels)

    def forward(self, image: Tensor) -> Tensor:
        fine, middle, coarse = self.backbone(image * 2 - 1)
        coarse = F.interpolate(coarse, scale_factor=2.0, mode="bilinear", align_corners=False)
        return torch.cat([F.avg_pool2d(fine, 2), middle, coarse], dim=1)


class CropModel(nn.Module):
    """Trunk, proposer and evaluator as they are trained and exported together."""

    def __init__(
        self,
        *,
        proposer_width: int = 128,
        anchors: int = 64,
        consensus_share: float = 0.2,
        evaluator_channels: int = 8,
        evaluator_dropout: float = 0.3,
    ) -> None:
        super().__init__()
        self.trunk = Trunk()
        self.proposer = Proposer(self.trunk.channels, proposer_width, anchors, consensus_share=consensus_share)
        self.evaluator = Evaluator(self.trunk.channels, evaluator_channels, dropout=evaluator_dropout)
