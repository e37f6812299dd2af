"""Persons and importance maps go with the picture through windows and mirrors, and vary in training alone."""

import dataclasses

import numpy as np
import pytest
import torch
from PIL import Image

from cadrage.training.engine.evaluators.samples import RatedSamples, mirrored
from cadrage.training.engine.evaluators.targets import RatingScale, window_heat
from cadrage.training.systems.human_centric import HumanCentricRecipe

PLAIN = HumanCentricRecipe(side=64, resize="squash", flip=False, colour="none", person_jitter=0.0, person_drop=0.0)
PERSON = [0.25, 0.25, 0.5, 0.75]
CROPS = [[0.1, 0.1, 0.6, 0.9], [0.2, 0.2, 0.7, 0.8], [0.0, 0.0, 1.0, 1.0]]


@pytest.fixture
def photo(tmp_path, record):
    """A photo that is bright where the person is."""
    picture = np.zeros((64, 64, 3), np.uint8)
    picture[16:48, 16:32] = 200
    Image.fromarray(picture).save(tmp_path / "a.png")
    return record(CROPS, [4.0, 5.0, 1.0], persons=[PERSON], file=tmp_path / "a.png")


def samples(photo, recipe=PLAIN, *, augmented=True, heat_mean=3.0):
    return RatedSamples([photo], RatingScale(0.0, 1.0), recipe, augmented=augmented, heat_mean=heat_mean)


def bright_columns(image):
    return (image[0].amax(dim=0) > 0.4).nonzero().flatten()


def test_the_mirror_moves_person_and_map_with_the_picture(photo):
    sample = samples(photo)[(0, 0)]
    assert sample.person_xyxy.tolist() == PERSON and bool(sample.has_person) and bool(sample.has_heat)
    other = mirrored(sample)
    assert other.person_xyxy.tolist() == [0.5, 0.25, 0.75, 0.75]
    assert bright_columns(other.image).tolist() == list(range(32, 48))
    flipped = dataclasses.replace(photo, crops_xyxy=other.rated_xyxy.double().numpy(), scores=other.targets.numpy())
    expected = window_heat(flipped, "ratings", 3.0, (0.0, 0.0, 1.0, 1.0))
    np.testing.assert_allclose(other.heat[0], expected, atol=5e-6)
    assert not torch.equal(other.heat, sample.heat)
    for ours, again in zip(sample[:-1], mirrored(other)[:-1], strict=True):
        torch.testing.assert_close(again, ours)


def test_a_photo_without_person_and_map_has_zeros_also_mirrored(photo):
    nobody = dataclasses.replace(photo, persons_xyxy=np.zeros((0, 4)))
    for sample in (samples(nobody, heat_mean=None)[(0, 0)], mirrored(samples(nobody, heat_mean=None)[(0, 0)])):
        assert not sample.has_person and not sample.has_heat
        assert sample.person_xyxy.tolist() == [0, 0, 0, 0]
        assert sample.heat.shape == (1, 64, 64) and sample.heat.abs().sum() == 0


def test_windows_move_the_person_with_the_picture(photo):
    recipe = dataclasses.replace(PLAIN, window_share=1.0)
    moved = set()
    for epoch in range(20):
        sample = samples(photo, recipe)[(epoch, 0)]
        columns = bright_columns(sample.image)
        left, right = (float(each) * 64 for each in sample.person_xyxy[[0, 2]])
        assert abs(int(columns[0]) - left) <= 1.5 and abs(int(columns[-1]) + 1 - right) <= 1.5
        moved.add(round(left, 1))
    assert len(moved) > 10


def test_a_person_that_a_window_cuts_off_is_not_told(photo):
    """The best crop, which no window cuts, is to the right of the person."""
    away = dataclasses.replace(
        photo,
        persons_xyxy=np.array([[0.0, 0.2, 0.2, 0.8]]),
        crops_xyxy=np.array([[0.5, 0.1, 0.9, 0.9]]),
        scores=np.ones(1),
    )
    recipe = dataclasses.replace(PLAIN, window_share=1.0, window_margin=0.45)
    told = {bool(samples(away, recipe, heat_mean=None)[(epoch, 0)].has_person) for epoch in range(20)}
    assert told == {True, False}


def test_persons_vary_in_training_alone(photo):
    recipe = dataclasses.replace(PLAIN, person_jitter=0.1, person_drop=0.5)
    drawn = [samples(photo, recipe)[(epoch, 0)] for epoch in range(40)]
    found = {tuple(each.person_xyxy.tolist()) for each in drawn if each.has_person}
    assert 5 < len(found) < 35
    plain = samples(photo, recipe, augmented=False)
    assert all(plain[(epoch, 0)].person_xyxy.tolist() == PERSON for epoch in range(20))


def test_models_with_and_without_persons_are_trained_on_the_same_photos(photo):
    """Everything else is drawn from numbers of its own."""
    base = dataclasses.replace(PLAIN, flip=True, colour="photometric", window_share=0.5, crops=2)
    for epoch in range(10):
        ours, theirs = (
            samples(photo, dataclasses.replace(base, person_drop=drop, person_jitter=jitter))[(epoch, 0)]
            for drop, jitter in ((0.0, 0.0), (1.0, 0.1))
        )
        assert bool(theirs.has_person) is False
        for name in ("image", "rated_xyxy", "targets", "heat"):
            assert torch.equal(getattr(ours, name), getattr(theirs, name))
