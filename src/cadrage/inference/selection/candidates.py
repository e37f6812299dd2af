"""The boxes among which the selection chooses: proposals and lattices, shaped so that the rules leave some over."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from cadrage.geometry import (
    area,
    box_ratio,
    fixed_ratio_candidates,
    free_candidates,
    from_pixels,
    grid_anchors,
    largest_size,
    to_pixels,
)
from cadrage.inference.selection.rules import Floats, Rules, hull_of

_PROPOSALS = 64
_FREE_LIMIT = 800
_FIXED_LIMIT = 300
_REGIONS = 4
# Without a lower limit the smallest box of the lattice has this part of the largest one's area.
_SMALLEST_PART = 0.1
_NOISE_PX = 1e-6
_WHOLE_PHOTO: Floats = np.array([[0.0, 0.0, 1.0, 1.0]])
_NO_BOXES: Floats = np.empty((0, 4))


@dataclass(frozen=True, slots=True, eq=False)
class Pool:
    """Candidates ``(C, 4)`` on whole pixels; the first ``leading`` of them come from proposals or the anchor grid."""

    boxes_xyxy: Floats
    leading: int


def free_pool(proposals_xyxy: Floats, weights: Floats, rules: Rules, size_wh: tuple[int, int]) -> Pool:
    """Candidates of any ratio: the heaviest proposals, their weighted mean and a lattice; never empty."""
    pool = _free_pool(proposals_xyxy, weights, rules, size_wh)
    return _joined([pool, *(_free_pool(proposals_xyxy, weights, kept, size_wh) for kept in rules.keeping_visible())])


def _joined(pools: list[Pool]) -> Pool:
    """The candidates of all the pools, those that lead any of them first."""
    leading = [pool.boxes_xyxy[: pool.leading] for pool in pools]
    boxes = np.concatenate([*leading, *(pool.boxes_xyxy[pool.leading :] for pool in pools)])
    return Pool(boxes, sum(map(len, leading)))


def _free_pool(proposals_xyxy: Floats, weights: Floats, rules: Rules, size_wh: tuple[int, int]) -> Pool:
    heaviest = proposals_xyxy[np.argsort(-weights, kind="stable")[:_PROPOSALS]]
    opinions = np.concatenate([weights[None] @ proposals_xyxy, heaviest]) if len(heaviest) else heaviest
    hull = rules.kept_hull
    regions = clear_regions(rules, size_wh)
    leading, lattices = [], [regions]
    for region in regions:
        start, end = np.maximum(opinions[:, :2], region[:2]), np.minimum(opinions[:, 2:], region[2:])
        meets = (start < end).all(axis=1)
        if hull is not None:
            start, end = np.minimum(start, hull[:2]), np.maximum(end, hull[2:])
        inside = np.concatenate([start, end], axis=1)[meets]
        leading.append(inside)
        lattices.append(_lattice_in(region, rules, size_wh, _FREE_LIMIT // len(regions)))
        if rules.limits_area or rules.min_size_wh != (1, 1):
            # Narrow or extreme limits can fall between the lines of the lattice.
            shape = _snug_shape(region, rules, size_wh)
            lattices.append(_fixed_in(region, shape, hull, rules, size_wh, _FIXED_LIMIT // len(regions)))
    if hull is not None:
        lattices.append(hull[None])
    boxes = np.concatenate(leading + lattices)
    return Pool(from_pixels(to_pixels(boxes, size_wh), size_wh), sum(map(len, leading)))


def listed_pool(boxes_xyxy: Floats, size_wh: tuple[int, int]) -> Pool:
    """The caller's own candidates, each on the whole pixels nearest to it."""
    return Pool(from_pixels(to_pixels(boxes_xyxy, size_wh), size_wh), 0)


def grid_pool(rules: Rules, size_wh: tuple[int, int]) -> Pool:
    """Candidates of any ratio without a proposal: the grid anchors lead, the lattice of `free_pool` follows."""
    grid = grid_anchors(size_wh)
    lattice = free_pool(_NO_BOXES, np.empty(0), rules, size_wh).boxes_xyxy
    return Pool(np.concatenate([from_pixels(to_pixels(grid, size_wh), size_wh), lattice]), len(grid))


