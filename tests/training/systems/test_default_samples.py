from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from cadrage.datasets.manifest import PhotoRecord, read_manifest
from cadrage.datasets.pixels import load_photos
from cadrage.geometry import iou_matrix
from cadrage.training.engine.augment import boxes_around, into_window, jitter_colours, random_window
from cadrage.training.systems.default import CropSamples, DefaultRecipe, make_sample

RECIPE = DefaultRecipe(side=64, boxes_around_label=9)


@pytest.fixture(scope="module")
def photos(data: Path) -> tuple[list[PhotoRecord], list[np.ndarray]]:
    return load_photos(read_manifest(data / "fcdb" / "train"))


def test_windows_hold_every_label_and_cut_no_more_than_the_margin() -> None:
    rng = np.random.default_rng(0)
    labels = np.array([[0.2, 0.3, 0.6, 0.9], [0.1, 0.4, 0.7, 0.8]])
    for _ in range(200):
        x1, y1, x2, y2 = random_window(labels, 0.25, rng)
        assert 0 <= x1 <= 0.1 and 0 <= y1 <= 0.25 and 0.75 <= x2 <= 1 and 0.9 <= y2 <= 1


def test_into_window_keeps_overlaps() -> None:
    boxes = np.array([[0.2, 0.3, 0.6, 0.9], [0.25, 0.3, 0.7, 0.8]])
    moved = into_window(boxes, (0.1, 0.2, 0.8, 1.0))
    np.testing.assert_allclose(iou_matrix(moved, moved), iou_matrix(boxes, boxes))
    np.testing.assert_allclose(into_window(boxes, (0, 0, 1, 1)), boxes)


def test_boxes_around_are_valid_and_partly_close() -> None:
    label = np.array([0.3, 0.3, 0.7, 0.8])
    boxes = boxes_around(label, 30, np.random.default_rng(1))
    assert boxes.shape == (30, 4)
    assert boxes.min() >= 0 and boxes.max() <= 1
    assert (boxes[:, 2:] - boxes[:, :2]).min() > 0.15
    assert (iou_matrix(boxes, label[None])[:, 0] > 0.6).sum() >= 5


def test_the_label_stays_on_the_rectangle_it_marks(photos: tuple[list[PhotoRecord], list[np.ndarray]]) -> None:
    """Windows and mirroring move picture and label together."""
    records, pixels = photos
    for seed in range(20):
        record, photo = records[seed % len(records)], pixels[seed % len(records)]
        rng = np.random.default_rng(seed)
        sample = make_sample(record, photo, replace(RECIPE, jitter=0.0), window_share=1.0, rng=rng)
        bright = sample.image.mean(dim=0) > 0.5
        x1, y1, x2, y2 = (sample.labels[0] * 64).round().int().tolist()
        drawn = torch.zeros_like(bright)
        drawn[y1:y2, x1:x2] = True
        overlap = (drawn & bright).sum() / (drawn | bright).sum()
        assert overlap > 0.9


def test_a_sample_depends_on_seed_epoch_and_photo_only(photos: tuple[list[PhotoRecord], list[np.ndarray]]) -> None:
    samples = CropSamples(*photos, RECIPE)
    there, back = samples[3, 2].tensors(), samples[3, 2].tensors()
    assert all(torch.equal(there[name], back[name]) for name in there)
    assert not torch.equal(samples[3, 2].image, samples[4, 2].image)


def test_padding_is_weightless(photos: tuple[list[PhotoRecord], list[np.ndarray]]) -> None:
    sample = CropSamples(*photos, RECIPE)[0, 0]
    assert sample.label_weights.tolist() == [1.0] + [0.0] * 9
    assert sample.votes[1:].sum() == 0


def test_jitter_of_zero_changes_nothing_and_results_stay_in_range() -> None:
    rng = np.random.default_rng(0)
    image = torch.from_numpy(rng.uniform(size=(3, 4, 5)))
    torch.testing.assert_close(jitter_colours(image, 0.0, rng), image)
    strong = jitter_colours(image, 0.9, rng)
    assert strong.min() >= 0 and strong.max() <= 1
