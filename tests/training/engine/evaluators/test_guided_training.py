"""What a step teaches: persons in mixed batches, maps that are missing, the teacher's share, and the runs of a plan."""

import tomllib
from dataclasses import replace

import pytest
import torch
from torch import nn

from cadrage.models.global_attention import GlobalAttentionModel
from cadrage.models.human_centric import HumanCentricModel
from cadrage.papers.names import RECIPES
from cadrage.training.engine.evaluators.module import EvaluatorTraining
from cadrage.training.engine.evaluators.samples import RatedBatch, RatedSample, collate
from cadrage.training.losses.ratings import signed_rank_loss
from cadrage.training.run import read_recipe
from cadrage.training.systems.global_attention import (
    GlobalAttentionRecipe,
    build_global_attention,
    forward_of,
    teacher_share,
)
from cadrage.training.systems.human_centric import HumanCentricRecipe, run_human_centric

PLAN = tomllib.loads((RECIPES / "global-attention" / "runs.toml").read_text(encoding="utf-8"))


class SmallPyramid(nn.Module):
    """A backbone that costs nothing."""

    channels = (4, 4, 4)

    def __init__(self) -> None:
        super().__init__()
        self.fine = nn.Conv2d(3, 4, 8, 8)

    def forward(self, image):
        fine = self.fine(image).relu()
        return fine, nn.functional.avg_pool2d(fine, 2), nn.functional.avg_pool2d(fine, 4)


def sample(name: str, *, person: bool, heat: bool, seed: int, size=64) -> RatedSample:
    generator = torch.Generator().manual_seed(seed)

    def boxes(*shape):
        return torch.rand(*shape, 2, 2, generator=generator).sort(dim=-2).values.flatten(-2)

    return RatedSample(
        image=torch.rand(3, 64, size, generator=generator),
        rated_xyxy=boxes(3 + seed),
        targets=torch.randn(3 + seed, generator=generator),
        pairs_xyxy=boxes(1, 2),
        votes=torch.tensor([[3.0, 2.0]]),
        around_xyxy=boxes(2),
        good_xyxy=boxes(1)[0],
        person_xyxy=torch.tensor([0.2, 0.3, 0.6, 0.9]) if person else torch.zeros(4),
        has_person=torch.tensor(person),
        heat=torch.rand(1, 64, 64, generator=generator) if heat else torch.zeros(1, 64, 64),
        has_heat=torch.tensor(heat),
        file_name=name,
    )


def mixed() -> list[RatedSample]:
    return [
        sample("a", person=True, heat=False, seed=1),
        sample("b", person=False, heat=True, seed=2, size=96),
        sample("c", person=False, heat=False, seed=3),
        sample("d", person=True, heat=True, seed=4, size=96),
    ]


def human(**changes) -> EvaluatorTraining:
    torch.manual_seed(0)
    recipe = replace(HumanCentricRecipe(pairs=1.0, overlap=0.1), **changes)
    return EvaluatorTraining(HumanCentricModel(SmallPyramid()), recipe, 10, [], forward=run_human_centric).eval()


def attention(**changes) -> EvaluatorTraining:
    torch.manual_seed(0)
    recipe = replace(GlobalAttentionRecipe(), **changes)
    heat = "predicted" if recipe.heat_map == "oracle" else recipe.heat_map
    model = GlobalAttentionModel(SmallPyramid(), heat=heat, partition=recipe.partition)
    return EvaluatorTraining(model, recipe, 10, [], forward=forward_of(recipe)).eval()


@pytest.mark.parametrize("module", [human(), attention(), attention(partition=True)])
def test_outputs_in_a_mixed_batch_are_those_of_each_photo_alone(module):
    photos = mixed()
    with torch.no_grad():
        together = module.outputs(batch := collate(photos))
        assert batch.has_person.tolist() == [True, False, False, True]
        assert batch.has_heat.tolist() == [False, False, True, True]
        for row, name in enumerate(batch.file_names):
            (photo,) = [each for each in photos if each.file_name == name]
            for ours, alone in zip(together, module.outputs(collate([photo])), strict=True):
                torch.testing.assert_close(ours[row, : alone.shape[1]], alone[0], atol=1e-5, rtol=1e-4)


