"""MobileNetV2 weights trained on ImageNet, batch norm folded into the convolutions."""

from pathlib import Path

from cadrage.models.backbones.mobilenet_v2 import MobileNetV2
from cadrage.models.checkpoints import fill, read_tensors

# The last layers classify, which a backbone does not.
_LEFT_OUT = ("head.", "classifier.")


def load_mobilenet_v2(backbone: MobileNetV2, file: Path) -> None:
    """Fill the backbone with ImageNet weights under our own names.

    Raises:
        UsageError: the file cannot be read or is of another network; the message lists the mismatching tensors.
    """
    tensors = {name: tensor for name, tensor in read_tensors(file).items() if not name.startswith(_LEFT_OUT)}
    fill(backbone, tensors, file)
