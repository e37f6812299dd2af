"""Weights of a whole grid-anchor model: our own files, and those of two published codes.

The first is the authors' (Zeng et al., TPAMI 2020), with its variant whose head has norms: photos are divided by 256,
made smaller by bilinear sampling without antialiasing, and scores are ``(mean opinion - 2.95) / 0.8``. The second
(Zhang) divides by 255, resizes by Pillow's Lanczos filter and learns mean opinions as they are. Both need
``legacy=True`` and for MobileNetV2 the backbone ``mobilenet-v2-torch``.
"""

from collections.abc import Iterable, Mapping
from math import isqrt
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from cadrage.errors import UsageError
from cadrage.models.backbones.pyramids import MobileNetPyramid
from cadrage.models.checkpoints import Checkpoint, Released, fill, fold_norms, read_tensors, rename
from cadrage.models.checkpoints.backbones import (
    MOBILENET_TORCHVISION,
    SHUFFLENET_MODULES,
    VGG_MODULES,
    block_modules,
    check_padding,
)
from cadrage.models.grid_anchor import GridAnchorModel, Head

_THEIR_BACKBONE = "Feat_ext."
# Their VGG is stored twice: whole, and cut into three parts. The parts count.
_LEFT_OUT = ("Feat_ext.feature.",)
_ONE_FOR_EACH_SCALE = "Feat_ext1."
# Last entry of each part of the list of layers, by backbone.
_VGG_ENDS, _MOBILENET_ENDS, _SHUFFLENET_ENDS = (22, 29, 30), (6, 13, 17), (3, 11, 15)
_SHUFFLENET_BEGINS = (0, 4, 12)

# Blocks of the stages of ResNet-50, and where each part of it is: module of ours by entry of the list of layers.
_RESNET_BLOCKS = {"layer1": 3, "layer2": 4, "layer3": 6, "layer4": 3}
_RESNET_PARTS = {"layer1": "feature3.4", "layer2": "feature3.5", "layer3": "feature4.0", "layer4": "feature5.0"}
_RESNET_STEPS = ("conv1", "bn1", "conv2", "bn2", "conv3", "bn3", "downsample.0", "downsample.1")

_HEAD = {
    "DimRed": "reduce",
    "FC_layers.0.0": "head.first",
    "FC_layers.0.1": "head.first_norm",
    "FC_layers.1.0": "head.second",
    "FC_layers.1.1": "head.second_norm",
    # Behind a dropout or without one.
    "FC_layers.2": "head.last",
    "FC_layers.3": "head.last",
}


def _part(index: int, ends: tuple[int, int, int]) -> str:
    """Where entry ``index`` of the list of layers is."""
    return f"{_THEIR_BACKBONE}feature{3 + sum(index > end for end in ends)}.0.{index}"


def _vgg() -> dict[str, str]:
    places = {int(theirs.removeprefix("features.")): ours for theirs, ours in VGG_MODULES.items()}
    return {_part(place, _VGG_ENDS): f"backbone.{ours}" for place, ours in places.items()}


def _mobilenet() -> dict[str, str]:
    stem, ours = _part(0, _MOBILENET_ENDS), "backbone.backbone."
    modules = {f"{stem}.0": f"{ours}stem", f"{stem}.1": f"{ours}stem.norm"}
    for index in range(_MOBILENET_ENDS[-1]):
        steps = ("depthwise", "project") if index == 0 else ("expand", "depthwise", "project")
        for number, step in enumerate(steps):
            # Convolution, norm, activation.
            theirs = f"{_part(index + 1, _MOBILENET_ENDS)}.conv"
            modules[f"{theirs}.{3 * number}"] = f"{ours}blocks.{index}.{step}"
            modules[f"{theirs}.{3 * number + 1}"] = f"{ours}blocks.{index}.{step}.norm"
    return modules


def _shufflenet() -> dict[str, str]:
    first = f"{_THEIR_BACKBONE}feature3"
    modules = {f"{first}.0.0": "backbone.stem.conv", f"{first}.0.1": "backbone.stem.norm"}
    for stage, (begin, end) in enumerate(zip(_SHUFFLENET_BEGINS, _SHUFFLENET_ENDS, strict=True)):
        for index in range(begin, end + 1):
            # The first part also holds stem and pooling.
            theirs = f"{first}.2.{index}" if stage == 0 else _part(index, _SHUFFLENET_ENDS)
            ours = f"backbone.stages.{stage}.{index - begin}"
            modules |= block_modules(theirs, ours, aside="banch1", main="banch2", begins=index == begin)
    return modules


def _mobilenet_of_torchvision() -> dict[str, str]:
    modules = {}
    for theirs, ours in MOBILENET_TORCHVISION.items():
        _, place, rest = theirs.split(".", 2)
        modules[f"{_part(int(place), _MOBILENET_ENDS)}.{rest}"] = f"backbone.backbone.{ours}"
    return modules


