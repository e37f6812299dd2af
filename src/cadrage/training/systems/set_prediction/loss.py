"""The loss of a set predictor: every layer is matched with the good crops on its own and judged in three terms.

Two more terms, of weight 0 in the recipes of the paper, are not part of its method. Matching decides for every
anchor on its own whether it is valid. Nothing in it makes the anchors agree on who is *more* valid, and where a photo
has one label for many good crops the order of the proposals stays weak. Two proper scoring rules (Gneiting and Raftery,
2007) add what is missing: divided by their sum, the validities are read as the probabilities of the proposals being the
chosen crop, and both rules are lowest in expectation when that is what they are.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.nn.utils.rnn import pad_sequence

from cadrage.errors import UsageError
from cadrage.models.boxes import cxcywh_to_xyxy, giou
from cadrage.models.set_prediction import SetPrediction
from cadrage.training.losses.counts import per_process
from cadrage.training.losses.energies import blur_boxes, edge_energy, overlap_energy
from cadrage.training.systems.set_prediction.matching import Matching, TermWeights, focal, match
from cadrage.training.systems.set_prediction.soft_labels import Distillation, QualityGuidance
from cadrage.training.systems.set_prediction.targets import PhotoTargets


@dataclass(frozen=True, slots=True)
class SetLoss:
    """Set-prediction loss of Jia et al., CVPR 2022, section 3.1, with hard, guided or distilled validity labels.

    Labels are hard without ``guidance``, and with ``distillation`` as long as there is no teacher. The two ways to
    soften them are alternatives.

    Raises:
        UsageError: both are given.
    """

    weights: TermWeights = field(default_factory=TermWeights)
    guidance: QualityGuidance | None = None
    distillation: Distillation | None = None
    overlap_energy: float = 0.0  # weights and noise of two terms beside the paper's, see `choice_energies`
    edge_energy: float = 0.0
    choice_noise: float = 0.0

    def __post_init__(self) -> None:
        if self.guidance is not None and self.distillation is not None:
            raise UsageError("quality guidance and distillation are alternatives; leave one of them out")

    def __call__(
        self, prediction: SetPrediction, targets: Sequence[PhotoTargets], teacher: SetPrediction | None = None
    ) -> dict[str, Tensor]:
        """Every term by name, unweighted; :meth:`total` adds them up.

        The paper's terms are per good crop of the (global) batch; the energies are per photo of this process that has a
        good crop, however many it has.

        Args:
            prediction: of B photos, at least in single precision here whatever it was computed in.
            targets: B of them, on any device.
            teacher: what the teacher answers on the same batch.

        Returns:
            ``class``, ``l1`` and ``giou``, each the sum over all layers, and the same of the last layer alone without
            gradient as ``last_class``, ``last_l1`` and ``last_giou``; the energies, if they have a weight.

        Raises:
            UsageError: a photo has more good crops than anchors, or there is a teacher without ``distillation``.
            FloatingPointError: a prediction is not a finite number.
        """
        boxes, logits = _at_least_float32(prediction.boxes_cxcywh), _at_least_float32(prediction.logits)
        good_boxes = [each.good_boxes_cxcywh.to(boxes) for each in targets]
        matching = match(boxes, logits, good_boxes, self.weights)
        matched, good = matching.of(boxes), torch.cat(good_boxes)
        overlap = giou(cxcywh_to_xyxy(matched), cxcywh_to_xyxy(good))
        layers = {
            "class": self._class_losses(boxes, logits, matching, targets, teacher).sum(dim=(1, 2)),
            "l1": (matched - good).abs().sum(dim=(1, 2)),
            "giou": (1 - overlap).sum(dim=1),
        }
        count = per_process(torch.tensor(len(good), device=logits.device))
        terms = {name: values.sum() / count for name, values in layers.items()}
        terms |= {f"last_{name}": values[-1].detach() / count for name, values in layers.items()}
        if self.overlap_energy or self.edge_energy:
            terms |= choice_energies(boxes, logits, good_boxes, self.choice_noise)
        return terms

    def total(self, terms: Mapping[str, Tensor]) -> Tensor:
        """The weighted sum that is trained on, of the terms of one call."""
        weights = self.weights
        total = weights.class_ * terms["class"] + weights.l1 * terms["l1"] + weights.giou * terms["giou"]
        if "overlap_energy" in terms:
            total = total + self.overlap_energy * terms["overlap_energy"] + self.edge_energy * terms["edge_energy"]
        return total

    def _class_losses(
        self,
        boxes: Tensor,
        logits: Tensor,
        matching: Matching,
        targets: Sequence[PhotoTargets],
        teacher: SetPrediction | None,
    ) -> Tensor:
        hard = matching.labels(logits)
        if teacher is not None:
            if self.distillation is None:
                raise UsageError("a teacher without distillation: say how much its labels weigh")
            return self.distillation.loss(logits, hard, _at_least_float32(teacher.logits[-1]))
        if self.guidance is None:
            return focal(logits, hard)
        # What is matched stays valid, whatever lies beside it.
        return focal(logits, torch.maximum(hard, self.guidance.soft_labels(boxes, targets)))


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
        The two by name; see :mod:`cadrage.training.losses.energies`.
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


def _at_least_float32(values: Tensor) -> Tensor:
    return values.to(torch.promote_types(values.dtype, torch.float32))