def test_a_person_counts_for_models_that_are_told():
    told = collate([sample("a", person=True, heat=False, seed=1)])
    untold = collate([sample("a", person=False, heat=False, seed=1)])
    for module, differs in ((human(), True), (attention(partition=True), True), (attention(), False)):
        with torch.no_grad():
            gap = (module.outputs(told).rated - module.outputs(untold).rated).abs().max()
        assert bool(gap > 1e-6) is differs


@pytest.mark.parametrize("make", [human, attention])
def test_photos_without_a_map_teach_the_heat_head_nothing(make):
    module = make()
    without = collate([sample("a", person=True, heat=False, seed=1), sample("b", person=False, heat=False, seed=2)])
    loss = module.losses(without)["heat"]
    loss.backward()
    weight = module.model.heat_head.last.weight
    assert loss.item() == 0 and weight.grad.abs().max() == 0
    module.losses(collate(mixed()))["heat"].backward()
    assert weight.grad.abs().max() > 0


def test_terms_of_weight_0_are_not_computed():
    assert set(human(heat=0.0, overlap=0.0).losses(collate(mixed()))) == {"huber", "rank", "pairs"}
    assert set(attention(rank=0.0).losses(collate(mixed()))) == {"huber", "heat"}


@pytest.mark.parametrize("gate", ["sign", "sine"])
def test_the_gate_of_the_rank_loss_is_the_recipe_s(gate):
    module, batch = human(rank_gate=gate), collate(mixed())
    with torch.no_grad():
        rated = module.outputs(batch).rated
        expected = signed_rank_loss(rated, batch.targets, batch.rated, gate=gate)
        assert module.losses(batch)["rank"] == expected
    assert expected > 0


def with_maps(batch: RatedBatch, value: float) -> RatedBatch:
    return replace(batch, heat=torch.full_like(batch.heat, value) * batch.has_heat.view(-1, 1, 1, 1))


@pytest.mark.parametrize("train", [False, True])
@pytest.mark.parametrize(
    ("changes", "seen"),
    [({}, (False, False)), ({"heat_map": "oracle"}, (True, True)), ({"teacher_mixing": 0.5}, (False, True))],
)
def test_maps_of_people_s_crops_reach_scores_only_as_oracle_or_teacher(changes, seen, train):
    """By default not even in training."""
    module = attention(**changes).train(train)
    batch = collate(mixed())
    with torch.no_grad():
        low, high = (module.outputs(with_maps(batch, value)).rated for value in (0.0, 1.0))
    gaps = (low - high).abs().amax(dim=1)
    assert bool(gaps[batch.has_heat].max() > 1e-7) is seen[train]
    assert gaps[~batch.has_heat].max() == 0


def test_the_teacher_leaves_within_its_share_of_the_steps():
    assert [teacher_share(step / 100, 0.25) for step in (0, 5, 20, 25, 99)] == pytest.approx([1, 0.8, 0.2, 0, 0])
    assert teacher_share(0.0, 0.0) == 0


@pytest.mark.parametrize("run", PLAN["run"], ids=lambda run: run["name"])
def test_the_runs_of_the_plan_are_models_of_their_parts(run):
    expected = {
        # Importance map, encoder, fed by the map, whole photo, person.
        "0": (False, False, False, False, False),
        "1": (True, False, False, False, False),
        "2": (True, True, True, False, False),
        "3": (False, False, False, True, False),
        "4": (True, True, True, True, False),
        "5": (True, True, True, True, False),
        "6": (True, True, True, True, True),
    }[run["id"]]
    texts = {key: str(value).lower() for key, value in run["set"].items()}
    recipe = read_recipe(RECIPES / "global-attention" / "synthetic.toml", texts)
    model = build_global_attention(recipe)
    parts = (model.heat_head, model.encoder, model.fed or None, model.context, model.partition)
    assert tuple(part is not None for part in parts) == expected
    assert (recipe.heat_map == "oracle") == (run["id"] == "5")


def test_the_plan_has_every_run_and_three_seeds():
    assert [run["id"] for run in PLAN["run"]] == list("0123456") and len(set(PLAN["seeds"])) == 3
