"""``auto``: one model per photo, chosen by whether it has a main person."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from cadrage import Cropper
from cadrage.errors import ModelError, UsageError
from cadrage.inference import choice
from cadrage.inference.session import Model
from cadrage.inference.store import registry
from cadrage.inference.subjects.detector import ExternalDetector, NoDetector

PERSON = (0.25, 0.1, 0.5, 0.9)
BOXES = np.array([[0.1, 0.0, 0.6, 1.0], [0.3, 0.2, 0.9, 0.7]])


@pytest.fixture
def photo() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)


@pytest.fixture
def models(monkeypatch: pytest.MonkeyPatch, model_folder: Path, person_model: Path) -> dict[str, Path]:
    """What is on this machine, by name; ``default`` stands for the packaged model."""
    here = {"human-centric": person_model, "default": model_folder}

    def resolve(name: str | os.PathLike[str], *, offline: bool = False) -> Path:
        if str(name) not in here:
            raise ModelError(f"there is no model {name!r}")
        return here[str(name)]

    monkeypatch.setattr(registry, "resolve", resolve)
    monkeypatch.setattr(choice, "packaged", SimpleNamespace(folder=lambda: here["default"]))
    return here


@pytest.fixture
def names(models: dict[str, Path]) -> tuple[str, str]:
    """Of the general model and of the one for people."""
    return "tiny", "for-people"


def test_a_photo_with_a_main_person_is_for_the_human_centric_model(names: tuple[str, str], photo: np.ndarray) -> None:
    found = Cropper("auto", detector=ExternalDetector([PERSON])).suggest(photo)
    assert (found.model.name, found.model.reason) == (names[1], "a main person was found by external")
    assert found.person is not None and found.person["box_norm"] == list(PERSON)


@pytest.mark.parametrize("detector", [NoDetector(), ExternalDetector([[0.5, 0.5, 0.55, 0.6]])])
def test_any_other_photo_is_for_the_general_one(
    names: tuple[str, str], photo: np.ndarray, detector: NoDetector | ExternalDetector
) -> None:
    found = Cropper("auto", detector=detector).suggest(photo)
    assert (found.model.name, found.person) == (names[0], None)
    found_nobody = f"no main person was found by {detector.name}"
    assert found.model.reason == ("nobody was looked for" if isinstance(detector, NoDetector) else found_nobody)


def test_answers_are_those_of_the_chosen_model_alone(models: dict[str, Path], photo: np.ndarray) -> None:
    for detector, folder in (
        (ExternalDetector([PERSON]), models["human-centric"]),
        (NoDetector(), models["default"]),
    ):
        chosen, alone = Cropper("auto", detector=detector), Cropper(folder, detector=detector)
        by_choice, expected = (
            chosen.suggest(photo, ratio=["free", "1:1"], n=4),
            alone.suggest(photo, ratio=["free", "1:1"], n=4),
        )
        assert by_choice.crops == expected.crops
        assert by_choice.model.weights_sha256 == expected.model.weights_sha256
        np.testing.assert_array_equal(chosen.score(photo, BOXES), alone.score(photo, BOXES))


def test_one_photo_is_seen_by_one_evaluator(
    models: dict[str, Path], photo: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs: list[tuple[str, str]] = []
    real_run = Model.run
    monkeypatch.setattr(
        Model, "run", lambda self, part, *rest: runs.append((self.card.name, part)) or real_run(self, part, *rest)
    )
    Cropper("auto", detector=ExternalDetector([PERSON])).suggest(photo, ratio=["free", "4:5"])
    assert {name for name, _ in runs} == {"for-people"}


def test_the_caller_decides_where_a_person_is_known(names: tuple[str, str], photo: np.ndarray) -> None:
    cropper = Cropper("auto", detector=NoDetector())
    given = cropper.suggest(photo, person=PERSON)
    assert (given.model.name, given.model.reason) == (names[1], "the caller gave the main person")
    without = Cropper("auto", detector=ExternalDetector([PERSON])).suggest(photo, person=None)
    assert (without.model.name, without.model.reason) == (names[0], "the caller says that there is no main person")
    with pytest.raises(UsageError, match="nothing of"):
        cropper.suggest(photo, person=(1.5, 0, 2, 1))


def test_many_photos_are_each_decided_on_their_own(names: tuple[str, str], photo: np.ndarray) -> None:
    class Bright:
        name = "bright"

        def detect(self, photo_pixels: np.ndarray, kinds: tuple = ()) -> object:
            return (ExternalDetector([PERSON]) if photo_pixels.mean() > 64 else NoDetector()).detect(
                photo_pixels, ("person",)
            )

    cropper = Cropper("auto", detector=Bright())  # type: ignore[arg-type]
    found = list(cropper.suggest_many([photo, photo // 8, photo]))
    assert [each.model.name for each in found] == [names[1], names[0], names[1]]


def test_what_the_caller_says_of_the_person_holds_for_many_photos(names: tuple[str, str], photo: np.ndarray) -> None:
    cropper = Cropper("auto", detector=ExternalDetector([PERSON]))
    nobody = list(cropper.suggest_many([photo, photo // 2], person=None, n=2))
    assert [(each.model.name, each.person) for each in nobody] == [(names[0], None)] * 2
    told = list(cropper.suggest_many([photo], person=(0.5, 0.1, 0.9, 0.9), n=2))
    assert told[0].crops == cropper.suggest(photo, person=(0.5, 0.1, 0.9, 0.9), n=2).crops
    (found,) = cropper.suggest_many([photo])
    assert found.person is not None and found.person["box_norm"] == list(PERSON)


def test_the_result_says_it_in_json(names: tuple[str, str], photo: np.ndarray) -> None:
    line = json.loads(Cropper("auto", detector=ExternalDetector([PERSON])).suggest(photo).to_json())
    assert line["model"]["reason"] == "a main person was found by external"
    assert line["person"]["source"] == "external"


@pytest.mark.parametrize("index", ["shelf", ""])
def test_without_the_model_for_people_the_message_says_how_to_get_it(
    models: dict[str, Path], index: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CADRAGE_MODELS", index)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    del models["human-centric"]
    way_out = "cadrage models pull human-centric" if index else "set CADRAGE_MODELS to the folder weights/ of a clone"
    with pytest.raises(ModelError, match=way_out) as caught:
        Cropper("auto")
    assert ("models pull" in str(caught.value)) == bool(index)
    assert "there is no model 'human-centric'" in str(caught.value) and "\n" not in str(caught.value)


def test_the_model_for_people_is_fetched_only_if_allowed(
    models: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, bool]] = []

    def resolve(name: str, *, offline: bool = False) -> Path:
        asked.append((name, offline))
        return models[name]

    monkeypatch.setattr(registry, "resolve", resolve)
    assert choice.auto_folders(offline=True) == (models["default"], models["human-centric"])
    choice.auto_folders(offline=False)
    assert asked == [("human-centric", True), ("human-centric", False)]


def test_features_belong_to_one_model(models: dict[str, Path], photo: np.ndarray) -> None:
    with pytest.raises(UsageError, match="name it instead of 'auto'"):
        Cropper("auto", detector="none").encode(photo, features=np.zeros((2, 3, 7, 7), np.float32))


def test_features_may_be_remembered_for_each_model(models: dict[str, Path], photo: np.ndarray) -> None:
    kept: dict[str, np.ndarray] = {}
    looks: list[str] = []

    def remember(model: Model, look: Callable[[], np.ndarray]) -> np.ndarray:
        if model.card.name not in kept:
            looks.append(model.card.name)
            kept[model.card.name] = look()
        return kept[model.card.name]

    for person in (PERSON, None):
        cropper = Cropper("auto", detector="none")
        expected = cropper.score(photo, BOXES, person=person)
        for _ in range(2):
            remembered = cropper.encode(photo, features=remember, person=person).score(BOXES)
            np.testing.assert_array_equal(remembered, expected)
    assert looks == ["for-people", "tiny"]


def test_a_folder_called_auto_is_a_folder(person_model: Path, tmp_path: Path) -> None:
    (tmp_path / "auto").symlink_to(person_model)
    assert Cropper(tmp_path / "auto").model.card.name == "for-people"
