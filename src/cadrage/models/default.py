"""The default model: a proposer and an evaluator on one trunk."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cadrage.models.align import rod_align, roi_align, sampling_cells
from cadrage.models.backbones.mobilenet_v2 import MobileNetMap
from cadrage.models.proposer import Proposer


class Evaluator(nn.Module):
    """Scores any box from what is inside it, what is left out, and its geometry."""

    def __init__(self, channels: int, reduced: int = 8, bins: int = 9, hidden: int = 256, dropout: float = 0.3) -> None:
        super().__init__()
        self.bins = bins
        self.reduce = nn.Conv2d(channels, reduced, 1)
        self.regions = nn.Linear(2 * reduced * bins * bins, hidden)
        self.geometry = nn.Linear(9, hidden)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Sequential(nn.Linear(hidden, 64), nn.ReLU(), nn.Linear(64, 1))

    def forward(self, features: Tensor, log_aspect: Tensor, boxes: Tensor) -> Tensor:
        reduced = self.reduce(features[:, : self.reduce.in_channels])
        cells = sampling_cells(boxes, (reduced.shape[2], reduced.shape[3]))
        inside, outside = roi_align(reduced, cells, self.bins), rod_align(reduced, cells, self.bins)
        regions = torch.cat([inside, outside], dim=2).flatten(2)
        size = boxes[..., 2:] - boxes[..., :2]
        log_size = size.clamp(min=1e-3).log()
        geometry = torch.cat(
            [
                boxes * 2 - 1,
                size,
                log_size.sum(-1, keepdim=True),
                log_size[..., :1] - log_size[..., 1:],
                log_aspect.view(-1, 1, 1).expand(-1, boxes.shape[1], 1),
            ],
            dim=-1,
        )
        x = F.relu(self.regions(self.dropout(regions)) + self.geometry(geometry))
        scores: Tensor = self.head(self.dropout(x)).squeeze(-1)
        return scores


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
        self.trunk = MobileNetMap(fine=True)
        self.proposer = Proposer(self.trunk.channels, proposer_width, anchors, consensus_share=consensus_share)
        self.evaluator = Evaluator(self.trunk.channels, evaluator_channels, dropout=evaluator_dropout)
