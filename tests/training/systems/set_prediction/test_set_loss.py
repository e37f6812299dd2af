from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from cadrage.errors import UsageError
from cadrage.models.boxes import cxcywh_to_xyxy, iou
from cadrage.training.systems.set_prediction.loss import SetLoss
from cadrage.training.systems.set_prediction.matching import TermWeights, focal, match
from cadrage.training.systems.set_prediction.soft_labels import Distillation, QualityGuidance

Draw = Callable[..., Any]
HARD = SetLoss()
# A wider reach than the default's, so that the few random boxes have neighbours.
GUIDED = SetLoss(guidance=QualityGuidance(min_iou=0.7))
TAUGHT = SetLoss(distillation=Distillation(0.3, 0.7))
TERMS = ("class", "l1", "giou")


def values(terms: dict[str, Tensor]) -> dict[str, float]:
    return {name: term.item() for name, term in terms.items()}


@pytest.mark.parametrize(
    ("loss", "class_loss", "total"),
    [(HARD, 0.084355, 1.271444), (SetLoss(guidance=QualityGuidance()), 0.092518, 1.287769)],
)
def test_worked_losses(worked: Any, loss: SetLoss, class_loss: float, total: float) -> None:
    terms = loss(worked.answer, worked.targets)
    expected = {"class": class_loss, "l1": 0.15, "giou": 0.176367}
    expected |= {f"last_{name}": value for name, value in expected.items()}
    assert values(terms) == pytest.approx(expected, abs=1e-6)
    assert loss.total(terms).item() == pytest.approx(total, abs=1e-6)


@pytest.mark.parametrize("loss", [HARD, GUIDED])
def test_six_equal_layers_cost_six_times_one(scene: Draw, loss: SetLoss) -> None:
    drawn = scene(layers=1)
    six = type(drawn.answer)(*(part.expand(6, *part.shape[1:]) for part in drawn.answer))
    one, many = loss(drawn.answer, drawn.targets), loss(six, drawn.targets)
    assert loss.total(many).item() == pytest.approx(6 * loss.total(one).item())
    for name in TERMS:
        assert many[f"last_{name}"].item() == pytest.approx(one[name].item())


def test_the_last_layer_is_reported_without_gradient(scene: Draw) -> None:
    drawn = scene(layers=3)
    terms = GUIDED(drawn.answer, drawn.targets)
    last = GUIDED(type(drawn.answer)(*(part[-1:] for part in drawn.answer)), drawn.targets)
    for name in TERMS:
        assert terms[f"last_{name}"].item() == pytest.approx(last[name].item())
        assert terms[name].requires_grad and not terms[f"last_{name}"].requires_grad


def test_mu_of_zero_is_exactly_the_hard_loss(scene: Draw) -> None:
    drawn = scene()
    switched_off = SetLoss(guidance=QualityGuidance(mu=0.0, min_iou=0.7))
    assert values(switched_off(drawn.answer, drawn.targets)) == values(HARD(drawn.answer, drawn.targets))
    assert values(GUIDED(drawn.answer, drawn.targets)) != values(HARD(drawn.answer, drawn.targets))


def test_guidance_changes_nothing_but_the_labels_of_unmatched_predictions(scene: Draw) -> None:
    drawn = scene()
    hard, guided = HARD(drawn.answer, drawn.targets), GUIDED(drawn.answer, drawn.targets)
    assert (hard["l1"], hard["giou"]) == (guided["l1"], guided["giou"])
    matching = match(*drawn.answer, [each.good_boxes_cxcywh for each in drawn.targets])
    labels = matching.labels(drawn.answer.logits)
    soft = GUIDED.guidance.soft_labels(drawn.answer.boxes_cxcywh, drawn.targets)  # type: ignore[union-attr]
    assert soft[labels == 1].max() > 0, "or nothing would have tried to change a matched label"
    expected = focal(drawn.answer.logits, labels + (1 - labels) * soft).sum() / 9
    torch.testing.assert_close(guided["class"], expected)


@pytest.mark.parametrize("loss", [HARD, GUIDED])
def test_validity_labels_send_no_gradient_to_the_boxes(scene: Draw, loss: SetLoss) -> None:
    drawn = scene()
    boxes, logits = torch.autograd.grad(loss(drawn.answer, drawn.targets)["class"], drawn.answer, allow_unused=True)
    assert boxes is None and logits.abs().min() > 0


def test_only_matched_boxes_are_pulled(scene: Draw) -> None:
    drawn = scene()
    terms = HARD(drawn.answer, drawn.targets)
    (pull,) = torch.autograd.grad(terms["l1"] + terms["giou"], drawn.answer.boxes_cxcywh)
    labels = match(*drawn.answer, [each.good_boxes_cxcywh for each in drawn.targets]).labels(drawn.answer.logits)
    assert torch.equal(pull.abs().amax(dim=-1) > 0, labels == 1)


