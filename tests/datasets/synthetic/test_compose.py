from dataclasses import replace

import numpy as np
import pytest

from cadrage.datasets.synthetic import Scene, compose, drawn_photos, quality
from cadrage.evaluation.metrics.correlation import srcc
from cadrage.geometry import area, contains, from_pixels, grid_anchors, intersects

WHOLE = np.array([[0.0, 0.0, 1.0, 1.0]])


def scenes(count: int, **options: object) -> list[Scene]:
    return [compose(np.random.default_rng(seed), **options) for seed in range(count)]  # type: ignore[arg-type]


@pytest.mark.parametrize("persons", [False, True])
def test_everything_that_counts_can_be_seen(persons):
    for scene in scenes(300, persons=persons):
        boxes = np.array([subject.box_xyxy for subject in scene.subjects])
        assert all(contains(WHOLE, box).all() for box in boxes), "a subject is whole"
        if scene.companion is not None:
            assert not intersects(boxes[:1], boxes[1]).any(), "two subjects are two"
            assert scene.companion.hue == scene.subject.hue and not scene.companion.is_person
            assert area(boxes)[0] > area(boxes)[1], "the larger one is the subject"
        assert 0.1 < scene.horizon < 0.9
        for box in (*scene.boards_xyxy, *([scene.lamp_xyxy] if scene.lamp_xyxy else [])):
            assert contains(WHOLE, box).all() and ({*box} & {0.0, 1.0}), "it reaches in from the border"
            assert min(box[2] - box[0], box[3] - box[1]) > 0.04


def test_lamps_stand_beside_single_bodies_only_and_do_not_follow_from_the_rest():
    lit = [scene for scene in scenes(600) if scene.lamp_xyxy]
    assert len(lit) > 100
    assert all(scene.companion is None and {scene.lamp_xyxy[0], scene.lamp_xyxy[2]} & {0.0, 1.0} for scene in lit)
    # Upright boards show which side the crop must avoid, and the lamp would say nothing new.
    assert all(box[0] > 0 and box[2] < 1 for scene in lit for box in scene.boards_xyxy if box[1] > 0 and box[3] < 1)
    middles = np.array([scene.subject.box_xyxy[0] + scene.subject.box_xyxy[2] for scene in lit]) / 2
    assert (abs(middles - 0.5) < 0.25).all() and middles.std() > 0.03


def test_persons_are_three_of_four_and_only_where_they_are_asked_for():
    assert not any(scene.subject.is_person for scene in scenes(100))
    people = [scene.subject for scene in scenes(400, persons=True) if scene.subject.is_person]
    assert 260 < len(people) < 340
    assert 0.35 < np.mean([person.points > 0 for person in people]) < 0.65


def test_sizes_stay_within_the_sides_and_vary():
    sizes = np.array([scene.size_wh for scene in scenes(200, sides=(100, 180))])
    assert sizes.min() >= 99 and sizes.max() <= 181
    ratios = np.log(sizes[:, 0] / sizes[:, 1])
    assert ratios.min() < -0.3 and ratios.max() > 0.3


@pytest.mark.parametrize("persons", [False, True])
def test_the_scores_are_worth_learning(persons):
    photos = list(drawn_photos({"train": 150}, persons=persons))
    rated = [photo.scores > 0 for photo in photos]
    scores = np.concatenate([photo.scores[mask] for photo, mask in zip(photos, rated, strict=True)])
    assert 0.05 < (scores >= 4).mean() < 0.2
    assert np.histogram(scores, [1, 2, 3, 4, 5.01])[0].min() > 0.05 * len(scores), "no kind of crop is rare"
    best = np.array([photo.scores.max() for photo in photos])
    assert 0.85 < (best >= 4).mean() < 1, "most photos have a good crop, not all"
    areas = area(grid_anchors())
    largest_first = np.mean([srcc(areas[mask], photo.scores[mask]) for photo, mask in zip(photos, rated, strict=True)])
    assert abs(largest_first) < 0.3


def test_what_lies_outside_a_crop_decides_with_what_lies_inside():
    photos = [photo for photo in drawn_photos({"train": 150}) if photo.scene.lamp_xyxy or photo.scene.companion]
    gains = {"lamp": [], "companion": []}  # type: ignore[var-annotated]
    reached = []
    for photo in photos:
        boxes, rated = from_pixels(photo.boxes_xyxy_px, photo.scene.size_wh), photo.scores > 0
        everything = srcc(quality(photo.scene, boxes)[rated], photo.scores[rated])
        reached.append(everything)
        gain = everything - srcc(seen_from_inside(photo.scene, boxes)[rated], photo.scores[rated])
        gains["lamp" if photo.scene.lamp_xyxy else "companion"].append(gain)
    assert np.mean(reached) > 0.94, "the raters are so much of one mind that more than .9 can be learned"
    assert np.mean(gains["lamp"]) > 0.1 and np.mean(gains["companion"]) > 0.02


def seen_from_inside(scene: Scene, boxes: np.ndarray) -> np.ndarray:
    """The quality as somebody would judge it who knows of lamp and companion only where the crop shows them."""
    seen = quality(scene, boxes)
    if scene.lamp_xyxy is not None:
        seen = np.where(intersects(boxes, scene.lamp_xyxy), seen, quality(replace(scene, lamp_xyxy=None), boxes))
    elif scene.companion is not None:
        shown = intersects(boxes, scene.companion.box_xyxy)
        seen = np.where(shown, seen, quality(replace(scene, companion=None), boxes))
    return seen
