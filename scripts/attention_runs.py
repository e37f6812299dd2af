"""Runs of models of importance and persons on one list of photos: for scripts/measure_attention_runs.py."""

import hashlib
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from grid_runs_groups import group_name, groups, spread
from grid_runs_ranking import seen

from cadrage import __version__
from cadrage.datasets.manifest import PhotoRecord, manifest_sha256
from cadrage.geometry import area
from cadrage.training.evaluators.guided import GuidedRecipe
from cadrage.training.evaluators.trained import TrainedEvaluator
from cadrage.training.global_attention.recipe import GlobalAttentionRecipe
from cadrage.training.grid_anchor.data import rated_photos
from cadrage.training.reproduce.evaluators.measure import judge_ranking, measure_ranking
from cadrage.training.reproduce.evaluators.plan import Row
from cadrage.training.reproduce.evaluators.seeds import earned, gains
from cadrage.training.reproduce.evaluators.values import PhotoValues, minus, over_seeds
from cadrage.training.reproduce.files import read_json, write_json
from cadrage.training.reproduce.global_attention.parts import (
    BASE,
    COMPARED,
    DECIDING,
    FULL,
    ORACLE,
    row_of,
)
from cadrage.training.trainer import photos_identity

METRICS = ("srcc", "pcc", "acc5", "acc10", "cut")
RECORD, WEIGHTS, BEST = "run.json", "model.safetensors", "best.json"
HUMAN = "human-centric"
# Models with other parts are held against each other only where all else is the same; the content branch of
# human-centric models takes fewer crops per step.
_SAME = tuple(
    field.name for field in fields(GuidedRecipe) if field.name not in ("name", "tag", "seed", "heat", "crops")
)
_PAIRS = (*COMPARED, (HUMAN, FULL), (HUMAN, "0"))


def described(run: Path, trained: TrainedEvaluator, rows: Sequence[Row]) -> dict[str, Any]:
    """What a run is."""
    record = json.loads((run / RECORD).read_text(encoding="utf-8"))
    best = run / BEST
    return {
        "name": run.resolve().name,
        "row": row_of(trained.recipe, rows) if isinstance(trained.recipe, GlobalAttentionRecipe) else None,
        "model": f"{trained.recipe.name}.{trained.recipe.tag}",
        "parameters": sum(each.numel() for each in trained.model.parameters()),
        "version": record["cadrage"],
        "commit": record.get("commit"),
        "torch": record.get("torch"),
        "recipe": record["recipe"],
        "manifests_sha256": record["manifests_sha256"],
        "trained_weights_sha256": hashlib.sha256((run / WEIGHTS).read_bytes()).hexdigest(),
        "best": json.loads(best.read_text(encoding="utf-8")) if best.is_file() else None,
        # Sees what people said of the very crops that it ranks.
        "oracle": trained.recipe.to_dict().get("heat_map") == "oracle",
    }


def measure_on(
    entry: str,
    data: Path,
    models: Sequence[Mapping[str, Any]],
    trained: Sequence[TrainedEvaluator],
    cache: Path | None = None,
) -> dict[str, Any]:
    """Every run on one list of photos, recipes over their seeds, and paired differences.

    Weights that the folder ``cache`` has the values of are not measured again.
    """
    records = rated_photos(data, (entry,))
    found: dict[str, PhotoValues] = {}
    systems = []
    for model, each in zip(models, trained, strict=True):
        sys.stderr.write(f"{model['name']}: {len(records)} photos of {entry}\n")
        values = found[model["name"]] = measured(model, each, records, data / entry.partition(":")[0], cache)
        systems.append(
            {
                "name": model["name"],
                "trained_on_measured": seen(model["recipe"], records, entry, data),
                "chosen_on_measured": bool(model["recipe"].get("keep_best")) and entry in model["recipe"]["validate"],
                **summary(values),
            }
        )
    floors = {
        "largest": judge_ranking(records, [area(record.crops_xyxy) for record in records]),
        "people": judge_ranking(records, [record.scores for record in records]),
    }
    folder, _, split = entry.partition(":")
    return {
        "data": {
            "folder": Path(folder).name,
            "split": split,
            "n": len(records),
            # No order of these crops can keep every person whole.
            "least_cuts": summary(floors["people"], ("cut_least",))["metrics"].get("cut_least"),
            "with_persons": int(floors["people"].has_person.sum()),
            "crops": sum(len(record.crops_xyxy) for record in records),
            "manifest_sha256": manifest_sha256(data / folder),
        },
        "systems": systems,
        "groups": [over(members, found) for members in groups(models) if len(members) > 1],
        "differences": differences(models, found),
        "floors": [{"name": name, **summary(each)} for name, each in floors.items()],
    }


def measured(
    model: Mapping[str, Any],
    trained: TrainedEvaluator,
    records: Sequence[PhotoRecord],
    folder: Path,
    cache: Path | None,
) -> PhotoValues:
    """Values per photo, from the cache if they are of these weights, this manifest and these photos."""
    if cache is None:
        return measure_ranking(trained, records)
    identity = [model["trained_weights_sha256"], manifest_sha256(folder), photos_identity(records), __version__]
    file = cache / f"{hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:32]}.json"
    known = read_json(file)
    if known is None:
        known = measure_ranking(trained, records).to_dict()
        write_json(file, known)
    # What was just measured is read back as well, so that both ways end with the same digits.
    return PhotoValues.from_dict(known)


