"""The focal loss with labels between 0 and 1."""

from torch import Tensor
from torch.nn import functional as F

ALPHA = 0.25
GAMMA = 2.0


def focal(logits: Tensor, labels: Tensor) -> Tensor:
    """Elementwise focal loss of validity logits against labels in [0, 1], shapes alike.

    ``a (1 - q)^2 BCE(logit, v)`` with ``q = p v + (1 - p)(1 - v)`` and ``a = v / 4 + 3 (1 - v) / 4`` (Lin et al., ICCV
    2017, equation 5, continued to soft labels v). For v other than 0, 1/2 and 1 the lowest loss is not at p = v: labels
    below a half are pushed down, labels above it up (v = 0.25 ends at p = 0.077, v = 0.9 at 0.986).
    """
    p = logits.sigmoid()
    miss = p * (1 - labels) + (1 - p) * labels
    balance = ALPHA * labels + (1 - ALPHA) * (1 - labels)
    return balance * miss.pow(GAMMA) * F.binary_cross_entropy_with_logits(logits, labels, reduction="none")