def _shufflenet_of_torchvision() -> dict[str, str]:
    parts = {
        "conv1.0": "feature3.0.0", "conv1.1": "feature3.0.1",
        "stage2": "feature3.2", "stage3": "feature4.0", "stage4": "feature5.0",
    }  # fmt: skip
    modules = {}
    for theirs, ours in SHUFFLENET_MODULES.items():
        begin = next(begin for begin in parts if theirs.startswith(begin))
        modules[f"{_THEIR_BACKBONE}{parts[begin]}{theirs.removeprefix(begin)}"] = f"backbone.{ours}"
    return modules


def _resnet() -> dict[str, str]:
    ours = "backbone.backbone"
    modules = {f"{_THEIR_BACKBONE}feature3.{place}": f"{ours}.{name}" for place, name in ((0, "conv1"), (1, "bn1"))}
    for layer, blocks in _RESNET_BLOCKS.items():
        for index in range(blocks):
            theirs = f"{_THEIR_BACKBONE}{_RESNET_PARTS[layer]}.{index}"
            modules |= {f"{theirs}.{step}": f"{ours}.{layer}.{index}.{step}" for step in _RESNET_STEPS}
    return modules


class _Form(NamedTuple):
    """One backbone in one of the published codes: the names of its modules, and channels of the maps it joins."""

    backbone: str
    modules: dict[str, str]
    channels: tuple[int, int, int]
    port: str  # "authors", "second", or "" where names do not tell


_AUTHORS, _SECOND = "authors", "second"
_VGG_WIDTHS, _MOBILENET_WIDTHS, _SHUFFLENET_WIDTHS = (512, 512, 512), (32, 96, 320), (116, 232, 464)
# A tensor that only this form has there.
FORMS = {
    "Feat_ext.feature3.0.2.weight": _Form("vgg16", _vgg(), _VGG_WIDTHS, ""),
    "Feat_ext.feature3.0.1.conv.0.weight": _Form("mobilenet-v2-torch", _mobilenet(), _MOBILENET_WIDTHS, _AUTHORS),
    "Feat_ext.feature3.0.1.conv.0.0.weight": _Form(
        "mobilenet-v2-torch", _mobilenet_of_torchvision(), _MOBILENET_WIDTHS, _SECOND
    ),
    "Feat_ext.feature3.2.0.banch1.0.weight": _Form("shufflenet-v2", _shufflenet(), _SHUFFLENET_WIDTHS, _AUTHORS),
    "Feat_ext.feature3.2.0.branch1.0.weight": _Form(
        "shufflenet-v2", _shufflenet_of_torchvision(), _SHUFFLENET_WIDTHS, _SECOND
    ),
    "Feat_ext.feature3.4.0.conv1.weight": _Form("resnet50", _resnet(), (512, 1024, 2048), ""),
}
# How each of the codes shows photos and what its scores are.
_READINGS: dict[str, dict[str, Any]] = {
    _AUTHORS: {
        "pixel_divisor": 256, "resize_filter": "bilinear-plain", "score_mean": 2.95, "score_deviation": 0.8,
    },
    _SECOND: {"pixel_divisor": 255, "resize_filter": "lanczos", "score_mean": 0.0, "score_deviation": 1.0},
}  # fmt: skip
# The authors' models reduce to so many channels, those of the second code to 16 or 32.
_AUTHORS_REDUCED = 8


def _form(tensors: Mapping[str, Tensor]) -> _Form | None:
    return next((form for sign, form in FORMS.items() if sign in tensors), None)


