import torch
from torch.nn import functional as F

from cadrage.models.regions import RegionHead


def test_published_parameter_count() -> None:
    assert sum(each.numel() for each in RegionHead().parameters()) == 2_785_792


def test_it_is_a_convolution_as_large_as_the_region_and_a_projection() -> None:
    torch.manual_seed(0)
    head, regions = RegionHead(4, bins=3, outputs=5), torch.randn(2, 6, 4, 3, 3)
    hidden = F.conv2d(regions.flatten(0, 1), head.first.weight.view(-1, 4, 3, 3), head.first.bias).flatten(1).relu()
    expected = (hidden @ head.last.weight.T).view(2, 6, 5)
    torch.testing.assert_close(head(regions), expected, atol=1e-5, rtol=1e-4)
    assert head(regions[:, :0]).shape == (2, 0, 5)
