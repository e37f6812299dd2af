"""What a detector returns, the detectors that need no network, and the person a photo is about."""

from typing import Any

import numpy as np
import pytest

from cadrage.errors import ModelError, UsageError
from cadrage.inference.subjects.detector import (
    ExternalDetector,
    NoDetector,
    Subjects,
    sorted_subjects,
)
from cadrage.inference.subjects.detectors import make_detector
from cadrage.inference.subjects.person import body_of_face, main_person

PHOTO = np.zeros((60, 80, 3), np.uint8)


def persons(*boxes: tuple[float, ...], sure: tuple[float, ...] | None = None) -> Subjects:
    confidences = np.array(sure if sure is not None else [0.9] * len(boxes))
    return Subjects(np.array(boxes, np.float64).reshape(-1, 4), ("person",) * len(boxes), confidences, "mine")


def test_nothing_is_found_without_a_detector() -> None:
    found = NoDetector().detect(PHOTO)
    assert len(found) == 0 and found.boxes_xyxy.shape == (0, 4)
    assert main_person(found) is None


def test_external_boxes_come_back_as_they_are() -> None:
    detector = ExternalDetector([[0.1, 0.2, 0.3, 0.4], [0.0, 0.0, 1.0, 1.0]])
    found = detector.detect(PHOTO)
    assert found.boxes_xyxy.tolist() == [[0.1, 0.2, 0.3, 0.4], [0.0, 0.0, 1.0, 1.0]]
    assert found.kinds == ("person", "person") and found.source == "external"
    assert len(detector.detect(PHOTO, ("animal",))) == 0


@pytest.mark.parametrize("box", [[-0.2, 0, 0.5, 1], [1.2, 0, 1.5, 1], [0.5, 0, 0.5, 1], [0, 0, np.nan, 1]])
def test_an_external_box_outside_the_photo_or_without_area_is_refused(box: list[float]) -> None:
    with pytest.raises(UsageError, match="external subjects: box 0"):
        ExternalDetector([box])


def test_boxes_of_a_network_are_clipped_sorted_and_dropped_when_wholly_outside() -> None:
    raw = [[-0.2, 0.1, 0.5, 0.9], [1.1, 0.1, 1.5, 0.9], [0.2, 0.2, 0.4, 1.3]]
    found = sorted_subjects(raw, ["person", "person", "animal"], [0.6, 0.9, 0.8], "network")
    assert found.kinds == ("animal", "person")
    assert found.boxes_xyxy.tolist() == [[0.2, 0.2, 0.4, 1.0], [0.0, 0.1, 0.5, 0.9]]


@pytest.mark.parametrize(
    ("boxes", "kinds", "sure", "message"),
    [
        ([[0, 0, 1, 1]], (), [], "as many kinds"),
        ([[0, 0, 1, 1]], ("tree",), [0.5], "tree"),
        ([[0, 0, 1, 1]], ("person",), [1.5], "from 0 to 1"),
        ([[0, 0, 2, 1]], ("person",), [0.5], "outside"),
    ],
)
def test_a_broken_detector_is_found_out(boxes: Any, kinds: Any, sure: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Subjects(np.array(boxes, np.float64), kinds, np.array(sure), "mine")


def test_a_person_alone_is_the_main_one_wherever_it_stands() -> None:
    assert main_person(persons((0.0, 0.0, 0.2, 0.2))) == (0.0, 0.0, 0.2, 0.2)
    assert main_person(persons((0.0, 0.0, 1.0, 1.0))) == (0.0, 0.0, 1.0, 1.0)


def test_the_nearest_to_the_middle_wins_among_equals_and_both_belong_together() -> None:
    # Ranks .9 * .2 * .9 and .9 * .2 * .6; the areas are equal, so both are the subject.
    assert main_person(persons((0.3, 0.4, 0.5, 0.6), (0.8, 0.4, 1.0, 0.6))) == (0.3, 0.4, 1.0, 0.6)


def test_the_second_person_joins_from_half_of_the_first_ones_area() -> None:
    first = (0.3, 0.0, 0.7, 0.5)  # area .2
    assert main_person(persons(first, (0.8, 0.5, 1.0, 1.0))) == (0.3, 0.0, 1.0, 1.0)  # area .1
    assert main_person(persons(first, (0.8, 0.5, 1.0, 0.99))) == first


def test_unsure_and_tiny_persons_do_not_count() -> None:
    assert main_person(persons((0.2, 0.2, 0.8, 0.8), sure=(0.49,))) is None
    assert main_person(persons((0.5, 0.5, 0.59, 0.6))) is None
    assert main_person(persons((0.5, 0.5, 0.6, 0.61))) is not None


def test_the_order_of_persons_does_not_matter() -> None:
    rng = np.random.default_rng(3)
    corner = rng.uniform(0, 0.6, (6, 2))
    boxes = np.concatenate([corner, corner + rng.uniform(0.1, 0.4, (6, 2))], axis=1)
    sure = rng.uniform(0.4, 1, 6)
    turned = rng.permutation(6)
    one = persons(*map(tuple, boxes), sure=tuple(sure))
    other = persons(*map(tuple, boxes[turned]), sure=tuple(sure[turned]))
    assert main_person(one) == main_person(other)


def test_a_face_alone_stands_for_a_body() -> None:
    face = np.array([[0.4, 0.2, 0.5, 0.3]])
    assert body_of_face(face)[0] == pytest.approx([0.3, 0.15, 0.6, 1.0])
    found = Subjects(face, ("face",), np.array([0.8]), "mine")
    assert main_person(found) == pytest.approx((0.3, 0.15, 0.6, 1.0))
    unsure = Subjects(face, ("face",), np.array([0.3]), "mine")
    assert main_person(unsure) is None


def test_a_person_goes_before_a_face() -> None:
    boxes = np.array([[0.4, 0.2, 0.5, 0.3], [0.6, 0.1, 0.9, 0.9]])
    assert main_person(Subjects(boxes, ("face", "person"), np.ones(2), "mine")) == (0.6, 0.1, 0.9, 0.9)


@pytest.mark.parametrize("name", ["yolo", "opencv", "", "onnx", "onnx:"])
def test_an_unknown_detector_is_named_with_the_known_ones(name: str) -> None:
    with pytest.raises(UsageError, match="own, none, onnx:FILE"):
        make_detector(name)


def test_a_detector_without_its_file_says_which(tmp_path: Any) -> None:
    with pytest.raises(ModelError, match=r"faces\.onnx: no such file"):
        make_detector(f"onnx:{tmp_path / 'faces.onnx'}")
