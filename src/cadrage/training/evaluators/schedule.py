"""The learning rate by the epoch."""

import math

_WARM_UP = 5


def warm_cosine(epoch: int, epochs: int) -> float:
    """Factor on the learning rate in an epoch from 0: a fifth more each of five epochs, then half a cosine to nothing.

    ``min(1, (e + 1) / 5)`` up to e = 5, then ``(1 + cos(pi (e - 5) / (E - 5))) / 2``: Zhang et al., "Human-Centric
    Image Cropping with Partition-Aware and Content-Preserving Features", ECCV 2022, as the released code does it.

    Example:
        >>> warm_cosine(0, 80), warm_cosine(5, 80), round(warm_cosine(40, 80), 6)
        (0.2, 1.0, 0.552264)
    """
    if epoch <= _WARM_UP:
        return min(1.0, (epoch + 1) / _WARM_UP)
    return (1 + math.cos(math.pi * (epoch - _WARM_UP) / (epochs - _WARM_UP))) / 2
