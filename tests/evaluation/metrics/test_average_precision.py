import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cadrage.errors import CadrageError
from cadrage.evaluation.metrics.average_precision import average_precision, bootstrap_average_precision
from cadrage.geometry import grid_anchors, mirror

GRID = grid_anchors()
NOTHING = np.empty((0, 4))


def boxes(*rows):
    return np.array(rows, dtype=np.float64).reshape(-1, 4) / 100


TRUTH, MISS = [10, 10, 90, 90], [50, 50, 70, 70]


@st.composite
def some_photos(draw, unique_confidences=False):
    """Predictions and truths on the grid; confidences are few, so that most are tied, or all different."""
    places = st.lists(st.integers(0, 89), max_size=6, unique=True)
    predicted, truths = [], []
    for photo in range(draw(st.integers(1, 5))):
        predicted_places = draw(places)
        confidences = (
            np.sort(draw(st.lists(st.integers(0, 3), min_size=6, max_size=6)))[::-1][: len(predicted_places)] / 3
        )
        if unique_confidences:
            confidences = 0.9 - 0.1 * np.arange(len(predicted_places)) - 0.01 * photo
        predicted.append((GRID[predicted_places], confidences))
        truths.append(GRID[draw(places)])
    return predicted, truths


def test_worked_numbers_of_two_photos():
    predicted = [
        (boxes(TRUTH, MISS), np.array([0.9, 0.6])),
        (boxes(MISS, TRUTH), np.array([0.8, 0.7])),
    ]
    found = average_precision(predicted, [boxes(TRUTH)] * 2, epsilons=(0.85,), top_ks=(1, 2))
    assert found == {(0.85, 1): pytest.approx(51 / 101), (0.85, 2): pytest.approx((51 + 50 * 2 / 3) / 101)}
    assert found[0.85, 2] == pytest.approx(0.834983, abs=1e-6)


def test_a_box_takes_the_crop_of_the_highest_overlap():
    # The first box overlaps both good crops by more than .85 and takes the better one, which leaves none to the second.
    truths = boxes([0, 0, 100, 100], [0, 0, 100, 88])
    predicted = [(boxes([0, 0, 100, 96], [0, 0, 112, 100]), np.array([0.9, 0.8]))]
    for crops in (truths, truths[::-1]):
        assert average_precision(predicted, [crops], (0.85,), (5,))[0.85, 5] == pytest.approx(51 / 101)


def test_an_overlap_counts_at_its_own_threshold():
    predicted = [(boxes([10, 0, 37, 100]), np.array([0.9]))]
    found = average_precision(predicted, [boxes([10, 0, 40, 100])], (0.9, 0.901), (5,))
    assert found == pytest.approx({(0.9, 5): 1, (0.901, 5): 0})


@pytest.mark.parametrize("size", [1e-6, 1e-2, 1.0, 1e6])
def test_boxes_of_every_size_count(size):
    truth = np.array([[0.0, 0.0, size, size]])
    assert average_precision([(truth, np.array([0.5]))], [truth], (0.9,), (5,))[0.9, 5] == pytest.approx(1)
    # What is wrong counts as well, however small.
    wrong_first = np.concatenate([truth / 3, truth])
    found = average_precision([(wrong_first, np.array([0.9, 0.5]))], [truth], (0.9,), (5,))
    assert found[0.9, 5] == pytest.approx(0.5)


@given(some_photos())
def test_who_predicts_the_good_crops_is_perfect(photos):
    # Of more good crops than K not all can be found.
    truths = [crops[:5] for crops in photos[1]]
    found = average_precision([(crops, np.full(len(crops), 0.5)) for crops in truths], truths)
    assert found == pytest.approx(dict.fromkeys(found, 1.0 if any(map(len, truths)) else 0.0))


@given(some_photos(), st.randoms(use_true_random=False))
def test_neither_the_order_of_photos_nor_of_good_crops_has_a_say(photos, random):
    predicted, truths = photos
    order = random.sample(range(len(truths)), len(truths))
    shuffled = [predicted[photo] for photo in order]
    crops = [truths[photo][::-1] for photo in order]
    assert average_precision(shuffled, crops) == average_precision(predicted, truths)
    bootstrapped = bootstrap_average_precision(predicted, truths, rounds=5)
    assert bootstrap_average_precision(shuffled, crops, rounds=5) == bootstrapped


@given(st.randoms(use_true_random=False))
def test_noise_in_the_last_digit_moves_no_tied_box(random):
    """The same boxes everywhere, as from a prior: every confidence is tied with all photos."""
    truths = [GRID[[random.randrange(90) for _ in range(3)]] for _ in range(8)]
    confidences = np.linspace(3, 2, 10)
    found = average_precision([(GRID[:10], confidences)] * 8, truths)
    noisy = [(GRID[:10] * (1 + 2e-16), confidences * (1 + 2e-16))] * 8
    assert average_precision(noisy, truths) == found


