"""VGG-16 without batch norm, as a feature pyramid."""

from torch import Tensor, nn
from torch.nn import functional as F

from cadrage.models.backbones.norms import Normalise

# Convolutions per stage and their channels in units of the first stage's; Simonyan & Zisserman, ICLR 2015, table 1, D.
_STAGES = ((2, 1), (2, 2), (3, 4), (3, 8), (3, 8))


class VGG16(nn.Module):
    """Photo to three maps of VGG-16: conv4_3, conv5_3 and the pooling after it.

    Input: ``(B, 3, H, W)``, RGB in [0, 1], H and W multiples of 32. Output: maps at strides 8, 16 and 32. ``base`` is
    the number of channels of the first stage; the published weights have 64.
    """

    def __init__(self, *, base: int = 64) -> None:
        super().__init__()
        self.channels = (8 * base, 8 * base, 8 * base)
        self.normalise = Normalise()
        self.stages = nn.ModuleList()
        width = 3
        for convolutions, multiple in _STAGES:
            stage = nn.ModuleList()
            for _ in range(convolutions):
                stage.append(nn.Conv2d(width, multiple * base, 3, padding=1))
                width = multiple * base
            self.stages.append(stage)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x = self.normalise(image)
        ends = []
        for stage in self.stages:
            for convolution in stage:  # type: ignore[attr-defined]
                x = F.relu(convolution(x))
            ends.append(x)
            x = F.max_pool2d(x, 2)
        return ends[-2], ends[-1], x
