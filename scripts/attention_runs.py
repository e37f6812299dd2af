"""Runs of models of importance and persons on one list of photos: for scripts/measure_attention_runs.py."""

import hashlib
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from attention_runs_compare import differences, summary, told_gain
from attention_runs_families import HUMAN, knowing, row_name
from grid_runs_groups import group_name, groups, spread
from grid_runs_ranking import seen

from cadrage.datasets.manifest import PhotoRecord, manifest_sha256
from cadrage.geometry import area
from cadrage.papers.evaluators.measure import judge_ranking, measure_ranking
from cadrage.papers.evaluators.plan import Row
from cadrage.papers.evaluators.values import PhotoValues
from cadrage.papers.files import read_json, write_json
from cadrage.papers.global_attention.parts import row_of
from cadrage.training.engine.evaluators.system import score_rated
from cadrage.training.engine.photos import photos_identity, rated_photos
from cadrage.training.engine.system import Trained
from cadrage.training.systems.global_attention import GlobalAttentionRecipe

# Another one when other values are measured per photo: what was kept before is then measured again.
VALUES_VERSION = 1
RECORD, WEIGHTS, BEST = "run.json", "model.safetensors", "best.json"


def described(run: Path, trained: Trained[Any], rows: Sequence[Row]) -> dict[str, Any]:
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
    trained: Sequence[Trained[Any]],
    cache: Path | None = None,
) -> dict[str, Any]:
    """Every run on one list of photos, recipes over their seeds, and paired differences.

    Weights that the folder ``cache`` has the values of are not measured again.
    """
    records = rated_photos(data, (entry,))
    found: dict[str, PhotoValues] = {}
    untold: dict[str, PhotoValues] = {}
    systems = []
    for model, each in zip(models, trained, strict=True):
        sys.stderr.write(f"{model['name']}: {len(records)} photos of {entry}\n")
        folder = data / entry.partition(":")[0]
        values = found[model["name"]] = measured(model, each, records, folder, cache)
        if row_name(model) == HUMAN:
            untold[model["name"]] = measured(model, each, records, folder, cache, told=False)
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
    folder_name, _, split = entry.partition(":")
    return {
        "data": {
            "folder": Path(folder_name).name,
            "split": split,
            "n": len(records),
            # No order of these crops can keep every person whole.
            "least_cuts": summary(floors["people"], ("cut_least",))["metrics"].get("cut_least"),
            "with_persons": int(floors["people"].has_person.sum()),
            "crops": sum(len(record.crops_xyxy) for record in records),
            "manifest_sha256": manifest_sha256(data / folder_name),
        },
        "systems": systems,
        "groups": [over(members, found) for members in groups(models, "name") if len(members) > 1],
        "differences": differences(models, found) + [told_gain(each, found, untold) for each in knowing(models)],
        "floors": [{"name": name, **summary(each)} for name, each in floors.items()],
    }


def measured(
    model: Mapping[str, Any],
    trained: Trained[Any],
    records: Sequence[PhotoRecord],
    folder: Path,
    cache: Path | None,
    *,
    told: bool = True,
) -> PhotoValues:
    """Values per photo, from the cache if they are of these weights, this manifest and these photos.

    A model that is not ``told`` of persons scores every photo as one without.
    """
    if cache is None:
        return _measure(trained, records, told)
    identity = [model["trained_weights_sha256"], manifest_sha256(folder), photos_identity(records), VALUES_VERSION]
    if not told:
        identity.append("persons not told")
    file = cache / f"{hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:32]}.json"
    known = read_json(file)
    if known is None:
        known = _measure(trained, records, told).to_dict()
        write_json(file, known)
    # What was just measured is read back as well, so that both ways end with the same digits.
    return PhotoValues.from_dict(known)


def _measure(trained: Trained[Any], records: Sequence[PhotoRecord], told: bool) -> PhotoValues:
    if told:
        return measure_ranking(trained, records)
    nobody = [replace(record, persons_xyxy=record.persons_xyxy[:0]) for record in records]
    return judge_ranking(records, [scores for _, scores in score_rated(trained, nobody)])


def over(members: Sequence[Mapping[str, Any]], found: Mapping[str, PhotoValues]) -> dict[str, Any]:
    """Mean and range over the seeds of one recipe, over all photos and over those with a person.

    A metric that one of the seeds has of no photo is left out.
    """
    told = [summary(found[member["name"]]) for member in members]
    return {
        "name": group_name([member["name"] for member in members]),
        "row": members[0]["row"],
        "members": [member["name"] for member in members],
        "seeds": [member["recipe"].get("seed") for member in members],
        **{
            part: {
                metric: spread([each[part][metric]["mean"] for each in told])
                for metric in told[0][part]
                if all(metric in each[part] for each in told)
            }
            for part in ("metrics", "persons")
        },
    }
