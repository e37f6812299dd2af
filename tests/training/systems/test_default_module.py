from dataclasses import replace
from pathlib import Path

import pytest
import torch

from cadrage.datasets.manifest import read_manifest
from cadrage.datasets.pixels import load_photos
from cadrage.training.engine.batches import stack
from cadrage.training.engine.module import NonFiniteLossError
from cadrage.training.systems.default import CropSample, CropSamples, CropTraining, DefaultRecipe, build_default

RECIPE = DefaultRecipe(side=64, proposer_width=16, anchors=6, evaluator_channels=2, boxes_around_label=6)


@pytest.fixture
def training() -> CropTraining:
    torch.manual_seed(0)
    module = CropTraining(build_default(RECIPE), RECIPE, steps=10, validation=[])
    module.log_dict = lambda *_, **__: None  # type: ignore[method-assign]
    module.log = lambda *_, **__: None  # type: ignore[method-assign]
    return module


@pytest.fixture(scope="module")
def batch(data: Path) -> CropSample:
    samples = CropSamples(*load_photos(read_manifest(data / "fcdb" / "train")), RECIPE)
    return stack([samples[0, index] for index in range(4)])


def test_every_term_has_its_weight_in_the_recipe(training: CropTraining, batch: CropSample) -> None:
    terms = training.losses(batch)
    assert terms.keys() == {"overlap_energy", "edge_energy", "consensus", "pairs", "around_label"}
    assert all(hasattr(RECIPE, name) and torch.isfinite(value) for name, value in terms.items())


def test_steps_lower_the_loss_of_one_batch(training: CropTraining, batch: CropSample) -> None:
    optimiser = torch.optim.Adam(training.parameters(), lr=1e-3)
    values = []
    for step in range(40):
        loss = training.training_step(batch, step)
        values.append(loss.item())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert sum(values[-5:]) / 5 < sum(values[:5]) / 5 - 0.5


def test_a_loss_that_is_not_finite_stops_with_its_terms(training: CropTraining, batch: CropSample) -> None:
    with pytest.raises(NonFiniteLossError, match="pairs"):
        training.training_step(replace(batch, log_aspect=torch.full((4,), torch.nan)), 0)
