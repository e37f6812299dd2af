"""Boxes, whole pixels, ratios and candidate grids. Pure numpy; knows nothing of photos or networks."""

from cadrage.geometry.boxes import (
    Boxes,
    area,
    as_boxes,
    box_ratio,
    clip,
    contains,
    giou_matrix,
    intersects,
    iou_matrix,
    mirror,
    on_photo,
    validate_boxes,
)
from cadrage.geometry.candidates import fixed_ratio_candidates, free_candidates, grid_anchors
from cadrage.geometry.pixels import PixelBoxes, from_pixels, half_up, largest_size, to_pixels
from cadrage.geometry.ratio import NAMED_RATIOS, Ratio, parse_ratio

__all__ = [
    "Boxes",
    "NAMED_RATIOS",
    "PixelBoxes",
    "Ratio",
    "area",
    "as_boxes",
    "box_ratio",
    "clip",
    "contains",
    "fixed_ratio_candidates",
    "free_candidates",
    "from_pixels",
    "giou_matrix",
    "grid_anchors",
    "half_up",
    "intersects",
    "iou_matrix",
    "largest_size",
    "mirror",
    "on_photo",
    "parse_ratio",
    "to_pixels",
    "validate_boxes",
]
