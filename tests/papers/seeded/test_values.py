"""Values per photo: subsets, seeds, differences, and whether a gain is more than seeds differ."""

import numpy as np
import pytest

from cadrage.papers.results import PhotoValues, minus, over_seeds, together
from cadrage.papers.seeded.outcome import earned, gains

NAN = float("nan")


def values(photos="abc", srcc=(0.1, 0.2, 0.6), cut=(1, NAN, 0), persons=(True, False, True), **more):
    metrics = {"srcc": np.array(srcc, np.float64), "cut": np.array(cut, np.float64)}
    return PhotoValues(tuple(photos), metrics, np.array(persons, np.bool_), **more)


def test_photos_without_a_value_are_not_among_the_n():
    found = values()
    assert found.estimate("srcc").mean == pytest.approx(0.3) and found.estimate("srcc").n == 3
    assert found.estimate("cut").mean == 0.5 and found.estimate("cut").n == 2
    assert values(cut=(NAN,) * 3).estimate("cut") is None


def test_photos_with_a_person_are_a_list_of_their_own():
    found = values().with_persons()
    assert found.photos == ("a", "c") and found.estimate("srcc").mean == pytest.approx(0.35)
    assert found.has_person.all() and found.with_persons().photos == found.photos


def test_what_is_written_is_read():
    found = values(unreadable=("d",), undefined=2)
    again = PhotoValues.from_dict(found.to_dict())
    assert (again.photos, again.unreadable, again.undefined) == (found.photos, ("d",), 2)
    for name, each in found.metrics.items():
        np.testing.assert_allclose(again.metrics[name], each)
    assert again.has_person.tolist() == found.has_person.tolist()
    with pytest.raises(ValueError, match="expected 3 values"):
        PhotoValues.from_dict(found.to_dict() | {"has_person": [True]})


def test_seeds_are_averaged_photo_by_photo_whatever_their_order():
    first = values(unreadable=("x",))
    second = values(photos="cab", srcc=(0.8, 0.3, 0.4), cut=(0, 0, NAN), persons=(True, True, False))
    mean = over_seeds([first, second])
    assert mean.photos == ("a", "b", "c") and mean.unreadable == ("x",)
    np.testing.assert_allclose(mean.metrics["srcc"], [0.2, 0.3, 0.7])
    np.testing.assert_allclose(mean.metrics["cut"], [0.5, NAN, 0])
    # One seed is itself.
    np.testing.assert_array_equal(over_seeds([first]).metrics["srcc"], first.metrics["srcc"])


def test_differences_are_of_photos_that_both_have():
    first, second = values(), values(photos="cd", srcc=(0.5, 0.9), cut=(1, 0), persons=(True, True))
    less = minus(first, second)
    assert less.photos == ("c",)
    assert less.metrics["srcc"] == pytest.approx(0.1) and less.metrics["cut"] == pytest.approx(-1)
    np.testing.assert_allclose(minus(first, first).metrics["srcc"], 0)
    with pytest.raises(ValueError, match="expected a photo"):
        minus(first, values(photos="xyz"))


def test_photos_of_several_folders_keep_their_names_apart():
    both = together({"fcdb:train": values(), "flms:test": values(unreadable=("d",))})
    assert len(set(both.photos)) == 6 and both.photos[3] == "flms:test/a"
    assert both.unreadable == ("flms:test/d",) and both.estimate("srcc").n == 6


def seeds(*means):
    return [{"srcc": srcc, "acc5": acc5} for srcc, acc5 in means]


@pytest.mark.parametrize(
    ("full", "base", "beyond", "decided"),
    [
        # Gains .1 and .1, seeds at most .05 apart.
        (seeds((0.9, 0.8), (0.85, 0.85)), seeds((0.775, 0.725), (0.775, 0.725)), [True, True], True),
        # As much as seeds differ is not more.
        (seeds((0.75, 0.5), (0.5, 0.5)), seeds((0.375, 0.25), (0.375, 0.25)), [False, True], False),
        # The spread of the other run counts as well.
        (seeds((0.9, 0.9), (0.9, 0.9)), seeds((0.9, 0.7), (0.7, 0.7)), [False, True], False),
        # One seed tells nothing of seeds, and a loss is no gain.
        (seeds((0.9, 0.9)), seeds((0.7, 0.7), (0.7, 0.7)), [None, None], None),
        (seeds((0.7, 0.9), (0.7, 0.9)), seeds((0.8, 0.7), (0.8, 0.7)), [False, True], False),
    ],
)
def test_a_gain_counts_if_it_is_more_than_seeds_differ(full, base, beyond, decided):
    found = gains(full, base, ("srcc", "acc5"))
    assert [each.beyond_spread for each in found] == beyond
    assert earned(found) is decided
    assert found[0].gain == pytest.approx(np.mean([f["srcc"] for f in full]) - np.mean([b["srcc"] for b in base]))
