"""Losses on people's ratings of crops, in standard deviations."""

import torch
from torch import Tensor
from torch.nn import functional as F


def huber_loss(scores: Tensor, targets: Tensor, rated: Tensor) -> Tensor:
    """Huber loss with delta 1, mean over the rated crops (Zeng et al., TPAMI 2020, equation 2); 0 without any.

    Args:
        scores, targets: ``(B, R)``.
        rated: ``(B, R)`` bool, false for padding.
    """
    losses = F.huber_loss(scores, targets, reduction="none", delta=1.0)
    return (losses * rated).sum() / rated.sum().clamp(min=1)


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
    return short.sum() / counted.sum().clamp(min=1)
