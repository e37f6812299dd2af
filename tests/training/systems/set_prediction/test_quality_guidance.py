from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from cadrage.errors import UsageError
from cadrage.models.boxes import cxcywh_to_xyxy, iou, xyxy_to_cxcywh
from cadrage.training.systems.set_prediction.soft_labels import QualityGuidance, nearest_scores
from cadrage.training.systems.set_prediction.targets import PhotoTargets

Draw = Callable[..., Any]
WHOLE = (0.0, 0.0, 1.0, 1.0)


def rated(*crops: tuple[float, float]) -> PhotoTargets:
    """Crops as wide as the photo, given by height and score: the height is the overlap with the whole photo."""
    corners = torch.tensor([[0.0, 0.0, 1.0, height] for height, _ in crops]).view(-1, 4)
    return PhotoTargets(torch.empty(0, 4), xyxy_to_cxcywh(corners), torch.tensor([score for _, score in crops]))


def label_of_whole(*crops: tuple[float, float]) -> float:
    whole = xyxy_to_cxcywh(torch.tensor(WHOLE)).view(1, 1, 1, 4)
    return QualityGuidance().soft_labels(whole, [rated(*crops)]).item()


def test_worked_curve() -> None:
    scores = torch.tensor([0, 1, 2, 2.3, 2.5, 2.75, 3, 3.2, 3.5, 4.2], dtype=torch.float64)
    expected = torch.tensor([0, 0, 0, 0.1, 1 / 6, 0.25, 1 / 3, 0.4, 0.5, 0.5], dtype=torch.float64)
    torch.testing.assert_close(QualityGuidance().soften(scores), expected)


@pytest.mark.parametrize(("mu", "label"), [(0, 0), (0.1, 0.05), (0.3, 0.15), (0.5, 0.25), (0.7, 0.35), (0.9, 0.45)])
def test_mu_scales_the_curve(mu: float, label: float) -> None:
    assert QualityGuidance(mu=mu).soften(torch.tensor(2.75)).item() == pytest.approx(label)


@pytest.mark.parametrize(
    ("crops", "label"),
    [
        ([(0.85, 4.6)], 0.5),
        ([(0.84, 4.6)], 0.0),
        # The nearest decides, not the best.
        ([(0.92, 2.5), (0.9, 4.5)], 1 / 6),
        ([(0.9, 4.5), (0.92, 2.5)], 1 / 6),
        # Of equally near crops the better one.
        ([(0.9, 2.5), (0.9, 4.5)], 0.5),
        ([(0.9, 4.5), (0.9, 2.5)], 0.5),
        ([], 0.0),
    ],
)
def test_worked_labels(crops: list[tuple[float, float]], label: float) -> None:
    assert label_of_whole(*crops) == pytest.approx(label, abs=1e-6)


def test_rounding_takes_nobody_below_the_threshold() -> None:
    inner, outer = (xyxy_to_cxcywh(torch.tensor([0.0, 0.0, 0.3, height])) for height in (0.85, 1.0))
    assert iou(cxcywh_to_xyxy(inner), cxcywh_to_xyxy(outer)) < 0.85, "or this would test nothing"
    target = PhotoTargets(torch.empty(0, 4), inner[None], torch.tensor([4.6]))
    assert QualityGuidance().soft_labels(outer.view(1, 1, 1, 4), [target]).item() == 0.5


def test_the_score_of_a_prediction_that_resembles_no_crop_is_unknown() -> None:
    boxes = xyxy_to_cxcywh(torch.tensor([WHOLE, (0.0, 0.0, 0.1, 0.1)])).view(1, 1, 2, 4)
    scores = nearest_scores(boxes, [rated((0.9, 1.5))], 0.85)
    torch.testing.assert_close(scores, torch.tensor([[[1.5, torch.nan]]]), equal_nan=True)


def test_each_photo_has_its_own_crops_whatever_its_neighbours_have(scene: Draw) -> None:
    drawn = scene((3, 0, 8), layers=2)
    boxes = drawn.answer.boxes_cxcywh.detach()
    together = nearest_scores(boxes, drawn.targets, 0.7)
    assert 0 < together.isnan().sum() < together.numel(), "or this would test nothing"
    for photo in range(3):
        alone = nearest_scores(boxes[:, photo : photo + 1], drawn.targets[photo : photo + 1], 0.7)
        torch.testing.assert_close(together[:, photo : photo + 1], alone, equal_nan=True)


def test_the_order_of_the_rated_crops_does_not_matter(scene: Draw) -> None:
    drawn = scene((5,))
    target: PhotoTargets = drawn.targets[0]
    order = torch.randperm(11, generator=torch.Generator().manual_seed(3))
    shuffled = target._replace(boxes_cxcywh=target.boxes_cxcywh[order], scores=target.scores[order])
    labels: list[Tensor] = [
        QualityGuidance(min_iou=0.7).soft_labels(drawn.answer.boxes_cxcywh, [each]) for each in (target, shuffled)
    ]
    assert torch.equal(*labels)
    assert labels[0].max() > 0


def test_labels_carry_no_gradient(scene: Draw) -> None:
    drawn = scene()
    assert drawn.answer.boxes_cxcywh.requires_grad
    assert not QualityGuidance().soft_labels(drawn.answer.boxes_cxcywh, drawn.targets).requires_grad


@pytest.mark.parametrize(
    ("setting", "word"),
    [({"mu": 1.5}, "mu"), ({"mu": -0.1}, "mu"), ({"low": 4.0}, "scores"), ({"min_iou": 0.0}, "min_iou")],
)
def test_settings_without_meaning_are_refused(setting: dict[str, float], word: str) -> None:
    with pytest.raises(UsageError, match=word):
        QualityGuidance(**setting)
