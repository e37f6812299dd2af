import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cadrage.geometry import area, contains, free_candidates, intersects
from cadrage.inference.selection.rules import Rules, admit, obeys, outward, violations

SIZE = (1200, 800)
LATTICE = free_candidates()
FULL = np.array([[0.0, 0.0, 1.0, 1.0]])


def boxes(*rows: tuple[float, float, float, float]) -> np.ndarray:
    return np.array(rows, np.float64)


sides = st.floats(0.02, 0.4)
places = st.floats(0, 1)


@st.composite
def a_box(draw: st.DrawFn) -> tuple[float, float, float, float]:
    width, height = draw(sides), draw(sides)
    x, y = draw(places) * (1 - width), draw(places) * (1 - height)
    return x, y, x + width, y + height


@given(a_box(), a_box())
def test_satisfiable_kept_boxes_are_never_cut(first: tuple, second: tuple) -> None:
    rules = Rules(keep_xyxy=boxes(first, second))

    admitted, relaxed = admit(LATTICE, rules, SIZE)

    assert relaxed == ()  # the full frame holds everything
    for kept in (first, second):
        assert contains(LATTICE[admitted], kept).all()


@given(a_box())
def test_to_hold_all_kept_boxes_is_to_hold_their_hull(kept: tuple) -> None:
    other = (0.4, 0.4, 0.6, 0.6)
    rules = Rules(keep_xyxy=boxes(kept, other))

    admitted, _ = admit(LATTICE, rules, SIZE)

    hull = rules.kept_hull
    assert hull is not None
    np.testing.assert_array_equal(admitted, contains(LATTICE, hull))


@given(a_box())
def test_avoided_boxes_are_not_touched_if_that_is_possible(avoided: tuple) -> None:
    rules = Rules(avoid_xyxy=boxes(avoided))

    admitted, relaxed = admit(LATTICE, rules, SIZE)

    assert (relaxed == ()) == (~intersects(LATTICE, avoided)).any()
    assert relaxed or not intersects(LATTICE[admitted], avoided).any()


@given(st.floats(0.1, 0.5), st.floats(0.5, 1.0))
def test_area_limits_hold(lowest: float, highest: float) -> None:
    admitted, relaxed = admit(LATTICE, Rules(min_area=lowest, max_area=highest), SIZE)

    areas = area(LATTICE[admitted])
    assert relaxed == ()
    assert (areas >= lowest - 1e-9).all()
    assert (areas <= highest + 1e-9).all()


def test_nothing_asked_admits_everything() -> None:
    admitted, relaxed = admit(LATTICE, Rules(), SIZE)

    assert admitted.all()
    assert relaxed == ()
    assert not Rules().any_active


def test_the_asked_size_is_met_in_pixels() -> None:
    candidates = boxes((0, 0, 0.5, 0.5), (0, 0, 0.499, 1), (0, 0, 1, 1))

    admitted, relaxed = admit(candidates, Rules(min_size_wh=(600, 400)), SIZE)

    assert admitted.tolist() == [True, False, True]
    assert relaxed == ()


def test_a_size_beyond_the_photo_leaves_the_largest() -> None:
    candidates = boxes((0, 0, 0.5, 0.5), (0, 0, 0.9, 1), (0, 0, 1, 1))

    admitted, relaxed = admit(candidates, Rules(min_size_wh=(2400, 800)), SIZE)

    assert admitted.tolist() == [False, False, True]
    assert relaxed == ("smaller_than_asked",)


def test_kept_boxes_beat_avoided_ones() -> None:
    rules = Rules(keep_xyxy=boxes((0.4, 0.4, 0.6, 0.6)), avoid_xyxy=boxes((0.5, 0.5, 0.7, 0.7)))

    admitted, relaxed = admit(LATTICE, rules, SIZE)

    assert relaxed == ("overlaps_avoided",)
    assert contains(LATTICE[admitted], [0.4, 0.4, 0.6, 0.6]).all()


def test_kept_boxes_beat_the_area() -> None:
    rules = Rules(keep_xyxy=boxes((0.1, 0.1, 0.9, 0.9)), max_area=0.2)

    admitted, relaxed = admit(LATTICE, rules, SIZE)

    assert relaxed == ("area_out_of_range",)
    assert contains(LATTICE[admitted], [0.1, 0.1, 0.9, 0.9]).all()
    assert area(LATTICE[admitted]).max() < 0.75  # still as small as possible


def test_the_asked_size_beats_the_area_and_the_avoided_boxes() -> None:
    rules = Rules(min_size_wh=(1200, 800), max_area=0.5, avoid_xyxy=boxes((0, 0, 0.1, 0.1)))

    admitted, relaxed = admit(LATTICE, rules, SIZE)

    assert relaxed == ("area_out_of_range", "overlaps_avoided")
    np.testing.assert_array_equal(LATTICE[admitted], FULL)


