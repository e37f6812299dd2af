"""ShuffleNetV2 1.0 as a feature pyramid."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cadrage.models.backbones.norms import FrozenNorm, Normalise

# Blocks and channels of each stage; Ma et al., ECCV 2018, table 5, 1x.
_STAGES = ((4, 116), (8, 232), (4, 464))
_STEM = 24


class _Step(nn.Module):
    """Convolution and norm; the paper puts no activation after a depthwise convolution."""

    def __init__(self, inputs: int, outputs: int, kernel: int, *, stride: int = 1, groups: int = 1, live: bool) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2, groups=groups, bias=False)
        self.norm = nn.BatchNorm2d(outputs) if live else FrozenNorm(outputs)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.norm(self.conv(x))
        return out


class _Main(nn.Module):
    """Pointwise, depthwise, pointwise."""

    def __init__(self, inputs: int, outputs: int, stride: int, live: bool) -> None:
        super().__init__()
        self.expand = _Step(inputs, outputs, 1, live=live)
        self.depthwise = _Step(outputs, outputs, 3, stride=stride, groups=outputs, live=live)
        self.project = _Step(outputs, outputs, 1, live=live)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.project(self.depthwise(F.relu(self.expand(x)))))


class _Aside(nn.Module):
    """What the other half of the channels passes where a stage begins."""

    def __init__(self, inputs: int, outputs: int, live: bool) -> None:
        super().__init__()
        self.depthwise = _Step(inputs, inputs, 3, stride=2, groups=inputs, live=live)
        self.project = _Step(inputs, outputs, 1, live=live)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.project(self.depthwise(x)))


class _Block(nn.Module):
    """Two halves of the channels, one of which is computed, then shuffled (Ma et al., ECCV 2018, figure 3 c and d)."""

    def __init__(self, inputs: int, outputs: int, live: bool) -> None:
        super().__init__()
        half, begins = outputs // 2, inputs != outputs
        self.aside = _Aside(inputs, half, live) if begins else None
        self.main = _Main(inputs if begins else half, half, 2 if begins else 1, live)

    def forward(self, x: Tensor) -> Tensor:
        if self.aside is None:
            kept, changed = x.chunk(2, dim=1)
            halves = kept, self.main(changed)
        else:
            halves = self.aside(x), self.main(x)
        # Channels of both halves alternate.
        return torch.stack(halves, dim=2).flatten(1, 2)


class ShuffleNetV2(nn.Module):
    """Photo to three maps of ShuffleNetV2 1.0 (Ma et al., ECCV 2018) without its 1024-channel head.

    Input: ``(B, 3, H, W)``, RGB in [0, 1], H and W multiples of 32. Output: maps at strides 8, 16 and 32.

    ``live_norm`` trains the norms with the statistics of each batch, which a network without pretrained weights needs;
    otherwise they keep those of the pretraining.
    """

    channels = (116, 232, 464)

    def __init__(self, *, live_norm: bool = False) -> None:
        super().__init__()
        self.normalise = Normalise()
        self.stem = _Step(3, _STEM, 3, stride=2, live=live_norm)
        self.stages = nn.ModuleList()
        width = _STEM
        for blocks, outputs in _STAGES:
            stage = [_Block(width if index == 0 else outputs, outputs, live_norm) for index in range(blocks)]
            self.stages.append(nn.Sequential(*stage))
            width = outputs

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x = F.max_pool2d(F.relu(self.stem(self.normalise(image))), 3, 2, padding=1)
        maps = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return maps[0], maps[1], maps[2]