@given(some_photos(unique_confidences=True))
def test_mirroring_changes_nothing(photos):
    predicted, truths = photos
    mirrored = [(mirror(found), confidences) for found, confidences in predicted]
    found = average_precision(predicted, truths)
    assert average_precision(mirrored, [mirror(crops) for crops in truths]) == pytest.approx(found)


def test_only_the_first_k_of_a_photo_count_and_more_settings_change_none():
    predicted = [(boxes(MISS, TRUTH), np.array([0.9, 0.8]))]
    several = average_precision(predicted, [boxes(TRUTH)], (0.85, 0.9), (2, 1))
    assert several == pytest.approx({(0.85, 1): 0, (0.85, 2): 0.5, (0.9, 1): 0, (0.9, 2): 0.5})
    assert average_precision(predicted, [boxes(TRUTH)], (0.9,), (2,)) == {(0.9, 2): several[0.9, 2]}


def test_the_published_settings_are_the_default():
    found = average_precision([(boxes(TRUTH), np.array([0.9]))], [boxes(TRUTH)])
    assert list(found) == [(0.85, 5), (0.85, 10), (0.85, 40), (0.9, 5), (0.9, 10), (0.9, 40)]


@pytest.mark.parametrize("photos", [([], []), ([(boxes(TRUTH), np.array([0.9]))], [NOTHING])])
def test_without_any_good_crop_it_is_undefined(photos):
    found = average_precision(*photos, (0.85,), (5,))
    assert found == {(0.85, 5): 0}
    assert bootstrap_average_precision(*photos, (0.85,), (5,), rounds=3) == {(0.85, 5): (0, 0, 0)}


def test_a_photo_without_boxes_lowers_the_recall_and_one_without_good_crops_the_precision():
    right, nothing = (boxes(TRUTH), np.array([0.5])), (NOTHING, np.empty(0))
    assert average_precision([right, nothing], [boxes(TRUTH)] * 2, (0.85,), (5,))[0.85, 5] == pytest.approx(51 / 101)
    surer = (boxes(TRUTH), np.array([0.9]))
    assert average_precision([right, surer], [boxes(TRUTH), NOTHING], (0.85,), (5,))[0.85, 5] == pytest.approx(0.5)


def test_nothing_is_printed(capsys):
    bootstrap_average_precision([(boxes(TRUTH), np.array([0.9]))], [boxes(TRUTH)], rounds=2)
    average_precision([], [])
    assert capsys.readouterr() == ("", "")


def test_bootstrap_interval_holds_the_value_and_is_repeatable():
    rng = np.random.default_rng(0)
    predicted = [
        (GRID[rng.choice(90, 10, replace=False)], np.sort(rng.random(10))[::-1].astype(np.float64)) for _ in range(40)
    ]
    truths = [GRID[rng.choice(90, 20, replace=False)] for _ in range(40)]
    found = bootstrap_average_precision(predicted, truths, rounds=50, seed=3)
    for setting, ap in average_precision(predicted, truths).items():
        mean, low, high = found[setting]
        assert mean == ap
        assert 0 < low < ap < high < 1
    assert bootstrap_average_precision(predicted, truths, rounds=50, seed=3) == found
    assert bootstrap_average_precision(predicted, truths, rounds=50, seed=4) != found


def test_a_resampled_set_is_judged_as_if_it_were_given():
    # Two photos, one right and one wrong: of four equally likely draws one is all right, one all wrong and two mixed.
    right, wrong = (boxes(TRUTH), np.array([0.9])), (boxes(MISS), np.array([0.8]))
    mixed = average_precision([right, wrong], [boxes(TRUTH)] * 2, (0.85,), (5,))[0.85, 5]
    found = bootstrap_average_precision([right, wrong], [boxes(TRUTH)] * 2, (0.85,), (5,), rounds=200)[0.85, 5]
    assert found == pytest.approx((mixed, 0, 1))


def test_bad_input_is_an_error():
    with pytest.raises(ValueError, match="as many photos with predictions as with truths, got 1 and 2"):
        average_precision([(boxes(TRUTH), np.array([0.9]))], [boxes(TRUTH)] * 2)
    with pytest.raises(ValueError, match="as many boxes as confidences, got 1 and 2"):
        average_precision([(boxes(TRUTH), np.array([0.9, 0.8]))], [boxes(TRUTH)])
    with pytest.raises(ValueError, match="finite confidences"):
        average_precision([(boxes(TRUTH), np.array([np.nan]))], [boxes(TRUTH)])
    with pytest.raises(ValueError, match="finite boxes"):
        average_precision([(boxes([0, 0, 1, np.nan]), np.array([0.9]))], [boxes(TRUTH)])


def test_without_pycocotools_the_message_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "pycocotools.cocoeval", None)
    with pytest.raises(CadrageError, match=r"pip install 'cadrage\[eval\]'"):
        average_precision([], [])
