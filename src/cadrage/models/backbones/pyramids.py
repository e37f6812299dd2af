"""The backbones of grid anchors by name: photos in [0, 1] to three maps at strides 8, 16 and 32."""

import difflib
from collections.abc import Callable
from functools import partial
from typing import Protocol

from torch import Tensor, nn

from cadrage.errors import UsageError
from cadrage.models.backbones.mobilenet_v2 import MobileNetV2
from cadrage.models.backbones.norms import Normalise
from cadrage.models.backbones.resnet import ResNet50
from cadrage.models.backbones.shufflenet_v2 import ShuffleNetV2
from cadrage.models.backbones.vgg16 import VGG16


class Pyramid(Protocol):
    """A module from photo to three maps that normalises the photo itself.

    Attributes:
        channels: of the maps at strides 8, 16 and 32.
    """

    channels: tuple[int, int, int]

    def __call__(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """``(B, 3, H, W)``, RGB in [0, 1], H and W multiples of 32, to ``(B, channels[i], H / stride, W / stride)``."""


class MobileNetPyramid(nn.Module):
    """MobileNetV2 with the input range of its weights: [-1, 1] as in TensorFlow, or ``symmetric``, as in PyTorch."""

    def __init__(self, *, symmetric: bool = False) -> None:
        super().__init__()
        self.channels = MobileNetV2.channels
        self.backbone = MobileNetV2(symmetric=symmetric)
        self.normalise = Normalise() if symmetric else None

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        maps: tuple[Tensor, Tensor, Tensor] = self.backbone(
            image * 2 - 1 if self.normalise is None else self.normalise(image)
        )
        return maps


class ResNetPyramid(nn.Module):
    """The last three stages of ResNet-50; norms, stem and first stage are not trained."""

    def __init__(self, *, base: int = 64) -> None:
        super().__init__()
        self.channels = (8 * base, 16 * base, 32 * base)
        self.backbone = ResNet50(base=base)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        _, fine, middle, coarse = self.backbone.stages(image)
        return fine, middle, coarse


PYRAMIDS: dict[str, Callable[[], nn.Module]] = {
    "mobilenet-v2": MobileNetPyramid,
    # The same network for weights trained with PyTorch, whose padding and input range differ.
    "mobilenet-v2-torch": partial(MobileNetPyramid, symmetric=True),
    "shufflenet-v2": ShuffleNetV2,
    # With norms that learn, for training without pretrained weights.
    "shufflenet-v2-live": partial(ShuffleNetV2, live_norm=True),
    "resnet50": ResNetPyramid,
    "vgg16": VGG16,
}


def make_pyramid(name: str) -> nn.Module:
    """The untrained backbone of a name.

    Raises:
        UsageError: there is none of this name.
    """
    if name not in PYRAMIDS:
        close = difflib.get_close_matches(name, PYRAMIDS, n=1)
        meant = f"did you mean {close[0]}? " if close else ""
        raise UsageError(f"backbone {name!r}: unknown; {meant}choose one of {', '.join(PYRAMIDS)}")
    return PYRAMIDS[name]()
