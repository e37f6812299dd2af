"""Samples of a set predictor: sizes, windows, mirrors, padding, and photos that cannot be read."""

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from cadrage.datasets.manifest import PhotoRecord
from cadrage.geometry.input_size import input_size
from cadrage.models.boxes import cxcywh_to_xyxy
from cadrage.training.systems.set_prediction.recipe import SetRecipe
from cadrage.training.systems.set_prediction.samples import (
    SetSample,
    SetSamples,
    collate,
    targets_in_window,
)
from cadrage.training.systems.set_prediction.targets import PhotoTargets, photo_targets

RECIPE = SetRecipe(resize="squash", side=64, colour="jitter", jitter=0.0, good_score=1.0)
BOX = (0.25, 0.5, 0.75, 1.0)


@pytest.fixture
def record(tmp_path) -> PhotoRecord:
    """A photo that is white inside its crop and black outside."""
    pixels = np.zeros((40, 80, 3), np.uint8)
    pixels[20:, 20:60] = 255
    Image.fromarray(pixels).save(tmp_path / "a.png")
    return PhotoRecord(
        "images/a.png", tmp_path / "a.png", (80, 40), np.array([BOX]), np.array([1.0]), (), np.empty((0, 4)), {}
    )


def samples(record, recipe=RECIPE, **changes):
    recipe = replace(recipe, **changes)
    targets = [photo_targets(record, threshold=1.0)]
    return SetSamples([record], targets, recipe, augmented=True)


def bright_part(image: torch.Tensor, box_cxcywh: torch.Tensor) -> tuple[float, float]:
    """Mean brightness inside a box and outside of it."""
    height, width = image.shape[1:]
    x1, y1, x2, y2 = (cxcywh_to_xyxy(box_cxcywh) * torch.tensor([width, height] * 2)).round().int().tolist()
    inside = torch.zeros(height, width, dtype=torch.bool)
    inside[y1:y2, x1:x2] = True
    grey = image.mean(dim=0)
    return float(grey[inside].mean()), float(grey[~inside].mean())


@pytest.mark.parametrize(
    ("size_wh", "shorter", "expected"),
    [
        ((1024, 768), 600, (800, 600)),
        ((1024, 683), 600, (899, 600)),
        ((683, 1024), 600, (600, 899)),
        ((3000, 600), 800, (1335, 267)),
    ],
)
def test_the_size_of_a_photo(size_wh, shorter, expected):
    assert input_size(size_wh, shorter, 1333) == expected


@pytest.mark.parametrize("seed", range(6))
def test_boxes_follow_the_photo_through_mirror_and_window(record, seed):
    """White must stay inside the crop whatever was drawn."""
    sample = samples(record, seed=seed, flip=True, window_share=1.0)[(0, 0)]
    inside, outside = bright_part(sample.image, sample.targets.good_boxes_cxcywh[0])
    assert inside > 0.9
    assert outside < 0.1


def test_label_noise_moves_the_good_crop_alone_and_never_out_of_the_photo(record):
    still, moved = samples(record)[(0, 0)].targets, samples(record, label_noise=0.05)
    drawn = torch.cat([moved[(epoch, 0)].targets.good_boxes_cxcywh for epoch in range(200)])
    corners = cxcywh_to_xyxy(drawn)
    assert corners.min() >= 0 and corners.max() <= 1
    # The crop ends at the lower border, where half of the noise is cut off.
    assert corners[:, :3].std(dim=0).tolist() == pytest.approx([0.05] * 3, rel=0.2)
    torch.testing.assert_close(moved[(0, 0)].targets.boxes_cxcywh, still.boxes_cxcywh)


def test_the_same_seed_epoch_and_photo_give_the_same_sample(record):
    one, other = (samples(record, flip=True, window_share=1.0, colour="photometric") for _ in range(2))
    torch.testing.assert_close(one[(3, 0)].image, other[(3, 0)].image)
    assert not torch.equal(one[(3, 0)].image, one[(4, 0)].image)


