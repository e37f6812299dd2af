"""Agreement with what the authors of the method released; the numbers are described beside them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from cadrage.training.systems.set_prediction.loss import SetLoss
from cadrage.training.systems.set_prediction.matching import match
from cadrage.training.systems.set_prediction.soft_labels import QualityGuidance
from cadrage.training.systems.set_prediction.targets import PhotoTargets, photo_targets

FILE = Path(__file__).parents[2] / "calibration" / "set_prediction_criterion.npz"
TERMS = {"class": "ce", "l1": "bbox", "giou": "giou"}


@pytest.fixture(scope="module")
def theirs() -> dict[str, Any]:
    with np.load(FILE) as arrays:
        return dict(arrays)


@pytest.fixture
def targets(theirs: dict[str, Any], record: Any) -> list[PhotoTargets]:
    photos = [record(theirs[f"boxes_xyxy_{photo}"], theirs[f"scores_{photo}"]) for photo in (0, 1)]
    return [photo_targets(photo, threshold=4.0) for photo in photos]


@pytest.fixture
def answer(theirs: dict[str, Any], worked: Any) -> Any:
    return type(worked.answer)(torch.from_numpy(theirs["pred_boxes_cxcywh"]), torch.from_numpy(theirs["pred_logits"]))


def test_the_same_predictions_are_matched(theirs: dict[str, Any], answer: Any, targets: list[PhotoTargets]) -> None:
    matching = match(*answer, [each.good_boxes_cxcywh for each in targets])
    for layer in range(3):
        for photo in (0, 1):
            anchors, good = theirs[f"match_layer{layer}_photo{photo}"]
            ours = matching.anchor[layer, matching.photo == photo].numpy()
            assert np.array_equal(ours[good], anchors) and len(ours) == len(anchors)


def test_soft_labels_are_the_same(theirs: dict[str, Any], answer: Any, targets: list[PhotoTargets]) -> None:
    labels = QualityGuidance().soft_labels(answer.boxes_cxcywh, targets).numpy()
    for layer in range(3):
        np.testing.assert_allclose(labels[layer], theirs[f"soft_label_layer{layer}"], atol=1e-6)


@pytest.mark.parametrize("mu", ["0", "0.5"])
def test_every_loss_of_every_layer_is_the_same(
    theirs: dict[str, Any], answer: Any, targets: list[PhotoTargets], mu: str
) -> None:
    loss = SetLoss(guidance=QualityGuidance(mu=float(mu)))
    expected = {ours: theirs[f"loss_{name}_mu{mu}"] for ours, name in TERMS.items()}
    for layer in range(3):
        terms = loss(type(answer)(*(part[layer : layer + 1] for part in answer)), targets)
        for name, values in expected.items():
            assert terms[name].item() == pytest.approx(values[layer], abs=1e-6)
    together = loss(answer, targets)
    for name, values in expected.items():
        assert together[name].item() == pytest.approx(values.sum(), abs=3e-6)
