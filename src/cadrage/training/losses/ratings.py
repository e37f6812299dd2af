"""Losses of evaluators: of scores towards ratings, votes and overlaps, and of importance maps.

Padding of a batch counts nowhere, and a batch with nothing to compare costs 0.
"""

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from cadrage.errors import UsageError
from cadrage.training.losses.counts import per_process
from cadrage.training.losses.energies import iou

Gate = Literal["sign", "sine"]


def huber_loss(scores: Tensor, targets: Tensor, rated: Tensor) -> Tensor:
    """Huber loss with delta 1, mean over the rated crops (Zeng et al., TPAMI 2020, equation 2).

    Args:
        scores, targets: ``(B, R)``, in standard deviations.
        rated: ``(B, R)`` bool, false for padding.
    """
    losses = F.huber_loss(scores, targets, reduction="none", delta=1.0)
    return (losses * rated).sum() / per_process(rated.sum())


def rank_loss(scores: Tensor, targets: Tensor, rated: Tensor) -> Tensor:
    """How far pairs of crops fall short of the distance that people put between them, mean over pairs.

    For crops i, j of a photo with ``g_i > g_j`` it is ``max(0, (g_i - g_j) - (p_i - p_j))`` of ratings g and scores p
    (Li et al., "Composing Good Shots by Exploiting Mutual Relations", CVPR 2020, ranking loss); equal ratings are no
    pair. Arguments as in `huber_loss`.
    """
    wanted = targets.unsqueeze(2) - targets.unsqueeze(1)
    found = scores.unsqueeze(2) - scores.unsqueeze(1)
    counted = (wanted > 0) & rated.unsqueeze(2) & rated.unsqueeze(1)
    short = torch.where(counted, (wanted - found).clamp(min=0), 0.0)
    return short.sum() / per_process(counted.sum())


def signed_rank_loss(scores: Tensor, targets: Tensor, valid: Tensor, *, gate: Gate = "sign") -> Tensor:
    """Punish every pair of crops whose predicted gap falls short of the true gap, in its direction.

    ``sum_ij max(0, -g(t_i - t_j) ((s_i - s_j) - (t_i - t_j))) / (N (N - 1) / 2)`` over ordered pairs, which counts
    each pair twice (Zhang et al., "Human-Centric Image Cropping with Partition-Aware and Content-Preserving Features",
    ECCV 2022, ranking loss). The mean over the photos with two crops or more.

    Args:
        scores, targets: ``(B, N)``, on the scale of the ratings; padding may hold anything, NaN included.
        valid: ``(B, N)`` bool, false for padding.
        gate: g. The code released with the paper takes the sine of the gap for its sign: small gaps count less, and
            beyond pi a pair in the wrong order costs nothing while one in the right order does.

    Example:
        >>> scores, targets = torch.tensor([[2.0, 3.0]]), torch.tensor([[3.0, 2.0]])
        >>> signed_rank_loss(scores, targets, torch.tensor([[True, True]])).item()
        4.0

    Raises:
        UsageError: an unknown gate.
    """
    if gate not in ("sign", "sine"):
        raise UsageError(f"gate {gate!r}: unknown; choose sign or sine")
    scores, targets = (each.masked_fill(~valid, 0.0) for each in (scores, targets))
    predicted = scores.unsqueeze(2) - scores.unsqueeze(1)
    true = targets.unsqueeze(2) - targets.unsqueeze(1)
    direction = true.sign() if gate == "sign" else true.sin()
    losses = (-direction * (predicted - true)).clamp(min=0)
    compared = (valid.unsqueeze(2) & valid.unsqueeze(1)).to(losses.dtype)
    crops = valid.sum(dim=1)
    pairs = crops * (crops - 1) / 2
    return _mean_of_photos((losses * compared).sum(dim=(1, 2)) / pairs.clamp(min=1), crops > 1)


def vote_loss(scores: Tensor, votes: Tensor) -> Tensor:
    """Logistic loss of score differences against the share of votes (Bradley and Terry, 1952).

    Args:
        scores: ``(B, P, 2)`` of the two views of a pair.
        votes: ``(B, P, 2)``; pairs without votes are ignored.

    Returns:
        Mean over the pairs that have votes, 0 if none has.
    """
    total = votes.sum(dim=-1)
    share = votes[..., 0] / total.clamp(min=1)
    losses = F.binary_cross_entropy_with_logits(scores[..., 0] - scores[..., 1], share, reduction="none")
    voted = (total > 0).to(losses.dtype)
    return (losses * voted).sum() / per_process(voted.sum())


def overlap_ranking(scores: Tensor, boxes: Tensor, label: Tensor, temperature: float) -> Tensor:
    """Cross entropy between ``softmax(scores)`` and ``softmax(IoU with the label / temperature)``.

    Args:
        scores: ``(B, N)``.
        boxes: ``(B, N, 4)``.
        label: ``(B, 4)``.
        temperature: in units of IoU.
    """
    target = (iou(boxes, label.unsqueeze(1)) / temperature).softmax(dim=-1)
    return -(target * F.log_softmax(scores, dim=-1)).sum(dim=-1).mean()


def heat_loss(heat: Tensor, target: Tensor, known: Tensor) -> Tensor:
    """Mean absolute error per photo, averaged over the photos that have a target; 0 if none has.

    From Zhang et al., "Human-Centric Image Cropping with Partition-Aware and Content-Preserving Features", ECCV 2022.

    Args:
        heat, target: ``(B, 1, H, W)``; a photo without a target may hold anything there, NaN included.
        known: ``(B,)``, whether the photo has a target.
    """
    unknown = ~known.view(-1, 1, 1, 1)
    errors = (heat - target).abs().masked_fill(unknown, 0.0).mean(dim=(1, 2, 3))
    return errors.sum() / per_process(known.sum())


def _mean_of_photos(losses: Tensor, counted: Tensor) -> Tensor:
    return losses.masked_fill(~counted, 0.0).sum() / per_process(counted.sum())
