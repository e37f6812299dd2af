"""MobileNetV2 1.0 with batch norm folded into the convolutions."""

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

# (expansion, output channels, repeats, first stride) of each stage; Sandler et al., CVPR 2018, table 2.
_STAGES = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
# Index of the last block at strides 8, 16 and 32.
_TAPS = (5, 12, 16)


class _Conv(nn.Conv2d):
    """Convolution padded as TensorFlow's SAME on even inputs: a stride of 2 pads right and bottom only.

    A ``symmetric`` one pads all sides, as PyTorch's networks do.
    """

    def __init__(
        self, inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1, *, symmetric: bool = False
    ) -> None:
        same = kernel // 2 if stride == 1 or symmetric else 0
        super().__init__(inputs, outputs, kernel, stride, padding=same, groups=groups)
        self.pad_end = kernel > 1 and stride == 2 and not symmetric

    def forward(self, x: Tensor) -> Tensor:
        if self.pad_end:
            x = F.pad(x, (0, 1, 0, 1))
        out: Tensor = super().forward(x)
        return out


class _Block(nn.Module):
    """Inverted residual with a linear bottleneck."""

    def __init__(self, inputs: int, outputs: int, stride: int, expansion: int, symmetric: bool) -> None:
        super().__init__()
        hidden = inputs * expansion
        self.expand = _Conv(inputs, hidden, 1) if expansion > 1 else None
        self.depthwise = _Conv(hidden, hidden, 3, stride, groups=hidden, symmetric=symmetric)
        self.project = _Conv(hidden, outputs, 1)
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        y = x if self.expand is None else F.relu6(self.expand(x))
        y = self.project(F.relu6(self.depthwise(y)))
        out: Tensor = x + y if self.residual else y
        return out


class MobileNetV2(nn.Module):
    """Feature pyramid of MobileNetV2 1.0 (Sandler et al., CVPR 2018) without its 1280-channel head.

    Input: float ``(B, 3, H, W)``, RGB in [-1, 1], H and W multiples of 32.
    Output: three maps at strides 8, 16 and 32 with 32, 96 and 320 channels.

    ``symmetric`` pads as weights trained with PyTorch expect it, otherwise as those trained with TensorFlow do.
    """

    channels = (32, 96, 320)

    def __init__(self, *, symmetric: bool = False) -> None:
        super().__init__()
        self.symmetric = symmetric
        self.stem = _Conv(3, 32, 3, 2, symmetric=symmetric)
        blocks, width = [], 32
        for expansion, outputs, repeats, first_stride in _STAGES:
            for index in range(repeats):
                blocks.append(_Block(width, outputs, first_stride if index == 0 else 1, expansion, symmetric))
                width = outputs
        self.blocks = nn.ModuleList(blocks)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x = F.relu6(self.stem(image))
        taps = []
        for index, block in enumerate(self.blocks):
            x = block(x)
            if index in _TAPS:
                taps.append(x)
        return taps[0], taps[1], taps[2]


def load_imagenet_weights(backbone: MobileNetV2, file: Path) -> None:
    """Copy ImageNet weights from a safetensors file whose batch norm is folded into weight and bias.

    The classification tensors (``head.*`` and ``classifier.*``) are skipped; every other tensor must fit.

    Raises:
        RuntimeError: a tensor is missing, unexpected or of another shape.
    """
    from safetensors.torch import load_file

    tensors = {k: v for k, v in load_file(file).items() if not k.startswith(("head.", "classifier."))}
    backbone.load_state_dict(tensors, strict=True)


class MobileNetMap(nn.Module):
    """Photo to one feature map at stride 16 that joins strides 8, 16 and 32.

    Input: ``(B, 3, H, W)``, RGB in [0, 1], H and W multiples of 32. Output: ``(B, 448, H/16, W/16)``. With ``fine``
    the map of stride 8 follows behind those channels as it is, each cell's four parts one after the other: 128 more,
    for whoever looks for small things. Heads read as many of the leading channels as they are made for.
    """

    neutral_rgb: Tensor

    def __init__(self, *, fine: bool = False) -> None:
        super().__init__()
        self.fine = fine
        self.backbone = MobileNetV2()
        self.channels = sum(MobileNetV2.channels)
        self.stride = 16
        self.register_buffer("neutral_rgb", torch.full((3,), 0.5), persistent=False)

    def forward(self, image: Tensor) -> Tensor:
        fine, middle, coarse = self.backbone(image * 2 - 1)
        coarse = F.interpolate(coarse, scale_factor=2.0, mode="bilinear", align_corners=False)
        joined = [F.avg_pool2d(fine, 2), middle, coarse]
        return torch.cat([*joined, F.pixel_unshuffle(fine, 2)] if self.fine else joined, dim=1)
