"""What teaches the importance map of global attention, and what does not."""

import torch
from torch import Tensor

from cadrage.models.backbones.vgg16 import VGG16
from cadrage.models.global_attention import GlobalAttentionModel
from cadrage.training.losses.ratings import heat_loss


def head_gradient(known: list[bool], target: Tensor) -> tuple[float, Tensor]:
    torch.manual_seed(0)
    model = GlobalAttentionModel(VGG16(base=2)).train()
    image = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    heat = model.heat(model.features(image))
    assert heat is not None and model.heat_head is not None
    loss = heat_loss(heat, target, torch.tensor(known))
    loss.backward()
    gradient = model.heat_head.last.weight.grad
    assert gradient is not None
    return loss.item(), gradient


def test_photos_without_a_map_do_not_reach_the_heat_head() -> None:
    nothing, zeros = torch.full((2, 1, 64, 64), torch.nan), torch.zeros(2, 1, 64, 64)
    loss, gradient = head_gradient([False, False], nothing)
    assert loss == 0 and gradient.abs().max() == 0
    # Missing is not the same as nothing to keep.
    loss, gradient = head_gradient([True, True], zeros)
    assert loss > 0 and gradient.abs().max() > 0


def test_a_photo_without_a_map_leaves_the_others_what_they_teach() -> None:
    target = torch.rand(2, 1, 64, 64)
    missing = target.clone()
    missing[1] = torch.nan
    other = target.clone()
    other[1] = 0.123
    one, another = head_gradient([True, False], missing), head_gradient([True, False], other)
    assert one[0] == another[0] and torch.equal(one[1], another[1])
