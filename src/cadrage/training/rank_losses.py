"""Losses of a photo's scores that look at the order of its crops.

Every loss takes scores ``(B, N)``, targets ``(B, N)`` and ``valid (B, N)``, which is False where a batch is padded;
what stands there, NaN included, has no influence on value or gradient. Losses are averaged over the photos that have
something to compare and 0 if none has.
"""

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from cadrage.errors import UsageError

Gate = Literal["sign", "sine"]


def signed_rank_loss(
    scores: Tensor, targets: Tensor, valid: Tensor, *, gate: Gate = "sign", across_photos: bool = False
) -> Tensor:
    """Punish every pair of crops whose predicted gap falls short of the true gap, in its direction.

    ``sum_ij max(0, -g(t_i - t_j) ((s_i - s_j) - (t_i - t_j))) / (N (N - 1) / 2)`` over ordered pairs, which counts
    each pair twice (Zhang et al., "Human-Centric Image Cropping with Partition-Aware and Content-Preserving Features",
    ECCV 2022, ranking loss).

    Args:
        gate: g. The code released with the paper takes the sine of the gap for its sign: small gaps count less, and
            beyond pi a pair in the wrong order costs nothing while one in the right order does.
        across_photos: compare crops of different photos too, as the released code does with batches. How much a score
            means depends on the photo, so by default they are not compared. No recipe sets it; it is there to compare
            with that code.

    Example:
        >>> scores, targets = torch.tensor([[2.0, 3.0]]), torch.tensor([[3.0, 2.0]])
        >>> signed_rank_loss(scores, targets, torch.tensor([[True, True]])).item()
        4.0

    Raises:
        UsageError: an unknown gate.
    """
    if gate not in ("sign", "sine"):
        raise UsageError(f"gate {gate!r}: unknown; choose sign or sine")
    if across_photos:
        scores, targets, valid = (each.reshape(1, -1) for each in (scores, targets, valid))
    scores, targets = (each.masked_fill(~valid, 0.0) for each in (scores, targets))
    predicted = scores.unsqueeze(2) - scores.unsqueeze(1)
    true = targets.unsqueeze(2) - targets.unsqueeze(1)
    direction = true.sign() if gate == "sign" else true.sin()
    losses = (-direction * (predicted - true)).clamp(min=0)
    compared = (valid.unsqueeze(2) & valid.unsqueeze(1)).to(losses.dtype)
    crops = valid.sum(dim=1)
    pairs = crops * (crops - 1) / 2
    return _mean_of_photos((losses * compared).sum(dim=(1, 2)) / pairs.clamp(min=1), crops > 1)


def listwise_loss(scores: Tensor, targets: Tensor, valid: Tensor) -> Tensor:
    """Cross entropy between the softmax of the scores and that of the targets' dense ranks.

    The worst target has rank 1, equal targets share one, and no rank is left out. A listwise loss in the manner of
    Cao et al., ICML 2007, on ranks. A building block that no recipe uses.
    """
    lowest = torch.finfo(scores.dtype).min
    ranks = dense_ranks(targets, valid).to(scores.dtype)
    aims = ranks.masked_fill(~valid, lowest).softmax(dim=1)
    logits = F.log_softmax(scores.masked_fill(~valid, lowest), dim=1).masked_fill(~valid, 0.0)
    return _mean_of_photos(-(aims * logits).sum(dim=1), valid.any(dim=1))


def dense_ranks(targets: Tensor, valid: Tensor) -> Tensor:
    """Rank of each target within its photo, 1 the lowest, equal ones alike, none left out; ``(B, N)`` int64.

    Only :func:`listwise_loss` needs it, and so no recipe does.
    """
    ordered, order = targets.masked_fill(~valid, torch.inf).sort(dim=1)
    rises = F.pad(ordered[:, 1:] > ordered[:, :-1], (1, 0)).cumsum(dim=1)
    return torch.empty_like(rises).scatter_(1, order, rises + 1)


def _mean_of_photos(losses: Tensor, counted: Tensor) -> Tensor:
    return losses.masked_fill(~counted, 0.0).sum() / counted.sum().clamp(min=1)