def test_a_window_drops_the_rated_crops_it_cuts_and_keeps_their_scores_apart():
    inside, cut = [0.5, 0.5, 0.4, 0.4], [0.2, 0.5, 0.4, 0.4]
    targets = PhotoTargets(torch.tensor([inside]), torch.tensor([inside, cut]), torch.tensor([4.0, 2.0]))
    moved = targets_in_window(targets, (0.25, 0.25, 0.75, 0.75))
    torch.testing.assert_close(moved.good_boxes_cxcywh, torch.tensor([[0.5, 0.5, 0.8, 0.8]]))
    assert moved.scores.tolist() == [4.0]
    assert len(moved.boxes_cxcywh) == 1


def test_a_share_of_many_good_crops_is_drawn(record):
    crops = np.array([[0.1 * i, 0, 0.1 * i + 0.4, 1] for i in range(6)])
    many = replace_record(record, crops)
    sample = samples(many, most_crops=2)[(0, 0)]
    assert len(sample.targets.good_boxes_cxcywh) == 2
    assert len(sample.targets.boxes_cxcywh) == 6


def replace_record(record: PhotoRecord, crops) -> PhotoRecord:
    return PhotoRecord(
        record.file_name, record.file, record.size_wh, crops, np.ones(len(crops)), (), record.persons_xyxy, {}
    )


def test_photos_of_one_shape_need_no_padding_and_others_get_it():
    def sample(height, width):
        return SetSample(torch.ones(3, height, width), PhotoTargets(*[torch.empty(0, 4)] * 2, torch.empty(0)), "a")

    same = collate([sample(64, 96), sample(64, 96)])
    assert same is not None
    assert same.padding is None
    batch = collate([sample(64, 70), None, sample(40, 96)])
    assert batch is not None
    assert batch.padding is not None
    # Only up to the largest of them.
    assert batch.image.shape == (2, 3, 64, 96)
    assert (~batch.padding).sum(dim=(1, 2)).tolist() == [64 * 70, 40 * 96]
    assert batch.image[1, :, 40:].abs().sum() == 0
    single = collate([sample(50, 70)])
    assert (single.image.shape, single.padding) == ((1, 3, 50, 70), None)
    nothing = collate([None, None])
    assert (nothing.photos(), nothing.file_names, nothing.unreadable) == (0, (), 2)


@pytest.mark.parametrize(("backbone", "size_wh"), [("resnet50-dc5", (899, 600)), ("mobilenet-v2", (896, 608))])
def test_a_measured_photo_has_the_size_of_the_paper_and_no_padding(record, backbone, size_wh, tmp_path):
    Image.new("RGB", (1024, 683)).save(tmp_path / "b.png")
    record = replace(record, file=tmp_path / "b.png", size_wh=(1024, 683))
    recipe = replace(SetRecipe(), backbone=backbone)
    sample = SetSamples([record], [photo_targets(record, threshold=1.0)], recipe, augmented=False)[(0, 0)]
    batch = collate([sample])
    assert (batch.image.shape[2:], batch.padding) == (size_wh[::-1], None)


def test_an_unreadable_photo_is_told_and_left_out(record, caplog):
    Path(record.file).write_bytes(b"no photo")
    with caplog.at_level(logging.WARNING):
        assert samples(record)[(0, 0)] is None
    assert "a.png" in caplog.text
    assert "left out" in caplog.text


def test_measured_photos_are_neither_mirrored_nor_coloured(record):
    plain = SetSamples([record], [photo_targets(record, threshold=1.0)], RECIPE, augmented=False)
    torch.testing.assert_close(plain[(0, 0)].image, plain[(9, 0)].image)
    inside, outside = bright_part(plain[(0, 0)].image, plain.targets[0].good_boxes_cxcywh[0])
    assert (inside > 0.9, outside < 0.1) == (True, True)
