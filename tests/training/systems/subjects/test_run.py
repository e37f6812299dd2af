"""A whole run on drawn photos, up to the file that the product loads."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cadrage.errors import CadrageError, UsageError
from cadrage.inference.session import Model
from cadrage.inference.subjects.own import OwnDetector
from cadrage.training.engine.record import BEST, CHECKPOINT, WEIGHTS
from cadrage.training.run import export_run, load_trained, read_recipe, train_from_recipe
from cadrage.training.systems.subjects import system
from cadrage.training.systems.subjects.kept import load_teacher


def face_above(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A teacher that finds a face in the upper part of whatever is red."""
    rows, columns = np.nonzero(pixels[..., 0].astype(int) - pixels[..., 2] > 100)
    if not len(rows):
        return np.empty((0, 4)), np.empty(0)
    height, width = pixels.shape[:2]
    top, left, right = rows.min() / height, columns.min() / width, (columns.max() + 1) / width
    return np.array([[left, top, right, top + 0.12]]), np.ones(1)


@pytest.fixture(autouse=True)
def _teacher(monkeypatch: pytest.MonkeyPatch, teacher: Callable[[np.ndarray], np.ndarray]) -> None:
    monkeypatch.setattr(system, "load_teacher", lambda _: teacher)
    monkeypatch.setattr(system, "load_face_teacher", lambda _: face_above)


def test_a_run_is_trained_measured_and_exported(data: Path, recipe: Callable[..., Path], tmp_path: Path) -> None:
    out = tmp_path / "run"
    train_from_recipe(recipe(), data, out)
    measured = json.loads((out / "measured.json").read_text())
    assert measured["recall_at_iou_50"]["n"] + measured["false_persons_per_photo_without"]["n"] == 3
    assert measured["faces_of_the_teacher"]["false_per_photo"]["n"] == 3
    export_run(out, tmp_path / "head", notes={"summary": "a test"})
    card = json.loads((tmp_path / "head" / "card.json").read_text())
    assert card["summary"] == "a test" and card["metrics"] == measured
    assert (tmp_path / "head" / "subjects.onnx").stat().st_size < 400_000
    found = OwnDetector(tmp_path / "head").detect(np.zeros((40, 60, 3), np.uint8))
    assert found.source == "own"


def test_the_exported_file_says_what_the_network_says(data: Path, recipe: Callable[..., Path], tmp_path: Path) -> None:
    import torch

    from cadrage.inference.subjects.own import read_head

    train_from_recipe(recipe(epochs=1), data, tmp_path / "run")
    export_run(tmp_path / "run", tmp_path / "head")
    head = load_trained(tmp_path / "run").model
    features = torch.randn(2, 576, 14, 14)
    with torch.no_grad():
        ours = head(features)
    for mine, theirs in zip(ours, read_head(tmp_path / "head").run(features.numpy()), strict=True):
        # Weights in 16 bits are off by one part in 2,000.
        np.testing.assert_allclose(mine.numpy(), theirs, atol=2e-2)


def test_faces_can_be_trained_on_beside_people_who_stay(
    data: Path, recipe: Callable[..., Path], tmp_path: Path
) -> None:
    from safetensors.numpy import load_file

    train_from_recipe(recipe(epochs=1), data, tmp_path / "people")
    train_from_recipe(recipe(people_weights=str(tmp_path / "people" / WEIGHTS)), data, tmp_path / "faces")
    before, after = (load_file(tmp_path / run / WEIGHTS) for run in ("people", "faces"))
    # The weight average rounds.
    same = {name for name in before if np.allclose(before[name], after[name], rtol=1e-5, atol=1e-7)}
    assert {name for name in before if not name.startswith("faces.")} <= same
    assert "faces.read.weight" not in same
    with pytest.raises(UsageError, match="no such weights"):
        train_from_recipe(recipe(people_weights="nowhere.safetensors"), data, tmp_path / "other")


def test_all_photos_mean_no_measurement(data: Path, recipe: Callable[..., Path], tmp_path: Path) -> None:
    train_from_recipe(recipe(fit_on="fit+dev", epochs=1), data, tmp_path / "run")
    assert not (tmp_path / "run" / "measured.json").exists()
    assert json.loads((tmp_path / "run" / "run.json").read_text())["photos_fit"] == 12


def test_teacher_and_trunk_are_asked_once(
    data: Path, recipe: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "run"
    train_from_recipe(recipe(epochs=1), data, out)
    first = (out / WEIGHTS).read_bytes()
    encode = Model.encode

    def refuse(*_: Any) -> Any:
        raise AssertionError("asked again")

    def encode_nothing(self: Model, image: np.ndarray, size_wh: tuple[int, int]) -> Any:
        return refuse() if image.any() else encode(self, image, size_wh)

    monkeypatch.setattr(system, "load_teacher", lambda _: refuse)
    monkeypatch.setattr(system, "load_face_teacher", lambda _: refuse)
    monkeypatch.setattr(Model, "encode", encode_nothing)
    train_from_recipe(recipe(epochs=1), data, out, resume=True)
    assert (out / WEIGHTS).read_bytes() == first
    # As if it had been interrupted before its first checkpoint.
    for name in (WEIGHTS, CHECKPOINT):
        (out / name).unlink()
    train_from_recipe(recipe(epochs=1), data, out, resume=True)
    assert (out / WEIGHTS).read_bytes() == first


def test_the_best_epoch_can_be_kept(data: Path, recipe: Callable[..., Path], tmp_path: Path) -> None:
    train_from_recipe(recipe(keep_best="recall"), data, tmp_path / "run")
    said = json.loads((tmp_path / "run" / BEST).read_text())
    measured = json.loads((tmp_path / "run" / "measured.json").read_text())
    assert said["metric"] == "recall"
    assert measured["recall_at_iou_50"]["mean"] == pytest.approx(said["value"], abs=1e-4)
    with pytest.raises(UsageError, match="'iou' is not measured on drawn:dev; choose one of recall"):
        train_from_recipe(recipe(keep_best="iou"), data, tmp_path / "other")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"fit_on": "all"}, "fit_on"),
        ({"views": 0}, "views must be at least 1"),
        ({"smallest_window": 1.5}, "smallest_window"),
        ({"believed_person": 1.0}, "believed_person"),
        ({"believed_face": 0.0}, "believed_face"),
        ({"widht": 64}, "did you mean 'width'"),
    ],
)
def test_a_wrong_recipe_is_told(recipe: Callable[..., Path], changed: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        read_recipe(recipe(**changed))


def test_without_litert_the_package_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "ai_edge_litert", None)
    monkeypatch.setitem(sys.modules, "ai_edge_litert.interpreter", None)
    with pytest.raises(CadrageError, match="pip install ai-edge-litert"):
        load_teacher(tmp_path / "teacher.tflite")


def test_a_teacher_that_is_no_network_is_told(tmp_path: Path) -> None:
    pytest.importorskip("ai_edge_litert", reason="reads the teacher")
    file = tmp_path / "teacher.tflite"
    file.write_bytes(b"not a network")
    with pytest.raises(UsageError, match=r"teacher\.tflite: not a segmentation network"):
        load_teacher(file)
