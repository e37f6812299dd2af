import numpy as np
import pytest
import torch

from cadrage.models.boxes import xyxy_to_cxcywh
from cadrage.papers.set_prediction.figure_data import correlation, load_points, quality_points, save_points
from cadrage.papers.set_prediction.proposals import Proposals
from cadrage.training.systems.set_prediction.recipe import SetRecipe


@pytest.fixture
def proposals(record):
    """Three predictions: on the good crop, on one of score 2.5, and near nothing."""
    photo = record([[0, 0, 1, 1], [0, 0, 0.5, 0.5]], [4.5, 2.5])
    boxes = torch.tensor([[0.0, 0, 1, 0.98], [0, 0, 0.5, 0.48], [0.6, 0.6, 0.9, 0.9]])
    return [Proposals(photo, xyxy_to_cxcywh(boxes), torch.tensor([0.8, 0.2, 0.5]).logit())]


def test_quality_is_the_score_of_the_nearest_crop_and_what_is_near_none_has_no_point(proposals):
    np.testing.assert_allclose(
        quality_points(proposals, SetRecipe(), unmatched=False), [[4.5, 0.8], [2.5, 0.2]], rtol=1e-5
    )


def test_the_prediction_that_a_good_crop_was_assigned_to_is_left_out_of_the_unmatched(proposals):
    np.testing.assert_allclose(quality_points(proposals, SetRecipe(), unmatched=True), [[2.5, 0.2]], rtol=1e-5)


def test_no_photo_gives_no_points_and_no_correlation():
    none = quality_points([], SetRecipe(), unmatched=False)
    assert none.shape == (0, 2)
    assert correlation(none).to_dict() == {"spearman": 0.0, "pearson": 0.0, "n": 0}


def test_correlation_is_of_ranks_and_of_values():
    points = np.array([[1, 0.1], [2, 0.3], [2, 0.2], [4, 0.5], [5, 0.4]], np.float32)
    found = correlation(points)
    assert (found.spearman, found.pearson, found.n) == (0.872082, 0.866025, 5)


def test_points_come_back_from_their_file_whose_bytes_are_always_the_same(tmp_path):
    a, b = np.ones((3, 2), np.float32), np.zeros((0, 2), np.float32)
    for name in ("one", "two"):
        save_points(tmp_path / name, a=a, b=b)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    stored = load_points(tmp_path / "one")
    np.testing.assert_array_equal(stored["a"], a)
    assert stored["b"].shape == (0, 2)
