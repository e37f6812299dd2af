"""Whole runs of human-centric and global-attention models on a tiny data set, and what is refused before they begin."""

import json

import pytest
from lightning.pytorch import LightningModule
from safetensors.torch import load_file
from torch.testing import assert_close

from cadrage.errors import UsageError
from cadrage.papers.names import RECIPES
from cadrage.training.engine.evaluators import samples
from cadrage.training.engine.evaluators.module import EvaluatorTraining
from cadrage.training.engine.evaluators.targets import window_heat
from cadrage.training.engine.record import BEST, RECORD, WEIGHTS
from cadrage.training.run import read_recipe, train_from_recipe
from cadrage.training.systems.global_attention import GlobalAttentionRecipe
from cadrage.training.systems.human_centric import HumanCentricRecipe

LOADERS = {"human-centric": read_recipe, "global-attention": read_recipe}
KINDS = {"human-centric": HumanCentricRecipe, "global-attention": GlobalAttentionRecipe}
VOTES = {
    "huber": "0",
    "rank": "0",
    "pairs": "1",
    "overlap": "0.1",
    "heat_from": "votes",
    "keep_best": "pairs",
    "epochs": "1",
}

ORACLE = {"heat_map": "oracle", "heat": "0", "epochs": "1"}


@pytest.fixture(scope="module", params=list(KINDS))
def kind(request):
    return request.param


@pytest.fixture(scope="module")
def recipe_file(kind, write_recipe):
    return write_recipe(kind)


@pytest.fixture(scope="module")
def run(recipe_file, persons_data, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "plain"
    logged, mapped = set(), set()
    log = LightningModule.log

    def remember(self, name, *args, **kwargs):
        logged.add(name)
        return log(self, name, *args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(EvaluatorTraining, "log", remember)
        remember_maps(patch, mapped)
        train_from_recipe(recipe_file, persons_data, out, overrides={"keep_best": "srcc"})
    return out, logged, mapped


def remember_maps(patch, mapped):
    """Add the name of every photo that an importance map is made of to a set."""

    def remembered(record, *args):
        mapped.add(record.file_name)
        return window_heat(record, *args)

    patch.setattr(samples, "window_heat", remembered)


def test_a_run_leaves_weights_record_and_measures(run, kind):
    out, logged, _ = run
    record = json.loads((out / RECORD).read_text())
    recipe = KINDS[kind].from_dict(record["recipe"])
    assert record["recipe"]["model"] == kind and recipe.train == ("drawn:train",)
    assert record["photos_with_persons"] == {"train": 4, "validate": 1}
    assert set(record["manifests_sha256"]) == {"drawn"} and set(record["photos_sha256"]) == {"train", "validate"}
    assert record["score_scale"] == {"mean": 0.0, "deviation": 1.0}
    assert 1 < record["heat_mean"] < 5
    assert json.loads((out / BEST).read_text())["metric"] == "srcc"
    assert {"val/srcc", "val/pairs", "val/cut"} <= logged
    assert (out / WEIGHTS).is_file()


def test_validation_makes_maps_only_where_scores_depend_on_them(run, kind, recipe_file, persons_data, tmp_path):
    """Photos 0 and 1 are for validation, the other eight for training."""
    every = {f"images/{number}.png" for number in range(10)}
    assert run[2] == every - {"images/0.png", "images/1.png"}
    if kind == "global-attention":
        mapped = set()
        with pytest.MonkeyPatch.context() as patch:
            remember_maps(patch, mapped)
            train_from_recipe(recipe_file, persons_data, tmp_path / "oracle", overrides=ORACLE)
        assert mapped == every


def test_an_interrupted_run_ends_with_the_same_weights(run, recipe_file, persons_data, tmp_path, lose_second_epoch):
    out, overrides = tmp_path / "interrupted", {"keep_best": "srcc"}
    lose_second_epoch(EvaluatorTraining, recipe_file, persons_data, out, overrides=overrides)
    train_from_recipe(recipe_file, persons_data, out, resume=True, overrides=overrides)
    resumed, whole = load_file(out / WEIGHTS), load_file(run[0] / WEIGHTS)
    for name, tensor in whole.items():
        assert_close(resumed[name], tensor, atol=1e-6, rtol=1e-4)


def test_votes_train_without_ratings_and_a_run_is_gone_on_from(kind, run, recipe_file, persons_data, tmp_path):
    overrides = VOTES | {"checkpoint": str(run[0] / WEIGHTS), "learning_rate": "0", "learning_rate_backbone": "0"}
    train_from_recipe(recipe_file, persons_data, tmp_path / "votes", overrides=overrides)
    record = json.loads((tmp_path / "votes" / RECORD).read_text())
    assert record["score_scale"] is None and record["heat_mean"] > 3
    before, after = load_file(run[0] / WEIGHTS), load_file(tmp_path / "votes" / WEIGHTS)
    for name, tensor in before.items():
        assert_close(after[name], tensor, atol=0, rtol=0)


def test_weights_of_another_reading_are_refused(kind, run, recipe_file, persons_data, tmp_path):
    changed = {"human-centric": {"parts": "0"}, "global-attention": {"residual": "false"}}[kind]
    overrides = {"checkpoint": str(run[0] / WEIGHTS)} | changed
    with pytest.raises(UsageError, match=f"was trained with {next(iter(changed))} = "):
        train_from_recipe(recipe_file, persons_data, tmp_path / "on", overrides=overrides)
    assert not (tmp_path / "on").exists()


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"heat_from": "vote"}, "unknown heat_from 'vote'; did you mean 'votes'?"),
        ({"rank_gate": "sin"}, "unknown rank_gate 'sin'; did you mean 'sine'?"),
        ({"person_jitter": "0.6"}, "person_jitter must be between 0 and 0.4, got 0.6"),
        ({"person_drop": "-1"}, "person_drop must be between 0 and 1, got -1"),
        ({"heat": "-1"}, "heat must not be negative, got -1"),
        ({"huber": "0", "rank": "0"}, "nothing to learn"),
        ({"schedule": "cosine"}, "unknown schedule 'cosine'; did you mean 'warm-cosine'?"),
        ({"person_jiter": "0"}, "unknown field 'person_jiter'; did you mean 'person_jitter'?"),
        ({"reduced": "8"}, "unknown field 'reduced'"),
    ],
)
def test_a_recipe_that_cannot_be_is_told(kind, recipe_file, overrides, message):
    with pytest.raises(UsageError, match=message.replace("?", r"\?")):
        LOADERS[kind](recipe_file, overrides)


