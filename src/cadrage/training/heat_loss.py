"""How far a predicted importance map is from the one that people's crops draw."""

from torch import Tensor


def heat_loss(heat: Tensor, target: Tensor, known: Tensor) -> Tensor:
    """Mean absolute error per photo, averaged over the photos that have a target; 0 if none has.

    From Zhang et al., "Human-Centric Image Cropping with Partition-Aware and Content-Preserving Features", ECCV 2022.

    Args:
        heat, target: ``(B, 1, H, W)``; a photo without a target may hold anything there, NaN included.
        known: ``(B,)``, whether the photo has a target.
    """
    unknown = ~known.view(-1, 1, 1, 1)
    errors = (heat - target).abs().masked_fill(unknown, 0.0).mean(dim=(1, 2, 3))
    return errors.sum() / known.sum().clamp(min=1)
