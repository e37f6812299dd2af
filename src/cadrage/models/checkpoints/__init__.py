"""Published weights: how to read the files and how to fill a model with them without losing a tensor."""

import argparse
import codecs
import pickle
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from cadrage.errors import UsageError

_SHOWN = 12


@dataclass(frozen=True, slots=True, eq=False)
class Checkpoint:
    """What a file holds: ``tensors`` by their names there, and ``settings`` of the training where it has them."""

    tensors: dict[str, Tensor]
    settings: Mapping[str, Any]


@dataclass(frozen=True, slots=True, eq=False)
class Released:
    """The weights of authors under our names, and what they say of their model.

    Attributes:
        tensors: of our model, all of them.
        settings: fields of its recipe.
        recognised: in words, for people.
    """

    tensors: dict[str, Tensor]
    settings: Mapping[str, Any]
    recognised: tuple[str, ...]


# Where training codes put the weights in what they save.
_TABLES = ("model", "state_dict", "model_state_dict", "net")
# Wrappers for several GPUs put this before every name.
_PARALLEL = "module."
_REFUSED = re.compile(r"GLOBAL (\S+)")
_NUMPY_NUMBERS = (np.dtype, *(type(np.dtype(kind)) for kind in ("f4", "f8", "i4", "i8")))


def read_tensors(file: Path) -> dict[str, Tensor]:
    """The tensors of a checkpoint, as `read_checkpoint` finds them."""
    return read_checkpoint(file).tensors


def read_checkpoint(file: Path) -> Checkpoint:
    """What a ``.safetensors`` file or a PyTorch checkpoint holds. No code of a checkpoint is ever run.

    Of a training checkpoint only the table of weights is taken (``model``, ``state_dict``, ``model_state_dict`` or
    ``net``), without the ``module.`` that several GPUs leave before every name, and ``args`` as settings.

    Raises:
        UsageError: the file is missing, damaged, or holds anything but tensors.
    """
    if not file.is_file():
        raise UsageError(f"{file}: no such file; give the path of a downloaded checkpoint")
    loaded = _read_safetensors(file) if file.suffix == ".safetensors" else _read_pickle(file)
    tensors, settings = loaded, None
    if isinstance(loaded, Mapping):
        tensors = next((loaded[key] for key in _TABLES if isinstance(loaded.get(key), Mapping)), loaded)
        settings = loaded.get("args")
    found = tensors if isinstance(tensors, Mapping) else {}
    if not found or not all(isinstance(each, Tensor) for each in found.values()):
        raise UsageError(f"{file}: holds no table of tensors; give the checkpoint of a model")
    if all(str(name).startswith(_PARALLEL) for name in found):
        found = {str(name).removeprefix(_PARALLEL): tensor for name, tensor in found.items()}
    given = vars(settings) if isinstance(settings, argparse.Namespace) else settings
    return Checkpoint(dict(found), given if isinstance(given, Mapping) else {})


def _read_safetensors(file: Path) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(file)
    except SafetensorError as error:
        raise UsageError(f"{file}: damaged or no safetensors file ({error}); download it again") from error


def _read_pickle(file: Path) -> Any:
    # Training codes save their command line and the metrics of the epoch beside the weights; neither a Namespace nor a
    # number of NumPy can do any harm.
    number = np.float64(0).__reduce__()[0]
    harmless: list[Any] = [
        argparse.Namespace,
        number,
        (number, "numpy.core.multiarray.scalar"),
        *_NUMPY_NUMBERS,
        codecs.encode,
    ]
    try:
        with torch.serialization.safe_globals(harmless):
            return torch.load(file, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, OSError, ValueError, LookupError) as error:
        refused = _REFUSED.search(str(error))
        if refused:
            raise UsageError(
                f"{file}: holds an object of {refused[1]}, which is more than tensors and could run code of its own; "
                "take the state_dict out of it where it was made, or convert it to safetensors"
            ) from error
        # What torch says here advises to run whatever code the file holds.
        raise UsageError(
            f"{file}: damaged, or no checkpoint of PyTorch; download it again or convert it to safetensors"
        ) from error


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
