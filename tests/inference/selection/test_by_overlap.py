from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cadrage.errors import ModelError
from cadrage.geometry import area, fixed_ratio_candidates, free_candidates, iou_matrix, mirror
from cadrage.inference.selection import by_overlap
from cadrage.inference.selection.by_overlap import condition_on_ratio
from cadrage.inference.selection.duplicates import SetLimits, pick_set
from cadrage.inference.selection.task import CropDistribution, Picks, SelectionSettings

LATTICE = free_candidates()
SQUARES = fixed_ratio_candidates((600, 400), 1.0)
LARGEST_SQUARE = 400 / 600


def opinions(seed: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Random proposals of all scales with weights from flat to peaked; no two alike."""
    rng = np.random.default_rng(seed)
    side = rng.uniform(0.15, 1, (count, 2))
    start = rng.random((count, 2)) * (1 - side)
    weights = np.exp(rng.normal(0, rng.choice([0.1, 1, 3]), count))
    return np.concatenate([start, start + side], axis=1), weights / weights.sum()


def select(
    candidates: np.ndarray,
    boxes: np.ndarray,
    weights: np.ndarray,
    *,
    n: int,
    diversity: float = 0.85,
    spanned_area: float | None = None,
    **options: Any,
) -> Picks:
    """Sets of three and more span scales where the area of the largest possible crop is given."""
    bands = None if spanned_area is None or n < 3 else (0.60 * spanned_area, 0.75 * spanned_area)
    return by_overlap.select(candidates, CropDistribution(boxes, weights), SetLimits(n, diversity, bands), **options)


def similarities(picks: Picks) -> np.ndarray:
    return iou_matrix(picks.boxes_xyxy, picks.boxes_xyxy)[np.triu_indices(len(picks.boxes_xyxy), 1)]


def rows(boxes: np.ndarray) -> set[tuple[float, ...]]:
    return {tuple(box) for box in np.round(boxes, 9).tolist()}


seeds = st.integers(0, 10_000)
counts = st.integers(1, 90)


@given(seeds, counts, st.integers(1, 8), st.sampled_from([0.3, 0.6, 0.85, 1.0]))
def test_no_two_crops_are_too_similar(seed: int, count: int, n: int, diversity: float) -> None:
    picks = select(LATTICE, *opinions(seed, count), n=n, diversity=diversity, spanned_area=1.0)

    assert 1 <= len(picks.boxes_xyxy) <= n
    assert (similarities(picks) <= diversity).all()
    assert (similarities(picks) < 1 - 1e-6).all()


@given(seeds, counts)
def test_the_first_crop_has_the_highest_expected_overlap(seed: int, count: int) -> None:
    boxes, weights = opinions(seed, count)
    exact = SelectionSettings(pruned_weight=0.0)

    picks = select(LATTICE, boxes, weights, n=3, settings=exact)

    expected = iou_matrix(LATTICE, boxes) @ weights
    assert picks.scores[0] == pytest.approx(expected.max(), abs=1e-5)
    assert iou_matrix(picks.boxes_xyxy, boxes)[0] @ weights == pytest.approx(picks.scores[0], abs=1e-5)
    assert (np.diff(picks.scores[1:]) <= 1e-6).all()


@given(seeds, counts)
def test_a_mirrored_photo_has_mirrored_crops(seed: int, count: int) -> None:
    boxes, weights = opinions(seed, count)

    picks = select(LATTICE, boxes, weights, n=5, spanned_area=1.0)
    mirrored = select(mirror(LATTICE), mirror(boxes), weights, n=5, spanned_area=1.0)

    assert rows(mirror(mirrored.boxes_xyxy)) == rows(picks.boxes_xyxy)


@given(seeds, counts)
def test_the_order_of_proposals_does_not_matter(seed: int, count: int) -> None:
    boxes, weights = opinions(seed, count)
    weights[: count // 2] = 1 / count  # equal weights must not bring the order back in
    order = np.random.default_rng(seed).permutation(count)

    picks = select(LATTICE, boxes, weights, n=5)
    shuffled = select(LATTICE, boxes[order], weights[order], n=5)

    np.testing.assert_array_equal(shuffled.boxes_xyxy, picks.boxes_xyxy)
    np.testing.assert_array_equal(shuffled.scores, picks.scores)


@given(seeds, counts, st.integers(3, 7))
def test_a_free_set_spans_scales(seed: int, count: int, n: int) -> None:
    areas = area(select(LATTICE, *opinions(seed, count), n=n, spanned_area=1.0).boxes_xyxy)

    assert len(areas) == n
    assert areas.min() < 0.60
    assert areas.max() > 0.75


@given(seeds, counts)
def test_a_fixed_ratio_set_spans_scales_of_its_ratio(seed: int, count: int) -> None:
    picks = select(SQUARES, *opinions(seed, count), n=4, spanned_area=LARGEST_SQUARE)
    areas = area(picks.boxes_xyxy) / LARGEST_SQUARE

    assert areas.min() < 0.60
    assert areas.max() > 0.75


def test_two_crops_need_not_span_scales() -> None:
    tight = np.array([[0.3, 0.3, 0.5, 0.5]])

    assert area(select(LATTICE, tight, np.ones(1), n=2, spanned_area=1.0).boxes_xyxy).max() < 0.2
    assert area(select(LATTICE, tight, np.ones(1), n=3, spanned_area=1.0).boxes_xyxy).max() > 0.75


def test_a_band_without_candidates_is_not_waited_for() -> None:
    large = LATTICE[area(LATTICE) > 0.61]

    picks = select(large, large, np.full(len(large), 1 / len(large)), n=3, spanned_area=1.0)

    assert len(picks.boxes_xyxy) == 3
    assert area(picks.boxes_xyxy).max() > 0.75


@given(seeds, counts)
def test_selection_is_repeatable(seed: int, count: int) -> None:
    first = select(LATTICE, *opinions(seed, count), n=5, spanned_area=1.0)
    second = select(LATTICE, *opinions(seed, count), n=5, spanned_area=1.0)

    np.testing.assert_array_equal(first.boxes_xyxy, second.boxes_xyxy)


def test_one_proposal_is_returned_first_and_others_still_follow() -> None:
    wanted = np.array([[0.25, 0.25, 0.75, 1.0]])

    picks = select(LATTICE, wanted, np.ones(1), n=4)

    np.testing.assert_allclose(picks.boxes_xyxy[0], wanted[0])
    assert picks.scores[0] == pytest.approx(1)
    assert len(picks.boxes_xyxy) == 4


def test_two_opinions_get_a_crop_each() -> None:
    opinion = np.array([[0.0, 0.0, 0.5, 0.5], [0.5, 0.5, 1.0, 1.0]])

    picks = select(LATTICE, opinion, np.array([0.6, 0.4]), n=2)

    np.testing.assert_allclose(picks.boxes_xyxy, opinion)


def test_fewer_come_back_when_candidates_are_alike() -> None:
    alike = np.array([[0.0, 0.0, 1.0, 1.0], [0.0, 0.0, 0.99, 1.0], [0.0, 0.0, 1.0, 0.98]])

    assert len(select(alike, alike, np.full(3, 1 / 3), n=3).boxes_xyxy) == 1
    assert len(select(alike, alike, np.full(3, 1 / 3), n=3, diversity=1.0).boxes_xyxy) == 3


def test_identical_candidates_come_back_once() -> None:
    same = np.tile([[0.1, 0.1, 0.9, 0.9]], (4, 1))

    assert len(select(same, same, np.full(4, 0.25), n=3, diversity=1.0).boxes_xyxy) == 1


def test_no_candidate_means_no_crop() -> None:
    picks = select(np.empty((0, 4)), *opinions(0, 3), n=5)

    assert picks.boxes_xyxy.shape == (0, 4)
    assert picks.scores.shape == (0,)


def test_the_shortlist_gives_way_when_it_is_too_narrow() -> None:
    # 300 boxes around one place fill the shortlist; the one different box is the least promising of all.
    rng = np.random.default_rng(0)
    crowd = np.array([0.1, 0.1, 0.6, 0.6]) + rng.uniform(-0.005, 0.005, (300, 4))
    candidates = np.concatenate([crowd, [[0.9, 0.9, 1.0, 1.0]]])

    picks = select(candidates, crowd[:5], np.full(5, 0.2), n=2)

    np.testing.assert_allclose(picks.boxes_xyxy[1], candidates[-1])


def test_ties_go_to_the_larger_then_the_earlier_box() -> None:
    boxes = np.array([[0, 0, 0.5, 0.5], [0, 0, 0.5, 1.0], [0.5, 0, 1.0, 1.0]])
    overlap = np.full((3, 1), 0.5, np.float32)

    chosen = pick_set(
        boxes, overlap, np.ones(1, np.float32), overlap[:, 0], np.zeros(3, np.float32), SetLimits(1, 0.85), []
    )

    assert chosen == [1]


def test_the_evaluator_moves_the_choice_only_if_it_has_weight() -> None:
    boxes, weights = opinions(3, 20)

    def likes_the_corner(candidates: np.ndarray) -> np.ndarray:
        return -candidates.sum(axis=1)

    def is_not_asked(candidates: np.ndarray) -> np.ndarray:
        raise AssertionError("asked")

    plain = select(LATTICE, boxes, weights, n=1, evaluate=is_not_asked)
    moved = select(
        LATTICE, boxes, weights, n=1, evaluate=likes_the_corner, settings=SelectionSettings(evaluator_weight=10)
    )

    assert moved.boxes_xyxy[0].sum() < plain.boxes_xyxy[0].sum()
    assert moved.scores[0] < plain.scores[0]


def test_a_polished_box_takes_part() -> None:
    wanted = np.array([[0.11, 0.22, 0.83, 0.94]])

    picks = select(LATTICE, wanted, np.ones(1), n=2, polish=lambda box, sample: wanted)

    np.testing.assert_array_equal(picks.boxes_xyxy[0], wanted[0])


def test_the_ratio_conditions_the_weights() -> None:
    weights = condition_on_ratio(np.full(3, 1 / 3), np.array([1.0, 2.0, 0.5]), 1.0, temperature=0.3)

    np.testing.assert_allclose(weights, np.array([1, 2 ** (-1 / 0.3), 2 ** (-1 / 0.3)]) / (1 + 2 * 2 ** (-1 / 0.3)))


def test_a_ratio_far_from_all_proposals_leaves_weights_that_sum_to_one() -> None:
    weights = condition_on_ratio(np.full(3, 1 / 3), np.array([1.0, 2.0, 0.5]), 10_000.0, temperature=0.01)

    assert weights.sum() == pytest.approx(1)


@given(seeds, counts, st.sampled_from([-2.0, -0.5, 0.5, 2.0]))
def test_a_tilt_weighs_overlap_against_area(seed: int, count: int, tilt: float) -> None:
    boxes, weights = opinions(seed, count)
    exact = SelectionSettings(pruned_weight=0.0)

    picks = select(LATTICE, boxes, weights, n=1, tilt=tilt, settings=exact, always_considered=len(LATTICE))

    worth = (iou_matrix(LATTICE, boxes) @ weights) * area(LATTICE) ** tilt
    chosen = iou_matrix(picks.boxes_xyxy, boxes)[0] @ weights
    assert chosen * area(picks.boxes_xyxy)[0] ** tilt == pytest.approx(worth.max(), rel=1e-4)
    assert picks.scores[0] == pytest.approx(chosen, abs=1e-5)


def test_settings_come_from_the_card() -> None:
    settings = SelectionSettings.from_card({"ratio_temperature": 0.5, "evaluator_weight": 0})

    assert settings.ratio_temperature == 0.5
    assert settings.scale_tilt == SelectionSettings().scale_tilt


@pytest.mark.parametrize(
    "selection", [{"tilt": 1.0}, {"scale_tilt": "1"}, {"scale_tilt": float("nan")}, {"ratio_temperature": 0}]
)
def test_settings_of_the_card_are_checked(selection: dict) -> None:
    with pytest.raises(ModelError, match="model card: "):
        SelectionSettings.from_card(selection)


def test_alternatives_to_a_met_opinion_are_the_next_best() -> None:
    wanted = np.array([[0.25, 0.25, 0.75, 0.75]])
    expected = iou_matrix(LATTICE, wanted)[:, 0]

    picks = select(LATTICE, wanted, np.ones(1), n=2)

    allowed = iou_matrix(LATTICE, wanted)[:, 0] <= 0.85
    assert picks.scores[1] == pytest.approx(expected[allowed].max(), abs=1e-5)
