"""Validities as a distribution: how well all proposals together describe the crops that people chose.

Matching tells every anchor on its own whether it is valid. Nothing in it makes the anchors agree on who is *more*
valid, and where a photo has one label for many good crops the order of the proposals stays weak. Two proper scoring
rules (Gneiting and Raftery, 2007) add what is missing: divided by their sum, the validities are read as the
probabilities of the proposals being the chosen crop, and both rules are lowest in expectation when that is what they
are. This is not part of the method of Jia et al.; its weights are 0 in their recipes.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.nn.utils.rnn import pad_sequence

from cadrage.models.boxes import cxcywh_to_xyxy
from cadrage.training.losses import blur_boxes, edge_energy, overlap_energy


def choice_weights(logits: Tensor) -> Tensor:
    """Validities of each photo divided by their sum, ``(..., Q)`` from logits ``(..., Q)``."""
    return F.logsigmoid(logits).softmax(dim=-1)


def choice_energies(
    boxes_cxcywh: Tensor, logits: Tensor, good_boxes_cxcywh: Sequence[Tensor], noise: float = 0.0
) -> dict[str, Tensor]:
    """``overlap_energy`` and ``edge_energy``, each summed over the layers and averaged over photos with a good crop.

    Args:
        boxes_cxcywh: predictions ``(L, B, Q, 4)``.
        logits: their validity ``(L, B, Q)``.
        good_boxes_cxcywh: B tensors ``(G, 4)``; the crops of a photo count alike, G may be 0.
        noise: standard deviation of normal noise on every edge of a good crop, as a fraction of the side. It keeps the
            proposals as spread out as people are; without it they crowd around the labels.

    Returns:
        The two by name; see :mod:`cadrage.training.losses`.
    """
    counts = torch.tensor([len(good) for good in good_boxes_cxcywh], device=logits.device)
    rated = (counts > 0).nonzero().flatten()
    if not len(rated):
        nothing = 0 * logits.sum()
        return {"overlap_energy": nothing, "edge_energy": nothing}
    layers = len(logits)
    good = pad_sequence([good for good in good_boxes_cxcywh if len(good)], batch_first=True)
    there = torch.arange(good.shape[1], device=logits.device) < counts[rated, None]
    scored = (
        cxcywh_to_xyxy(boxes_cxcywh[:, rated]).flatten(0, 1),
        choice_weights(logits[:, rated]).flatten(0, 1),
        blur_boxes(cxcywh_to_xyxy(good), noise).repeat(layers, 1, 1),
        (there / counts[rated, None]).to(good).repeat(layers, 1),
    )
    return {"overlap_energy": layers * overlap_energy(*scored), "edge_energy": layers * edge_energy(*scored)}
