import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from cadrage.errors import UsageError
from cadrage.inference.runtime import start
from cadrage.inference.session import load_model
from cadrage.models.default import CropModel
from cadrage.training.engine.record import RECORD, WEIGHTS
from cadrage.training.run import export_run
from cadrage.training.systems.default import DefaultRecipe, build_default

RECIPE = DefaultRecipe(name="tiny", tag="test", side=64, proposer_width=16, anchors=6, evaluator_channels=2)


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> tuple[CropModel, Path]:
    torch.manual_seed(1)
    model = build_default(RECIPE)
    # Fresh heads hardly react to the photo; larger weights make a difference between torch and ONNX visible.
    for head in (model.proposer.out, model.proposer.decoder.out):
        torch.nn.init.normal_(head.weight, std=0.5)
    run = tmp_path_factory.mktemp("run")
    save_file(model.state_dict(), run / WEIGHTS)
    (run / RECORD).write_text(json.dumps({"recipe": RECIPE.to_dict()}), encoding="utf-8")
    out = tmp_path_factory.mktemp("exported")
    export_run(run, out, notes={"summary": "a test"})
    return model.eval(), out


def onnx(folder: Path, part: str, **inputs: torch.Tensor) -> list[np.ndarray]:
    session = start((folder / f"{part}.onnx").read_bytes())
    outputs: list[np.ndarray] = session.run(None, {name: tensor.numpy() for name, tensor in inputs.items()})
    return outputs


@pytest.mark.parametrize(("batch", "count"), [(1, 1), (2, 3), (3, 40)])
def test_every_part_equals_torch_for_any_batch_and_box_count(
    exported: tuple[CropModel, Path], batch: int, count: int
) -> None:
    model, folder = exported
    rng = np.random.default_rng(batch)
    image = torch.from_numpy(rng.uniform(size=(batch, 3, 64, 64)).astype(np.float32))
    log_aspect = torch.from_numpy(rng.normal(size=batch).astype(np.float32))
    corners = np.sort(rng.uniform(size=(batch, count, 2, 2)), axis=2).astype(np.float32)
    boxes = torch.from_numpy(corners.reshape(batch, count, 4))
    with torch.no_grad():
        features = model.trunk(image)
        proposed, logits = model.proposer(features, log_aspect)
        scores = model.evaluator(features, log_aspect, boxes)
    np.testing.assert_allclose(onnx(folder, "trunk", image=image)[0], features, atol=1e-4)
    onnx_boxes, onnx_logits = onnx(folder, "proposer", features=features, log_aspect=log_aspect)
    np.testing.assert_allclose(onnx_boxes, proposed, atol=1e-4)
    np.testing.assert_allclose(onnx_logits, logits, atol=1e-4)
    onnx_scores = onnx(folder, "evaluator", features=features, log_aspect=log_aspect, boxes=boxes)[0]
    np.testing.assert_allclose(onnx_scores, scores, atol=1e-4)


def test_the_card_names_every_part_with_its_checksum(exported: tuple[CropModel, Path]) -> None:
    folder = exported[1]
    card = json.loads((folder / "card.json").read_text(encoding="utf-8"))
    assert (card["name"], card["tag"], card["input"]["side"], card["summary"]) == ("tiny", "test", 64, "a test")
    for part in card["parts"].values():
        assert hashlib.sha256((folder / part["file"]).read_bytes()).hexdigest() == part["sha256"]


def test_the_product_opens_the_export(exported: tuple[CropModel, Path]) -> None:
    model = load_model(exported[1])
    picture = np.random.default_rng(0).integers(0, 256, size=(64, 64, 3), dtype=np.uint8)
    encoded = model.encode(picture, (300, 200))
    proposals = encoded.proposals()
    assert proposals.weights.sum() == pytest.approx(1)
    assert encoded.score(np.array([[0.1, 0.1, 0.9, 0.9]])).shape == (1,)


def test_an_unfinished_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no finished run"):
        export_run(tmp_path, tmp_path / "out")


def test_an_interrupted_export_leaves_no_half_folder_and_an_earlier_one_as_it_was(
    exported: tuple[CropModel, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, out = tmp_path / "run", tmp_path / "models" / "out"
    run.mkdir()
    save_file(exported[0].state_dict(), run / WEIGHTS)
    (run / RECORD).write_text(json.dumps({"recipe": RECIPE.to_dict()}), encoding="utf-8")
    written = []

    def stopped(part: object, file: Path) -> None:
        file.write_bytes(b"onnx")
        written.append(file)
        if len(written) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr("cadrage.training.engine.export.write_part", stopped)
    with pytest.raises(KeyboardInterrupt):
        export_run(run, out)
    assert len(written) == 2 and list((tmp_path / "models").iterdir()) == []
    out.mkdir()
    (out / "card.json").write_text("earlier")
    written.clear()
    with pytest.raises(KeyboardInterrupt):
        export_run(run, out)
    assert [each.name for each in (tmp_path / "models").iterdir()] == ["out"]
    assert (out / "card.json").read_text() == "earlier"


def test_no_path_of_the_exporting_computer_is_left(exported: tuple[CropModel, Path]) -> None:
    for part in ("trunk", "proposer", "evaluator"):
        content = (exported[1] / f"{part}.onnx").read_bytes()
        assert b"site-packages" not in content and str(Path.cwd()).encode() not in content
