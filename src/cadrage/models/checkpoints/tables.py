"""Tables of names: whose module of a published network is which of ours."""

from collections.abc import Mapping

import torch
from torch import Tensor

# As in torchvision, timm and the code released with the cropping papers.
_EPSILON = 1e-5
_STATISTICS = ("weight", "bias", "running_mean", "running_var")


def rename(
    tensors: Mapping[str, Tensor], modules: Mapping[str, str], left_out: tuple[str, ...] = ()
) -> dict[str, Tensor]:
    """Tensors under our names.

    Args:
        tensors: by their names, ``MODULE.KIND``.
        modules: our module for each of theirs.
        left_out: beginnings of names that have no place here, such as the classifier.

    Returns:
        All the others but the batch counters of norms; a tensor of an unknown module keeps its name, so that
        :func:`~cadrage.models.checkpoints.fill` reports it.
    """
    renamed = {}
    for name, tensor in tensors.items():
        if name.startswith(left_out) or name.endswith(".num_batches_tracked"):
            continue
        module, _, kind = name.rpartition(".")
        renamed[f"{modules[module]}.{kind}" if module in modules else name] = tensor
    return renamed


def fold_norms(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Convolutions without bias and their norms ``MODULE.norm`` as convolutions with bias.

    ``w' = w g / sqrt(v + e)`` and ``b' = b - m g / sqrt(v + e)``, with scale g, shift b, mean m and variance v of the
    norm (Jacob et al., CVPR 2018, section 3.2). An incomplete norm is left as it is.
    """
    folded = dict(tensors)
    for name in tensors:
        module, found, kind = name.rpartition(".norm.")
        parts = [f"{module}.norm.{part}" for part in _STATISTICS]
        if not found or kind != "weight" or not {*parts, f"{module}.weight"} <= folded.keys():
            continue
        scale, shift, mean, variance = (folded[part].to(torch.float64) for part in parts)
        weight = folded[f"{module}.weight"]
        if not scale.shape == shift.shape == mean.shape == variance.shape == weight.shape[:1]:
            continue
        stretch = scale / (variance + _EPSILON).sqrt()
        folded[f"{module}.weight"] = (weight * stretch.view(-1, *[1] * (weight.dim() - 1))).to(weight.dtype)
        folded[f"{module}.bias"] = (shift - mean * stretch).to(weight.dtype)
        for part in parts:
            del folded[part]
    return folded
