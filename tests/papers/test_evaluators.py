"""Human-centric and global-attention cropping from data to report, on drawn photos and with models never trained."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from cadrage.datasets.manifest import manifest_sha256
from cadrage.errors import UsageError
from cadrage.geometry import grid_anchors, iou_matrix
from cadrage.papers.evaluators import chain
from cadrage.papers.evaluators.measure import judge_choice, judge_ranking, measure_choice
from cadrage.papers.evaluators.plan import CHOSEN, Experiment, read_plan
from cadrage.papers.evaluators.report import text
from cadrage.papers.evaluators.reproduce import reproduce
from cadrage.papers.global_attention.paper import PAPER as GLOBAL_ATTENTION
from cadrage.papers.global_attention.parts import row_of
from cadrage.papers.human_centric.paper import PAPER as HUMAN_CENTRIC
from cadrage.training.engine.evaluators.system import training_photos
from cadrage.training.engine.photos import folders_of, photos_identity, rated_photos
from cadrage.training.engine.record import RECORD, WEIGHTS
from cadrage.training.run import load_trained
from cadrage.training.systems.global_attention import build_global_attention
from cadrage.training.systems.human_centric import build_human_centric

RECIPES = Path(__file__).parents[2] / "recipes"
PAPERS = {paper.name: paper for paper in (HUMAN_CENTRIC, GLOBAL_ATTENTION)}
SPLITS = {
    "gaicd-v1": {"train": range(4), "fit": range(3), "val": (3,), "test": (4, 5, 6)},
    "cpc": {"all": range(4), "fit": range(3), "val": (3,)},
    "fcdb": {"train": range(3), "test": (3, 4)},
    "flms": {"test": (0, 1)},
    "persons": {"train": range(3), "val": (3,), "test": (4, 5)},
}
TINY = (
    '\nbackbone = "mobilenet-v2"\nbackbone_weights = ""\nresize = "squash"\nside = 64\nlonger_side_limit = 64\n'
    "crops = 4\nepochs = 1\nbatch = 3\nworkers = 0\n"
)


def write_photos(folder: Path, splits: dict[str, object], rng: np.random.Generator, *, rated: bool) -> None:
    """Seven photos, every second one with a person."""
    (folder / "images").mkdir(parents=True)
    (folder / "splits").mkdir()
    rows = []
    for number in range(7):
        Image.fromarray(rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)).save(folder / "images" / f"{number}.png")
        good = np.array([0.05 + 0.02 * number, 0.1, 0.9, 0.95])
        boxes = grid_anchors((64, 64))[::9] if rated else good[None]
        scores = 1 + 4 * iou_matrix(boxes, good[None])[:, 0] if rated else [1.0]
        rows.append(
            {
                "file_name": f"images/{number}.png",
                "width": 64,
                "height": 64,
                "crops": [{"box": b, "score": float(s)} for b, s in zip(boxes.tolist(), scores, strict=True)],
                "pairs": [],
                "persons": [] if number % 2 else [[0.2, 0.3, 0.6, 0.9]],
            }
        )
    (folder / "metadata.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    for split, numbers in splits.items():
        (folder / "splits" / f"{split}.txt").write_text("".join(f"images/{each}.png\n" for each in numbers))


@pytest.fixture(scope="module")
def drawn_sets(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("sets")
    rng = np.random.default_rng(0)
    for name, splits in SPLITS.items():
        write_photos(root / name, splits, rng, rated=name not in ("fcdb", "flms"))
    return root


@pytest.fixture
def data(drawn_sets, tmp_path) -> Path:
    return Path(shutil.copytree(drawn_sets, tmp_path / "data"))


@pytest.fixture
def recipes(tmp_path) -> Callable[[str], Path]:
    """A function that copies the recipes of a paper and makes them so small that a model is built in no time."""

    def copy(paper: str) -> Path:
        folder = tmp_path / "recipes" / paper
        if not folder.exists():
            shutil.copytree(RECIPES / paper, folder)
            shutil.copytree(RECIPES / "grid-anchor", tmp_path / "recipes" / "grid-anchor", dirs_exist_ok=True)
            for name in ("gaicd", "cpc", "synthetic"):
                file = folder / f"{name}.toml"
                ours = {line.partition(" ")[0] for line in TINY.splitlines() if line}
                kept = [line for line in file.read_text().splitlines() if line.partition(" ")[0] not in ours]
                file.write_text("\n".join(kept) + TINY)
        return folder

    return copy


@pytest.fixture
def finish(data, recipes, tmp_path) -> Callable[[str, str, int], Path]:
    """A function that makes the folder of a training as training would leave it, with random weights."""

    def make(paper: str, letter: str, seed: int = 0, *, of: Experiment | None = None) -> Path:
        (experiment,) = [each for each in read_plan(recipes(paper)).experiments if each.planned.letter == letter]
        recipe = experiment.recipe(seed)
        folder = experiment.folder(tmp_path / "out", seed)
        folder.mkdir(parents=True)
        torch.manual_seed(seed)
        build = build_human_centric if paper == "human-centric" else build_global_attention
        save_file(build(recipe).state_dict(), folder / WEIGHTS)
        known = {
            "recipe": recipe.to_dict(),
            "heat_mean": 2.0,
            "manifests_sha256": {name: manifest_sha256(data / name) for name in folders_of(recipe)},
            "photos_sha256": {
                "train": photos_identity(training_photos(data, recipe)),
                "validate": photos_identity(rated_photos(data, recipe.validate)),
            },
        }
        (folder / RECORD).write_text(json.dumps(known))
        return folder

    return make


@pytest.fixture
def go(data, recipes, tmp_path, monkeypatch) -> Callable[..., tuple]:
    """A function that reproduces a paper where every training is done already."""

    def refuse(*arguments, **settings):
        raise AssertionError("a finished training is trained again")

    monkeypatch.setattr(chain, "train_from_recipe", refuse)
    told: list[str] = []

    def run(paper: str, *only: str, seeds: int | None = 1):
        told.clear()
        outcomes = reproduce(
            PAPERS[paper], data, recipes(paper), tmp_path / "out", only=only, seeds=seeds, tell=told.append
        )
        return {outcome.experiment.planned.letter: outcome for outcome in outcomes}, list(told)

    return run


@pytest.mark.parametrize("paper", PAPERS)
def test_every_run_of_a_plan_is_a_recipe_that_learns_from_no_test_photo(paper):
    plan = read_plan(RECIPES / paper)
    assert len(set(plan.seeds)) == 3
    for experiment in plan.experiments:
        for seed in plan.seeds:
            recipe = experiment.recipe(seed)
            assert recipe.seed == seed and recipe.kind == paper and recipe.keep_best == "srcc"
            assert not any(entry.endswith(":test") for entry in (*recipe.train, *recipe.validate))
    rows = {each for pair in PAPERS[paper].compared for each in pair} | {PAPERS[paper].upper_bound or plan.rows[0].id}
    assert rows <= {row.id for row in plan.rows}


def test_the_rows_of_global_attention_are_told_by_their_parts():
    plan = read_plan(RECIPES / "global-attention")
    for experiment in plan.experiments:
        assert row_of(experiment.recipe(1), plan.rows) == experiment.row
    assert {each.planned.letter for each in plan.experiments} == {
        *"0123456",
        *("C1", "C4", "C6"),
        *(f"D{row}" for row in range(7)),
    }


def test_plain_runs_of_cadrage_train_are_those_of_the_plan():
    """A run that changes nothing is its recipe; the others bear their id, whatever they are trained on."""
    human = {each.planned.letter: each for each in read_plan(RECIPES / "human-centric").experiments}
    assert human["DA"].changes == {} and human["DA"].training(2) == "synthetic-all-2"
    assert human["P"].changes == {"tag": "run-P", "persons_only": "true"}
    attention = {each.planned.letter: each for each in read_plan(RECIPES / "global-attention").experiments}
    assert attention["D4"].changes["tag"] == attention["4"].changes["tag"] == "run-4"
    assert attention["D4"].recipe(0).train == ("persons:train",) and attention["4"].recipe(0).backbone == "vgg16"


def test_a_training_is_measured_on_all_photos_and_on_those_with_a_person(finish, go, tmp_path):
    finish("human-centric", "A")
    outcomes, told = go("human-centric", "A")
    assert told == [f"gaicd-all-0: measuring on gaicd-v1:{split}" for split in ("val", "test")]
    (training,) = outcomes["A"].trainings
    assert not training.reason and len(training.tests["test"].values.photos) == 3
    assert outcomes["A"].mean("test", persons=True).photos == ("images/4.png", "images/6.png")
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    whole, persons = (next(each for each in report["tables"] if each["title"] == title) for title in (
        "GAICD v1, test photos", "GAICD v1, test photos, those with a person"
    ))  # fmt: skip
    ours = [row for row in whole["rows"] if row["measured"] == "measured here, run A, seeds 0"]
    assert ours[0]["cells"][0]["ours"]["n"] == 3 and ours[0]["cells"][4]["ours"]["n"] == 2
    ours = [row for row in persons["rows"] if row["measured"] == "measured here, run A, seeds 0"]
    assert ours[0]["cells"][0]["ours"]["n"] == 2
    quoted = {row["method"]: [cell.get("published") for cell in row["cells"]] for row in whole["rows"]}
    assert quoted["CGS, trained on GAICD v1"][:4] == [0.795, None, 0.597, 0.778]
    assert "human-centric cropping as published: none that could be checked" in quoted
    assert {row["method"] for row in persons["rows"]} >= {"position prior"}
    assert "not run: not asked for" in (tmp_path / "out" / "report.md").read_text()
    assert "<table" in (tmp_path / "out" / "report.html").read_text()
    again, told = go("human-centric", "gaicd-all")
    assert told == []
    assert text(HUMAN_CENTRIC, list(again.values())) == (tmp_path / "out" / "report.md").read_text()


def test_models_of_cpc_choose_among_grid_anchors(finish, go, data, tmp_path):
    folder = finish("human-centric", "CA")
    outcomes, _ = go("human-centric", "CA")
    persons = outcomes["CA"].mean("persons")
    assert len(persons.photos) == 4 and persons.has_person.all()
    assert sorted(name.partition("/")[0] for name in persons.photos) == [
        "fcdb:test",
        "fcdb:train",
        "fcdb:train",
        "flms:test",
    ]
    assert outcomes["CA"].entries("persons") == CHOSEN["persons"].entries
    records = rated_photos(data, ("flms:test",))
    alone = measure_choice(load_trained(folder), records)
    found = outcomes["CA"].mean("flms")
    np.testing.assert_allclose(found.metrics["iou"], alone.metrics["iou"], atol=1e-6)
    assert (found.metrics["iou"] <= found.metrics["best_iou"]).all()
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    table = next(each for each in report["tables"] if "persons" not in each["title"] and "fcdb:train" in each["about"])
    assert "1,745" in table["about"]
    quoted = {row["method"]: row["cells"][0].get("published") for row in table["rows"] if row["cells"]}
    assert quoted["GenCrop, trained on outpainted professional photos"] == 0.7334


def test_photos_that_are_not_there_cost_the_other_tests_nothing(finish, go, data):
    rows = [json.loads(line) for line in (data / "flms" / "metadata.jsonl").read_text().splitlines()]
    (data / "flms" / "metadata.jsonl").write_text("".join(json.dumps(row | {"persons": []}) + "\n" for row in rows))
    finish("human-centric", "CA")
    (training,) = go("human-centric", "CA")[0]["CA"].trainings
    assert training.absent == {"persons": ("persons in flms:test",)} and set(training.tests) == {"fcdb", "flms"}
    shutil.rmtree(data / "flms")
    outcomes, _ = go("human-centric", "CA")
    (training,) = outcomes["CA"].trainings
    assert training.absent == {"persons": ("flms",), "flms": ("flms",)} and not training.reason
    assert "flms not measured: no flms" in text(HUMAN_CENTRIC, list(outcomes.values()))


def test_training_on_persons_alone_is_another_training(finish, go, data, recipes):
    finish("human-centric", "P")
    outcomes, _ = go("human-centric", "P")
    assert not outcomes["P"].failed and outcomes["P"].trainings[0].tests
    plan = {each.planned.letter: each for each in read_plan(recipes("human-centric")).experiments}
    names = {letter: {each.file_name for each in training_photos(data, plan[letter].recipe(0))} for letter in "AP"}
    assert names["P"] == {"images/0.png", "images/2.png"} and names["A"] == names["P"] | {"images/1.png"}
    # A record of other training photos is refused, also where the split is the same.
    file = plan["P"].folder(data.parent / "out", 0) / RECORD
    record = json.loads(file.read_text())
    record["photos_sha256"]["train"] = photos_identity(training_photos(data, plan["A"].recipe(0)))
    file.write_text(json.dumps(record))
    outcomes, _ = go("human-centric", "P")
    assert outcomes["P"].failed and "other photos than" in outcomes["P"].trainings[0].reason


def test_the_plan_decides_on_validation_photos_over_seeds_without_the_upper_bound(finish, go, tmp_path):
    for letter in ("D1", "D4", "D5"):
        for seed in (0, 1):
            finish("global-attention", letter, seed)
    outcomes, _ = go("global-attention", "D1", "D4", "D5", seeds=2)
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    (decision,) = report["decisions"]
    assert decision["recipe"] == "synthetic"
    means = {
        letter: [float(each.metrics["srcc"].mean()) for each in outcomes[letter].by_seed("val").values()]
        for letter in ("D1", "D4")
    }
    gain, spread = np.mean(means["D4"]) - np.mean(means["D1"]), max(np.ptp(each) for each in means.values())
    srcc = decision["gains"][0]
    assert srcc["gain"] == pytest.approx(gain, abs=1e-5) and srcc["spread"] == pytest.approx(spread, abs=1e-5)
    assert srcc["beyond_spread"] is bool(gain > spread)
    assert decision["earned"] is all(each["beyond_spread"] for each in decision["gains"])
    differences = report["sections"]["What a change is worth, photo by photo"]
    assert {row["runs"] for row in differences} == {"4 minus 1"}
    # The upper bound is told apart and is a row of no table.
    assert {row["run"] for row in report["sections"]["An upper bound, no result"]} == {"D5"}
    assert not any("run D5" in row["measured"] for table in report["tables"] for row in table["rows"])
    assert [run["run"] for run in report["runs"] if run["no_result"]] == ["5", "D5"]
    report = (tmp_path / "out" / "report.md").read_text()
    assert "seeds 0, 1" in report
    # One line says it for all seeds of what was not begun, every measured training has its own.
    assert "| 2 | gaicd-fusion-0, gaicd-fusion-1 | Importance map in the encoder | not run: not asked for |" in report
    assert report.count("| D4 | synthetic-full-") == 2
    # With one seed asked for, what was measured of the other stays.
    again, told = go("global-attention", "D1", seeds=1)
    assert told == [] and len(again["D4"].by_seed("val")) == 2


def test_one_seed_of_each_decides_nothing(finish, go, tmp_path):
    for letter in ("D1", "D4"):
        finish("global-attention", letter)
    go("global-attention", "D1", "D4")
    (decision,) = json.loads((tmp_path / "out" / "report.json").read_text())["decisions"]
    assert decision["earned"] is None
    assert "not decided: it takes two seeds of both runs" in (tmp_path / "out" / "report.md").read_text()


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda data, out: (data / "persons/splits/val.txt").write_text("images/4.png\n"), "trained or chosen on"),
        (lambda data, out: (out / "runs/synthetic-full-0" / RECORD).write_text("{"), "not the record of a run"),
        (lambda data, out: shutil.rmtree(data / "persons"), "has no persons"),
    ],
)
def test_a_training_that_cannot_be_done_again_keeps_its_numbers(finish, go, data, tmp_path, spoil, reason):
    finish("global-attention", "D4")
    first = go("global-attention", "D4")[0]["D4"].trainings[0]
    # Another run whose data stay.
    finish("global-attention", "4")
    spoil(data, tmp_path / "out")
    outcomes, _ = go("global-attention", "D4", "4")
    (again,) = outcomes["D4"].trainings
    assert reason in again.reason and "\n" not in again.reason and not again.fresh
    np.testing.assert_allclose(again.tests["test"].values.metrics["srcc"], first.tests["test"].values.metrics["srcc"])
    assert "; the numbers are of an earlier call" in text(GLOBAL_ATTENTION, list(outcomes.values()))


def test_other_weights_are_measured_anew(finish, go):
    folder = finish("global-attention", "D4")
    first = go("global-attention", "D4")[0]["D4"].mean("test")
    model = load_trained(folder).model
    torch.manual_seed(9)
    save_file({name: torch.randn_like(each) for name, each in model.state_dict().items()}, folder / WEIGHTS)
    outcomes, told = go("global-attention", "D4")
    assert len(told) == 2 and not np.allclose(outcomes["D4"].mean("test").metrics["pcc"], first.metrics["pcc"])


def rate_anew(data) -> None:
    """Another rating of the first crop of every photo with persons."""
    file = data / "persons" / "metadata.jsonl"
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    for row in rows:
        row["crops"][0]["score"] += 0.5
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))


def test_seeds_that_are_not_asked_for_count_only_on_the_same_photos(finish, go, data, tmp_path):
    for seed in (0, 1):
        finish("global-attention", "D4", seed)
    go("global-attention", "D4", seeds=2)
    (data / "persons/splits/test.txt").write_text("images/4.png\n")
    outcomes, told = go("global-attention", "D4", seeds=1)
    assert told == ["synthetic-full-0: measuring on persons:test"]
    assert list(outcomes["D4"].by_seed("val")) == [0, 1] and list(outcomes["D4"].by_seed("test")) == [0]
    report = (tmp_path / "out" / "report.md").read_text()
    assert "synthetic-full-1, test: measured by an earlier call on other photos or ratings" in report
    # Once it is asked for again it counts again.
    outcomes, told = go("global-attention", "D4", seeds=2)
    assert told == ["synthetic-full-1: measuring on persons:test"] and list(outcomes["D4"].by_seed("test")) == [0, 1]
    assert "other photos or ratings" not in (tmp_path / "out" / "report.md").read_text()


def test_nothing_is_decided_between_old_and_new_ratings(finish, go, data, tmp_path):
    for letter in ("D1", "D4"):
        for seed in (0, 1):
            finish("global-attention", letter, seed)
    go("global-attention", "D1", "D4", seeds=2)
    rate_anew(data)

    def train_again(letter: str, *seeds: int) -> dict:
        for seed in seeds:
            name = {"D1": "supervised", "D4": "full"}[letter]
            shutil.rmtree(tmp_path / "out" / "runs" / f"synthetic-{name}-{seed}")
            finish("global-attention", letter, seed)
        go("global-attention", letter, seeds=len(seeds))
        return json.loads((tmp_path / "out" / "report.json").read_text())

    report = train_again("D4", 0)
    assert report["decisions"] == [] and not any("What a change is worth" in each for each in report["sections"])
    assert any("these runs: D1; D4." in note for note in report["notes"])
    report = train_again("D1", 0)
    (decision,) = report["decisions"]
    # The second seeds are of the old ratings.
    assert decision["earned"] is None and all(gain["spread"] is None for gain in decision["gains"])


def test_numbers_that_do_not_say_of_which_photos_are_measured_anew(finish, go, tmp_path):
    finish("global-attention", "D4")
    go("global-attention", "D4")
    file = tmp_path / "out" / "measured" / "synthetic-full-0.json"
    known = json.loads(file.read_text())
    del known["tests"]["val"]["photos_sha256"]
    file.write_text(json.dumps(known))
    # Not asked for, it is as if it had not been measured.
    finish("global-attention", "D1")
    outcomes, _ = go("global-attention", "D1")
    assert not outcomes["D4"].by_seed("val") and not outcomes["D4"].failed
    outcomes, told = go("global-attention", "D4")
    assert len(told) == 2 and not outcomes["D4"].failed and outcomes["D4"].by_seed("val")


@pytest.mark.filterwarnings("ignore::UserWarning:lightning.*")
@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_run_is_trained_measured_and_laid_out_once(data, recipes, tmp_path):
    told: list[str] = []
    arguments = (HUMAN_CENTRIC, data, recipes("human-centric"), tmp_path / "out")
    outcomes = reproduce(*arguments, only=["P"], seeds=1, tell=told.append)
    (ours,) = [outcome for outcome in outcomes if outcome.by_seed("test")]
    assert ours.experiment.planned.letter == "P" and not any(outcome.failed for outcome in outcomes)
    assert [line.partition(":")[2].split()[0] for line in told] == ["training", "measuring", "measuring"]
    record = json.loads((tmp_path / "out/runs/gaicd-persons-0" / RECORD).read_text())
    assert (record["photos_fit"], record["photos_with_persons"]["train"]) == (2, 2)
    told.clear()
    reproduce(*arguments, only=["P"], seeds=1, tell=told.append)
    assert told == []


def test_an_untrained_run_is_trained_with_its_seed(data, recipes, tmp_path, finish, monkeypatch):
    asked = []

    def train(recipe_file, data, folder, *, resume, overrides):
        asked.append((recipe_file.name, folder.name, resume, overrides["seed"], overrides["heat_map"]))
        finish("global-attention", "D2", int(overrides["seed"]))

    monkeypatch.setattr(chain, "train_from_recipe", train)
    arguments = (GLOBAL_ATTENTION, data, recipes("global-attention"), tmp_path / "out")
    reproduce(*arguments, only=["D2"], seeds=2, tell=lambda line: None)
    assert asked == [("synthetic.toml", f"synthetic-fusion-{seed}", False, str(seed), "predicted") for seed in (0, 1)]


def test_validation_photos_that_nobody_listed_are_drawn(data, recipes, tmp_path, monkeypatch):
    for name in ("val", "fit"):
        (data / "gaicd-v1" / "splits" / f"{name}.txt").unlink()
    told: list[str] = []
    reproduce(HUMAN_CENTRIC, data, recipes("human-centric"), tmp_path / "out", only=["A"], seeds=1, tell=told.append)
    # Four photos are too few for 36, which is one failed run and not the end.
    assert any("run A (gaicd-all-0) failed" in line for line in told)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no runs.toml; give the folder with --recipes"),
        ("[[run", "not a plan of runs"),
        ("seeds = [0]\n", "expected seeds, every"),
        ('seeds = []\non = [{recipe="gaicd", prefix="", tests=[]}]\nrun = []\n', "at least one seed"),
        (
            'seeds = [0]\non = [{recipe="gaicd", prefix="", tests=[], runs=["B"]}]\n'
            'run = [{id="A", name="a", title="", set={}}]\n',
            "names run B",
        ),
        (
            'seeds = [0, 0]\non = [{recipe="gaicd", prefix="", tests=[]}]\n'
            'run = [{id="A", name="a", title="", set={}}]\n',
            "'0' is there twice",
        ),
        (
            'seeds = [0]\non = [{recipe="gaicd", prefix="", tests=[]}, {recipe="cpc", prefix="", tests=[]}]\n'
            'run = [{id="A", name="a", title="", set={}}]\n',
            "'A' is there twice",
        ),
    ],
)
def test_a_plan_that_cannot_be_used_is_told(data, recipes, tmp_path, content, message):
    folder = recipes("human-centric")
    (folder / "runs.toml").unlink()
    if content is not None:
        (folder / "runs.toml").write_text(content)
    with pytest.raises(UsageError, match=message):
        reproduce(HUMAN_CENTRIC, data, folder, tmp_path / "out", tell=print)
    assert not (tmp_path / "out").exists()


def test_unknown_runs_too_many_seeds_and_missing_data_are_told(data, recipes, tmp_path):
    folder, out = recipes("human-centric"), tmp_path / "out"
    with pytest.raises(UsageError, match="no run 'Z'"):
        reproduce(HUMAN_CENTRIC, data, folder, out, only=["Z"], tell=print)
    with pytest.raises(UsageError, match=r"--seeds 4: .*runs.toml lists 3"):
        reproduce(HUMAN_CENTRIC, data, folder, out, seeds=4, tell=print)
    with pytest.raises(UsageError, match=r"no data here; expected gaicd-v1/metadata\.jsonl"):
        reproduce(HUMAN_CENTRIC, tmp_path, folder, out, tell=print)
    assert not out.exists()


def test_first_crops_and_chosen_crops_are_judged_by_hand(data):
    (record, *_) = rated_photos(data, ("gaicd-v1:test",))
    scores = [np.arange(len(record.scores), dtype=np.float64), None]
    found = judge_ranking([record, record], scores)
    assert found.photos == (record.file_name,) and found.unreadable == (record.file_name,)
    last, person = record.crops_xyxy[-1], record.persons_xyxy[0]
    kept = np.clip(np.minimum(last[2:], person[2:]) - np.maximum(last[:2], person[:2]), 0, 1).prod()
    assert found.metrics["cut"][0] == float(kept < 0.98 * (person[2:] - person[:2]).prod())
    assert found.metrics["cut_least"][0] <= found.metrics["cut"][0]

    (chosen, *_) = rated_photos(data, ("flms:test",))
    anchors = grid_anchors(chosen.size_wh)
    truth = iou_matrix(anchors, chosen.crops_xyxy)[:, 0]
    best = judge_choice([chosen], [truth])
    assert best.metrics["iou"][0] == best.metrics["best_iou"][0] == pytest.approx(truth.max())
    # Of equal scores the first is taken.
    assert judge_choice([chosen], [np.zeros(len(anchors))]).metrics["iou"][0] == pytest.approx(truth[0])
    with pytest.raises(UsageError, match="none of the 1 photos can be read"):
        judge_choice([chosen], [None])
