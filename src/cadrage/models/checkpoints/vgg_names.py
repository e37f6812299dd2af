"""VGG-16 weights of torchvision and timm."""

from pathlib import Path

from cadrage.models.backbones.vgg16 import VGG16
from cadrage.models.checkpoints import fill, read_tensors
from cadrage.models.checkpoints.tables import rename

# Place of every convolution in the list of layers, in which activations and poolings count as well.
_PLACES = ((0, 2), (5, 7), (10, 12, 14), (17, 19, 21), (24, 26, 28))
MODULES = {
    f"features.{place}": f"stages.{stage}.{index}"
    for stage, places in enumerate(_PLACES)
    for index, place in enumerate(places)
}
# The classifier of torchvision, and that of timm.
LEFT_OUT = ("classifier.", "pre_logits.", "head.")


def load_vgg16(backbone: VGG16, file: Path) -> None:
    """Fill the backbone with ImageNet weights.

    Raises:
        UsageError: the file cannot be read or is of another network; the message lists the mismatching tensors.
    """
    fill(backbone, rename(read_tensors(file), MODULES, LEFT_OUT), file)
