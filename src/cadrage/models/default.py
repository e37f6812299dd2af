"""The default model: one trunk, a proposer and an evaluator."""

from torch import nn

from cadrage.models.backbones.mobilenet_map import MobileNetMap
from cadrage.models.evaluator import Evaluator
from cadrage.models.proposer import Proposer


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
        self.trunk = MobileNetMap()
        self.proposer = Proposer(self.trunk.channels, proposer_width, anchors, consensus_share=consensus_share)
        self.evaluator = Evaluator(self.trunk.channels, evaluator_channels, dropout=evaluator_dropout)
