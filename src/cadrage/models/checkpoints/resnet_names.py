"""ResNet-50 weights of torchvision and timm."""

from pathlib import Path

from cadrage.models.backbones.resnet import ResNet50
from cadrage.models.checkpoints import fill, read_tensors


def our_name(name: str) -> str | None:
    """Our name of a torchvision or timm tensor: the same, or None for what a backbone does not need.

    Left out are the classifier and the batch counters of norms that are frozen here.
    """
    return None if name.startswith("fc.") or name.endswith(".num_batches_tracked") else name


def load_resnet50(backbone: ResNet50, file: Path) -> None:
    """Fill the backbone with ImageNet weights.

    Raises:
        UsageError: the file cannot be read or is of another network; the message lists the mismatching tensors.
    """
    tensors = {our_name(name): tensor for name, tensor in read_tensors(file).items()}
    fill(backbone, {name: tensor for name, tensor in tensors.items() if name is not None}, file)
