import pytest
import torch
from torch import Tensor

from cadrage.errors import UsageError
from cadrage.models.regions import SummedLevels


def maps(channels: tuple[int, int, int], rows: int = 4, columns: int = 6) -> list[Tensor]:
    torch.manual_seed(0)
    sizes = ((2 * rows, 2 * columns), (rows, columns), (rows // 2, columns // 2))
    return [torch.randn(2, each, *size) for each, size in zip(channels, sizes, strict=True)]


def test_published_parameter_count() -> None:
    assert sum(each.numel() for each in SummedLevels((512, 512, 512)).parameters()) == 402_208


def test_both_projections_are_one_linear_map_at_stride_16() -> None:
    levels, (fine, middle, coarse) = SummedLevels((3, 4, 5), width=7, reduced=6), maps((3, 4, 5))
    with torch.no_grad():
        joined = levels(fine, middle, coarse)
        assert joined.shape == (2, 6, 4, 6)
        reduce = levels.reduce.weight.flatten(1)
        parts = [
            torch.einsum("oc,bchw->bohw", reduce @ lateral.weight.flatten(1), each)
            for lateral, each in zip(
                levels.laterals,
                (
                    # Halving between borders is a 2x2 mean.
                    torch.nn.functional.avg_pool2d(fine, 2),
                    middle,
                    torch.nn.functional.interpolate(coarse, scale_factor=2, mode="bilinear"),
                ),
                strict=True,
            )
        ]
        shift = levels.reduce.bias + reduce @ sum(lateral.bias for lateral in levels.laterals)
        torch.testing.assert_close(joined, sum(parts) + shift.view(1, -1, 1, 1), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("legacy", [False, True])
def test_legacy_resamples_between_corners(legacy: bool) -> None:
    levels = SummedLevels((1, 1, 1), width=1, reduced=1, legacy=legacy)
    for name, each in levels.named_parameters():
        torch.nn.init.constant_(each, 1.0 if name.endswith("weight") else 0.0)
    ramps = [torch.arange(float(width)).expand(1, 1, 2, -1) for width in (8, 4, 2)]
    columns = levels(ramps[0], torch.zeros(1, 1, 2, 4), torch.zeros(1, 1, 2, 2))[0, 0, 0].tolist()
    assert columns == pytest.approx([0, 7 / 3, 14 / 3, 7] if legacy else [0.5, 2.5, 4.5, 6.5])
    assert not legacy or levels(*ramps)[0, 0, 0].tolist() == pytest.approx([0, 7 / 3 + 4 / 3, 14 / 3 + 8 / 3, 11])


def test_every_level_counts() -> None:
    levels, given = SummedLevels((3, 4, 5)), maps((3, 4, 5))
    whole = levels(*given)
    for index in range(3):
        assert not torch.allclose(levels(*[each * (place != index) for place, each in enumerate(given)]), whole)


def test_no_channels_are_refused() -> None:
    with pytest.raises(UsageError, match="must be at least 1"):
        SummedLevels((3, 4, 5), reduced=0)
