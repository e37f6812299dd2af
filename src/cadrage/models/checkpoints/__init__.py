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
