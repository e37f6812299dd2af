import pytest
import torch

from cadrage.training.losses.ratings import heat_loss


def test_mean_absolute_error_of_photos_with_a_target() -> None:
    heat = torch.tensor([0.2, 0.5, 0.9]).view(3, 1, 1, 1).expand(3, 1, 4, 4)
    target = torch.tensor([0.6, 0.6, 0.0]).view(3, 1, 1, 1).expand(3, 1, 4, 4)
    assert heat_loss(heat, target, torch.tensor([True, True, False])).item() == pytest.approx(0.25)


def test_a_photo_without_target_teaches_nothing() -> None:
    heat = torch.rand(2, 1, 4, 4, requires_grad=True)
    target = torch.rand(2, 1, 4, 4)
    target[1] = torch.nan
    heat_loss(heat, target, torch.tensor([True, False])).backward()
    assert heat.grad is not None and heat.grad[0].abs().min() > 0 and not heat.grad[1].any()
    assert heat_loss(heat, target, torch.tensor([False, False])).item() == 0
