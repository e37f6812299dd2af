"""ResNet-50 with frozen norms, as a detector uses it.

Modules bear the names of torchvision and timm, so that the weights of both fit without translation.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cadrage.models.backbones.norms import FrozenNorm

_BLOCKS = (3, 4, 6, 3)  # He et al., CVPR 2016, table 1
_EXPANSION = 4
# Statistics of the ImageNet photos the weights come from, RGB in [0, 1].
_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class Bottleneck(nn.Module):
    """1x1, 3x3, 1x1 convolution around a residual; a stride sits in the 3x3."""

    def __init__(self, inputs: int, middle: int, *, stride: int = 1, dilation: int = 1) -> None:
        super().__init__()
        outputs = middle * _EXPANSION
        self.conv1, self.bn1 = nn.Conv2d(inputs, middle, 1, bias=False), FrozenNorm(middle)
        self.conv2 = nn.Conv2d(middle, middle, 3, stride, padding=dilation, dilation=dilation, bias=False)
        self.bn2 = FrozenNorm(middle)
        self.conv3, self.bn3 = nn.Conv2d(middle, outputs, 1, bias=False), FrozenNorm(outputs)
        self.downsample: nn.Module | None = None
        if inputs != outputs:
            self.downsample = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), FrozenNorm(outputs))

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.bn1(self.conv1(x)))
        y = F.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        return F.relu(y + (x if self.downsample is None else self.downsample(x)))


class ResNet50(nn.Module):
    """Photo to the last map of ResNet-50 (He et al., CVPR 2016); stem and first stage are not trained.

    ``dilated`` keeps the last stage at stride 16 instead of 32: its stride becomes a dilation ("DC5"), so the same
    weights fit both. ``base`` is the number of channels of the stem; the published weights have 64.
    """

    neutral_rgb: Tensor
    deviation: Tensor

    def __init__(self, *, dilated: bool = False, base: int = 64) -> None:
        super().__init__()
        self.channels = 8 * base * _EXPANSION
        self.stride = 16 if dilated else 32
        self.register_buffer("neutral_rgb", torch.tensor(_MEAN), persistent=False)
        self.register_buffer("deviation", torch.tensor(_DEVIATION), persistent=False)
        self.conv1, self.bn1 = nn.Conv2d(3, base, 7, 2, padding=3, bias=False), FrozenNorm(base)
        self.layer1 = self._stage(0, base, base, stride=1)
        self.layer2 = self._stage(1, base * 4, base * 2, stride=2)
        self.layer3 = self._stage(2, base * 8, base * 4, stride=2)
        self.layer4 = self._stage(3, base * 16, base * 8, stride=1 if dilated else 2, dilation=2 if dilated else 1)
        self.conv1.requires_grad_(False)
        self.layer1.requires_grad_(False)

    @staticmethod
    def _stage(index: int, inputs: int, middle: int, *, stride: int, dilation: int = 1) -> nn.Sequential:
        # The first block sees the map of the stage before, whose cells are not yet spread out.
        blocks = [Bottleneck(inputs, middle, stride=stride)]
        outputs = middle * _EXPANSION
        blocks += [Bottleneck(outputs, middle, dilation=dilation) for _ in range(_BLOCKS[index] - 1)]
        return nn.Sequential(*blocks)

    def stages(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Maps of the four stages; ``(B, 3, H, W)``, RGB in [0, 1], to strides 4, 8, 16 and ``stride``."""
        x = (image - self.neutral_rgb.view(3, 1, 1)) / self.deviation.view(3, 1, 1)
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 3, 2, padding=1)
        first = self.layer1(x)
        second = self.layer2(first)
        third = self.layer3(second)
        return first, second, third, self.layer4(third)

    def forward(self, image: Tensor) -> Tensor:
        """``(B, 3, H, W)``, RGB in [0, 1], to ``(B, channels, H / stride, W / stride)``, rounded up."""
        return self.stages(image)[-1]
