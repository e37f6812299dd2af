from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cadrage.datasets.synthetic import Scene, Subject, compose, mirror_scene, quality
from cadrage.errors import UsageError
from cadrage.geometry import mirror

WHOLE = [[0.0, 0.0, 1.0, 1.0]]
# A body on a crossing of the thirds that takes 9 % of the photo, and the horizon on a third: nothing to improve.
THIRD = Subject((1 / 3 - 0.15, 1 / 3 - 0.15, 1 / 3 + 0.15, 1 / 3 + 0.15), 0.5)
FARTHER = (1 / 3 - 0.27, 1 / 3 - 0.15, 1 / 3 + 0.03, 1 / 3 + 0.15)
PERFECT = Scene((200, 200), 2 / 3, THIRD)
SCENES = st.tuples(st.integers(0, 2**32), st.booleans()).map(
    lambda drawn: compose(np.random.default_rng(drawn[0]), persons=drawn[1])
)


def boxes_from(seed: int, count: int = 40) -> np.ndarray:
    edges = np.sort(np.random.default_rng(seed).uniform(0, 1, (count, 2, 2)), axis=1)
    edges[:, 1] = np.minimum(edges[:, 1] + 0.02, 1)
    return edges.reshape(count, 4)


def of_whole(scene: Scene) -> float:
    (score,) = quality(scene, WHOLE)
    return float(score)


@settings(max_examples=30)
@given(SCENES, st.integers(0, 99))
def test_every_crop_is_between_1_and_5_and_judged_by_itself(scene, seed):
    boxes = boxes_from(seed)
    scores = quality(scene, boxes)
    assert ((scores >= 1) & (scores <= 5)).all()
    np.testing.assert_allclose([quality(scene, [box])[0] for box in boxes[:8]], scores[:8], rtol=1e-12)
    assert quality(scene, np.empty((0, 4))).shape == (0,)


@settings(max_examples=30)
@given(SCENES, st.integers(0, 99))
def test_left_and_right_are_alike(scene, seed):
    boxes = boxes_from(seed)
    np.testing.assert_allclose(quality(mirror_scene(scene), mirror(boxes)), quality(scene, boxes), rtol=1e-9)


@settings(max_examples=30)
@given(SCENES, st.integers(0, 99), st.integers(0, 3))
def test_a_small_step_of_an_edge_is_a_small_step_of_the_quality(scene, seed, edge):
    boxes = boxes_from(seed)
    boxes = boxes[(boxes[:, 2:] - boxes[:, :2] > 0.3).all(axis=1)]
    moved = boxes.copy()
    moved[:, edge] += 1e-5 * (1 if edge < 2 else -1)
    assert (abs(quality(scene, moved) - quality(scene, boxes)) < 1e-3).all()


@settings(max_examples=30)
@given(SCENES, st.integers(0, 2**32))
def test_colours_and_grain_do_not_matter(scene, texture):
    boxes = boxes_from(0)
    assert np.array_equal(quality(replace(scene, texture=texture), boxes), quality(scene, boxes))


def test_nothing_to_improve():
    assert of_whole(PERFECT) == pytest.approx(5)
    assert of_whole(replace(PERFECT, subject=replace(THIRD, box_xyxy=(0.52, 0.52, 0.82, 0.82)))) > 4.9


