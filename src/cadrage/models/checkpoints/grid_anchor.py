"""Weights of a whole grid-anchor model: our own files and those released with the paper.

The released ones need ``legacy=True``, for MobileNetV2 the backbone ``mobilenet-v2-torch``, and photos divided by 256
instead of 255; their scores are ``(mean opinion - 2.95) / 0.8``.
"""

from collections.abc import Iterable, Mapping
from math import isqrt
from pathlib import Path

from torch import Tensor

from cadrage.errors import UsageError
from cadrage.models.backbones.pyramids import MobileNetPyramid
from cadrage.models.checkpoints import fill, fold_norms, read_tensors, rename
from cadrage.models.checkpoints.backbones import VGG_MODULES, block_modules, check_padding
from cadrage.models.grid_anchor import GridAnchorModel, Head

_THEIR_BACKBONE = "Feat_ext."
# Their VGG is stored twice: whole, and cut into three parts. The parts count.
_LEFT_OUT = ("Feat_ext.feature.",)
# Last entry of each part of the list of layers, by backbone.
_VGG_ENDS, _MOBILENET_ENDS, _SHUFFLENET_ENDS = (22, 29, 30), (6, 13, 17), (3, 11, 15)
_SHUFFLENET_BEGINS = (0, 4, 12)

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


_MOBILENET = "Feat_ext.feature3.0.0.0.weight"
# A tensor that only this backbone has there, and its table.
RELEASED = {
    "Feat_ext.feature3.0.2.weight": _vgg(),
    _MOBILENET: _mobilenet(),
    "Feat_ext.feature3.2.0.banch1.0.weight": _shufflenet(),
}


def translate(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Released tensors under our names, norms of MobileNetV2 folded; our own come back as they are."""
    for sign, modules in RELEASED.items():
        if sign in tensors:
            renamed = fold_norms(rename(tensors, modules | _HEAD, _LEFT_OUT))
            return {
                # Their matrices are convolutions as large as the region.
                name: tensor.flatten(1) if name.startswith("head.") and tensor.dim() > 1 else tensor
                for name, tensor in renamed.items()
            }
    return tensors


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
    if isinstance(model.backbone, MobileNetPyramid) and _MOBILENET in read:
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
