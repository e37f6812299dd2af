"""Made-up predictions and targets, in double precision."""

from collections.abc import Callable
from typing import NamedTuple

import pytest
import torch
from torch import Tensor

from cadrage.training.systems.set_prediction.targets import PhotoTargets


class Answer(NamedTuple):
    boxes_cxcywh: Tensor
    logits: Tensor


class Scene(NamedTuple):
    answer: Answer
    targets: list[PhotoTargets]


def boxes_near(generator: torch.Generator, centre: Tensor, spread: float, *shape: int) -> Tensor:
    noise = spread * torch.randn(*shape, 4, generator=generator, dtype=torch.float64)
    return (centre + noise).clamp(0.05, 0.95)


@pytest.fixture
def scene() -> Callable[..., Scene]:
    """A function that draws predictions around each photo's own crops, so that every kind of overlap occurs."""

    def draw(goods: tuple[int, ...] = (3, 1, 5), *, layers: int = 2, anchors: int = 12, seed: int = 0) -> Scene:
        generator = torch.Generator().manual_seed(seed)
        targets, answers = [], []
        for good in goods:
            centre = torch.rand(4, generator=generator, dtype=torch.float64) * 0.3 + 0.4
            rated = boxes_near(generator, centre, 0.04, good + 6)
            scores = 1 + 2.9 * torch.rand(good + 6, generator=generator, dtype=torch.float64)
            scores[:good] = 4.5
            targets.append(PhotoTargets(rated[:good], rated, scores))
            answers.append(boxes_near(generator, centre, 0.04, layers, anchors))
        logits = torch.randn(layers, len(goods), anchors, generator=generator, dtype=torch.float64)
        return Scene(Answer(torch.stack(answers, dim=1).requires_grad_(), logits.requires_grad_()), targets)

    return draw


@pytest.fixture
def worked() -> Scene:
    """Three predictions with validity .6, .3 and .1 and two good crops, for which everything was computed by hand."""
    boxes = torch.tensor([[0.5, 0.5, 0.8, 0.8], [0.4, 0.5, 0.6, 0.8], [0.5, 0.5, 0.5, 0.5]], dtype=torch.float64)
    good = torch.tensor([[0.5, 0.5, 0.9, 0.9], [0.4, 0.5, 0.7, 0.8]], dtype=torch.float64)
    logits = torch.tensor([0.6, 0.3, 0.1], dtype=torch.float64).logit()
    # The third prediction lies on a crop of middling score, which only guided labels notice.
    rated = torch.cat([good, boxes[2:]])
    targets = PhotoTargets(good, rated, torch.tensor([4.5, 4.2, 2.5], dtype=torch.float64))
    return Scene(Answer(boxes[None, None], logits[None, None]), [targets])
