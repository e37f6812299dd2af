"""A learning rate that climbs for some epochs and then falls along half a cosine, one step per epoch."""

import math


def warm_cosine(epoch: int, epochs: int, *, warm: int = 5) -> float:
    """Factor of the learning rate in an epoch, counted from 0 (Loshchilov and Hutter, ICLR 2017, equation 5).

    The first epoch has ``1 / warm`` and not 0, the last one a little more than 0.

    Example:
        >>> warm_cosine(0, 80), warm_cosine(5, 80), round(warm_cosine(79, 80), 6)
        (0.2, 1.0, 0.000439)
    """
    if epoch <= warm:
        return min(1.0, (epoch + 1) / warm)
    return 0.5 * (1 + math.cos(math.pi * (epoch - warm) / (epochs - warm)))
