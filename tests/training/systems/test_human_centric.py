"""The exported parts of a human-centric model give what the model gives in torch."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from cadrage.geometry import mirror
from cadrage.inference.session import Look, load_model
from cadrage.inference.store.card_input import ModelInput
from cadrage.models.human_centric import HumanCentricModel
from cadrage.training.engine.export import write_parts
from cadrage.training.systems.human_centric import human_card, human_parts

SIDE = 64
PERSON = np.array([0.15, 0.2, 0.55, 0.9])


@pytest.fixture(scope="module")
def model(levels: type[nn.Module]) -> HumanCentricModel:
    torch.manual_seed(0)
    model = HumanCentricModel(levels())
    for each in model.modules():
        if isinstance(each, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(each.weight)
    # Scores of the size of people's ratings, for which the tolerance is meant.
    model.last.weight.data *= 0.1
    return model.eval()


@pytest.fixture(scope="module")
def folder(model: HumanCentricModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("human-centric")
    card = {"name": "tiny", "tag": "test", "version": "1", "input": {"side": SIDE}}
    parts = write_parts(human_parts(model, ModelInput(SIDE)), folder)
    (folder / "card.json").write_text(json.dumps(card | {"parts": parts, **human_card(model)}))
    return folder


def encoded(folder: Path, seed: int = 0) -> Look:
    photo = np.random.default_rng(seed).integers(0, 256, (SIDE, SIDE, 3), np.uint8)
    return load_model(folder, threads=1).encode(photo, (300, 200))


def some_boxes(count: int, seed: int = 1) -> np.ndarray:
    edges = np.sort(np.random.default_rng(seed).random((count, 2, 2)), axis=1)
    return edges.reshape(count, 4)


def in_torch(model: HumanCentricModel, photo: Look, boxes: np.ndarray, person: np.ndarray | None) -> tuple:
    """Scores of both views and their importance, by torch on the features of the exported trunk."""
    views = torch.from_numpy(np.stack([boxes, mirror(boxes)])).float()
    box = np.zeros((1, 4)) if person is None else person[None]
    persons = torch.from_numpy(np.concatenate([box, mirror(box)])).float()
    with torch.no_grad():
        told = (persons, torch.full((2,), person is not None))
        updated = model.update(torch.from_numpy(photo.features), *told)
        heat = model.heat(updated)
        return model.score(updated, heat, views).numpy(), heat.numpy()[:, 0]


def test_the_parts_are_named_in_the_card(folder: Path) -> None:
    card = load_model(folder).card
    assert list(card.parts) == ["trunk", "evaluator", "importance"]
    assert card.persons and card.chunk == 32 and card.proposals is None


def test_the_trunk_equals_torch(folder: Path, model: HumanCentricModel) -> None:
    photo = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), np.uint8)
    image = torch.from_numpy(photo.transpose(2, 0, 1)).float()[None] / 255
    with torch.no_grad():
        expected = model.features(torch.cat([image, image.flip(-1)])).numpy()
    np.testing.assert_allclose(encoded(folder).features, expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize("person", [None, PERSON, np.array([0.0, 0.0, 1.0, 1.0]), np.array([0.5, 0.5, 0.501, 0.501])])
def test_scores_and_importance_equal_torch(folder: Path, model: HumanCentricModel, person: np.ndarray | None) -> None:
    photo, boxes = encoded(folder), some_boxes(40)
    scores, heat = in_torch(model, photo, boxes, person)
    np.testing.assert_allclose(photo.score(boxes, person), scores.mean(axis=0), rtol=0, atol=1e-4)
    np.testing.assert_allclose(photo.importance(person), (heat[0] + heat[1, :, ::-1]) / 2, rtol=0, atol=1e-4)


def test_a_person_matters(folder: Path) -> None:
    photo, boxes = encoded(folder), some_boxes(10)
    assert np.abs(photo.score(boxes, PERSON) - photo.score(boxes)).max() > 1e-3
    assert np.abs(photo.importance(PERSON) - photo.importance()).max() > 1e-3


def test_with_and_without_person_in_one_batch(folder: Path) -> None:
    photo, boxes = encoded(folder), some_boxes(5)
    run = photo.model.run
    views = np.stack([boxes, boxes]).astype(np.float32)
    persons = np.stack([PERSON, np.zeros(4)]).astype(np.float32)
    inputs = {"features": photo.features, "person_xyxy": persons, "has_person": np.array([True, False])}
    scored = {**inputs, "log_aspect": np.zeros(2, np.float32), "boxes": views}
    (mixed,) = run("evaluator", ["scores"], scored)
    (heat,) = run("importance", ["importance"], inputs)
    for row, has_person in enumerate(inputs["has_person"]):
        alone = {name: value[row : row + 1] for name, value in scored.items()}
        alone["person_xyxy"] = PERSON.astype(np.float32)[None]
        (expected,) = run("evaluator", ["scores"], alone)
        assert has_person == alone["has_person"][0]
        np.testing.assert_allclose(mixed[row], expected[0], rtol=0, atol=1e-4)
        (map_alone,) = run("importance", ["importance"], {name: alone[name] for name in inputs})
        np.testing.assert_allclose(heat[row], map_alone[0], rtol=0, atol=1e-4)


def test_any_chunk_gives_the_same_scores(folder: Path, tmp_path: Path) -> None:
    boxes = some_boxes(70)
    expected = encoded(folder).score(boxes, PERSON)
    card = json.loads((folder / "card.json").read_text())
    for part in card["parts"].values():
        (tmp_path / part["file"]).symlink_to(folder / part["file"])
    for chunk in (1, 7, 70):
        (tmp_path / "card.json").write_text(json.dumps(card | {"chunk": chunk}))
        np.testing.assert_allclose(encoded(tmp_path).score(boxes, PERSON), expected, rtol=0, atol=1e-5)


def test_without_content_branch_there_is_no_importance(levels: type[nn.Module]) -> None:
    model = HumanCentricModel(levels(), content=False)
    assert [name for name, *_ in human_parts(model, ModelInput(SIDE))] == ["trunk", "evaluator"]
    assert human_card(model) == {"persons": True}
