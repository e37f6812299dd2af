"""The file of a run's weights."""

from collections.abc import Mapping
from pathlib import Path

from safetensors.torch import save
from torch import Tensor

from cadrage.training.record import replaced


def write_weights(file: Path, tensors: Mapping[str, Tensor]) -> None:
    """Write a safetensors file that whoever may read the folder's other files may read."""
    content = save({name: tensor.detach().contiguous() for name, tensor in tensors.items()})
    # Not save_file, whose files belong to their writer alone, whatever the umask says.
    with replaced(file) as part:
        part.write_bytes(content)
