"""The exported parts of a global-attention model give what the model gives in torch."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from cadrage.geometry import mirror
from cadrage.inference.session import Look, load_model
from cadrage.inference.store.card_input import ModelInput
from cadrage.models.global_attention import GlobalAttentionModel
from cadrage.training.engine.export import write_parts
from cadrage.training.systems.global_attention import attention_card, attention_parts

SIDE = 64
PERSON = np.array([0.15, 0.2, 0.55, 0.9])


def small(levels: type[nn.Module], **settings: Any) -> GlobalAttentionModel:
    torch.manual_seed(0)
    model = GlobalAttentionModel(levels(), **settings)
    for each in model.modules():
        if isinstance(each, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(each.weight)
    # Scores of the size of people's ratings, for which the tolerance is meant.
    model.evaluator.last.weight.data *= 0.1
    return model.eval()


def exported(model: GlobalAttentionModel, folder: Path) -> Look:
    card = {"name": "tiny", "tag": "test", "version": "1", "input": {"side": SIDE}}
    parts = write_parts(attention_parts(model, ModelInput(SIDE)), folder)
    (folder / "card.json").write_text(json.dumps(card | {"parts": parts, **attention_card(model)}))
    photo = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), np.uint8)
    return load_model(folder, threads=1).encode(photo, (300, 200))


def some_boxes(count: int) -> np.ndarray:
    edges = np.sort(np.random.default_rng(1).random((count, 2, 2)), axis=1)
    return edges.reshape(count, 4)


@pytest.mark.parametrize("partition", [False, True])
def test_scores_and_importance_equal_torch_in_any_chunk(
    tmp_path: Path, levels: type[nn.Module], partition: bool
) -> None:
    model, boxes = small(levels, partition=partition), some_boxes(40)
    photo = exported(model, tmp_path)
    assert photo.model.card.persons is partition
    person = PERSON if partition else None
    features = torch.from_numpy(photo.features)
    with torch.no_grad():
        if partition:
            persons = torch.from_numpy(np.concatenate([PERSON[None], mirror(PERSON[None])])).float()
            features = model.update(features, persons, torch.tensor([True, True]))
        fused, heat = model.fuse(features)
        scores = model.score(fused, torch.from_numpy(np.stack([boxes, mirror(boxes)])).float()).numpy()
        maps = heat.numpy()[:, 0]
    np.testing.assert_allclose(photo.score(boxes, person), scores.mean(axis=0), rtol=0, atol=1e-4)
    np.testing.assert_allclose(photo.importance(person), (maps[0] + maps[1, :, ::-1]) / 2, rtol=0, atol=1e-4)
    single = [photo.score(boxes[[index]], person)[0] for index in range(5)]
    np.testing.assert_allclose(single, photo.score(boxes, person)[:5], rtol=0, atol=1e-5)


def test_without_heat_head_there_is_no_importance(levels: type[nn.Module]) -> None:
    assert [name for name, *_ in attention_parts(small(levels, heat="none"), ModelInput(SIDE))] == [
        "trunk",
        "evaluator",
    ]
    assert attention_card(small(levels, heat="none")) == {"persons": False, "chunk": 128}
