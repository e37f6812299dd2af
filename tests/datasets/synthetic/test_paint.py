from dataclasses import replace

import numpy as np
import pytest

from cadrage.datasets.synthetic import Scene, Subject, compose, paint

SCENE = Scene(
    (240, 180),
    0.4,
    Subject((0.2, 0.3, 0.4, 0.6), 0.0),
    Subject((0.6, 0.35, 0.75, 0.55), 0.0),
    boards_xyxy=((0.85, 0.1, 1.0, 0.5),),
    lamp_xyxy=(0.0, 0.6, 0.06, 0.9),
    texture=7,
)


def difference(a: Scene, b: Scene) -> np.ndarray:
    return np.abs(paint(a).astype(int) - paint(b)).max(axis=2)


def extent(changed: np.ndarray) -> np.ndarray:
    rows, columns = np.flatnonzero(changed.any(axis=1)), np.flatnonzero(changed.any(axis=0))
    return np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1])


@pytest.mark.parametrize("persons", [False, True])
def test_the_same_scene_gives_the_same_pixels(persons):
    for seed in range(20):
        scene = compose(np.random.default_rng(seed), persons=persons)
        photo = paint(scene)
        assert photo.dtype == np.uint8 and photo.shape == (scene.size_wh[1], scene.size_wh[0], 3)
        assert np.array_equal(photo, paint(scene)) and photo.std() > 10
    assert (paint(SCENE) != paint(replace(SCENE, texture=8))).mean() > 0.8, "all but the things in it"


@pytest.mark.parametrize(
    ("without", "box"),
    [
        (replace(SCENE, boards_xyxy=()), SCENE.boards_xyxy[0]),
        (replace(SCENE, lamp_xyxy=None), SCENE.lamp_xyxy),
        (replace(SCENE, companion=None), SCENE.companion.box_xyxy),
    ],
)
def test_things_fill_their_boxes_and_nothing_else(without, box):
    # A faint shadow reaches a little below the box.
    changed = difference(SCENE, without) > 60
    np.testing.assert_allclose(extent(changed), np.array(box) * (240, 180, 240, 180), atol=2.5)
    outside = difference(SCENE, without)
    x1, y1, x2, y2 = np.rint(np.array(box) * (240, 180, 240, 180)).astype(int)
    outside[max(y1 - 2, 0) : y2 + 5, max(x1 - 2, 0) : x2 + 2] = 0
    assert not outside.any()


@pytest.mark.parametrize("points", [-1, 1])
def test_a_person_fills_the_box_and_points(points):
    height_px = 100
    box = (0.3, 0.2, 0.3 + 0.55 * height_px / 240, 0.2 + height_px / 180)
    bare = Scene((240, 180), 0.5, Subject((0.8, 0.8, 0.9, 0.9), 0.3), texture=1)
    person = replace(bare, companion=Subject(box, 0.0, points))
    changed = difference(bare, person) > 40
    np.testing.assert_allclose(extent(changed), np.array(box) * (240, 180, 240, 180), atol=2.5)
    left, top, right, bottom = extent(changed)
    rows_left, rows_right = changed[:, left : left + 5].any(axis=1), changed[:, right - 5 : right].any(axis=1)
    hand, back = (rows_right, rows_left) if points > 0 else (rows_left, rows_right)
    assert hand.sum() < back.sum(), "only the stretched arm reaches the side pointed to"
    assert 0.25 < (np.flatnonzero(hand).mean() - top) / (bottom - top) < 0.38


def test_a_mirrored_person_is_the_mirrored_picture():
    scene = Scene((240, 180), 0.5, Subject((0.4, 0.2, 0.6, 0.8), 0.1, 1), texture=3)
    flipped = replace(scene, subject=replace(scene.subject, points=-1))
    a, b = paint(scene)[40:140, 96:144].astype(int), paint(flipped)[40:140, 96:144, :][:, ::-1].astype(int)
    solid = np.abs(a - b).max(axis=2) < 3
    assert solid.mean() > 0.4, "the body; around it the grain is not mirrored"


def test_the_horizon_is_where_it_should_be():
    for horizon in (0.3, 0.5, 0.7):
        plain = Scene((200, 200), horizon, Subject((0.9, 0.05, 0.95, 0.1), 0.5), texture=5)
        rows = paint(plain)[:, :160].mean(axis=(1, 2))
        assert abs(np.argmin(np.diff(rows)) + 1 - horizon * 200) <= 1


def test_a_companion_has_the_colour_of_the_subject_and_the_subject_stands_in_front():
    colours = [paint(SCENE)[int(y * 180), int(x * 240)].astype(int) for x, y in ((0.3, 0.45), (0.675, 0.45))]
    np.testing.assert_allclose(*colours, atol=12)
    close = replace(SCENE, companion=replace(SCENE.companion, box_xyxy=(0.3, 0.3, 0.5, 0.6)))
    alone = replace(close, companion=None)
    assert difference(close, alone)[int(0.45 * 180), int(0.38 * 240)] == 0
