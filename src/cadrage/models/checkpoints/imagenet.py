"""ImageNet weights for any of the backbones of grid anchors."""

from pathlib import Path

from torch import nn

from cadrage.models.backbones.pyramids import MobileNetPyramid, ResNetPyramid
from cadrage.models.backbones.shufflenet_v2 import ShuffleNetV2
from cadrage.models.backbones.vgg16 import VGG16
from cadrage.models.checkpoints.mobilenet_names import load_mobilenet_v2
from cadrage.models.checkpoints.resnet_names import load_resnet50
from cadrage.models.checkpoints.shufflenet_names import load_shufflenet_v2
from cadrage.models.checkpoints.vgg_names import load_vgg16


def load_imagenet(backbone: nn.Module, file: Path) -> None:
    """Fill a backbone of :data:`~cadrage.models.backbones.pyramids.PYRAMIDS` with the weights of torchvision or timm.

    Raises:
        UsageError: the file cannot be read or is of another network; the message lists the mismatching tensors.
        TypeError: the module is none of these backbones.
    """
    match backbone:
        case MobileNetPyramid():
            load_mobilenet_v2(backbone.backbone, file)
        case ResNetPyramid():
            load_resnet50(backbone.backbone, file)
        case ShuffleNetV2():
            load_shufflenet_v2(backbone, file)
        case VGG16():
            load_vgg16(backbone, file)
        case _:
            raise TypeError(f"{type(backbone).__name__} has no published weights that this knows")
