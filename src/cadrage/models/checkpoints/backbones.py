"""Published ImageNet weights of every backbone: whose module is which of ours."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from cadrage.errors import UsageError
from cadrage.models.backbones.mobilenet_v2 import MobileNetV2
from cadrage.models.backbones.pyramids import MobileNetPyramid, ResNetPyramid
from cadrage.models.backbones.resnet import ResNet50
from cadrage.models.backbones.shufflenet_v2 import ShuffleNetV2
from cadrage.models.backbones.vgg16 import VGG16
from cadrage.models.checkpoints import fill, fold_norms, read_tensors, rename

# Blocks per stage, as timm counts them; the first block of all expands nothing.
_MOBILENET_REPEATS = (1, 2, 3, 4, 3, 3, 1)
# The last layers classify, which a backbone does not.
_CLASSIFIERS = ("head.", "classifier.")


def _with_norms(convolutions: dict[str, tuple[str, str]]) -> dict[str, str]:
    """Our module for each convolution and norm of theirs, from ours to their two."""
    return {
        theirs: ours + suffix
        for ours, (convolution, norm) in convolutions.items()
        for theirs, suffix in ((convolution, ""), (norm, ".norm"))
    }


def _torchvision() -> dict[str, str]:
    convolutions = {"stem": ("features.0.0", "features.0.1")}
    for index in range(sum(_MOBILENET_REPEATS)):
        block = f"features.{index + 1}.conv"
        steps = ("depthwise",) if index == 0 else ("expand", "depthwise")
        for place, step in enumerate(steps):
            convolutions[f"blocks.{index}.{step}"] = (f"{block}.{place}.0", f"{block}.{place}.1")
        convolutions[f"blocks.{index}.project"] = (f"{block}.{len(steps)}", f"{block}.{len(steps) + 1}")
    return _with_norms(convolutions)


def _timm() -> dict[str, str]:
    convolutions = {"stem": ("conv_stem", "bn1")}
    places = [(stage, place) for stage, repeats in enumerate(_MOBILENET_REPEATS) for place in range(repeats)]
    for index, (stage, place) in enumerate(places):
        block = f"blocks.{stage}.{place}"
        names = {"depthwise": "conv_dw", "project": "conv_pw"}
        if index > 0:
            names = {"expand": "conv_pw", "depthwise": "conv_dw", "project": "conv_pwl"}
        for number, (step, theirs) in enumerate(names.items(), 1):
            convolutions[f"blocks.{index}.{step}"] = (f"{block}.{theirs}", f"{block}.bn{number}")
    return _with_norms(convolutions)


MOBILENET_TORCHVISION, MOBILENET_TIMM = _torchvision(), _timm()
# A tensor that only one of them has, its table, and what it has beyond the backbone.
_MOBILENET_FORMS = {
    "features.0.0.weight": (MOBILENET_TORCHVISION, ("features.18.", "classifier.")),
    "conv_stem.weight": (MOBILENET_TIMM, ("conv_head.", "bn2.", "classifier.")),
}


def mobilenet_tensors(tensors: dict[str, Tensor]) -> tuple[dict[str, Tensor], bool]:
    """Tensors under our names with folded norms, and whether their network pads both ends."""
    for sign, (modules, left_out) in _MOBILENET_FORMS.items():
        if sign in tensors:
            return fold_norms(rename(tensors, modules, left_out)), True
    return {name: tensor for name, tensor in tensors.items() if not name.startswith(_CLASSIFIERS)}, False


def load_mobilenet_v2(backbone: MobileNetV2, file: Path) -> None:
    """Fill the backbone with ImageNet weights.

    Raises:
        UsageError: the file cannot be read, is of another network (the message lists the mismatching tensors) or was
            trained with another padding.
    """
    tensors, symmetric = mobilenet_tensors(read_tensors(file))
    check_padding(backbone, symmetric, file)
    fill(backbone, tensors, file)


def check_padding(backbone: MobileNetV2, symmetric: bool, file: Path) -> None:
    """Refuse weights whose network pads otherwise than ``backbone``.

    Raises:
        UsageError: it does; the message names the backbone that fits.
    """
    if symmetric != backbone.symmetric:
        theirs, other = ("PyTorch", "mobilenet-v2-torch") if symmetric else ("TensorFlow", "mobilenet-v2")
        raise UsageError(
            f"{file}: weights trained with the padding of {theirs}, which this network does not have; "
            f"take them with the backbone {other}"
        )


def resnet_name(name: str) -> str | None:
    """Our name of a torchvision or timm tensor: the same, or None for what a backbone does not need.

    Left out are the classifier and the batch counters of norms that are frozen here.
    """
    return None if name.startswith("fc.") or name.endswith(".num_batches_tracked") else name


def load_resnet50(backbone: ResNet50, file: Path) -> None:
    """Fill the backbone with ImageNet weights.

    Raises:
        UsageError: the file cannot be read or is of another network; the message lists the mismatching tensors.
    """
    tensors = {resnet_name(name): tensor for name, tensor in read_tensors(file).items()}
    fill(backbone, {name: tensor for name, tensor in tensors.items() if name is not None}, file)


_SHUFFLENET_BLOCKS = (4, 8, 4)
# Places of the convolutions in both branches; the norm of each follows it.
_ASIDE = {0: "depthwise", 2: "project"}
_MAIN = {0: "expand", 3: "depthwise", 5: "project"}


def block_modules(theirs: str, ours: str, *, aside: str, main: str, begins: bool) -> dict[str, str]:
    """The modules of one block, whose branches they call ``aside`` and ``main``."""
    branches = [(main, "main", _MAIN)] + ([(aside, "aside", _ASIDE)] if begins else [])
    return {
        f"{theirs}.{branch}.{place + offset}": f"{ours}.{name}.{step}.{part}"
        for branch, name, steps in branches
        for place, step in steps.items()
        for offset, part in enumerate(("conv", "norm"))
    }


SHUFFLENET_MODULES = {"conv1.0": "stem.conv", "conv1.1": "stem.norm"}
for _stage, _count in enumerate(_SHUFFLENET_BLOCKS):
    for _index in range(_count):
        SHUFFLENET_MODULES |= block_modules(
            f"stage{_stage + 2}.{_index}",
            f"stages.{_stage}.{_index}",
            aside="branch1",
            main="branch2",
            begins=_index == 0,
        )
SHUFFLENET_LEFT_OUT = ("conv5.", "fc.")


def load_shufflenet_v2(backbone: ShuffleNetV2, file: Path) -> None:
    """Fill the backbone with ImageNet weights; norms that learn start from the published statistics.

    Raises:
        UsageError: the file cannot be read or is of another network; the message lists the mismatching tensors.
    """
    counters = tuple(name for name in backbone.state_dict() if name.endswith(".num_batches_tracked"))
    fill(backbone, rename(read_tensors(file), SHUFFLENET_MODULES, SHUFFLENET_LEFT_OUT), file, fresh=counters)


# Place of every convolution in the list of layers, in which activations and poolings count as well.
_VGG_PLACES = ((0, 2), (5, 7), (10, 12, 14), (17, 19, 21), (24, 26, 28))
VGG_MODULES = {
    f"features.{place}": f"stages.{stage}.{index}"
    for stage, places in enumerate(_VGG_PLACES)
    for index, place in enumerate(places)
}
# The classifier of torchvision, and that of timm.
VGG_LEFT_OUT = ("classifier.", "pre_logits.", "head.")


def load_vgg16(backbone: VGG16, file: Path) -> None:
    """Fill the backbone with ImageNet weights.

    Raises:
        UsageError: the file cannot be read or is of another network; the message lists the mismatching tensors.
    """
    fill(backbone, rename(read_tensors(file), VGG_MODULES, VGG_LEFT_OUT), file)


_LOADERS: Mapping[type[nn.Module], Callable[[Any, Path], None]] = {
    MobileNetPyramid: lambda pyramid, file: load_mobilenet_v2(pyramid.backbone, file),
    ResNetPyramid: lambda pyramid, file: load_resnet50(pyramid.backbone, file),
    ShuffleNetV2: load_shufflenet_v2,
    VGG16: load_vgg16,
}


def load_imagenet(backbone: nn.Module, file: Path) -> None:
    """Fill a backbone of :data:`~cadrage.models.backbones.pyramids.PYRAMIDS` with the weights of torchvision or timm.

    Raises:
        UsageError: the file cannot be read or is of another network; the message lists the mismatching tensors.
        TypeError: the module is none of these backbones.
    """
    if type(backbone) not in _LOADERS:
        raise TypeError(f"{type(backbone).__name__} has no published weights that this knows")
    _LOADERS[type(backbone)](backbone, file)
