import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from cadrage.models.crop_content import CropContent, crop_mask_sides


def some_boxes(batch: int, count: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(batch, count, 2, 2, generator=generator).sort(dim=2).values.flatten(2)


def mask(boxes: Tensor, *, legacy: bool = False) -> Tensor:
    rows_y, rows_x = crop_mask_sides(boxes, legacy=legacy)
    return rows_y.unsqueeze(-1) * rows_x.unsqueeze(-2)


def test_worked_mask_of_the_released_code() -> None:
    box = torch.tensor([[[33.0, 20, 300, 200]]]) / torch.tensor([352.0, 256, 352, 256])
    drawn = mask(box, legacy=True)[0, 0]
    expected = torch.zeros(64, 64)
    expected[5:50, 6:54] = 1
    torch.testing.assert_close(drawn, expected)
    assert drawn.sum() == 2160
    # The exact area is 48.5455 x 45 cells.
    assert mask(box).sum().item() == pytest.approx(267 / 352 * 64 * 180 / 256 * 64, abs=1e-2)


def test_masks_hold_the_exact_area() -> None:
    boxes = some_boxes(2, 50)
    areas = (boxes[..., 2:] - boxes[..., :2]).prod(-1)
    torch.testing.assert_close(mask(boxes).mean(dim=(2, 3)), areas, atol=1e-5, rtol=0)
    mirrored = torch.stack([1 - boxes[..., 2], boxes[..., 1], 1 - boxes[..., 0], boxes[..., 3]], dim=-1)
    torch.testing.assert_close(mask(mirrored), mask(boxes).flip(3), atol=1e-5, rtol=0)
    # What is outside the photo does not count, and nothing has no mask.
    beyond = torch.tensor([[[-0.3, 0.25, 0.5, 1.4], [0.2, 0.3, 0.2, 0.3]]])
    assert mask(beyond).mean(dim=(2, 3))[0].tolist() == pytest.approx([0.375, 0])


@pytest.mark.parametrize("width", [224, 256, 352, 384])
def test_legacy_masks_meet_pixels_that_lie_between_cells(width: int) -> None:
    pixels = torch.arange(0, width + 1)
    boxes = torch.stack([pixels * 0, pixels * 0, pixels, pixels * 0 + width], dim=1) / width
    rows_x = crop_mask_sides(boxes.unsqueeze(0), legacy=True)[1][0]
    assert rows_x.sum(dim=1).tolist() == (pixels * 64 // width).tolist()


def content(*, legacy: bool = False) -> CropContent:
    torch.manual_seed(0)
    return CropContent(legacy=legacy).eval()


def test_published_sizes() -> None:
    model = content()
    assert sum(each.numel() for each in model.parameters()) == 1_439_200
    assert model.last.in_features == 5408
    shapes: list[torch.Size] = []
    model.second.register_forward_hook(lambda _, inputs, output: shapes.extend([inputs[0].shape, output.shape]))
    shared = model.shared(torch.rand(1, 1, 64, 64))
    assert shared.shape == (1, 60, 60, 64) and model(shared, some_boxes(1, 2)).shape == (1, 2, 256)
    assert shapes == [(2, 64, 30, 30), (2, 32, 26, 26)]


@pytest.mark.parametrize("legacy", [False, True])
def test_the_halves_are_the_network_on_map_and_mask(legacy: bool) -> None:
    model, heat, boxes = content(legacy=legacy), torch.rand(2, 1, 64, 64), some_boxes(2, 5)
    with torch.no_grad():
        found = model(model.shared(heat), boxes)
        assert found.shape == (2, 5, 256)
        stacks = torch.stack([heat.expand(-1, 5, -1, -1), mask(boxes, legacy=legacy)], dim=2).flatten(0, 1)
        x = F.max_pool2d(model.second(F.max_pool2d(model.first(stacks), 2)), 2)
        torch.testing.assert_close(found.flatten(0, 1), model.last(x.flatten(1)), atol=1e-5, rtol=1e-4)


def test_a_crop_is_described_alike_in_any_company() -> None:
    model, heat, boxes = content(), torch.rand(2, 1, 64, 64), some_boxes(2, 7)
    with torch.no_grad():
        together = model(model.shared(heat), boxes)
        torch.testing.assert_close(model(model.shared(heat), boxes.flip(1)), together.flip(1), atol=1e-6, rtol=1e-5)
        alone = model(model.shared(heat[1:]), boxes[1:, 3:4])
        torch.testing.assert_close(alone[0, 0], together[1, 3], atol=1e-6, rtol=1e-5)
        assert model(model.shared(heat), boxes[:, :0]).shape == (2, 0, 256)


def test_content_follows_the_box_without_jumps_unless_legacy() -> None:
    heat, box = torch.rand(1, 1, 64, 64), torch.tensor([[[0.21, 0.2, 0.8, 0.8]]])
    moved = box + torch.tensor([0.002, 0, 0, 0])
    for legacy in (False, True):
        model = content(legacy=legacy)
        shared = model.shared(heat)
        assert torch.equal(model(shared, box), model(shared, moved)) == legacy


def test_gradients_reach_map_boxes_and_weights() -> None:
    model = content()
    heat, boxes = torch.rand(1, 1, 64, 64, requires_grad=True), some_boxes(1, 3).requires_grad_()
    model(model.shared(heat), boxes).square().mean().backward()
    for each in (heat, boxes, *model.parameters()):
        assert each.grad is not None and each.grad.abs().max() > 0
