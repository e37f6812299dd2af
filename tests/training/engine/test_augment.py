"""Photometric augmentation: a known colour space, and draws that stay within their limits."""

import colorsys

import numpy as np
import pytest

from cadrage.training.engine.augment import hsv_to_rgb, photometric, rgb_to_hsv

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (6, 7, 3)).astype(np.float32)


def test_there_and_back():
    np.testing.assert_allclose(hsv_to_rgb(*rgb_to_hsv(PIXELS)), PIXELS, atol=1e-3)


@pytest.mark.parametrize("rgb", [(255, 0, 0), (0, 128, 0), (10, 20, 30), (77, 77, 77), (0, 0, 0), (200, 200, 10)])
def test_the_colour_space_is_the_usual_one(rgb):
    hue, saturation, value = (float(each[0, 0]) for each in rgb_to_hsv(np.array([[rgb]], np.float32)))
    expected = colorsys.rgb_to_hsv(*(channel / 255 for channel in rgb))
    assert (hue / 360, saturation, value / 255) == pytest.approx(expected, abs=1e-6)


def test_greys_stay_grey_whatever_is_drawn():
    grey = np.full((3, 3, 3), 90, np.float32)
    for seed in range(40):
        drawn = photometric(grey, np.random.default_rng(seed))
        assert np.ptp(drawn) < 1e-3
        assert (90 - 32) * 0.5 - 1e-3 <= drawn.mean() <= (90 + 32) * 1.5 + 1e-3


def test_draws_differ_and_one_in_sixteen_changes_nothing():
    drawn = [photometric(PIXELS, np.random.default_rng(seed)) for seed in range(400)]
    untouched = sum(np.array_equal(each, PIXELS) for each in drawn)
    assert 10 <= untouched <= 45
    assert len({each.tobytes() for each in drawn}) > 300


def test_the_input_is_left_alone():
    before = PIXELS.copy()
    for seed in range(10):
        photometric(PIXELS, np.random.default_rng(seed))
    np.testing.assert_array_equal(PIXELS, before)
