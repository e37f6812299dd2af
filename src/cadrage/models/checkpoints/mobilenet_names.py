"""MobileNetV2 weights trained on ImageNet: our own file, whose batch norm is folded, and those of torchvision and timm.

Ours come from TensorFlow, which pads strided convolutions at one end; PyTorch pads both. Weights of one origin in a
network of the other would still fit, shifted by a pixel per stride, so they are refused.
"""

from pathlib import Path

from torch import Tensor

from cadrage.errors import UsageError
from cadrage.models.backbones.mobilenet_v2 import MobileNetV2
from cadrage.models.checkpoints import fill, read_tensors
from cadrage.models.checkpoints.tables import fold_norms, rename

# Blocks per stage, as timm counts them; the first block of all expands nothing.
_REPEATS = (1, 2, 3, 4, 3, 3, 1)
# The last layers classify, which a backbone does not.
_LEFT_OUT = ("head.", "classifier.")


def _with_norms(convolutions: dict[str, tuple[str, str]]) -> dict[str, str]:
    """Our module for each convolution and norm of theirs, from ours to their two."""
    return {
        theirs: ours + suffix
        for ours, (convolution, norm) in convolutions.items()
        for theirs, suffix in ((convolution, ""), (norm, ".norm"))
    }


def _torchvision() -> dict[str, str]:
    convolutions = {"stem": ("features.0.0", "features.0.1")}
    for index in range(sum(_REPEATS)):
        block = f"features.{index + 1}.conv"
        steps = ("depthwise",) if index == 0 else ("expand", "depthwise")
        for place, step in enumerate(steps):
            convolutions[f"blocks.{index}.{step}"] = (f"{block}.{place}.0", f"{block}.{place}.1")
        convolutions[f"blocks.{index}.project"] = (f"{block}.{len(steps)}", f"{block}.{len(steps) + 1}")
    return _with_norms(convolutions)


def _timm() -> dict[str, str]:
    convolutions = {"stem": ("conv_stem", "bn1")}
    places = [(stage, place) for stage, repeats in enumerate(_REPEATS) for place in range(repeats)]
    for index, (stage, place) in enumerate(places):
        block = f"blocks.{stage}.{place}"
        names = {"depthwise": "conv_dw", "project": "conv_pw"}
        if index > 0:
            names = {"expand": "conv_pw", "depthwise": "conv_dw", "project": "conv_pwl"}
        for number, (step, theirs) in enumerate(names.items(), 1):
            convolutions[f"blocks.{index}.{step}"] = (f"{block}.{theirs}", f"{block}.bn{number}")
    return _with_norms(convolutions)


TORCHVISION, TIMM = _torchvision(), _timm()
# A tensor that only one of them has, its table, and what it has beyond the backbone.
_FORMS = {
    "features.0.0.weight": (TORCHVISION, ("features.18.", "classifier.")),
    "conv_stem.weight": (TIMM, ("conv_head.", "bn2.", "classifier.")),
}


def translate(tensors: dict[str, Tensor]) -> tuple[dict[str, Tensor], bool]:
    """Tensors under our names with folded norms, and whether their network pads both ends."""
    for sign, (modules, left_out) in _FORMS.items():
        if sign in tensors:
            return fold_norms(rename(tensors, modules, left_out)), True
    return {name: tensor for name, tensor in tensors.items() if not name.startswith(_LEFT_OUT)}, False


def load_mobilenet_v2(backbone: MobileNetV2, file: Path) -> None:
    """Fill the backbone with ImageNet weights.

    Raises:
        UsageError: the file cannot be read, is of another network (the message lists the mismatching tensors) or was
            trained with another padding.
    """
    tensors, symmetric = translate(read_tensors(file))
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
