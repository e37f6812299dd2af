"""The main person in training: who it is, what a window leaves of it, how a detector would see it, and who cuts it."""

import numpy as np
import pytest

from cadrage.training.engine.evaluators.measure import Scores, measure_cuts
from cadrage.training.engine.evaluators.targets import (
    cuts_person,
    detected,
    main_person,
    person_in_window,
    photos_with_persons,
)

PERSON = np.array([0.3, 0.2, 0.5, 0.8])
WHOLE = (0.0, 0.0, 1.0, 1.0)


@pytest.mark.parametrize(
    ("persons", "expected"),
    [
        ([], None),
        # A data set says who it is about, however small.
        ([[0.5, 0.5, 0.52, 0.52]], [0.5, 0.5, 0.52, 0.52]),
        # Two of like size are one subject; somebody far behind is not.
        ([[0.1, 0.2, 0.4, 0.9], [0.5, 0.2, 0.8, 0.8], [0.85, 0.4, 0.95, 0.6]], [0.1, 0.2, 0.8, 0.9]),
        # All of them smaller than one per cent of the photo.
        ([[0.1, 0.1, 0.15, 0.15], [0.8, 0.8, 0.85, 0.85]], [0.1, 0.1, 0.15, 0.15]),
    ],
)
def test_who_a_photo_is_about(record, persons, expected):
    found = main_person(record(persons=persons))
    assert (found is None) if expected is None else found.tolist() == expected


@pytest.mark.parametrize(
    ("window", "expected"),
    [
        (WHOLE, [0.3, 0.2, 0.5, 0.8]),
        ((0.0, 0.0, 0.5, 1.0), [0.6, 0.2, 1.0, 0.8]),
        # Cut in the middle.
        ((0.4, 0.0, 1.0, 1.0), [0.0, 0.2, 1 / 6, 0.8]),
        # Just above and just below a tenth of the person.
        ((0.0, 0.0, 0.325, 1.0), [12 / 13, 0.2, 1.0, 0.8]),
        ((0.0, 0.0, 0.315, 1.0), None),
        ((0.0, 0.0, 0.3, 1.0), None),
        ((0.0, 0.85, 1.0, 1.0), None),
    ],
)
def test_a_window_clips_a_person_until_hardly_anything_is_left(window, expected):
    found = person_in_window(PERSON, window)
    if expected is None:
        assert found is None
    else:
        np.testing.assert_allclose(found, expected, atol=1e-12)


def test_nobody_stays_nobody():
    assert person_in_window(None, WHOLE) is None
    assert detected(None, 0.1, 0.0, np.random.default_rng(0)) is None


def test_a_detector_moves_every_side_within_its_jitter_and_misses_some():
    rng = np.random.default_rng(0)
    seen = [detected(PERSON, 0.1, 0.25, rng) for _ in range(800)]
    found = np.array([box for box in seen if box is not None])
    assert 0.2 < 1 - len(found) / len(seen) < 0.3
    moves = (found - PERSON) / np.array([0.2, 0.6, 0.2, 0.6])
    assert (np.abs(moves) <= 0.1 + 1e-12).all()
    # Each side on its own, in both directions, up to the limit.
    assert (moves.max(axis=0) > 0.09).all() and (moves.min(axis=0) < -0.09).all()
    assert np.abs(np.corrcoef(moves.T) - np.eye(4)).max() < 0.15


def test_no_jitter_and_no_drop_leave_a_person_alone_and_drop_1_leaves_none():
    rng = np.random.default_rng(0)
    np.testing.assert_array_equal(detected(PERSON, 0.0, 0.0, rng), PERSON)
    assert all(detected(PERSON, 0.1, 1.0, rng) is None for _ in range(20))


def test_a_person_at_the_border_stays_on_the_photo():
    edge = np.array([0.0, 0.0, 1.0, 1e-3])
    rng = np.random.default_rng(0)
    for _ in range(200):
        x1, y1, x2, y2 = detected(edge, 0.4, 0.0, rng)
        assert 0 <= x1 < x2 <= 1 and 0 <= y1 < y2 <= 1


def test_what_is_drawn_does_not_depend_on_there_being_a_person():
    with_person, without = np.random.default_rng(0), np.random.default_rng(0)
    detected(PERSON, 0.1, 0.5, with_person)
    detected(None, 0.1, 0.5, without)
    assert with_person.random() == without.random()


@pytest.mark.parametrize(
    ("crop", "cut"),
    [
        ([0.0, 0.0, 1.0, 1.0], False),
        ([0.3, 0.2, 0.5, 0.8], False),
        # 1.5 and 2.5 per cent of the height are missing.
        ([0.0, 0.209, 1.0, 1.0], False),
        ([0.0, 0.215, 1.0, 1.0], True),
        ([0.4, 0.0, 1.0, 1.0], True),
        # Left out altogether.
        ([0.6, 0.0, 1.0, 1.0], True),
    ],
)
def test_a_crop_cuts_beyond_two_per_cent(crop, cut):
    assert cuts_person(np.array(crop), PERSON) is cut


KEEPS, CUTS = [0.1, 0.1, 0.9, 0.9], [0.4, 0.0, 1.0, 1.0]


def test_the_first_crop_of_each_photo_with_a_person_counts(record, pair):
    rated = record([KEEPS, CUTS], [1, 5], "a", persons=[PERSON])
    voted = record([CUTS], [1], "a", persons=[PERSON], pairs=(pair(CUTS, KEEPS),))
    empty = record([KEEPS, CUTS], [1, 5], "a")
    nothing = np.zeros((0, 2))
    assert photos_with_persons([rated, voted, empty]) == 2
    # What people rated is not looked at, only what the model finds best.
    assert measure_cuts([rated], {"a": Scores(np.array([2.0, 1.0]), nothing)}) == 0
    assert measure_cuts([rated], {"a": Scores(np.array([1.0, 2.0]), nothing)}) == 1
    # One rating is no order: the views of the pair are what there is to choose from.
    assert measure_cuts([voted], {"a": Scores(np.array([9.0]), np.array([[0.0, 1.0]]))}) == 0
    assert measure_cuts([voted], {"a": Scores(np.array([9.0]), np.array([[1.0, 0.0]]))}) == 1
    assert measure_cuts([empty], {"a": Scores(np.array([1.0, 2.0]), nothing)}) is None
    assert measure_cuts([rated], {}) is None