@pytest.mark.parametrize(
    ("scene", "score"),
    [
        # One tolerance away: exp(-1/2) of the term's weight remains.
        (replace(PERFECT, horizon=2 / 3 + 0.1), 1 + 4 * (0.7 + 0.3 * np.exp(-0.5))),
        (
            replace(PERFECT, subject=replace(THIRD, box_xyxy=tuple(np.add(THIRD.box_xyxy, (-0.12, 0, -0.12, 0))))),
            4.2131,
        ),
        # All of a board, two boards.
        (replace(PERFECT, boards_xyxy=((0.9, 0, 1, 0.5),)), 1 + 4 * 0.55),
        (replace(PERFECT, boards_xyxy=((0.9, 0, 1, 0.5), (0, 0.9, 0.5, 1))), 1 + 4 * 0.55**2),
        # The lamp on the left wants the body on the right: the wrong third is 1/3 away.
        (replace(PERFECT, lamp_xyxy=(0, 0, 0.05, 0.2)), 1 + 4 * (0.5 + 0.5 * np.exp(-((1 / 0.36) ** 2) / 2))),
        (replace(PERFECT, lamp_xyxy=(0.95, 0, 1, 0.2)), 5),
        # A person stands at half height and points into the crop.
        (replace(PERFECT, subject=Subject((1 / 3 - 0.1, 0.275, 1 / 3 + 0.1, 0.725), 0.5, points=1)), 5),
        (replace(PERFECT, subject=Subject((1 / 3 - 0.1, 0.275, 1 / 3 + 0.1, 0.725), 0.5, points=-1)), 3.0422),
        # The box around two is in the middle.
        (
            replace(
                PERFECT,
                subject=Subject((0.1, 0.35, 0.4, 0.65), 0.5),
                companion=Subject((0.7, 0.4, 0.9, 0.6), 0.5),
            ),
            5,
        ),
    ],
)
def test_worked_scores_of_the_whole_photo(scene, score):
    assert of_whole(scene) == pytest.approx(score, abs=1e-4)


@pytest.mark.parametrize(("points", "power", "places"), [(0, 2, [(1 / 3, 1 / 3)]), (1, 3, [(1 / 3, 0.5)])])
def test_worked_cuts(points, power, places):
    scene = Scene((200, 200), 0.4, Subject((0.16, 0.16, 0.46, 0.46), 0.5, points))
    (score,) = quality(scene, [[0.31, 0.1, 0.9, 0.9]])
    # With 12 % of room on every side the subject reaches from .124 to .496; its middle is on the left edge.
    kept = (0.496 - 0.31) / 0.372
    across, down = 0.0, (0.31 - 0.1) / 0.8
    (place,) = (np.exp(-(np.hypot(across - x, down - y) ** 2) / 0.12**2 / 2) for x, y in places)
    share = np.exp(-(np.log(1 / (0.59 * 0.8)) ** 2) / 0.5**2 / 2)
    horizon = np.exp(-((0.3 / 0.8 - 1 / 3) ** 2) / 0.1**2 / 2)
    assert score == pytest.approx(1 + 4 * kept**power * (0.5 * place + 0.2 * share + 0.3 * horizon))


def test_who_is_left_out_makes_the_same_inside_another_crop():
    alone = Scene((200, 200), 0.5, Subject((0.1, 0.3, 0.35, 0.55), 0.5))
    pair = replace(alone, companion=Subject((0.75, 0.3, 0.95, 0.5), 0.5))
    without = [[0.0, 0.0, 0.7, 1.0]]
    assert quality(alone, without)[0] > quality(pair, without)[0] + 1
    assert quality(pair, without)[0] <= 1 + 4 * 0.35
    assert quality(pair, without)[0] < quality(pair, WHOLE)[0]


def test_a_sliver_of_a_board_disturbs_most_for_its_size():
    scene = replace(PERFECT, boards_xyxy=((0.8, 0.0, 1.0, 0.5),))
    # The ratio to the scene without the board leaves this factor alone.
    boxes = np.array([[0, 0, x2, 1] for x2 in (0.8, 0.82, 0.9, 1.0)])
    clean = (quality(scene, boxes) - 1) / (quality(PERFECT, boxes) - 1)
    np.testing.assert_allclose(clean, [1, 1 - 0.45 * 0.19, 1 - 0.45 * 0.75, 0.55])


def test_a_subject_that_is_left_out_leaves_nothing():
    assert quality(PERFECT, [[0.6, 0.6, 1, 1]])[0] == 1


def test_boxes_that_are_none_are_refused():
    with pytest.raises(UsageError, match="box 0"):
        quality(PERFECT, [[0.5, 0.5, 0.4, 0.9]])
    with pytest.raises(UsageError, match="outside the photo"):
        quality(PERFECT, [[0.5, 0.5, 1.4, 0.9]])
