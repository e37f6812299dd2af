"""Published weights: how to read the files and how to fill a model with them without losing a tensor."""

import argparse
import pickle
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from cadrage.errors import UsageError

_SHOWN = 12


def read_tensors(file: Path) -> dict[str, Tensor]:
    """The tensors of a ``.safetensors`` file or of a PyTorch checkpoint, by their names there.

    Of a training checkpoint only the part ``model`` is taken. No code of a checkpoint is ever run.

    Raises:
        UsageError: the file is missing, damaged, or holds anything but tensors.
    """
    if not file.is_file():
        raise UsageError(f"{file}: no such file; give the path of a downloaded checkpoint")
    tensors = _read_safetensors(file) if file.suffix == ".safetensors" else _read_checkpoint(file)
    if not tensors or not all(isinstance(tensor, Tensor) for tensor in tensors.values()):
        raise UsageError(f"{file}: holds no table of tensors; give the checkpoint of a model")
    return tensors


def _read_safetensors(file: Path) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(file)
    except SafetensorError as error:
        raise UsageError(f"{file}: damaged or no safetensors file ({error}); download it again") from error


def _read_checkpoint(file: Path) -> dict[str, Tensor]:
    # Detectors of this family save their command line beside the weights; a Namespace can do no harm.
    try:
        with torch.serialization.safe_globals([argparse.Namespace]):
            loaded = torch.load(file, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError) as error:
        reason = str(error).partition("\n")[0]
        raise UsageError(
            f"{file}: damaged or holds more than tensors ({reason}); download it again or convert it to safetensors"
        ) from error
    tensors = loaded.get("model", loaded) if isinstance(loaded, dict) else None
    return dict(tensors) if isinstance(tensors, Mapping) else {}


def fill(module: nn.Module, tensors: Mapping[str, Tensor], file: Path, *, fresh: tuple[str, ...] = ()) -> None:
    """Copy ``tensors`` into ``module``, all of them into all of it, except the module's own tensors named in ``fresh``.

    Raises:
        UsageError: a tensor is missing, unknown or of another shape; the message lists them. Nothing is copied then.
    """
    ours = {name: tensor for name, tensor in module.state_dict().items() if name not in fresh}
    # Other sizes first: where layers are missing too, they say more of what the file holds.
    faults = [
        f"{name} is {tuple(tensors[name].shape)}, the model has {tuple(tensor.shape)}"
        for name, tensor in ours.items()
        if name in tensors and tensors[name].shape != tensor.shape
    ]
    faults += [f"{name} is not in the file" for name in ours if name not in tensors]
    faults += [f"{name} is not in the model" for name in tensors if name not in ours]
    if faults:
        more = f"; and {len(faults) - _SHOWN} more" if len(faults) > _SHOWN else ""
        listed = "; ".join(faults[:_SHOWN]) + more
        raise UsageError(f"{file}: does not fit this model; choose a model of the same size. {listed}")
    module.load_state_dict(dict(tensors), strict=False)


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
