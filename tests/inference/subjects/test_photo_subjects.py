"""What a detector sees of a photo: once, whatever is asked of it, and the same for everybody who asks."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import numpy as np
import pytest
from PIL import Image

from cadrage import Cropper
from cadrage.errors import CadrageError, DetectionError, ModelError, PhotoError, UsageError
from cadrage.inference.session import Looks, Model, load_model
from cadrage.inference.store import packaged, registry
from cadrage.inference.subjects import own as subjects_own
from cadrage.inference.subjects.detector import KINDS, Kind, Subjects
from cadrage.inference.subjects.onnx_detector import OnnxDetector
from cadrage.inference.subjects.own import OwnDetector
from cadrage.inference.subjects.photo_subjects import PhotoSubjects
from cadrage.photo import photo_from_image

ASTRONAUT = Path(__file__).parents[3] / "examples" / "photos" / "astronaut.jpg"
PERSON, FACE, DOG = (0.25, 0.1, 0.5, 0.9), (0.3, 0.15, 0.4, 0.3), (0.6, 0.5, 0.8, 0.9)


class Listing:
    """Finds one of each of three kinds, and lists what it was asked for."""

    name = "listing"

    def __init__(self) -> None:
        self.asked: list[tuple[Kind, ...]] = []

    def detect(self, photo_pixels: np.ndarray, kinds: tuple[Kind, ...] = KINDS) -> Subjects:
        self.asked.append(kinds)
        found = Subjects(np.array([FACE, PERSON, DOG]), ("face", "person", "animal"), np.array([0.9, 0.8, 0.7]), "list")
        return found.of(*kinds)


@pytest.fixture
def photo() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch, person_model: Path) -> dict[str, Path]:
    """The packaged model, and a tiny one that stands for the human-centric one."""
    folders = {"default": packaged.folder(), "human-centric": person_model}
    monkeypatch.setattr(registry, "resolve", lambda name, *, offline=False: folders[str(name)])
    return folders


@pytest.fixture
def trunk_runs(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each model looked at a photo."""
    runs: Counter[str] = Counter()
    real_run = Model.run

    def run(self: Model, part: str, *rest: Any) -> list[np.ndarray]:
        runs[self.card.name] += part == "trunk"
        return real_run(self, part, *rest)

    monkeypatch.setattr(Model, "run", run)
    return runs


@pytest.mark.parametrize("explained", [False, True])
@pytest.mark.parametrize("keep", [(), "people", ["faces", "people"]])
@pytest.mark.parametrize("model", ["default", "human-centric", "auto"])
def test_each_trunk_looks_at_a_photo_once(
    here: dict[str, Path], trunk_runs: Counter[str], model: str, keep: Any, explained: bool
) -> None:
    encoded = Cropper(model, threads=1).encode(ASTRONAUT)
    found = encoded.suggest(n=1, keep=keep)
    if explained:
        encoded.explain(found)
    expected = {"default": 1} if model == "default" else {"default": 1, "for-people": 1}
    assert dict(trunk_runs) == expected
    assert (found.person is not None) == (model != "default"), "somebody must be found for this to test anything"


@pytest.mark.parametrize("size_wh", [(1300, 1700), (2400, 2000)])
def test_a_person_has_one_box_whoever_asks(here: dict[str, Path], tmp_path: Path, size_wh: tuple[int, int]) -> None:
    # A photo larger than what a detector is shown that looks for itself.
    file = tmp_path / "large.jpg"
    Image.open(ASTRONAUT).resize(size_wh).save(file)
    answers = [Cropper(model, threads=1).suggest(file, n=1, keep="people") for model in ("human-centric", "auto")]
    assert len(answers[0].subjects) == 1
    boxes = [answer.person["box_norm"] for answer in answers if answer.person is not None]
    assert boxes == [answer.subjects[0]["box_norm"] for answer in answers]
    kept = Cropper("default", threads=1).suggest(file, n=1, keep="people").subjects[0]["box_norm"]
    assert boxes == [kept, kept]


def test_kinds_that_were_found_are_not_looked_for_again(person_model: Path, photo: np.ndarray) -> None:
    detector = Listing()
    encoded = Cropper(person_model, detector=detector).encode(photo)
    found = encoded.suggest(n=1, keep=["people", "faces"])
    assert [subject["label"] for subject in found.subjects] == ["face", "person"]
    encoded.explain(found)
    assert detector.asked == [("person", "face"), ("animal",)]
    assert encoded.subjects().kinds == ("face", "person", "animal")
    assert detector.asked == [("person", "face"), ("animal",), ("object",)]
    assert encoded.subjects(("animal",)).boxes_xyxy.tolist() == [list(DOG)]