def summary(values: PhotoValues, metrics: Sequence[str] = METRICS) -> dict[str, Any]:
    """Means with 95 % intervals over all photos and over those with a person."""
    said: dict[str, Any] = {"unreadable": len(values.unreadable), "undefined": values.undefined}
    for name, part in {"metrics": values, "persons": values.with_persons()}.items():
        estimates = {metric: part.estimate(metric) for metric in metrics}
        said[name] = {
            metric: {"mean": each.mean, "ci95": [each.low, each.high], "n": each.n}
            for metric, each in estimates.items()
            if each is not None
        }
    return said


def over(members: Sequence[Mapping[str, Any]], found: Mapping[str, PhotoValues]) -> dict[str, Any]:
    """Mean and range over the seeds of one recipe, over all photos and over those with a person."""
    told = [summary(found[member["name"]]) for member in members]
    return {
        "name": group_name([member["name"] for member in members]),
        "row": members[0]["row"],
        "members": [member["name"] for member in members],
        "seeds": [member["recipe"].get("seed") for member in members],
        **{
            part: {metric: spread([each[part][metric]["mean"] for each in told]) for metric in told[0][part]}
            for part in ("metrics", "persons")
        },
    }


def differences(models: Sequence[Mapping[str, Any]], found: Mapping[str, PhotoValues]) -> list[dict[str, Any]]:
    """Per photo the mean over seeds of one row less that of another, for recipes that differ in nothing else.

    The interval is over photos; that over seeds is told by the difference of each seed that both were trained with.
    """
    said = []
    for family in families(models):
        for of, less in _PAIRS:
            first, second = ([each for each in family if row_name(each) == row] for row in (of, less))
            if not first or not second:
                continue
            means = [over_seeds([found[each["name"]] for each in side]) for side in (first, second)]
            said.append(
                {
                    "difference": f"{of} minus {less}",
                    "of": [each["name"] for each in first],
                    "minus": [each["name"] for each in second],
                    **summary(minus(*means)),
                    "by_seed": by_seed(first, second, found),
                    "spread": [
                        gain.to_dict() for gain in gains(seed_means(first, found), seed_means(second, found), METRICS)
                    ],
                }
            )
    return said


def families(models: Sequence[Mapping[str, Any]]) -> list[list[Mapping[str, Any]]]:
    """Models whose recipes differ in parts and seeds alone."""
    alike: dict[str, list[Mapping[str, Any]]] = {}
    for model in models:
        key = [{name: model["recipe"].get(name) for name in _SAME}, model["manifests_sha256"]]
        alike.setdefault(json.dumps(key, sort_keys=True), []).append(model)
    return list(alike.values())


def row_name(model: Mapping[str, Any]) -> str | None:
    """The row of the plan, or the kind of a model that has none."""
    kind: str = model["recipe"]["model"]
    return model["row"] if kind == GlobalAttentionRecipe.kind else kind


def seed_means(members: Sequence[Mapping[str, Any]], found: Mapping[str, PhotoValues]) -> list[dict[str, float]]:
    """The means of each seed, without metrics that no photo has."""
    estimates = [{name: found[each["name"]].estimate(name) for name in METRICS} for each in members]
    return [{name: float("nan") if one is None else one.mean for name, one in each.items()} for each in estimates]


def by_seed(
    first: Sequence[Mapping[str, Any]], second: Sequence[Mapping[str, Any]], found: Mapping[str, PhotoValues]
) -> dict[str, dict[str, float]]:
    """The differences of the means of each seed that both have."""
    ours = {each["recipe"]["seed"]: means for each, means in zip(first, seed_means(first, found), strict=True)}
    theirs = {each["recipe"]["seed"]: means for each, means in zip(second, seed_means(second, found), strict=True)}
    return {
        str(seed): {name: round(means[name] - theirs[seed][name], 6) for name in METRICS}
        for seed, means in ours.items()
        if seed in theirs
    }


def decision(entry: str, split: Mapping[str, Any], models: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """Whether the full model beats the plainly supervised one by more than seeds differ; None without either."""
    told = next((one for one in split["differences"] if one["difference"] == f"{FULL} minus {BASE}"), None)
    if told is None:
        return None
    systems = {one["name"]: {name: each["mean"] for name, each in one["metrics"].items()} for one in split["systems"]}
    found = gains([systems[name] for name in told["of"]], [systems[name] for name in told["minus"]], DECIDING)
    excluded = [model["name"] for model in models if model["row"] == ORACLE]
    return {
        "on": entry,
        "rule": f"run {FULL} beats run {BASE} by more than the seed spread in {' and '.join(DECIDING)}",
        "gains": [gain.to_dict() for gain in found],
        "earned": earned(found),
        "excluded": excluded,
    }
