"""How many things a loss is averaged over, when several processes share a batch."""

from torch import Tensor
from torch import distributed as dist


def per_process(count: Tensor) -> Tensor:
    """The mean over all processes of what each counts ``()`` in its part of the batch, at least 1.

    Processes average their gradients, so dividing each sum by the mean count gives everything in the batch the same
    say, wherever it lies. Every process must call this equally often.
    """
    mean = count.float()
    if dist.is_available() and dist.is_initialized():
        mean = mean.clone()
        dist.all_reduce(mean)
        mean /= dist.get_world_size()
    return mean.clamp(min=1)
