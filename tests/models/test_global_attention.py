import inspect
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from cadrage.errors import UsageError
from cadrage.geometry import mirror
from cadrage.models.align import rod_align, roi_align
from cadrage.models.attention_fusion import mix_heat, region_importance
from cadrage.models.backbones.pyramids import make_pyramid
from cadrage.models.backbones.vgg16 import VGG16
from cadrage.models.crop_evaluator import SlimEvaluator, WideEvaluator, make_evaluator
from cadrage.models.global_attention import GlobalAttentionModel

# The runs that justify the parts: which map, what regions are read from, and whether the whole photo is aligned.
RUNS: dict[int, dict[str, Any]] = {
    0: {"heat": "none", "encoder": False, "global_branch": False},
    1: {"heat": "supervised", "encoder": False, "global_branch": False},
    2: {"heat": "predicted", "encoder": True, "global_branch": False},
    3: {"heat": "none", "encoder": False, "global_branch": True},
    4: {},
    6: {"partition": True},
}
PERSON = torch.tensor([[0.25, 0.2, 0.6, 0.9], [0.0, 0.0, 0.0, 0.0]])
HAS_PERSON = torch.tensor([True, False])


def small(**settings: Any) -> GlobalAttentionModel:
    """A quick model whose scores differ between boxes."""
    torch.manual_seed(0)
    model = GlobalAttentionModel(VGG16(base=4), **settings)
    for each in model.modules():
        if isinstance(each, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(each.weight)
    # Scores of the size of people's ratings, so that a tolerance means the same here as there.
    model.evaluator.last.weight.data *= 0.1  # type: ignore[operator, union-attr]
    return model.eval()


def some_boxes(batch: int, count: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    corners = torch.rand(batch, count, 2, 2, generator=generator).sort(dim=2).values
    return corners.reshape(batch, count, 4)


def count(module: nn.Module | None) -> int:
    return 0 if module is None else sum(each.numel() for each in module.parameters())


def test_parameter_counts_of_every_part() -> None:
    with torch.device("meta"):
        model = GlobalAttentionModel(make_pyramid("vgg16"))  # type: ignore[arg-type]
    assert count(model.levels) == 402_208
    assert (count(model.relation), count(model.heat_head)) == (9_512, 593)
    assert count(model.encoder) == 9_536 + 1_056
    assert count(model.context) == 9_248
    assert count(model.evaluator) == 110_720 + 8_256 + 3_137
    assert count(model) - count(model.backbone) == 554_266  # type: ignore[arg-type]
    assert count(model) == 15_268_954


@pytest.mark.parametrize(
    ("run", "parameters"),
    [
        (0, 402_208 + 122_113 - 9 * 32 * 128),
        (1, 402_208 + 10_105 + 122_113 - 9 * 32 * 128),
        (2, 402_208 + 10_105 + 10_592 + 122_113 - 9 * 32 * 128),
        (3, 402_208 + 9_248 + 122_113),
        (4, 554_266),
        (6, 554_266 + 129_328),
    ],
)
def test_every_run_of_the_comparison_can_be_built(run: int, parameters: int) -> None:
    with torch.device("meta"):
        model = GlobalAttentionModel(make_pyramid("vgg16"), **RUNS[run])  # type: ignore[arg-type]
    assert count(model) - count(model.backbone) == parameters  # type: ignore[arg-type]


@pytest.mark.parametrize("run", RUNS)
def test_shapes_batch_chunks_and_order(run: int) -> None:
    model, image, boxes = small(**RUNS[run]), torch.rand(2, 3, 64, 96), some_boxes(2, 23)
    person = (PERSON, HAS_PERSON) if run == 6 else ()
    with torch.no_grad():
        scores, heat = model(image, boxes, *person)
        assert scores.shape == (2, 23) and scores.std() > 1e-4
        assert (heat is None) == (run in (0, 3))
        if heat is not None:
            assert heat.shape == (2, 1, 64, 64) and heat.min() >= 0 and heat.max() <= 1
        fused, _ = model.fuse(model.features(image) if run != 6 else model.update(model.features(image), *person))
        assert fused.shape == (2, 32, 4, 6)
        for chunk in (1, 7, 23, 512):
            torch.testing.assert_close(model.score(fused, boxes, chunk=chunk), scores, rtol=0, atol=5e-5)
        torch.testing.assert_close(model(image, boxes.flip(1), *person).scores, scores.flip(1), rtol=0, atol=5e-5)
        alone = model(image[1:], boxes[1:], *(each[1:] for each in person)).scores
        torch.testing.assert_close(alone, scores[1:], rtol=0, atol=5e-5)
        assert model(image, boxes[:, :0], *person).scores.shape == (2, 0)


def test_sizes_along_the_way_for_a_photo_of_352_by_256(monkeypatch: pytest.MonkeyPatch) -> None:
    model, seen = small(), {}

    def watch(name: str, module: nn.Module) -> None:
        module.register_forward_hook(
            lambda _, inputs, output: seen.update({f"{name} in": inputs[0].shape[1:], name: output.shape[1:]})
        )

    assert model.encoder is not None and isinstance(model.evaluator, SlimEvaluator)
    watch("F", model.levels)
    watch("F_M", model.encoder.first)
    watch("F_g", model.encoder)
    watch("1x1", model.evaluator.second)
    watch("linear", model.evaluator.last)
    image, boxes = torch.rand(1, 3, 256, 352), some_boxes(1, 5)
    with torch.no_grad():
        fused, _ = model.fuse(model.features(image))
        model.score(fused, boxes)
        regions, context = model.regions(fused, boxes), model.global_context(fused)
    assert seen["F"] == (32, 16, 22) and seen["F_M in"] == (33, 16, 22) and seen["F_g"] == (32, 16, 22)
    assert regions.shape == (1, 5, 32 + 32, 9, 9)
    assert context is not None and context.shape == (1, 32, 9, 9)
    assert model.evaluator.first.in_channels == 96
    assert seen["1x1 in"] == (128, 7, 7) and seen["1x1"] == (64, 7, 7)
    assert seen["linear in"] == (3136,) and seen["linear"] == (1,)


@pytest.mark.parametrize("legacy", [False, True])
def test_regions_are_core_then_background_of_the_fused_map(legacy: bool) -> None:
    model, fused, boxes = small(legacy=legacy), torch.rand(2, 32, 6, 8), some_boxes(2, 5)
    cells = boxes * torch.tensor([8.0, 6, 8, 6]) - (0 if legacy else 0.5)
    regions = model.regions(fused, boxes)
    torch.testing.assert_close(regions[:, :, :32], roi_align(fused, cells, 9, legacy=legacy))
    torch.testing.assert_close(regions[:, :, 32:], rod_align(fused, cells, 9, legacy=legacy))


def test_a_crop_of_the_whole_photo_has_no_background() -> None:
    model, fused = small(), torch.rand(2, 32, 6, 8)
    regions = model.regions(fused, torch.tensor([0.0, 0, 1, 1]).expand(2, 1, 4))
    whole = roi_align(fused, torch.tensor([-0.5, -0.5, 7.5, 5.5]).expand(2, 1, 4), 9)
    torch.testing.assert_close(regions[:, :, :32], whole)
    assert regions[:, :, 32:].abs().max() < 1e-6


def test_the_aligned_whole_photo_has_the_cells_of_a_full_crop() -> None:
    model, fused = small(), torch.rand(2, 32, 6, 8)
    assert model.context is not None
    whole = roi_align(model.context(fused).relu(), torch.tensor([-0.5, -0.5, 7.5, 5.5]).expand(2, 1, 4), 9)[:, 0]
    torch.testing.assert_close(model.global_context(fused), whole)


@pytest.mark.parametrize(("bins", "head"), [(9, "slim"), (5, "wide")])
def test_sharing_the_whole_photo_equals_joining_it_to_every_crop(bins: int, head: str) -> None:
    torch.manual_seed(1)
    evaluator = make_evaluator(head, 6, 3, bins)  # type: ignore[arg-type]
    regions, context = torch.randn(2, 4, 6, bins, bins), torch.randn(2, 3, bins, bins)
    joined = torch.cat([regions, context.unsqueeze(1).expand(-1, 4, -1, -1, -1)], dim=2).flatten(0, 1)
    if isinstance(evaluator, SlimEvaluator):
        expected = evaluator.last(evaluator.second(evaluator.first(joined).relu()).flatten(1))
    else:
        assert isinstance(evaluator, WideEvaluator)
        weight = evaluator.first.weight.view(-1, 9, bins, bins)
        hidden = nn.functional.conv2d(joined, weight, evaluator.first.bias).relu().flatten(1)
        expected = evaluator.last(hidden)
    torch.testing.assert_close(evaluator(regions, context), expected.view(2, 4), rtol=1e-4, atol=1e-4)


def test_the_wide_head_has_512_channels_over_all_cells() -> None:
    with torch.device("meta"):
        wide = GlobalAttentionModel(VGG16(), head="wide")
    assert count(wide.evaluator) == 96 * 81 * 512 + 512 + 513
    assert small(head="wide")(torch.rand(1, 3, 32, 32), some_boxes(1, 3)).scores.std() > 1e-5


def test_the_whole_photo_can_change_the_order_of_crops() -> None:
    model, fused, boxes = small(), torch.randn(1, 32, 6, 8), some_boxes(1, 40)
    with torch.no_grad():
        before = model.score(fused, boxes)[0]
        assert model.context is not None and model.context.bias is not None
        model.context.weight.neg_()
        after = model.score(fused, boxes)[0]
    gaps = (after - before) - (after - before).mean()
    assert gaps.abs().max() > 1e-3
    assert not torch.equal(before.argsort(), after.argsort())


def test_the_importance_map_can_change_the_order_of_crops() -> None:
    model, image, boxes = small(), torch.rand(1, 3, 64, 96), some_boxes(1, 40)
    with torch.no_grad():
        scores = [
            model.forward_mixed(image, boxes, torch.full((1, 1, 64, 64), value), 1.0).scores[0] for value in (0.0, 1.0)
        ]
    gaps = (scores[1] - scores[0]) - (scores[1] - scores[0])[:1]
    assert gaps.abs().max() > 1e-4
    assert not torch.equal(scores[0].argsort(), scores[1].argsort())


def test_no_map_can_be_given_when_scores_count() -> None:
    for method in (GlobalAttentionModel.forward, GlobalAttentionModel.score, GlobalAttentionModel.fuse):
        assert not {name for name in inspect.signature(method).parameters if "heat" in name}
    model, image, boxes = small(), torch.rand(1, 3, 64, 64), some_boxes(1, 5)
    with torch.no_grad():
        before = model(image, boxes)
        mixed = model.forward_mixed(image, boxes, torch.rand(1, 1, 64, 64), 1.0)
        after = model(image, boxes)
    assert torch.equal(before.scores, after.scores) and not torch.equal(before.scores, mixed.scores)
    # What comes out beside the scores is the prediction, whatever went in.
    assert before.heat is not None and mixed.heat is not None
    torch.testing.assert_close(mixed.heat, before.heat)


def test_cells_hold_the_mean_of_what_they_cover() -> None:
    heat = torch.zeros(1, 1, 64, 64)
    heat[..., :32] = 1
    square, wide = region_importance(heat, (16, 16))[0, 0], region_importance(heat, (16, 22))[0, 0]
    assert square.shape == (16, 16) and wide.shape == (16, 22)
    for cells in (square, wide):
        half = cells.shape[1] // 2
        torch.testing.assert_close(cells[:, :half], torch.ones(16, half), rtol=0, atol=1e-6)
        assert cells[:, half:].eq(0).all()
    heat = torch.rand(2, 1, 64, 64)
    for size_hw in ((16, 22), (5, 7), (64, 64), (96, 70)):
        expected = nn.functional.adaptive_avg_pool2d(heat, size_hw)
        torch.testing.assert_close(region_importance(heat, size_hw), expected)


@pytest.mark.parametrize(("share", "mixed"), [(1, 0.6), (0.25, 0.3), (0, 0.2)])
def test_a_teacher_counts_for_its_share(share: float, mixed: float) -> None:
    predicted, teacher = torch.full((2, 1, 64, 64), 0.2), torch.full((2, 1, 64, 64), 0.6)
    torch.testing.assert_close(mix_heat(predicted, teacher, share), torch.full((2, 1, 64, 64), mixed))
    each = mix_heat(predicted, teacher, torch.tensor([share, 0.0]))
    torch.testing.assert_close(each[0], torch.full((1, 64, 64), mixed))
    torch.testing.assert_close(each[1], torch.full((1, 64, 64), 0.2))


def test_without_a_share_a_teacher_is_not_even_looked_at() -> None:
    model, image, boxes = small().train(), torch.rand(2, 3, 64, 64), some_boxes(2, 5)
    nothing = torch.full((2, 1, 64, 64), torch.nan)
    mixed = model.forward_mixed(image, boxes, nothing, 0.0).scores
    torch.testing.assert_close(mixed, model(image, boxes).scores)
    mixed.square().mean().backward()
    for name, each in model.named_parameters():
        assert each.grad is not None and each.grad.isfinite().all(), name


@pytest.mark.parametrize("run", RUNS)
def test_gradients_of_both_targets_reach_every_parameter(run: int) -> None:
    model = small(**RUNS[run]).train()
    person = (PERSON, HAS_PERSON) if run == 6 else ()
    scores, heat = model(torch.rand(2, 3, 64, 64), some_boxes(2, 8), *person)
    total = scores.square().mean() + (0 if heat is None else (heat - 0.3).abs().mean())
    total.backward()
    assert [name for name, each in model.named_parameters() if each.grad is None] == []


def heat_gradient(**settings: Any) -> float:
    model = small(**settings).train()
    model(torch.rand(2, 3, 64, 64), some_boxes(2, 8)).scores.square().mean().backward()
    assert model.heat_head is not None
    gradient = model.heat_head.last.weight.grad
    return 0.0 if gradient is None else float(gradient.abs().max())


def test_scores_train_the_map_they_are_read_from_unless_it_is_detached() -> None:
    assert heat_gradient() > 0
    assert heat_gradient(detach_heat=True) == 0
    assert heat_gradient(**RUNS[1]) == 0


def test_the_residual_lets_the_map_through() -> None:
    model, plain = small(), small(residual=False)
    for each in (model, plain):
        assert each.encoder is not None and each.encoder.last.bias is not None
        nn.init.zeros_(each.encoder.last.weight)
        nn.init.zeros_(each.encoder.last.bias)
    features = torch.rand(1, 32, 4, 6)
    torch.testing.assert_close(model.fuse(features)[0], features)
    assert plain.fuse(features)[0].abs().max() == 0


def test_without_encoder_regions_are_read_from_the_map_itself() -> None:
    features = torch.rand(1, 32, 4, 6)
    for run in (0, 1, 3):
        assert small(**RUNS[run]).fuse(features)[0] is features
    alone = small(heat="none")
    assert alone.encoder is not None and alone.encoder.first.in_channels == 32


def test_photos_without_a_person_score_as_if_none_were_given() -> None:
    model, image, boxes = small(partition=True), torch.rand(2, 3, 64, 96), some_boxes(2, 9)
    with torch.no_grad():
        given, without = model(image, boxes, PERSON, HAS_PERSON).scores, model(image, boxes).scores
    torch.testing.assert_close(given[1], without[1])
    assert (given[0] - without[0]).abs().max() > 1e-4


def test_a_mirrored_photo_gives_finite_scores_and_its_boxes_map_back() -> None:
    # Convolutions are not symmetric, so nothing is promised about the scores themselves.
    model, image, boxes = small(), torch.rand(1, 3, 64, 96), some_boxes(1, 9)
    mirrored = mirror(boxes[0])
    assert model(image.flip(3), torch.from_numpy(mirrored).float()[None]).scores.isfinite().all()
    assert np.abs(mirrored - boxes[0].numpy()).max() > 0.1
    np.testing.assert_allclose(mirror(mirrored), boxes[0], atol=1e-6)


def test_persons_that_no_photo_shows_are_refused() -> None:
    model, features = small(partition=True), torch.rand(2, 32, 4, 4)
    for wrong, message in (
        ([1.1, 0.1, 1.2, 0.9], "nothing of it is on the photo"),
        ([0.0, 0.0, 0.0, 0.0], "nothing of it is on the photo"),
        ([0.6, 0.1, 0.2, 0.9], "swap the corners"),
    ):
        persons = torch.tensor([[0.1, 0.1, 0.5, 0.5], wrong])
        with pytest.raises(UsageError, match=message):
            model.update(features, persons, torch.tensor([True, True]))
        model.update(features, persons, HAS_PERSON)


@pytest.mark.parametrize("partition", [True, False])
def test_half_of_what_is_told_of_persons_is_refused(partition: bool) -> None:
    model, image, boxes = small(partition=partition), torch.rand(2, 3, 32, 32), some_boxes(2, 3)
    for told in ({"person_xyxy": PERSON}, {"has_person": HAS_PERSON}):
        with pytest.raises(UsageError, match="only one of person_xyxy and has_person"):
            model(image, boxes, **told)
        with pytest.raises(UsageError, match="only one of person_xyxy and has_person"):
            model.forward_mixed(image, boxes, torch.rand(2, 1, 64, 64), 0.5, **told)


def test_half_precision_does_not_move_the_whole_photo() -> None:
    # A map and a convolution that half precision holds exactly; what is left is one rounding of the result.
    model, fused = small(), torch.randint(0, 2, (1, 32, 16, 64)).float()
    assert model.context is not None and model.context.bias is not None
    nn.init.dirac_(model.context.weight)
    nn.init.zeros_(model.context.bias)
    with torch.no_grad():
        exact = model.global_context(fused)
        with torch.autocast("cpu", torch.bfloat16):
            half = model.global_context(fused.bfloat16())
    assert exact is not None and half is not None and exact.max() > 0.5
    # Rounded positions move samples by up to an eighth of a cell there.
    assert (half.float() - exact).abs().max() < 2**-8


def test_unusable_boxes_and_settings_are_refused() -> None:
    model, image = small(), torch.rand(1, 3, 32, 32)
    with pytest.raises(UsageError, match="swap the corners"):
        model(image, torch.tensor([[[0.6, 0.1, 0.2, 0.9]]]))
    with pytest.raises(UsageError, match="chunk 0"):
        model.score(model.features(image), some_boxes(1, 2), chunk=0)
    with pytest.raises(UsageError, match="knows no persons"):
        model(image, some_boxes(1, 2), PERSON[:1], HAS_PERSON[:1])
    for settings, message in (
        ({"head": "broad"}, "head 'broad': unknown; choose one of slim, wide"),
        ({"heat": "given"}, "heat 'given': unknown; choose one of predicted, supervised, none"),
        ({"encoder": False}, "only the encoder reads the map"),
    ):
        with pytest.raises(UsageError, match=message):
            small(**settings)
    with pytest.raises(UsageError, match="bins 2"):
        make_evaluator("slim", 4, 2, 2)


def test_an_unusable_teacher_is_refused() -> None:
    model, image, boxes = small(), torch.rand(2, 3, 32, 32), some_boxes(2, 3)
    heat = torch.rand(2, 1, 64, 64)
    for share in (-0.1, 1.5, float("nan"), torch.tensor([0.5, 0.5, 0.5])):
        with pytest.raises(UsageError, match="share"):
            model.forward_mixed(image, boxes, heat, share)
    with pytest.raises(UsageError, match=r"shape \(2, 1, 64, 64\), got \(2, 64, 64\)"):
        model.forward_mixed(image, boxes, heat[:, 0], 0.5)
    for run in (0, 1, 3):
        with pytest.raises(UsageError, match="no importance map enters the encoder"):
            small(**RUNS[run]).forward_mixed(image, boxes, heat, 1.0)