def fixed_ratio_pool(ratio: float, rules: Rules, size_wh: tuple[int, int]) -> Pool:
    """Candidates of one ratio (width / height in pixels), as exact as whole pixels allow; never empty."""
    return _joined([_fixed_pool(ratio, wanted, size_wh) for wanted in (rules, *rules.keeping_visible())])


def _fixed_pool(ratio: float, rules: Rules, size_wh: tuple[int, int]) -> Pool:
    hull = rules.kept_hull
    regions = clear_regions(rules, size_wh)
    parts = [_fixed_in(region, ratio, hull, rules, size_wh, _FIXED_LIMIT // len(regions)) for region in regions]
    if not any(map(len, parts)) and hull is not None:
        # No box of this ratio holds all that is kept. What covers most of it is among the large and the centred ones.
        parts.append(_fixed_in(_WHOLE_PHOTO[0], ratio, None, rules, size_wh, _FIXED_LIMIT))
        parts.append(_largest_around(hull, ratio, size_wh))
        heads = rules.head_xyxy
        if len(heads):
            for head in (hull, hull_of(heads), *heads):
                parts += [_largest_around(head, ratio, size_wh), _largest_below(head, ratio, size_wh)]
    for head in rules.sure_head_xyxy[:1] if hull is None else ():
        parts += [_largest_around(head, ratio, size_wh), _largest_below(head, ratio, size_wh)]
    return Pool(np.concatenate(parts), 0)


def clear_regions(rules: Rules, size_wh: tuple[int, int]) -> Floats:
    """The largest boxes ``(R, 4)`` on whole pixels that meet no avoided box but hold all kept ones, largest first.

    The last one is the whole photo: a more important rule may need candidates that meet what should be avoided.
    """
    hull = rules.kept_hull
    regions = _WHOLE_PHOTO
    for avoided in rules.avoid_xyxy:
        parts = []
        for column, bound in enumerate(avoided):
            # Edge 2 (the right one) moves left to the avoided box's left edge, and so on for all four.
            edge = (column + 2) % 4
            part = regions.copy()
            part[:, edge] = np.minimum(part[:, edge], bound) if edge >= 2 else np.maximum(part[:, edge], bound)
            parts.append(part)
        regions = _worthwhile(np.concatenate(parts), hull, size_wh)
    return np.concatenate([regions[:_REGIONS], _WHOLE_PHOTO]) if len(rules.avoid_xyxy) else _WHOLE_PHOTO


def _worthwhile(regions: Floats, hull: Floats | None, size_wh: tuple[int, int]) -> Floats:
    sides = np.array(size_wh, np.float64)
    start, end = np.ceil(regions[:, :2] * sides - _NOISE_PX), np.floor(regions[:, 2:] * sides + _NOISE_PX)
    snapped = np.concatenate([start, end], axis=1) / np.tile(sides, 2)
    useful = (end - start >= 1).all(axis=1)
    if hull is not None:
        useful &= ((snapped[:, :2] <= hull[:2] + 1e-9) & (snapped[:, 2:] >= hull[2:] - 1e-9)).all(axis=1)
    snapped = np.unique(snapped[useful], axis=0)
    snapped = snapped[np.argsort(-area(snapped), kind="stable")]
    within = ((snapped[:, None, :2] >= snapped[:, :2]) & (snapped[:, None, 2:] <= snapped[:, 2:])).all(axis=2)
    redundant = np.tril(within, -1).any(axis=1)
    return snapped[~redundant][: 4 * _REGIONS]


def _limits_in(region: Floats, rules: Rules, size_wh: tuple[int, int]) -> tuple[float, float]:
    """Area limits as fractions of the region, asked size included; lowest 0 if the request sets no lower limit."""
    photo_per_region = 1 / float(area(region[None])[0])
    highest = 1.0 if rules.max_area is None else rules.max_area
    lowest = rules.min_area or 0.0
    asked = rules.min_size_wh[0] * rules.min_size_wh[1] / (size_wh[0] * size_wh[1])
    # A small asked size must not fill the lattice with boxes of that size.
    if asked > max(lowest, _SMALLEST_PART * highest):
        lowest = min(asked, highest)
    return lowest * photo_per_region, highest * photo_per_region


def _lattice_in(region: Floats, rules: Rules, size_wh: tuple[int, int], limit: int) -> Floats:
    offset, side = np.tile(region[:2], 2), np.tile(region[2:] - region[:2], 2)
    hull = rules.kept_hull
    within = None if hull is None else np.clip((hull - offset) / side, 0, 1)
    lowest, highest = _limits_in(region, rules, size_wh)
    for steps in (12, 24):
        boxes = _free(
            None if within is None else tuple(within), lowest or _SMALLEST_PART * highest, highest, steps, limit
        )
        if len(boxes):
            break
    return offset + boxes * side


def _snug_shape(region: Floats, rules: Rules, size_wh: tuple[int, int]) -> float:
    """The ratio whose boxes come nearest to the limits: that of the asked size, without one that of the region."""
    if rules.min_size_wh != (1, 1):
        return rules.min_size_wh[0] / rules.min_size_wh[1]
    return float(box_ratio(region[None], size_wh)[0])


def _fixed_in(
    region: Floats, ratio: float, hull: Floats | None, rules: Rules, size_wh: tuple[int, int], limit: int
) -> Floats:
    offset_px = np.rint(region[:2] * size_wh)
    width, height = np.rint(region[2:] * size_wh) - offset_px
    offset, side = np.tile(region[:2], 2), np.tile(region[2:] - region[:2], 2)
    within = None if hull is None else np.clip((hull - offset) / side, 0, 1)
    lowest, highest = _limits_in(region, rules, size_wh)
    boxes = _fixed((int(width), int(height)), ratio, None if within is None else tuple(within), lowest, highest, limit)
    boxes_px = np.rint(boxes * np.tile([width, height], 2)) + np.tile(offset_px, 2)
    return from_pixels(boxes_px, size_wh)


@lru_cache(maxsize=16)
def _free(within: tuple[float, ...] | None, lowest: float, highest: float, steps: int, limit: int) -> Floats:
    """`free_candidates`, remembered; they are the same for all photos."""
    boxes = free_candidates(within, lowest, highest, steps=steps, limit=limit)
    boxes.flags.writeable = False
    return boxes


@lru_cache(maxsize=64)
def _fixed(
    size_wh: tuple[int, int], ratio: float, within: tuple[float, ...] | None, lowest: float, highest: float, limit: int
) -> Floats:
    """`fixed_ratio_candidates`, remembered: photos of one camera ask the same again and again."""
    boxes = fixed_ratio_candidates(size_wh, ratio, within, lowest, highest, limit)
    boxes.flags.writeable = False
    return boxes


def _largest_below(head: Floats, ratio: float, size_wh: tuple[int, int]) -> Floats:
    """The largest box ``(1, 4)`` of the ratio that begins at the top of a head, centred on it where there is room."""
    side = _largest_sides(ratio, size_wh)
    return _placed(np.array([(head[0] + head[2] - side[0]) / 2, head[1]]), ratio, size_wh)


def _largest_around(hull: Floats, ratio: float, size_wh: tuple[int, int]) -> Floats:
    """The largest box ``(1, 4)`` of the ratio, centred on the hull as far as the photo permits."""
    return _placed((hull[:2] + hull[2:] - _largest_sides(ratio, size_wh)) / 2, ratio, size_wh)


def _largest_sides(ratio: float, size_wh: tuple[int, int]) -> Floats:
    return np.array(largest_size(size_wh, ratio)) / size_wh


def _placed(start: Floats, ratio: float, size_wh: tuple[int, int]) -> Floats:
    """The largest box ``(1, 4)`` of the ratio that begins at ``start (2,)``, as far as the photo permits."""
    side = _largest_sides(ratio, size_wh)
    start = np.clip(start, 0, 1 - side)
    return from_pixels(to_pixels(np.concatenate([start, start + side])[None], size_wh, ratio), size_wh)
