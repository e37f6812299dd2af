"""Models that are told the main person: whom the product as a predictor tells them, and what it says of that."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cadrage import Cropper
from cadrage.evaluation.answers import Question
from cadrage.evaluation.feature_cache import FeatureCache
from cadrage.evaluation.notes import person_notes
from cadrage.evaluation.product import ModelPredictor
from cadrage.evaluation.protocols import PROTOCOLS
from cadrage.geometry import mirror
from cadrage.inference import choice
from cadrage.inference.store import packaged
from cadrage.inference.subjects.detector import ExternalDetector, NoDetector

BOXES = np.array([[0.1, 0.2, 0.7, 0.9], [0.0, 0.0, 1.0, 1.0], [0.5, 0.1, 0.9, 0.6]])
MARKED = (0.5, 0.1, 0.75, 0.9)
FOUND = (0.1, 0.1, 0.4, 0.9)


@pytest.fixture
def folder(write_person_model: Callable[..., Path], tmp_path: Path) -> Path:
    return write_person_model(tmp_path / "for-people")


@pytest.fixture
def photos(tmp_path: Path, write_noise: Callable[..., Path]) -> list[Path]:
    return [write_noise(tmp_path / f"{index}.png", index) for index in range(2)]


def about(file: Path, *persons: tuple[float, ...], n: int = 0) -> Question:
    marked = np.array(persons, np.float64).reshape(-1, 4)
    return Question(f"images/{file.name}", file, (200, 150), n, None, BOXES, marked)


def told(person: tuple[float, ...] | None) -> np.ndarray:
    """What the model says of `BOXES`: the mean of the photo and its mirror image."""
    people = np.array([person or (0, 0, 0, 0)])
    views = zip((BOXES, mirror(BOXES)), (people, mirror(people) if person else people), strict=True)
    return np.mean([-abs(boxes[:, 0] - whom[0, 0]) for boxes, whom in views], axis=0)


@pytest.mark.parametrize(
    ("marked", "expected"),
    [
        ([], None),
        ([MARKED], MARKED),
        ([(0.1, 0.2, 0.4, 0.9), (0.5, 0.2, 0.8, 0.8)], (0.1, 0.2, 0.8, 0.9)),
    ],
)
def test_whom_the_data_set_marks_is_told_and_nobody_is_looked_for(folder, photos, marked, expected):
    predictor = ModelPredictor(Cropper(folder, detector=ExternalDetector([FOUND])), marked_persons=True)
    answer = predictor.answer(about(photos[0], *marked))
    np.testing.assert_allclose(answer.box_scores, told(expected), atol=1e-6)
    assert predictor.describe()["persons"] == {"source": "manifest", "photos": len(marked) and 1}


@pytest.mark.parametrize(("detector", "expected"), [(ExternalDetector([FOUND]), FOUND), (NoDetector(), None)])
def test_without_marks_the_detector_is_asked(folder, photos, detector, expected):
    predictor = ModelPredictor(Cropper(folder, detector=detector))
    answer = predictor.answer(about(photos[0], MARKED))
    np.testing.assert_allclose(answer.box_scores, told(expected), atol=1e-6)
    persons = {"source": detector.name, "photos": 0 if expected is None else 1}
    assert predictor.describe()["persons"] == persons


def test_kept_features_hold_nothing_of_a_person(folder, photos, tmp_path, parts_run):
    cropper = Cropper(folder, detector="none")
    fresh = [ModelPredictor(cropper, marked_persons=marked) for marked in (True, False)]
    expected = [each.answer(about(photos[0], MARKED, n=3)) for each in fresh]
    parts_run.clear()
    cache = FeatureCache(cropper.model.card, folder=tmp_path / "cache")
    kept = [ModelPredictor(cropper, cache, marked_persons=marked) for marked in (True, False)]
    for _ in range(2):
        for one, other in zip(kept, expected, strict=True):
            answer = one.answer(about(photos[0], MARKED, n=3))
            assert answer.box_scores.tobytes() == other.box_scores.tobytes()
            assert answer.boxes_xyxy.tobytes() == other.boxes_xyxy.tobytes()
    assert parts_run.count(("for-people", "trunk")) == 1
    assert not np.array_equal(expected[0].box_scores, expected[1].box_scores)


def test_one_photo_with_other_persons_is_another_question(folder, photos):
    predictor = ModelPredictor(Cropper(folder, detector="none"), marked_persons=True)
    for whom in (MARKED, FOUND, MARKED):
        np.testing.assert_allclose(predictor.answer(about(photos[0], whom)).box_scores, told(whom), atol=1e-6)


def test_models_that_take_no_person_are_told_none(photos):
    predictor = ModelPredictor(Cropper(), marked_persons=True)
    answer = predictor.answer(about(photos[0], MARKED))
    np.testing.assert_array_equal(answer.box_scores, Cropper().score(photos[0], BOXES))
    assert predictor.describe()["persons"] is None
    assert person_notes(predictor.describe(), 2) == ()


def test_protocols_pass_on_whom_the_data_set_marks(record):
    marked = record(persons=[MARKED])
    for protocol in PROTOCOLS.values():
        for question in protocol.ask(marked):
            np.testing.assert_array_equal(question.persons_xyxy, [MARKED])
    (bare, *_) = PROTOCOLS["fcdb-free"].ask(replace(marked, persons_xyxy=np.empty((0, 4))))
    assert bare.persons_xyxy.shape == (0, 4)


class TestAuto:
    @pytest.fixture
    def cropper(self, folder, monkeypatch):
        monkeypatch.setattr(choice, "auto_folders", lambda *, offline: (packaged.folder(), folder))
        return Cropper("auto", detector="none", threads=1)

    def test_each_photo_is_answered_by_the_model_that_suits_it(self, cropper, photos):
        predictor = ModelPredictor(cropper, marked_persons=True)
        with_person, without = (predictor.answer(question) for question in (about(photos[0], MARKED), about(photos[1])))
        np.testing.assert_allclose(with_person.box_scores, told(MARKED), atol=1e-6)
        np.testing.assert_array_equal(without.box_scores, Cropper(threads=1).score(photos[1], BOXES))

    def test_scores_of_two_models_are_never_put_in_one_order(self, cropper, photos):
        predictor = ModelPredictor(cropper, marked_persons=True)
        for question in (about(photos[0], MARKED, n=4), about(photos[1], n=4)):
            np.testing.assert_allclose(predictor.answer(question).confidences, [1, 1 / 2, 1 / 3, 1 / 4])

    def test_features_are_kept_for_each_model(self, cropper, photos, tmp_path, parts_run):
        cache = FeatureCache(cropper.model.card, folder=tmp_path / "cache")
        questions = [about(photos[0], MARKED), about(photos[1]), about(photos[0])]
        answers = []
        for _ in range(2):
            predictor = ModelPredictor(cropper, cache, marked_persons=True)
            answers.append([predictor.answer(question).box_scores.tobytes() for question in questions])
        assert answers[0] == answers[1]
        assert sorted(run for run in parts_run if run[1] == "trunk") == [
            ("default", "trunk"),
            ("default", "trunk"),
            ("for-people", "trunk"),
        ]

    def test_it_says_who_answered_and_what_each_was_trained_on(self, cropper, photos):
        predictor = ModelPredictor(cropper, marked_persons=True)
        for question in (about(photos[0], MARKED), about(photos[1])):
            predictor.answer(question)
        described = json.loads(json.dumps(predictor.describe()))
        assert (described["kind"], described["name"]) == ("model", "auto")
        assert [(model["name"], model["photos"]) for model in described["models"]] == [
            ("default", 1),
            ("for-people.test", 1),
        ]
        assert described["models"][0]["trained_on"]["fit_on"] == "fit+dev"
        assert person_notes(described, 2) == (
            "1 of 2 photos were answered by default",
            "1 of 2 photos were answered by for-people.test",
            "1 of 2 photos have a main person (source: manifest)",
        )


def test_caches_of_two_models_share_their_limit(folder, tmp_path):
    features = np.zeros((2, 3, 4, 4), np.float32)
    general, people = (Cropper(each).model.card for each in (packaged.folder(), folder))
    first = FeatureCache(general, folder=tmp_path / "cache", limit_bytes=1000)
    second = first.beside(people)
    first.put("ab" * 32, features)
    assert second.get("ab" * 32) is None
    second.put("ab" * 32, features)  # 544 bytes each: no room for this one
    assert (second.get("ab" * 32), first.get("ab" * 32) is None) == (None, False)