def test_a_rule_gives_way_only_where_it_conflicts() -> None:
    # The size is out of reach, but that is no reason to give up the avoided box.
    rules = Rules(min_size_wh=(9999, 9999), avoid_xyxy=boxes((0, 0.9, 1, 1)))
    candidates = boxes((0, 0, 1, 1), (0, 0, 1, 0.99), (0, 0, 1, 0.9))

    admitted, relaxed = admit(candidates, Rules(avoid_xyxy=rules.avoid_xyxy), SIZE)
    assert (admitted.tolist(), relaxed) == ([False, False, True], ())

    admitted, relaxed = admit(candidates, Rules(min_size_wh=(9999, 1), avoid_xyxy=rules.avoid_xyxy), SIZE)
    assert (admitted.tolist(), relaxed) == ([False, False, True], ("smaller_than_asked",))


def test_what_cannot_be_held_is_covered_as_well_as_possible() -> None:
    rules = Rules(keep_xyxy=boxes((0.0, 0.4, 0.3, 0.6), (0.9, 0.4, 1.0, 0.6)))
    half = boxes((0, 0, 0.5, 1), (0.25, 0, 0.75, 1), (0.5, 0, 1, 1))

    admitted, relaxed = admit(half, rules, SIZE)

    assert relaxed == ("cuts_kept",)
    assert admitted.tolist() == [True, False, False]  # three quarters of what is kept, not one


def test_among_equal_covers_the_centred_one_wins() -> None:
    rules = Rules(keep_xyxy=boxes((0.0, 0.4, 1.0, 0.6)))
    half = boxes((0, 0, 0.5, 1), (0.25, 0, 0.75, 1), (0.5, 0, 1, 1))

    (_, cut_off), (_, off_centre) = violations(half, rules, SIZE)
    assert cut_off == pytest.approx([0.5, 0.5, 0.5])
    assert off_centre == pytest.approx([0.25, 0.0, 0.25], abs=1e-8)

    admitted, relaxed = admit(half, rules, SIZE)
    assert (admitted.tolist(), relaxed) == ([False, True, False], ("cuts_kept",))


def test_touching_is_not_overlapping() -> None:
    rules = Rules(avoid_xyxy=boxes((0.5, 0, 1, 1)))

    assert obeys(boxes((0, 0, 0.5, 1), (0, 0, 0.51, 1)), rules, SIZE).tolist() == [True, False]


def test_obeys_agrees_with_admit() -> None:
    rules = Rules(keep_xyxy=boxes((0.4, 0.4, 0.5, 0.5)), avoid_xyxy=boxes((0, 0, 0.1, 0.1)), min_area=0.3)

    admitted, relaxed = admit(LATTICE, rules, SIZE)

    assert relaxed == ()
    np.testing.assert_array_equal(admitted, obeys(LATTICE, rules, SIZE))


def test_no_box_obeys_nothing() -> None:
    assert obeys(np.empty((0, 4)), Rules(min_area=0.5, keep_xyxy=FULL), SIZE).shape == (0,)


@given(a_box(), st.tuples(st.integers(1, 5000), st.integers(1, 5000)))
def test_growing_to_whole_pixels_loses_nothing(box: tuple, size_wh: tuple[int, int]) -> None:
    grown = outward(boxes(box), size_wh)

    edges_px = grown[0] * np.tile(size_wh, 2)
    np.testing.assert_allclose(edges_px, np.rint(edges_px), atol=1e-6)
    assert (grown[0, :2] <= np.array(box[:2]) + 1e-6).all()
    assert (grown[0, 2:] >= np.array(box[2:]) - 1e-6).all()
    assert (grown >= 0).all()
    assert (grown <= 1 + 1e-12).all()


def test_whole_pixels_stay() -> None:
    np.testing.assert_allclose(outward(boxes((0.1, 0.3, 0.7, 0.9)), (1000, 1000)), boxes((0.1, 0.3, 0.7, 0.9)))


@given(a_box())
def test_every_box_that_is_left_shows_a_tenth_of_the_main_person(person: tuple) -> None:
    rules = Rules(person_xyxy=boxes(person))

    admitted, relaxed = admit(LATTICE, rules, SIZE)

    assert rules.any_active and relaxed == ()  # the full frame shows all of it
    x1, y1, x2, y2 = person
    width = np.minimum(LATTICE[:, 2], x2) - np.maximum(LATTICE[:, 0], x1)
    height = np.minimum(LATTICE[:, 3], y2) - np.maximum(LATTICE[:, 1], y1)
    shown = width.clip(0) * height.clip(0) / ((x2 - x1) * (y2 - y1))
    clear = abs(shown - 0.1) > 1e-6
    np.testing.assert_array_equal(admitted[clear], shown[clear] > 0.1)


def test_the_main_person_gives_way_to_everything_that_was_asked_for() -> None:
    left, right = (0.0, 0.0, 0.3, 1.0), (0.5, 0.0, 1.0, 1.0)
    rules = Rules(avoid_xyxy=boxes((0.0, 0.0, 0.4, 1.0)), person_xyxy=boxes(left))

    admitted, relaxed = admit(boxes(left, right), rules, SIZE)

    assert (admitted.tolist(), relaxed) == ([False, True], ("misses_person",))