def test_with_auto_the_choice_hands_on_what_it_saw(here: dict[str, Path], photo: np.ndarray) -> None:
    detector = Listing()
    found = Cropper("auto", detector=detector).suggest(photo, n=1, keep="people")
    assert found.model.name == "for-people" and detector.asked == [("person", "face")]


def test_one_pass_of_a_network_tells_every_kind(
    person_model: Path,
    photo: np.ndarray,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    write_detector: Callable[..., Path],
) -> None:
    logits = np.full((1, 2, 80), -8.0)
    logits[0, 0, 0] = logits[0, 1, 16] = 8.0  # a person and a dog
    boxes = np.tile([0.5, 0.5, 0.4, 0.4], (1, 2, 1))
    file = write_detector(tmp_path / "detr.onnx", {"logits": logits, "pred_boxes": boxes})
    looks: list[np.ndarray] = []
    real = OnnxDetector.detect
    monkeypatch.setattr(
        OnnxDetector, "detect", lambda self, pixels, kinds: looks.append(pixels) or real(self, pixels, kinds)
    )
    encoded = Cropper(person_model, detector=f"onnx:{file}").encode(photo)
    encoded.explain(encoded.suggest(n=1, keep="people"))
    assert encoded.subjects().kinds == ("person", "animal")
    assert len(looks) == 1


def test_threads_reach_the_networks_of_detectors(
    person_model: Path, model_folder: Path, tmp_path: Path, write_detector: Callable[..., Path]
) -> None:
    outputs = {"logits": np.zeros((1, 1, 80)), "pred_boxes": np.full((1, 1, 4), 0.5)}
    file = write_detector(tmp_path / "detr.onnx", outputs)
    own = Cropper(person_model, threads=1).detector
    assert isinstance(own, OwnDetector) and own.trunk.threads == 1
    for threads, expected in ((1, 1), (None, 0)):
        network = Cropper(model_folder, threads=threads, detector=f"onnx:{file}").detector
        assert isinstance(network, OnnxDetector)
        assert network._network.session.get_session_options().intra_op_num_threads == expected


def test_photos_side_by_side_load_the_trunk_once(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[Model] = []

    def load(folder: Path, **options: Any) -> Model:
        loaded.append(load_model(folder, **options))
        return loaded[-1]

    monkeypatch.setattr(subjects_own, "load_model", load)
    detector, start = OwnDetector(threads=1), Barrier(8)

    def trunk(_: int) -> Model:
        start.wait()
        return detector.trunk

    with ThreadPoolExecutor(8) as pool:
        trunks = list(pool.map(trunk, range(8)))
    assert len(loaded) == 1 and all(each is loaded[0] for each in trunks)


def failing(error: Exception) -> Any:
    class Failing:
        name = "failing"

        def detect(self, photo_pixels: np.ndarray, kinds: tuple[Kind, ...] = KINDS) -> Subjects:
            raise error

    return Failing()


@pytest.mark.parametrize("kind", [UsageError, PhotoError, ModelError])
def test_errors_that_say_what_they_are_of_stay_as_they_are(kind: type[CadrageError], photo: np.ndarray) -> None:
    subjects = PhotoSubjects(Looks(photo_from_image(photo)), (), lambda: failing(kind("it is so")))
    with pytest.raises(kind, match=r"^it is so$"):
        subjects.of(("person",))


def test_a_detector_that_cannot_look_at_a_photo_names_it(tmp_path: Path, model_folder: Path, photo: np.ndarray) -> None:
    file = tmp_path / "two\nlines.png"
    Image.fromarray(photo).save(file)
    with pytest.raises(DetectionError, match=r"two\\nlines\.png: no idea; use another") as caught:
        Cropper(model_folder, detector=failing(DetectionError("no idea; use another"))).suggest(file, keep="people")
    assert type(caught.value) is DetectionError and "\n" not in str(caught.value)


def test_results_list_the_heads_that_were_heeded(person_model: Path, photo: np.ndarray) -> None:
    def listed(keep: Any, people_aware: bool) -> list[str]:
        found = Cropper(person_model, detector=Listing()).suggest(photo, n=1, keep=keep, people_aware=people_aware)
        assert sum(found.best.head_counts.values()) == len(found.heads)
        assert {row["source"] for row in found.heads} <= {"list"}
        for row, head in zip(found.heads, found.best.heads, strict=True):
            assert row["box_norm"] == pytest.approx(head.box_xyxy, abs=1e-6)
            box, size = row["box"], np.array(photo.shape[1::-1])
            edges = [box["x"], box["y"], box["x"] + box["width"], box["y"] + box["height"]]
            assert (np.tile(size, 2) * head.box_xyxy).tolist() == pytest.approx(edges), "whole pixels"
        return [row["label"] for row in found.heads]

    assert listed((), people_aware=True) == listed(["people", "faces"], people_aware=True) == ["face"]
    assert listed("people", people_aware=False) == ["person"]
    assert listed((), people_aware=False) == []
