"""``keep="people"``: the detector's boxes become kept ones, and the answer tells what was found."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cadrage.errors import DetectionError, UsageError
from cadrage.geometry import contains
from cadrage.inference.cropper import Cropper
from cadrage.inference.request import Request
from cadrage.inference.results import Suggestions
from cadrage.inference.selection.rules import rules_for
from cadrage.inference.subjects.detector import KINDS, ExternalDetector, Kind, Subjects
from cadrage.inference.subjects.heads import kept_boxes

Painter = Callable[..., np.ndarray]
LEFT, RIGHT = [0.05, 0.3, 0.25, 0.8], [0.6, 0.2, 0.7, 0.6]


class Counting:
    """Finds the same always and counts how often it was asked, and for what."""

    name = "counting"

    def __init__(self, *boxes: list[float], kind: Kind = "person") -> None:
        self.inner = ExternalDetector(boxes, kind)
        self.asked: list[tuple[Kind, ...]] = []
        self.shape: tuple[int, ...] = ()

    def detect(self, photo_pixels: np.ndarray, kinds: tuple[Kind, ...] = KINDS) -> Subjects:
        self.asked.append(kinds)
        self.shape = photo_pixels.shape
        return self.inner.detect(photo_pixels, kinds)


def cropper_with(detector: object, model_folder: Path) -> Cropper:
    return Cropper(model_folder, threads=1, detector=detector)  # type: ignore[arg-type]


def holds(suggestions: Suggestions, box: list[float]) -> bool:
    """Whether every crop holds the whole box, to the pixel."""
    return bool(contains(suggestions.xyxyn + np.array([-1e-9, -1e-9, 1e-9, 1e-9]), box).all())


@pytest.mark.parametrize(
    ("keep", "words", "boxes"),
    [
        ("faces", ("faces",), ()),
        (["people", LEFT, "people"], ("people",), (tuple(LEFT),)),
        ([LEFT], (), (tuple(LEFT),)),
        (np.array([LEFT]), (), (tuple(LEFT),)),
    ],
)
def test_words_and_boxes_are_told_apart(keep: Any, words: tuple[str, ...], boxes: tuple[Any, ...]) -> None:
    request = Request.of(keep=keep)
    assert (request.keep_words, request.keep_xyxy, request.keep) == (words, boxes, (*words, *boxes))


@pytest.mark.parametrize("keep", ["cats", ["people", "cats"], ""])
def test_another_word_is_refused(keep: object) -> None:
    with pytest.raises(UsageError, match="'faces' or 'people', got"):
        Request.of(keep=keep)  # type: ignore[arg-type]


@pytest.mark.parametrize("ratio", ["free", "4:5", "16:9"])
def test_no_crop_cuts_what_was_found(model_folder: Path, red_at: Painter, ratio: str) -> None:
    cropper = cropper_with(ExternalDetector([LEFT]), model_folder)
    suggestions = cropper.suggest(red_at(0.8, 0.4), ratio, 5, keep="people")
    assert holds(suggestions, LEFT)
    assert not suggestions.flags or set(suggestions.flags) == {"fewer_than_asked"}
    plain = cropper.suggest(red_at(0.8, 0.4), ratio, 5)
    assert not contains(plain.xyxyn, LEFT).all(), "without the word the person would be cut"


def test_what_a_detector_found_is_kept_with_some_room() -> None:
    boxes = np.array([[0.4, 0.2, 0.6, 0.6], [0.0, 0.5, 0.5, 1.0]])
    request = Request.of(keep=["people", [0.1, 0.1, 0.2, 0.2]])
    found = kept_boxes(Subjects(boxes, ("person", "person"), np.ones(2), "own"))
    assert found[0] == pytest.approx((0.38, 0.16, 0.62, 0.64))
    assert found[1] == pytest.approx((0.0, 0.45, 0.55, 1.0))
    kept = rules_for(request, request.ratio[0], (1000, 1000), found).keep_xyxy
    assert kept[0] == pytest.approx((0.1, 0.1, 0.2, 0.2)), "the caller's own boxes are meant as they are"
    assert kept[1:] == pytest.approx(np.array(found))


def test_several_people_are_all_kept_beside_a_box_of_the_caller(model_folder: Path, red_at: Painter) -> None:
    detector = Counting(LEFT, RIGHT)
    mine = [0.8, 0.8, 0.9, 0.9]
    suggestions = cropper_with(detector, model_folder).suggest(red_at(0.5, 0.5), keep=["people", mine])
    for box in (LEFT, RIGHT, mine):
        assert holds(suggestions, box)
    answer = suggestions.to_dict()
    assert answer["request"]["keep"] == ["people", mine]
    assert [one["label"] for one in answer["subjects"]] == ["person", "person"]


def test_the_answer_says_what_was_found_and_by_whom(model_folder: Path, red_at: Painter) -> None:
    suggestions = cropper_with(ExternalDetector([LEFT]), model_folder).suggest(red_at(0.5, 0.5), keep="people")
    (subject,) = json.loads(suggestions.to_json())["subjects"]
    assert subject == {
        "label": "person",
        "confidence": 1.0,
        "box": {"x": 30, "y": 120, "width": 120, "height": 200},
        "box_norm": LEFT,
        "source": "external",
    }


def test_the_detector_is_asked_once_per_photo_and_never_unasked(model_folder: Path, red_at: Painter) -> None:
    detector = Counting(LEFT)
    cropper = cropper_with(detector, model_folder)
    cropper.suggest(red_at(0.5, 0.5), ["free", "1:1", "4:5"], people_aware=False)
    assert detector.asked == []
    cropper.suggest(red_at(0.5, 0.5), ["free", "1:1", "4:5"])
    cropper.suggest(red_at(0.5, 0.5), ["free", "1:1", "4:5"], keep="people")
    cropper.suggest(red_at(0.5, 0.5), keep="faces", people_aware=False)
    assert detector.asked == [("person", "face"), ("person",), ("face",), ("face",)]
    assert detector.shape == (400, 600, 3)


def test_finding_nothing_changes_nothing(model_folder: Path, red_at: Painter) -> None:
    photo = red_at(0.3, 0.6)
    plain = cropper_with("none", model_folder).suggest(photo)
    kept = cropper_with("none", model_folder).suggest(photo, keep="people")
    np.testing.assert_array_equal(plain.xyxy, kept.xyxy)
    assert kept.subjects == () and kept.flags == plain.flags and kept.warnings == plain.warnings


def test_a_person_who_covers_the_photo_leaves_the_whole_photo(model_folder: Path, red_at: Painter) -> None:
    cropper = cropper_with(ExternalDetector([[0, 0, 1, 1]]), model_folder)
    suggestions = cropper.suggest(red_at(0.3, 0.6), keep="people")
    assert suggestions.xyxyn.tolist() == [[0, 0, 1, 1]]
    square = cropper.suggest(red_at(0.3, 0.6), "1:1", 1, keep="people")
    assert square.flags == ("cuts_kept",)


def test_only_a_missing_detector_is_an_error_and_only_when_it_is_needed(model_folder: Path, red_at: Painter) -> None:
    cropper = cropper_with("yolo", model_folder)
    assert len(cropper.suggest(red_at(0.3, 0.6), people_aware=False))
    for options in ({}, {"keep": "people", "people_aware": False}):
        with pytest.raises(UsageError, match="no detector 'yolo'"):
            cropper.suggest(red_at(0.3, 0.6), **options)


def test_an_encoded_photo_answers_about_its_subjects(model_folder: Path, red_at: Painter) -> None:
    photo = cropper_with(ExternalDetector([LEFT, RIGHT]), model_folder).encode(red_at(0.3, 0.6))
    assert len(photo.subjects()) == 2
    assert len(photo.subjects(("animal",))) == 0


def test_a_detector_that_cannot_look_changes_nothing_unasked(model_folder: Path, red_at: Painter) -> None:
    class Blind:
        name = "blind"

        def detect(self, photo_pixels: np.ndarray, kinds: tuple[str, ...]) -> Subjects:
            raise DetectionError("no light")

    photo = red_at(0.3, 0.6)
    plain = cropper_with("none", model_folder).suggest(photo, "16:9", 2)
    assert cropper_with(Blind(), model_folder).suggest(photo, "16:9", 2).to_dict() == plain.to_dict()
    with pytest.raises(DetectionError, match="no light"):
        cropper_with(Blind(), model_folder).suggest(photo, keep="people")


@pytest.mark.parametrize("kind", ["face", "person"])
def test_heads_are_whole_without_asking(kind: str, model_folder: Path, red_at: Painter) -> None:
    photo = red_at(0.5, 0.8)
    found = ExternalDetector([[0.4, 0.05, 0.6, 0.3]], kind)
    aware, plain = (
        cropper_with(found, model_folder).suggest(photo, "3:1", 1, people_aware=aware).best for aware in (True, False)
    )
    assert aware.box_norm[1] <= 0.05 + 1e-6 < plain.box_norm[1]
    assert aware.flags == plain.flags == ()


def test_whose_face_is_found_needs_no_assumed_head(model_folder: Path, red_at: Painter) -> None:
    class Both:
        name = "both"

        def detect(self, photo_pixels: np.ndarray, kinds: tuple[str, ...]) -> Subjects:
            boxes = np.array([[0.2, 0.1, 0.8, 0.9], [0.45, 0.4, 0.55, 0.55]])
            return Subjects(boxes, ("person", "face"), np.array([0.9, 0.9]), self.name).of(*kinds)

    best = cropper_with(Both(), model_folder).suggest(red_at(0.5, 0.9), "3:1", 1).best
    # The face has room of .0675 for hair above it; the person's box begins at .1.
    assert 0.1 < best.box_norm[1] <= 0.3325 + 1e-6


def test_a_kept_head_with_its_hat_is_one_head_and_a_face(model_folder: Path, red_at: Painter) -> None:
    class Hatted:
        name = "own"

        def detect(self, photo_pixels: np.ndarray, kinds: tuple[str, ...]) -> Subjects:
            boxes = np.array([[0.3, 0.1, 0.7, 0.95], [0.42, 0.28, 0.58, 0.48]])
            return Subjects(boxes, ("person", "face"), np.array([0.9, 0.9]), self.name).of(*kinds)

    (head,) = cropper_with(Hatted(), model_folder).suggest(red_at(0.5, 0.9), "1:1", 1, keep="people").heads
    assert head["label"] == "face" and head["box_norm"][1] <= 0.1
