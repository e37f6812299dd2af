"""The model released with the paper, on fixed inputs and weights: ours must return the same."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from cadrage.models.align import rod_align, roi_align
from cadrage.models.checkpoints.human_centric import translate
from cadrage.models.human_centric import HumanCentricModel

RELEASED = Path(__file__).parent / "calibration" / "human_centric.npz"
TOLERANCE = 1e-5


def noise(shape: tuple[int, ...], number: int) -> np.ndarray:
    waves = np.sin(12.9898 * np.arange(np.prod(shape), dtype=np.float64) + 78.233 * number) * 43758.5453
    return (waves - np.floor(waves) - 0.5).reshape(shape).astype(np.float64)


class Given(nn.Module):
    """A backbone that returns three fixed maps."""

    channels = (512, 512, 512)

    def __init__(self) -> None:
        super().__init__()
        sizes = ((1, 512, 32, 44), (1, 512, 16, 22), (1, 512, 8, 11))
        self.maps = tuple(torch.from_numpy(noise(size, 3000 + k)).float() for k, size in enumerate(sizes))

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        return self.maps


@pytest.fixture(scope="module")
def released() -> dict[str, np.ndarray]:
    with np.load(RELEASED) as file:
        return dict(file)


@pytest.fixture(scope="module")
def weights(released: dict[str, np.ndarray]) -> dict[str, Tensor]:
    tensors = {}
    for number, (name, text) in enumerate(zip(released["names"], released["shapes"], strict=True)):
        shape = tuple(int(each) for each in str(text).strip("[]").split(","))
        scale = 3 / np.sqrt(np.prod(shape[1:])) if len(shape) > 1 else 0.1
        tensors[str(name)] = torch.from_numpy(scale * noise(shape, number)).float()
    return tensors


def filled(weights: dict[str, Tensor], **settings: Any) -> HumanCentricModel:
    model = HumanCentricModel(Given(), **settings).eval()
    model.load_state_dict(translate(weights), strict=True)
    return model


def asked(released: dict[str, np.ndarray]) -> tuple[Tensor, Tensor]:
    size = torch.tensor([352.0, 256, 352, 256])
    return tuple(torch.from_numpy(released[name]).view(1, -1, 4) / size for name in ("boxes_xyxy", "person_xyxy"))  # type: ignore[return-value]


@pytest.mark.parametrize(("has_person", "suffix"), [(True, ""), (False, "_no_person")])
def test_scores_and_heat_maps(
    released: dict[str, np.ndarray], weights: dict[str, Tensor], has_person: bool, suffix: str
) -> None:
    model, (boxes, person) = filled(weights, legacy=True), asked(released)
    with torch.no_grad():
        scores, heat = model(torch.zeros(1, 3, 256, 352), boxes, person[:, 0], torch.tensor([has_person]))
    assert heat is not None
    np.testing.assert_allclose(scores[0], released["score" + suffix], atol=TOLERANCE)
    np.testing.assert_allclose(heat[0, 0], released["heat" + suffix], atol=TOLERANCE)
    # Persons matter, or this would show little.
    assert np.abs(released["score"] - released["score_no_person"]).max() > 1e-2


def test_the_map_behind_the_partition(released: dict[str, np.ndarray], weights: dict[str, Tensor]) -> None:
    model, (_, person) = filled(weights, legacy=True), asked(released)
    with torch.no_grad():
        updated = model.update(model.features(torch.zeros(1)), person[:, 0], torch.tensor([True]))
    np.testing.assert_allclose(updated[0, :4], released["partition_out_first4"], atol=TOLERANCE)


def test_descriptions_of_regions_and_of_content(released: dict[str, np.ndarray], weights: dict[str, Tensor]) -> None:
    model, (boxes, _) = filled(weights, legacy=True), asked(released)
    with torch.no_grad():
        features = model.features(torch.zeros(1))
        cells = boxes * torch.tensor([22.0, 16, 22, 16])
        seen = torch.cat([align(features, cells, 9, legacy=True) for align in (roi_align, rod_align)], dim=2)
        np.testing.assert_allclose(model.region(seen)[0, :, :16], released["region"], atol=TOLERANCE)
        heat = model.heat(features)
        assert model.content is not None and heat is not None
        described = model.content(model.content.shared(heat), boxes)
        np.testing.assert_allclose(described[0, :, :16], released["content"], atol=TOLERANCE)


def test_clean_sampling_is_another_one(released: dict[str, np.ndarray], weights: dict[str, Tensor]) -> None:
    model, (boxes, person) = filled(weights), asked(released)
    with torch.no_grad():
        scores, _ = model(torch.zeros(1, 3, 256, 352), boxes, person[:, 0], torch.tensor([True]))
    assert np.abs(scores[0].numpy() - released["score"]).max() > 1e-3


def test_every_released_tensor_has_its_place(weights: dict[str, Tensor]) -> None:
    assert len(weights) == 30 and sum(each.numel() for each in weights.values()) == 4_759_938
    ours = translate(weights)
    assert {name: each.shape for name, each in ours.items()} == {
        name: each.shape for name, each in HumanCentricModel(Given()).state_dict().items()
    }
    again = translate(ours)
    assert all(torch.equal(again[name], each) for name, each in ours.items())
    assert "unknown.weight" in translate({"unknown.weight": torch.zeros(1)})
