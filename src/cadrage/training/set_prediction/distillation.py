"""Self distillation: a teacher that follows the student supplies labels where people rated too few crops.

Jia et al., CVPR 2022, section 3.4. The teacher sees the same batch as the student, and its last layer's validity of an
anchor is the soft label of the same anchor, matched or not, in every layer of the student.
"""

from copy import deepcopy
from dataclasses import dataclass
from itertools import chain
from typing import TypeVar

import torch
from torch import Tensor, nn

from cadrage.training.set_prediction.focal import focal

Model = TypeVar("Model", bound=nn.Module)


@dataclass(frozen=True, slots=True)
class Distillation:
    """Weights of the two classification losses.

    Halves, as in the authors' code, keep the balance with the box losses when the teacher enters; equation 6 has 1, 1.
    """

    hard: float = 0.5
    taught: float = 0.5

    def loss(self, logits: Tensor, hard_labels: Tensor, teacher_logits: Tensor) -> Tensor:
        """Elementwise loss ``(L, B, Q)`` of logits of that shape; the teacher's are ``(B, Q)`` and get no gradient."""
        taught_labels = teacher_logits.detach().sigmoid().expand_as(logits)
        return self.hard * focal(logits, hard_labels) + self.taught * focal(logits, taught_labels)


def make_teacher(student: Model) -> Model:
    """A copy of the student in evaluation mode whose weights take no gradient."""
    return deepcopy(student).eval().requires_grad_(False)


@torch.no_grad()
def update_teacher(teacher: nn.Module, student: nn.Module, keep: float = 0.5) -> None:
    """Move the teacher in place: ``keep`` of itself plus ``1 - keep`` of the student, after every optimiser step.

    The recursive average of the authors' code; equation 5 read literally would average the student's last two states.
    Buffers are averaged like weights, except whole numbers such as counters, which are copied.

    Raises:
        ValueError: the two have different weights.
    """
    ours, theirs = _state(teacher), _state(student)
    if ours.keys() != theirs.keys():
        raise ValueError(f"teacher and student differ in {sorted(ours.keys() ^ theirs.keys())}")
    for name, value in ours.items():
        if value.is_floating_point():
            value.lerp_(theirs[name], 1 - keep)
        else:
            value.copy_(theirs[name])


def _state(module: nn.Module) -> dict[str, Tensor]:
    # Not the state_dict: it names a shared weight twice, and leaves out buffers that are not saved.
    return dict(chain(module.named_parameters(), module.named_buffers()))
