import pytest
import torch
from torch import Tensor

from cadrage.models.align import Region, aligned_regions, aligned_whole, rod_align, roi_align, sampling_cells


def some_boxes(batch: int, count: int) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.rand(batch, count, 2, 2, generator=generator).sort(dim=2).values.flatten(2)


def test_boxes_in_cells() -> None:
    boxes = torch.tensor([0.0, 0.5, 1.0, 0.75])
    # Eight columns, four rows. The centre of the first cell is at 0, so the photo begins half a cell before it.
    assert sampling_cells(boxes, (4, 8)).tolist() == [-0.5, 1.5, 7.5, 2.5]
    assert sampling_cells(boxes, (4, 8), legacy=True).tolist() == [0, 2, 8, 3]


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("regions", [("roi",), ("rod",), ("roi", "rod"), ("rod", "roi"), ("roi", "whole")])
def test_regions_stand_behind_each_other_in_the_order_asked(regions: tuple[Region, ...], legacy: bool) -> None:
    features, boxes = torch.randn(2, 3, 6, 8), some_boxes(2, 5)
    cells = boxes * torch.tensor([8.0, 6, 8, 6]) - (0 if legacy else 0.5)
    beyond = torch.tensor([9.0, 9, 9, 9]).expand(2, 5, 4)
    expected = {
        "roi": roi_align(features, cells, 4, legacy=legacy),
        "rod": rod_align(features, cells, 4, legacy=legacy),
        "whole": rod_align(features, beyond, 4, legacy=legacy),
    }
    found = aligned_regions(features, boxes, 4, regions, legacy=legacy)
    torch.testing.assert_close(found, torch.cat([expected[each] for each in regions], dim=2))
    assert aligned_regions(features, boxes[:, :0], 4, regions, legacy=legacy).shape == (2, 0, 3 * len(regions), 4, 4)


@pytest.mark.parametrize("legacy", [False, True])
def test_the_aligned_whole_is_the_inside_of_a_box_of_everything(legacy: bool) -> None:
    features = torch.randn(2, 3, 6, 8)
    inside = aligned_regions(features, torch.tensor([0.0, 0, 1, 1]).expand(2, 1, 4), 4, ("roi",), legacy=legacy)
    torch.testing.assert_close(aligned_whole(features, 4, legacy=legacy), inside[:, 0])
    assert aligned_whole(features.double(), 4, legacy=legacy).dtype == torch.float64


def test_half_precision_moves_no_sample() -> None:
    # Zeros and ones, which half precision holds exactly.
    features, boxes = torch.randint(0, 2, (1, 2, 16, 64)).float(), some_boxes(1, 20)
    with torch.autocast("cpu", torch.bfloat16):
        half = aligned_regions(features.bfloat16(), boxes, 9)
        whole = aligned_whole(features.bfloat16(), 9)
    torch.testing.assert_close(half, aligned_regions(features, boxes, 9), rtol=0, atol=0)
    # Its result is rounded once.
    assert whole.dtype == torch.bfloat16
    torch.testing.assert_close(whole, aligned_whole(features, 9).bfloat16(), rtol=0, atol=0)
