import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cadrage.evaluation.metrics.overlap import coverage
from cadrage.evaluation.metrics.scale import LARGE, QUANTILES, SMALL, ScaleRecall, area_quantiles, scale_recall
from cadrage.geometry import mirror

NOTHING = np.empty((0, 4))
LEFT, TOP_LEFT, WHOLE = np.array([[0.0, 0.0, 0.5, 1.0], [0.0, 0.0, 0.5, 0.5], [0.0, 0.0, 1.0, 1.0]])

# Mirroring such boxes is exact, so that their areas stay on the same side of a limit.
edges = st.lists(st.integers(0, 4096).map(lambda step: step / 4096), min_size=2, max_size=2, unique=True).map(sorted)
boxes = st.lists(st.tuples(edges, edges), min_size=0, max_size=8).map(
    lambda pairs: np.array([[x1, y1, x2, y2] for (x1, x2), (y1, y2) in pairs]).reshape(-1, 4)
)


def test_quantiles_of_areas_worked_by_hand():
    # Areas .25, .5 and 1: 10 % lies a fifth of the way from the first to the second.
    expected = [0.3, 0.375, 0.5, 0.75, 0.9]
    assert area_quantiles(np.stack([LEFT, TOP_LEFT, WHOLE])).tolist() == pytest.approx(expected)
    assert area_quantiles(LEFT[None]).tolist() == pytest.approx([0.5] * len(QUANTILES))


def test_no_box_has_no_quantiles():
    with pytest.raises(ValueError, match="at least one box"):
        area_quantiles(NOTHING)


def test_small_crops_are_those_below_half_and_large_ones_the_others():
    truths = np.stack([LEFT, TOP_LEFT, WHOLE])
    assert scale_recall(WHOLE[None], truths, 1, areas=SMALL) == ScaleRecall(0.0, 0.25, 1)
    assert scale_recall(WHOLE[None], truths, 1, areas=LARGE) == ScaleRecall(0.5, 0.75, 2)


def test_the_threshold_is_met_at_equality_whatever_the_rounding():
    three_quarters = np.array([[0.0, 0.0, 0.3, 0.7]]), np.array([[0.0, 0.0, 0.4, 0.7]])
    assert scale_recall(*three_quarters, 1).recall == 1
    assert scale_recall(*three_quarters, 1, iou=0.76).recall == 0


def test_only_the_first_n_count():
    found = np.stack([WHOLE, TOP_LEFT])
    assert scale_recall(found, TOP_LEFT[None], 1) == ScaleRecall(0.0, 0.25, 1)
    assert scale_recall(found, TOP_LEFT[None], 2) == ScaleRecall(1.0, 1.0, 1)
    with pytest.raises(ValueError, match="N=0"):
        scale_recall(found, TOP_LEFT[None], 0)


def test_no_crops_of_the_scale_are_none_and_no_boxes_find_none():
    assert scale_recall(WHOLE[None], WHOLE[None], 5, areas=SMALL) == ScaleRecall(0.0, 0.0, 0)
    assert scale_recall(WHOLE[None], NOTHING, 5) == ScaleRecall(0.0, 0.0, 0)
    assert scale_recall(NOTHING, TOP_LEFT[None], 5) == ScaleRecall(0.0, 0.0, 1)


@given(boxes, boxes)
def test_both_scales_together_are_everything(found, truths):
    scales = [scale_recall(found, truths, 10, areas=areas) for areas in (SMALL, LARGE)]
    assert sum(scale.crops for scale in scales) == len(truths)
    together = sum(scale.coverage * scale.crops for scale in scales) / max(len(truths), 1)
    assert together == pytest.approx(coverage(found, truths, 10))
    for scale in scales:
        assert 0 <= scale.recall <= 1


@given(boxes, boxes)
def test_neither_mirroring_nor_the_order_of_the_truths_matters(found, truths):
    before = scale_recall(found, truths, 3)
    reversed_order = scale_recall(found, truths[::-1], 3)
    assert (reversed_order.recall, reversed_order.crops) == (pytest.approx(before.recall), before.crops)
    clear = truths[np.abs((truths[:, 2] - truths[:, 0]) * (truths[:, 3] - truths[:, 1]) - 0.5) > 1e-6]
    there, back = scale_recall(found, clear, 3), scale_recall(mirror(found), mirror(clear), 3)
    assert (there.crops, there.coverage) == (back.crops, pytest.approx(back.coverage, abs=1e-9))
