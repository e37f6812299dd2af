"""Facts of the method that no other file states: how many candidates of the grid the paper's rules leave a photo."""

import pytest

from cadrage.geometry import grid_anchors


@pytest.mark.parametrize(
    ("size_wh", "count"),
    [((1024, 1024), 90), ((1024, 768), 87), ((1024, 683), 83), ((1600, 900), 60), ((1024, 512), 38)],
)
def test_grid_candidates_strictly_between_the_ratio_limits(size_wh: tuple[int, int], count: int) -> None:
    """The reading of the limits in which a box of exactly twice the height does not count; ours includes it."""
    assert len(grid_anchors(size_wh, ratio_limits=(0.5 + 1e-6, 2 - 1e-6))) == count
