"""The default model: one trunk, a proposer and an evaluator."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cadrage.models.align import rod_align, roi_align
from cadrage.models.backbones.mobilenet_v2 import MobileNetV2


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


def _grid(height: int, width: int, like: Tensor) -> Tensor:
    """Cell centres in [-1, 1] as a map ``(1, 2, h, w)``, x first."""
    x = (torch.arange(width, dtype=like.dtype, device=like.device) + 0.5) / width * 2 - 1
    y = (torch.arange(height, dtype=like.dtype, device=like.device) + 0.5) / height * 2 - 1
    return torch.stack([x.expand(height, width), y.unsqueeze(1).expand(height, width)]).unsqueeze(0)


def decode_boxes(raw: Tensor) -> Tensor:
    """Four unbounded numbers per box to a box that always lies inside the photo.

    ``raw (..., 4)`` holds logits of width, height and of the position of the free margin: ``w = sigmoid(raw_0)``,
    ``x1 = (1 - w) sigmoid(raw_2)``. Returns ``(..., 4)`` as x1 y1 x2 y2 in [0, 1].
    """
    size = raw[..., :2].sigmoid()
    corner = (1 - size) * raw[..., 2:].sigmoid()
    return torch.cat([corner, corner + size], dim=-1)


class Proposer(nn.Module):
    """Every cell of the map proposes a box and a validity logit."""

    def __init__(self, channels: int, width: int = 128, dropout: float = 0.1) -> None:
        super().__init__()
        self.reduce = nn.Conv2d(channels, width, 1)
        self.place = nn.Conv2d(3, width, 1)
        self.context = nn.Linear(width, width)
        self.mix = nn.Conv2d(width, width, 3, padding=1)
        self.dropout = nn.Dropout2d(dropout)
        self.out = nn.Conv2d(width, 5, 1)
        nn.init.normal_(self.out.weight, std=0.01)
        with torch.no_grad():
            self.out.bias.copy_(torch.tensor([1.5, 1.5, 0.0, 0.0, 0.0]))

    def forward(self, features: Tensor, log_aspect: Tensor) -> tuple[Tensor, Tensor]:
        batch, _, height, width = features.shape
        place = torch.cat(
            [
                _grid(height, width, features).expand(batch, -1, -1, -1),
                log_aspect.view(-1, 1, 1, 1).expand(-1, 1, height, width),
            ],
            dim=1,
        )
        x = F.relu(self.reduce(features) + self.place(place))
        x = x + self.context(x.mean(dim=(2, 3)))[:, :, None, None]
        x = F.relu(self.mix(self.dropout(x)))
        out = self.out(x).flatten(2).transpose(1, 2)
        return decode_boxes(out[..., :4]), out[..., 4]


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
        reduced = self.reduce(features)
        height, width = reduced.shape[2:]
        cells = boxes * boxes.new_tensor([width, height, width, height]) - 0.5
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
        return self.head(self.dropout(x)).squeeze(-1)


class CropModel(nn.Module):
    """Trunk, proposer and evaluator as they are trained and exported together."""

    def __init__(self, proposer_width: int = 128, evaluator_channels: int = 8, evaluator_dropout: float = 0.3) -> None:
        super().__init__()
        self.trunk = Trunk()
        self.proposer = Proposer(self.trunk.channels, proposer_width)
        self.evaluator = Evaluator(self.trunk.channels, evaluator_channels, dropout=evaluator_dropout)
