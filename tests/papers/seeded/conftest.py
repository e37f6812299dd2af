"""Drawn photos of five data sets, tiny recipes of both papers, and trainings that were never done but look so."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from cadrage.datasets.manifest import manifest_sha256
from cadrage.geometry import grid_anchors, iou_matrix
from cadrage.inference.candidate_lists import CandidateList
from cadrage.papers import chain
from cadrage.papers.laid_out import ReproductionReport
from cadrage.papers.measure import GRID_ANCHORS
from cadrage.papers.names import PAPERS, RECIPES
from cadrage.papers.plan import choose
from cadrage.papers.seeded.outcome import Outcome, by_run
from cadrage.training.engine.evaluators.system import training_photos
from cadrage.training.engine.photos import folders_of, photos_identity, rated_photos
from cadrage.training.engine.record import RECORD, WEIGHTS
from cadrage.training.systems.global_attention import build_global_attention
from cadrage.training.systems.human_centric import build_human_centric

SPLITS = {
    "gaicd-v1": {"train": range(4), "fit": range(3), "val": (3,), "test": (4, 5, 6)},
    "cpc": {"train": range(3), "val": (3,)},
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
def finish(data, recipes, tmp_path) -> Callable[..., Path]:
    """A function that makes the folder of a training as training would leave it, with random weights."""

    def make(paper: str, letter: str, seed: int = 0) -> Path:
        (run,) = choose(PAPERS[paper].description().plan(recipes(paper)).runs, [letter])
        recipe = run.recipe(seed)
        folder = tmp_path / "out" / "runs" / run.training(seed)
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


class Done(NamedTuple):
    """What a reproduction gave: outcomes by letter, what it told, and its report."""

    outcomes: dict[str, Outcome]
    told: list[str]
    report: ReproductionReport


@pytest.fixture
def reproduce(data, recipes, tmp_path) -> Callable[..., Done]:
    """A function that reproduces some runs of a paper."""

    def run(
        paper: str, *only: str, seeds: int | None = 1, data: Path = data, candidates: CandidateList = GRID_ANCHORS
    ) -> Done:
        told: list[str] = []
        outcomes: dict[str, Outcome] = {}
        described = PAPERS[paper].description()

        def lay_out(trainings, places):
            outcomes.update({each.run.letter: each for each in by_run(trainings)})
            return described.lay_out(trainings, places)

        report = chain.reproduce(
            replace(described, lay_out=lay_out),
            data,
            recipes(paper),
            tmp_path / "out",
            only=only,
            seeds=seeds,
            candidates=candidates,
            tell=told.append,
        )
        return Done(outcomes, told, report)

    return run


@pytest.fixture
def go(reproduce, monkeypatch) -> Callable[..., Done]:
    """The same where every training is done already."""

    def refuse(*arguments, **settings):
        raise AssertionError("a finished training is trained again")

    monkeypatch.setattr(chain, "train_from_recipe", refuse)
    return reproduce
