"""Questions and answers are checked: shapes of photos, finite numbers."""

import numpy as np
import pytest

from cadrage.errors import UsageError
from cadrage.evaluation.answers import Answer, expect_shape, same_shape


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ((600, 400), (600, 400), True),
        ((300, 200), (600, 400), True),
        ((1024, 683), (600, 400), True),
        ((400, 600), (600, 400), False),
        ((600, 420), (600, 400), False),
        # A thin photo made small: one pixel is much of its short side.
        ((1024, 5), (10_000, 53), True),
        ((5, 1024), (53, 10_000), True),
        ((1024, 5), (10_000, 90), False),
        ((5, 1024), (90, 10_000), False),
    ],
)
def test_copies_of_a_photo_have_one_shape_and_a_turned_one_has_not(one, other, same):
    assert same_shape(one, other) is same


def test_a_photo_of_another_shape_than_the_manifest_says_is_named(record):
    from cadrage.evaluation.protocols import PROTOCOLS

    question = PROTOCOLS["fcdb-free"].ask(record("a.png", size_wh=(400, 300)))[0]
    expect_shape((200, 150), question)
    with pytest.raises(UsageError, match=r"a\.png: has the shape 300x400, not that of the 400x300 pixels"):
        expect_shape((300, 400), question)


@pytest.mark.parametrize("confidence", [np.nan, np.inf])
def test_a_confidence_is_a_number(confidence):
    with pytest.raises(ValueError, match="finite confidences"):
        Answer(np.array([[0.0, 0.0, 1.0, 1.0]]), np.array([confidence]))
