import logging
from dataclasses import replace

import numpy as np
import pytest
import torch

from cadrage.papers.set_prediction.proposals import Proposals, propose
from cadrage.training.engine.photos import select_photos
from cadrage.training.run import load_trained, read_recipe


@pytest.fixture
def recipe(recipes):
    return read_recipe(recipes / "gaicv2-qg.toml")


@pytest.fixture
def model(finished, recipe):
    return load_trained(finished("gaicv2-qg")).model


@pytest.fixture
def photos(data):
    return select_photos(data, ("drawn:train", "drawn:test"))


def test_photos_come_in_their_order_with_all_anchors(model, recipe, photos):
    found = list(propose(model, recipe, photos))
    assert [each.record for each in found] == photos
    assert found[0].boxes_cxcywh.shape == (90, 4) and found[0].logits.shape == (90,)


@pytest.mark.parametrize("how", [{}, {"resize": "shorter-side", "shorter_side_measured": 48, "longer_side_limit": 96}])
def test_a_photo_gets_the_same_boxes_beside_other_photos(model, recipe, photos, how):
    recipe = replace(recipe, **how)
    assert len({photo.size_wh for photo in photos}) > 1
    together = list(propose(model, recipe, photos))
    for record, each in zip(photos, together, strict=True):
        (alone,) = propose(model, recipe, [record])
        torch.testing.assert_close(alone.boxes_cxcywh, each.boxes_cxcywh, atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(alone.logits, each.logits, atol=1e-5, rtol=1e-4)


def test_an_unreadable_photo_is_named_and_left_out(model, recipe, photos, caplog):
    photos[1].file.write_bytes(b"no photo")
    photos[2].file.unlink()
    with caplog.at_level(logging.WARNING):
        found = list(propose(model, recipe, photos))
    assert [each.record for each in found] == [photos[0], *photos[3:]]
    assert photos[1].file.name in caplog.text and photos[2].file.name in caplog.text


def test_no_photo_is_no_proposal(model, recipe):
    assert list(propose(model, recipe, [])) == []


def test_the_answer_holds_every_box_by_falling_validity_unclipped(record):
    boxes = torch.tensor([[0.5, 0.5, 0.4, 0.4], [0.1, 0.5, 0.4, 1.0], [0.5, 0.5, 0.2, 0.2]])
    answer = Proposals(record([], []), boxes, torch.tensor([0.0, 3.0, 0.0])).answer()
    np.testing.assert_allclose(answer.boxes_xyxy[0], [-0.1, 0.0, 0.3, 1.0], atol=1e-6)
    np.testing.assert_allclose(answer.boxes_xyxy[1:, 0], [0.3, 0.4], atol=1e-6)
    np.testing.assert_allclose(answer.confidences, [0.952574, 0.5, 0.5], atol=1e-6)