def translate(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Released tensors under our names, norms of MobileNetV2 folded; our own come back as they are."""
    form = _form(tensors)
    if form is None:
        return tensors
    renamed = fold_norms(rename(tensors, form.modules | _HEAD, _LEFT_OUT))
    return {
        # Their matrices are convolutions as large as the region.
        name: tensor.flatten(1) if name.startswith("head.") and tensor.dim() > 1 else tensor
        for name, tensor in renamed.items()
    }


def released_grid_anchor(checkpoint: Checkpoint, file: Path) -> Released:
    """A model of either published code, with all that its tensors tell: backbone, scales, channels, cells and head.

    Where names do not tell the code (VGG16 and ResNet-50 with neither a dropout before the last convolution nor, as the
    authors' VGG16 has it, a second copy of the backbone), eight channels are taken for the authors'.

    Raises:
        UsageError: it is another network, or one with a backbone for each scale.
    """
    theirs = checkpoint.tensors
    form = _form(theirs)
    if any(name.startswith(_ONE_FOR_EACH_SCALE) for name in theirs):
        raise UsageError(
            f"{file}: has a backbone for each scale, which no table of the paper is about; no model does that"
        )
    absent = [name for name in ("DimRed.weight", "FC_layers.0.0.weight") if name not in theirs]
    if form is None or absent:
        raise UsageError(
            f"{file}: no grid-anchor model; it has no {', '.join(absent) or 'backbone that is known here'}"
        )
    reduced, joined = theirs["DimRed.weight"].shape[:2]
    cells = theirs["FC_layers.0.0.weight"].shape[-1]
    tensors = translate(theirs)
    # Counters of norms are not looked at when a model is asked.
    counted = [name.removesuffix("weight") for name in tensors if name.endswith("_norm.weight")]
    tensors |= {f"{norm}num_batches_tracked": torch.tensor(0) for norm in counted}
    head = head_variant(tensors) or "plain"
    whole_copy = any(name.startswith(_LEFT_OUT) for name in theirs)
    # The last convolution stands behind a dropout in the authors' code alone.
    sure = form.port or (_AUTHORS if whole_copy or "FC_layers.3.weight" in theirs else "")
    port = sure or (_AUTHORS if reduced == _AUTHORS_REDUCED else _SECOND)
    several = joined == sum(form.channels)
    code = "the authors' code" if port == _AUTHORS else "the second published code"
    why = "" if sure else f", by its {reduced} channels; otherwise --set pixel_divisor=, resize_filter=, score_mean="
    settings = {
        "backbone": form.backbone,
        "reduced": int(reduced),
        "bins": int(cells),
        "multi_scale": several,
        "head": head,
        "legacy": True,
        **_READINGS[port],
    }
    recognised = (
        f"grid anchors on {form.backbone}, {'several scales' if several else 'one scale'}, {reduced} channels, "
        f"{cells}x{cells} cells" + (", norms in the head" if head == "norm" else ""),
        f"trained by {code}{why}",
    )
    return Released(tensors, settings, recognised)


def head_variant(names: Iterable[str]) -> Head | None:
    """Which head tensors of these names belong to, or None if there is none among them."""
    of_head = [name for name in names if name.startswith("head.")]
    if not of_head:
        return None
    signs: dict[Head, str] = {"norm": "_norm.", "3x3": "head.before.3x3.", "5x5": "head.before.5x5."}
    return next((head for head, sign in signs.items() if any(sign in name for name in of_head)), "plain")


def load_grid_anchor(model: GridAnchorModel, file: Path) -> None:
    """Fill the whole model.

    Raises:
        UsageError: the file cannot be read; it has another variant of the head, another padding, another sampling or
            other regions, and the message says which; or it is of another network, and the message lists the
            mismatching tensors.
    """
    read = read_tensors(file)
    tensors = translate(read)
    form = _form(read)
    if isinstance(model.backbone, MobileNetPyramid) and form is not None and form.backbone == "mobilenet-v2-torch":
        check_padding(model.backbone.backbone, True, file)
    if tensors is not read and not model.legacy:
        raise UsageError(
            f"{file}: was released with the paper, whose code samples boxes in its own way; build the model with "
            "legacy=True"
        )
    check_head(model.state_dict(), tensors, file)
    check_regions(model, tensors, file)
    counters = tuple(
        name for name in model.state_dict() if name.endswith(".num_batches_tracked") and name not in tensors
    )
    fill(model, tensors, file, fresh=counters)


def check_head(ours: Mapping[str, Tensor], theirs: Mapping[str, Tensor], file: Path) -> None:
    """Refuse tensors of another head before their names are compared, which would only list what is missing.

    Raises:
        UsageError: both have a head, of different variants.
    """
    wanted, found = head_variant(ours), head_variant(theirs)
    if found is not None and found != wanted:
        raise UsageError(
            f"{file}: its head is the variant {found!r}, this model has {wanted!r}; build the model with head={found!r}"
        )


def check_regions(model: GridAnchorModel, theirs: Mapping[str, Tensor], file: Path) -> None:
    """Refuse tensors of a model that sees another number of channels or cells of a box, and say which.

    Raises:
        UsageError: the numbers differ.
    """
    reduction, first = theirs.get("reduce.weight"), theirs.get("head.first.weight")
    # What is missing or no matrix at all is listed later.
    if reduction is None or first is None or reduction.dim() != 4 or first.dim() != 2:
        return
    if len(reduction) != model.reduce.out_channels:
        raise UsageError(
            f"{file}: reduces to {len(reduction)} channels, this model to {model.reduce.out_channels}; build the "
            f"model with reduced={len(reduction)}"
        )
    seen, wanted = (width // len(reduction) for width in (first.shape[1], model.head.first.in_features))
    if seen != wanted and not model.head.before:
        forms = [
            f"bins={bins} and {which}"
            for count, which in ((2, "two regions"), (1, "one region"))
            if seen % count == 0 and (bins := isqrt(seen // count)) ** 2 * count == seen
        ]
        raise UsageError(
            f"{file}: its head sees {seen} cells of a box, this model's {wanted} (bins={model.bins}, "
            f"regions={model.regions!r}); build the model with {' or '.join(forms) or 'other bins and regions'}"
        )
