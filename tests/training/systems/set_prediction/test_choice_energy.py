from collections.abc import Callable
from typing import Any

import pytest
import torch

from cadrage.models.boxes import mirror_cxcywh
from cadrage.training.systems.set_prediction.loss import SetLoss, choice_energies, choice_weights

Draw = Callable[..., Any]


def energies(drawn: Any) -> list[float]:
    good = [each.good_boxes_cxcywh for each in drawn.targets]
    return [value.item() for value in choice_energies(drawn.answer.boxes_cxcywh, drawn.answer.logits, good).values()]


def test_weights_are_the_validities_over_their_sum() -> None:
    validities = torch.tensor([0.6, 0.3, 0.1], dtype=torch.float64)
    torch.testing.assert_close(choice_weights((2 * validities / 3).logit()), validities)


def test_a_certain_hit_scores_lowest() -> None:
    good = torch.tensor([[0.5, 0.5, 0.4, 0.6]], dtype=torch.float64)
    boxes = torch.stack([good[0], torch.tensor([0.3, 0.3, 0.4, 0.4], dtype=torch.float64)])[None, None]
    sure = choice_energies(boxes, torch.tensor([[[9.0, -30.0]]], dtype=torch.float64), [good])
    # All weight on the label: half of IoU 1 with itself less IoU 1 with the label, and no distance at all.
    assert sure["overlap_energy"].item() == pytest.approx(-0.5, abs=1e-5)
    assert sure["edge_energy"].item() == pytest.approx(0, abs=1e-5)
    torn = choice_energies(boxes, torch.zeros(1, 1, 2, dtype=torch.float64), [good])
    assert all(torn[name] > sure[name] + 0.01 for name in torn)


def test_layers_add_up_and_photos_average(scene: Draw) -> None:
    drawn = scene((3, 1, 5), layers=2)
    alone = []
    for layer in range(2):
        for photo in range(3):
            one = type(drawn.answer)(*(part[layer : layer + 1, photo : photo + 1] for part in drawn.answer))
            alone.append(torch.tensor(energies(type(drawn)(one, drawn.targets[photo : photo + 1]))))
    expected = torch.stack(alone).view(2, 3, 2).mean(dim=1).sum(dim=0)
    assert energies(drawn) == pytest.approx(expected.tolist(), abs=1e-5)


def test_a_photo_without_a_good_crop_changes_nothing(scene: Draw) -> None:
    with_empty, without = scene((3, 0, 5)), scene((3, 0, 5))
    kept = [0, 2]
    answer = type(without.answer)(*(part[:, kept] for part in without.answer))
    expected = energies(type(without)(answer, [without.targets[index] for index in kept]))
    assert energies(with_empty) == pytest.approx(expected)
    assert energies(scene((0, 0))) == [0, 0]


def test_mirroring_and_the_order_of_anchors_change_nothing(scene: Draw) -> None:
    drawn = scene()
    turned = [mirror_cxcywh(each.good_boxes_cxcywh) for each in drawn.targets]
    order = torch.randperm(drawn.answer.logits.shape[2], generator=torch.Generator().manual_seed(0))
    mirrored = choice_energies(
        mirror_cxcywh(drawn.answer.boxes_cxcywh)[:, :, order], drawn.answer.logits[..., order], turned
    )
    assert [value.item() for value in mirrored.values()] == pytest.approx(energies(drawn))


def test_the_energies_enter_the_total_with_their_weights(scene: Draw) -> None:
    drawn = scene()
    plain, with_energies = SetLoss(), SetLoss(overlap_energy=6.0, edge_energy=3.0)
    terms = with_energies(drawn.answer, drawn.targets)
    overlap, edges = energies(drawn)
    expected = plain.total(plain(drawn.answer, drawn.targets)).item() + 6 * overlap + 3 * edges
    assert with_energies.total(terms).item() == pytest.approx(expected)
    assert "overlap_energy" not in plain(drawn.answer, drawn.targets)
    with_energies.total(terms).backward()
    assert all(part.grad is not None and part.grad.isfinite().all() for part in drawn.answer)
