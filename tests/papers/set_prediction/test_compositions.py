"""Figures 4 and 5: which crops of a photo they show."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from cadrage.geometry import grid_anchors
from cadrage.models.boxes import xyxy_to_cxcywh
from cadrage.papers.set_prediction.compositions import Compositions, compositions, outside_the_grid, two_apart
from cadrage.papers.set_prediction.proposals import Proposals


def proposals(record, boxes, name: str = "a.jpg") -> Proposals:
    photo = replace(record([[0, 0, 1, 1]], [4.5], name), file=Path("data") / name)
    logits = torch.linspace(3, -3, len(boxes))
    return Proposals(photo, xyxy_to_cxcywh(torch.tensor(boxes, dtype=torch.float32)), logits)


@pytest.mark.parametrize("size_wh", [(1000, 667), (600, 800), (500, 500)])
def test_no_grid_anchor_is_outside_of_its_own_regions(size_wh):
    assert len(outside_the_grid(grid_anchors(size_wh))) == 0
    beyond = np.array([[0.5, 0.1, 0.9, 0.9], [0.1, 0.1, 0.6, 0.9], [0.1, 0.1, 0.9, 0.9]])
    assert outside_the_grid(beyond).tolist() == beyond[:2].tolist()


def test_the_second_composition_is_the_first_crop_far_from_the_best():
    best, near, far = [0, 0, 0.6, 1], [0, 0, 0.7, 1], [0.5, 0, 1, 1]
    assert two_apart(np.array([best, near, far], np.float64)).tolist() == [best, far]
    assert len(two_apart(np.array([best, near], np.float64))) == 0
    assert len(two_apart(np.empty((0, 4)))) == 0


def test_photos_come_in_their_order_and_those_without_are_counted(record):
    small, large = [0.5, 0.5, 0.9, 0.9], [0.05, 0.05, 0.95, 0.95]
    many = [proposals(record, [large, small], f"{index}.jpg") for index in range(6)]
    given = [proposals(record, [large, large], "none.jpg"), *many]
    found = json.loads(json.dumps(compositions(given, Path("data"))))["compositions"]
    outside = Compositions.from_dict(found["outside"])
    assert (outside.files, outside.found, outside.n) == (("0.jpg", "1.jpg", "2.jpg", "3.jpg"), 6, 7)
    np.testing.assert_allclose(outside.boxes_xyxy[0], [small], atol=1e-6)
    np.testing.assert_allclose(Compositions.from_dict(found["two"]).boxes_xyxy[0], [large, small], atol=1e-6)


def test_what_is_shown_lies_within_the_photo_and_among_the_ten_most_valid(record):
    sticking = [[-0.2, -0.1, 0.3, 0.4], [1.2, 1.2, 1.5, 1.5], *[[0.05, 0.05, 0.95, 0.95]] * 8, [0.5, 0.5, 0.6, 0.6]]
    found = compositions([proposals(record, sticking)], Path("data"))["compositions"]["outside"]
    np.testing.assert_allclose(found["boxes"][0], [[0.0, 0.0, 0.3, 0.4]], atol=1e-6)


def test_no_photo_has_no_compositions():
    found = compositions([], Path("data"))["compositions"]
    assert found["outside"] == found["two"] == {"files": [], "boxes": [], "found": 0, "n": 0}
