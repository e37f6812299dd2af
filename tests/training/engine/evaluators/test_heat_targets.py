"""Which crops an importance map is made of, and that it follows the photo."""

import dataclasses

import numpy as np
import pytest

from cadrage.errors import UsageError
from cadrage.geometry import mirror
from cadrage.training.engine.evaluators.targets import heat_crops, mean_heat_score, pseudo_heat, window_heat
from cadrage.training.systems.global_attention import GlobalAttentionRecipe
from cadrage.training.systems.human_centric import HumanCentricRecipe

A, B, C = [0.1, 0.1, 0.6, 0.9], [0.3, 0.2, 0.9, 0.8], [0.0, 0.0, 1.0, 1.0]
WHOLE = (0.0, 0.0, 1.0, 1.0)


def test_ratings_are_taken_as_they_are(record):
    crops, worth = heat_crops(record([A, B], [2.5, 4.0]), "ratings")
    assert (crops.tolist(), worth.tolist()) == ([A, B], [2.5, 4.0])


def test_views_are_worth_their_share_of_votes_and_the_best_crop_5(record, pair):
    """4 of 5 votes are 1 + 4 * .8 = 4.2; a pair without votes says nothing."""
    photo = record([C, A], [1.0, 0.5], pairs=(pair(A, B, 4, 1), pair(B, C, 0, 3), pair(A, C, 0, 0)))
    crops, worth = heat_crops(photo, "votes")
    assert crops.tolist() == [C, A, B, B, C]
    assert worth.tolist() == pytest.approx([5.0, 4.2, 1.8, 1.0, 5.0])


def test_a_photo_without_any_view_has_no_map(record):
    assert window_heat(record(), "votes", 3.0, WHOLE) is None
    assert window_heat(record(), "ratings", 3.0, WHOLE) is None


def test_the_mean_is_over_all_crops_of_the_photos_given(record):
    photos = [record([A, B], [1.0, 2.0]), record([A], [6.0])]
    assert mean_heat_score(photos, HumanCentricRecipe()) == 3.0


@pytest.mark.parametrize(
    ("recipe", "expected"),
    [
        (HumanCentricRecipe(heat=0.0), None),
        (GlobalAttentionRecipe(heat=0.0), None),
        (GlobalAttentionRecipe(heat=0.0, teacher_mixing=0.25), 2.0),
        (GlobalAttentionRecipe(heat=0.0, heat_map="oracle"), 2.0),
    ],
)
def test_maps_are_made_only_where_they_are_looked_at(record, recipe, expected):
    assert mean_heat_score([record([A, B], [1.0, 3.0])], recipe) == expected


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("ratings", 'every crop is rated alike; set heat_from to "votes"'),
        ("votes", 'there are no votes; set heat_from to "ratings"'),
    ],
)
def test_data_that_prefer_nothing_are_refused(record, source, message):
    with pytest.raises(UsageError, match=message):
        mean_heat_score([record([A, B], [1.0, 1.0])], HumanCentricRecipe(heat_from=source))


def test_the_whole_photo_is_a_window_too(record):
    photo = record([A, B], [1.0, 3.0])
    np.testing.assert_array_equal(
        window_heat(photo, "ratings", 2.0, WHOLE), pseudo_heat([A, B], [1.0, 3.0], mean_score=2.0)
    )


def test_a_window_shows_its_part_of_the_photo(record):
    """Of one crop and the whole photo, cells inside the crop have 1; in the left half, the crop is twice as wide."""
    photo = record([[0.25, 0.0, 0.5, 1.0], C], [3.0, 3.0])
    seen = window_heat(photo, "ratings", 2.0, (0.0, 0.0, 0.5, 1.0))
    np.testing.assert_allclose(seen[:, 32:], 1, atol=1e-6)
    np.testing.assert_allclose(seen[:, :32], 0, atol=1e-6)


def test_the_map_of_the_mirrored_photo_is_the_mirrored_map(record):
    rng = np.random.default_rng(0)
    boxes = np.sort(rng.random((30, 2, 2)), axis=1).reshape(-1, 4)
    photo = record(boxes, rng.uniform(1, 5, 30))
    turned = dataclasses.replace(photo, crops_xyxy=mirror(boxes))
    there = window_heat(photo, "ratings", 3.0, (0.1, 0.2, 0.7, 0.9))
    back = window_heat(turned, "ratings", 3.0, (0.3, 0.2, 0.9, 0.9))
    np.testing.assert_allclose(back[:, ::-1], there, atol=1e-6)
