import pytest
import torch

from cadrage.models.crop_content import ConvRelation, GraphRelation, HeatHead


def parameters(module: torch.nn.Module) -> int:
    return sum(each.numel() for each in module.parameters())


def test_published_parameter_counts() -> None:
    assert (parameters(ConvRelation()), parameters(HeatHead()), parameters(GraphRelation())) == (9_512, 593, 2_304)


@pytest.mark.parametrize("size_hw", [(16, 22), (8, 8), (64, 64), (1, 1)])
def test_maps_of_any_size_become_importance_on_64_cells(size_hw: tuple[int, int]) -> None:
    torch.manual_seed(0)
    heat = HeatHead()(torch.randn(2, 8, *size_hw))
    assert heat.shape == (2, 1, 64, 64) and heat.min() >= 0 and heat.max() <= 1


def test_legacy_enlarges_between_corners() -> None:
    ramp = torch.linspace(0, 1, 4).expand(1, 1, 4, 4)
    inner = {}
    for legacy in (False, True):
        head = HeatHead(1, legacy=legacy)
        with torch.no_grad():
            head.first.weight.zero_()[0, 0, 1, 1] = 1
            for each in (head.first.bias, head.last.bias):
                each.zero_()  # type: ignore[union-attr]
            head.last.weight.fill_(1)
            inner[legacy] = head(ramp)[0, 0, 32].logit()
    torch.testing.assert_close(inner[True], torch.linspace(0, 1, 64), atol=1e-5, rtol=0)
    # Between borders, the outer half cell repeats the border.
    assert inner[False][:8].abs().max() < 1e-5 and inner[False][8] > 1e-3


def test_conv_relation_sees_the_surroundings_only() -> None:
    torch.manual_seed(0)
    relation, features = ConvRelation(), torch.randn(1, 32, 9, 9)
    changed = features.clone()
    changed[..., 4, 4] += 1
    moved = (relation(changed) - relation(features)).abs().amax(dim=1)[0] > 1e-5
    assert moved.any() and not moved[:3].any() and not moved[6:].any() and not moved[:, :3].any()
    assert relation(features).shape == (1, 8, 9, 9)