@pytest.mark.parametrize("loss", [HARD, GUIDED])
def test_the_order_of_anchors_and_of_crops_changes_no_loss(scene: Draw, loss: SetLoss) -> None:
    drawn = scene()
    generator = torch.Generator().manual_seed(5)
    order = torch.randperm(12, generator=generator)
    answer = type(drawn.answer)(*(part[:, :, order] for part in drawn.answer))
    targets = [
        type(each)(
            each.good_boxes_cxcywh[torch.randperm(len(each.good_boxes_cxcywh), generator=generator)],
            each.boxes_cxcywh.flip(0),
            each.scores.flip(0),
        )
        for each in drawn.targets
    ]
    assert values(loss(answer, targets)) == pytest.approx(values(loss(drawn.answer, drawn.targets)), abs=1e-12)


@pytest.mark.parametrize(("loss", "taught"), [(HARD, False), (TAUGHT, True), (GUIDED, False)])
def test_a_batch_is_the_sum_of_its_photos_per_good_crop(scene: Draw, loss: SetLoss, taught: bool) -> None:
    drawn, teacher = scene((3, 1, 5)), scene(seed=8).answer if taught else None
    together = values(loss(drawn.answer, drawn.targets, teacher))
    summed = dict.fromkeys(together, 0.0)
    for photo, target in enumerate(drawn.targets):
        answer, heard = (
            part and type(part)(*(each[:, photo : photo + 1] for each in part)) for part in (drawn.answer, teacher)
        )
        for name, value in values(loss(answer, [target], heard)).items():
            summed[name] += value * len(target.good_boxes_cxcywh) / 9
    assert together == pytest.approx(summed)


def test_a_batch_without_good_crops_teaches_that_nothing_is_valid(scene: Draw) -> None:
    drawn = scene((0, 0))
    terms = HARD(drawn.answer, drawn.targets)
    assert terms["l1"] == 0 and terms["giou"] == 0
    torch.testing.assert_close(terms["class"], focal(drawn.answer.logits, torch.zeros(2, 2, 12).double()).sum())
    HARD.total(terms).backward()


def test_a_teacher_adds_the_validity_it_gives_to_every_anchor(scene: Draw) -> None:
    drawn, teacher = scene(), scene(seed=8).answer
    hard = HARD(drawn.answer, drawn.targets)
    terms = TAUGHT(drawn.answer, drawn.targets, teacher)
    taught = focal(drawn.answer.logits, teacher.logits[-1].sigmoid().expand(2, 3, 12)).sum() / 9
    torch.testing.assert_close(terms["class"], 0.3 * hard["class"] + 0.7 * taught)
    assert (terms["l1"], terms["giou"]) == (hard["l1"], hard["giou"])


def test_until_there_is_a_teacher_labels_are_hard(scene: Draw) -> None:
    drawn = scene()
    assert values(TAUGHT(drawn.answer, drawn.targets)) == values(HARD(drawn.answer, drawn.targets))


def test_the_two_ways_to_soften_are_alternatives(scene: Draw) -> None:
    with pytest.raises(UsageError, match="alternatives"):
        SetLoss(guidance=QualityGuidance(), distillation=Distillation())
    drawn = scene()
    with pytest.raises(UsageError, match="a teacher without distillation"):
        GUIDED(drawn.answer, drawn.targets, drawn.answer)


def test_weights_are_those_of_the_matching_too(worked: Any) -> None:
    terms = {name: torch.tensor(value) for name, value in (("class", 1.0), ("l1", 10.0), ("giou", 100.0))}
    assert HARD.total(terms).item() == 2 + 50 + 200
    flipped = worked.answer._replace(logits=worked.answer.logits.flip(2))
    valid_first = SetLoss(weights=TermWeights(class_=100.0))
    assert valid_first(flipped, worked.targets)["class"] < HARD(flipped, worked.targets)["class"]


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_answers_are_judged_in_single(scene: Draw, dtype: torch.dtype) -> None:
    drawn = scene()
    coarse = type(drawn.answer)(*(part.to(dtype) for part in drawn.answer))
    rounded = type(drawn.answer)(*(part.float() for part in coarse))
    terms = GUIDED(coarse, drawn.targets)
    assert {term.dtype for term in terms.values()} == {torch.float32}
    assert values(terms) == values(GUIDED(rounded, drawn.targets))


def test_free_boxes_come_to_lie_on_the_good_crops(scene: Draw) -> None:
    drawn = scene((3, 1, 5), layers=1)
    raw, logits = drawn.answer.boxes_cxcywh.detach().logit().requires_grad_(), torch.full((1, 3, 12), -2.0)
    logits.requires_grad_()
    optimiser = torch.optim.Adam([raw, logits], lr=0.05)
    for step in range(400):
        for group in optimiser.param_groups:
            group["lr"] = 0.05 * (1 - step / 400)
        answer = type(drawn.answer)(raw.sigmoid(), logits)
        loss = HARD.total(HARD(answer, drawn.targets))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert loss.item() < 0.02
    for photo, target in enumerate(drawn.targets):
        count = len(target.good_boxes_cxcywh)
        best = logits[0, photo].topk(count).indices
        overlaps = iou(cxcywh_to_xyxy(raw.sigmoid()[0, photo, best, None]), cxcywh_to_xyxy(target.good_boxes_cxcywh))
        assert overlaps.amax(dim=0).min() > 0.98
