"""The product as a predictor answers what its users get, with or without kept features, in any thread."""

import json
import shutil
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from cadrage import Cropper
from cadrage.errors import PhotoError, UsageError
from cadrage.evaluation.answers import Question
from cadrage.evaluation.feature_cache import FeatureCache
from cadrage.evaluation.product import ModelPredictor
from cadrage.geometry import box_ratio
from cadrage.inference.store import packaged

NO_BOXES = np.empty((0, 4))
TRUNK = ("default", "trunk")
BOXES = np.array([[0.1, 0.2, 0.7, 0.9], [0.0, 0.0, 1.0, 1.0], [0.5, 0.1, 0.9, 0.6]])


@pytest.fixture(scope="module")
def cropper():
    return Cropper(threads=1)


@pytest.fixture(scope="module")
def photos(tmp_path_factory, write_noise):
    folder = tmp_path_factory.mktemp("photos")
    return [write_noise(folder / f"{index}.png", index) for index in range(3)]


def about(file, n=0, ratio=None, boxes=NO_BOXES):
    return Question(f"images/{file.name}", file, (200, 150), n, ratio, boxes)


def test_crops_and_scores_are_those_of_the_cropper(cropper, photos):
    answer = ModelPredictor(cropper).answer(about(photos[0], 5, boxes=BOXES))
    suggested = cropper.suggest(photos[0], n=5)
    np.testing.assert_array_equal(answer.boxes_xyxy, suggested.xyxyn)
    np.testing.assert_array_equal(answer.confidences, np.minimum.accumulate(suggested.scores))
    np.testing.assert_array_equal(answer.box_scores, cropper.score(photos[0], BOXES))


def test_a_ratio_is_asked_with_all_its_digits(cropper, photos):
    ratio = 0.7123456789
    (box,) = ModelPredictor(cropper).answer(about(photos[0], 1, ratio)).boxes_xyxy
    assert box_ratio(box[None], (200, 150))[0] == pytest.approx(ratio, abs=0.02)
    assert box.tolist() == list(cropper.suggest(photos[0], ratio, 1).best.box_norm)


def test_who_wants_scores_only_pays_for_scores_only(cropper, photos, parts_run):
    answer = ModelPredictor(cropper).answer(about(photos[0], boxes=BOXES))
    assert parts_run == [TRUNK, ("default", "evaluator")]
    assert answer.boxes_xyxy.shape == (0, 4)


def test_questions_about_one_photo_look_at_it_once(cropper, photos, parts_run):
    predictor = ModelPredictor(cropper)
    for n in (3, 6):
        predictor.answer(about(photos[0], n))
    assert parts_run.count(TRUNK) == 1
    predictor.answer(about(photos[1], 3))
    assert parts_run.count(TRUNK) == 2


def test_kept_features_give_identical_answers_without_looking(cropper, photos, tmp_path, parts_run):
    cache = FeatureCache(cropper.model.card, folder=tmp_path)
    fresh = [ModelPredictor(cropper).answer(about(photo, 5, boxes=BOXES)) for photo in photos]
    first = [ModelPredictor(cropper, cache).answer(about(photo, 5, boxes=BOXES)) for photo in photos]
    assert parts_run.count(TRUNK) == 6
    again = [ModelPredictor(cropper, cache).answer(about(photo, 5, boxes=BOXES)) for photo in photos]
    assert parts_run.count(TRUNK) == 6
    for answers in (first, again):
        for one, other in zip(fresh, answers, strict=True):
            assert one.boxes_xyxy.tobytes() == other.boxes_xyxy.tobytes()
            assert one.confidences.tobytes() == other.confidences.tobytes()
            assert one.box_scores.tobytes() == other.box_scores.tobytes()


def test_another_photo_under_the_same_name_is_looked_at(cropper, photos, tmp_path):
    cache = FeatureCache(cropper.model.card, folder=tmp_path / "cache")
    file = tmp_path / "a.png"
    shutil.copy(photos[0], file)
    ModelPredictor(cropper, cache).answer(about(file, 2))
    shutil.copy(photos[1], file)
    renewed = ModelPredictor(cropper, cache).answer(about(file, boxes=BOXES))
    np.testing.assert_array_equal(renewed.box_scores, cropper.score(photos[1], BOXES))