@pytest.mark.parametrize(
    ("kind", "overrides", "message"),
    [
        ("human-centric", {"parts": "3"}, "unknown parts 3; there are 9, 2, 1, 0"),
        ("human-centric", {"relation": "grap"}, "did you mean 'graph'?"),
        ("human-centric", {"content": "false"}, "content = false leaves out the map that heat 1 would teach"),
        ("global-attention", {"heat_map": "predict"}, "unknown heat_map 'predict'; did you mean 'predicted'?"),
        ("global-attention", {"head": "plain"}, "unknown head 'plain'"),
        ("global-attention", {"encoder": "false"}, 'heat_map "predicted" is read by the encoder alone'),
        ("global-attention", {"heat_map": "none"}, 'heat_map "none" leaves nothing for heat 1 to teach; set heat to 0'),
        ("global-attention", {"heat_map": "supervised", "heat": "0"}, 'set heat_map to "none"'),
        ("global-attention", {"heat_map": "oracle", "teacher_mixing": "0.2"}, "set teacher_mixing to 0"),
        ("global-attention", {"teacher_mixing": "2"}, "teacher_mixing must be between 0 and 1, got 2"),
    ],
)
def test_parts_that_do_not_fit_are_told(write_recipe, kind, overrides, message):
    with pytest.raises(UsageError, match=message.replace("?", r"\?")):
        LOADERS[kind](write_recipe(kind), overrides)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"train": "gone:train"}, "gone"),
        ({"keep_best": "cut"}, "'cut' is not measured on drawn:val; choose one of srcc, acc5, acc10, ranking, pairs"),
    ],
)
def test_what_cannot_be_trained_is_told_before_it_begins(recipe_file, persons_data, tmp_path, overrides, message):
    with pytest.raises(UsageError, match=message):
        train_from_recipe(recipe_file, persons_data, tmp_path / "run", overrides=overrides)
    assert not (tmp_path / "run").exists()


def test_an_unknown_model_is_told_with_the_nearest(write_recipe, persons_data, tmp_path):
    with pytest.raises(UsageError, match=r"no model 'human-centre'; did you mean 'human-centric'\? there are default"):
        train_from_recipe(write_recipe("human-centre"), persons_data, tmp_path / "run")


@pytest.mark.parametrize("name", ["gaicd", "cpc", "fcdb", "synthetic"])
def test_the_recipes_that_come_along_can_be_read(kind, name):
    recipe = LOADERS[kind](RECIPES / kind / f"{name}.toml")
    assert (recipe.name, recipe.tag) == (kind, name)
    assert KINDS[kind].from_dict(json.loads(json.dumps(recipe.to_dict()))) == recipe
