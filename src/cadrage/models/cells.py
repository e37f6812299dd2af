"""Boxes measured in the cells of a map: cell ``j`` covers ``j .. j + 1`` of a map that lies on the whole photo."""

from torch import Tensor

# In cells. Boxes come as fractions of the photo, so an edge between two cells is rarely met exactly.
SNAP = 1e-4


def sampling_cells(boxes_xyxy: Tensor, size_hw: tuple[int, int], *, legacy: bool = False) -> Tensor:
    """Boxes ``(..., 4)``, normalised, at the positions that samples are taken at, where cell ``j`` has its centre at j.

    ``legacy`` puts the start of a cell there, as released code does.
    """
    height, width = size_hw
    return boxes_xyxy * boxes_xyxy.new_tensor([width, height, width, height]) - (0.0 if legacy else 0.5)