def test_several_threads_get_the_same_answers(cropper, photos, tmp_path):
    questions = [about(photo, n, boxes=BOXES) for photo in photos for n in (2, 4)] * 3
    alone = [ModelPredictor(cropper).answer(question) for question in questions]
    predictor = ModelPredictor(cropper, FeatureCache(cropper.model.card, folder=tmp_path))
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(predictor.answer, questions))
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one.boxes_xyxy, other.boxes_xyxy)
        np.testing.assert_array_equal(one.box_scores, other.box_scores)


def test_more_crops_than_the_product_gives_are_not_an_error(cropper, photos):
    assert 1 <= len(ModelPredictor(cropper).answer(about(photos[0], 1000)).boxes_xyxy) <= 100


def test_bad_photos_and_boxes_are_errors(cropper, tmp_path, photos):
    predictor = ModelPredictor(cropper)
    (tmp_path / "broken.png").write_bytes(b"not a photo")
    for name in ("broken.png", "missing.png"):
        with pytest.raises(PhotoError, match=name.replace(".", r"\.")):
            predictor.answer(about(tmp_path / name, 1))
    with pytest.raises(UsageError, match="box 0"):
        predictor.answer(about(photos[0], boxes=np.array([[0.0, 0.0, 2.0, 1.0]])))


def test_it_says_what_it_is_and_what_it_was_trained_on(cropper):
    described = json.loads(json.dumps(ModelPredictor(cropper).describe()))
    assert (described["kind"], described["name"]) == ("model", "default")
    assert described["weights_sha256"] == cropper.model.card.weights_sha256
    assert set(described["trained_on"]["manifests_sha256"]) == {"fcdb/train", "flms/a"}
    assert described["trained_on"]["fit_on"] == "fit+dev"
    assert described["trained_on"]["data"][0]["name"] == "FCDB training split"


def test_a_photo_that_is_turned_is_no_photo_of_the_manifest(cropper, photos):
    question = about(photos[0], 1)
    turned = Question(question.file_name, question.file, (150, 200), 1)
    with pytest.raises(UsageError, match=r"0\.png: has the shape 200x150, not that of the 150x200 pixels"):
        ModelPredictor(cropper).answer(turned)


@pytest.mark.parametrize("training", [None, {}, "on many photos", {"recipe": "theirs", "manifests_sha256": []}])
def test_a_model_of_another_folder_goes_by_its_full_name_and_may_say_nothing(tmp_path, training):
    folder = tmp_path / "model"
    shutil.copytree(packaged.folder(), folder)
    content = json.loads((folder / "card.json").read_text())
    content |= {"tag": "mine", "training": training, "data": training and []}
    (folder / "card.json").write_text(json.dumps(content))
    predictor = ModelPredictor(Cropper(folder))
    assert predictor.name == "default.mine"
    assert predictor.describe()["trained_on"] == {"manifests_sha256": {}, "fit_on": None, "data": []}


@pytest.mark.parametrize(
    ("recipe", "said"),
    [
        ({"fit_on": "fit+dev"}, "fit+dev"),
        ({"train": ["fcdb/train:fit", "flms/a:fit"]}, "fit"),
        ({"train": ["fcdb/train:fit", "flms/a:dev"]}, None),
        ({"train": []}, None),
        ({"train": "fcdb/train:fit"}, None),
    ],
)
def test_recipes_that_name_a_split_of_each_data_set_are_understood(tmp_path, recipe, said):
    folder = tmp_path / "model"
    shutil.copytree(packaged.folder(), folder)
    content = json.loads((folder / "card.json").read_text())
    content["training"]["recipe"] = recipe
    (folder / "card.json").write_text(json.dumps(content))
    assert ModelPredictor(Cropper(folder)).describe()["trained_on"]["fit_on"] == said
