"""One training run of the subject head: teacher, features, training, measurement."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import lightning.pytorch as lightning
import numpy as np
import torch
from numpy.typing import NDArray
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import default_collate

from cadrage.datasets.manifest import PhotoRecord, read_manifest
from cadrage.datasets.splits import read_split
from cadrage.errors import UsageError
from cadrage.inference.session import load_model
from cadrage.inference.store.registry import resolve
from cadrage.models.subject_head import SubjectHead, SubjectMaps
from cadrage.training.record import WEIGHTS, describe_run, prepare_folder, replaced
from cadrage.training.subjects.features import keep_features, read_features, window_boxes
from cadrage.training.subjects.losses import subject_loss
from cadrage.training.subjects.measure import measure
from cadrage.training.subjects.recipe import SubjectRecipe, load_subject_recipe
from cadrage.training.subjects.samples import SubjectSamples
from cadrage.training.subjects.teacher import keep_labels, load_teacher, read_labels
from cadrage.training.weights_file import write_weights

MEASURED = "measured.json"
_STRIDE = 16  # of the default model's trunk


@dataclass(frozen=True, slots=True, eq=False)
class SubjectData:
    """All photos in the order of their kept features, and which of them are to be learned from and measured on."""

    records: tuple[PhotoRecord, ...]
    fit: NDArray[np.int64]
    dev: NDArray[np.int64]


def read_data(recipe: SubjectRecipe, data: Path) -> SubjectData:
    """The photos of a recipe; measured is on the held-out part of FCDB alone, whose persons are labelled."""
    records = read_manifest(data / recipe.fcdb)
    held_out = set(read_split(data / recipe.fcdb, "dev", "fcdb").file_names)
    dev = [index for index, record in enumerate(records) if record.file_name in held_out]
    if recipe.flms:
        records += read_manifest(data / recipe.flms)
    every = np.arange(len(records))
    fit = every if recipe.fit_on == "fit+dev" else np.setdiff1d(every, dev)
    return SubjectData(tuple(records), fit, np.array(dev, np.int64))


def train_subjects(
    recipe_file: Path,
    data: Path,
    out: Path,
    *,
    resume: bool = False,
    overrides: Mapping[str, str] | None = None,
    kept: Path | None = None,
) -> None:
    """Train the subject head and measure it on the held-out photos, unless it has learned from those.

    Args:
        recipe_file, data, out, resume, overrides: as for `train_from_recipe`. Training itself takes minutes and is
            not resumed but repeated; what the teacher and the trunk returned is not computed twice.
        kept: folder for what teacher and trunk return, by default in ``out``.

    Raises:
        UsageError: the recipe or the data are unusable, or ``out`` holds another run.
        CadrageError: ai-edge-litert is not installed.
    """
    recipe = load_subject_recipe(recipe_file, overrides)
    found = read_data(recipe, data)
    folders = [folder for folder in (recipe.fcdb, recipe.flms) if folder]
    trunk = load_model(resolve(recipe.trunk, offline=True))
    record = describe_run(recipe.to_dict(), data, folders, photos_fit=len(found.fit), photos_dev=len(found.dev))
    record["trunk_sha256"] = trunk.card.parts["trunk"][1]
    record["features_side"] = trunk.card.input_side // _STRIDE
    prepare_folder(out, record, resume=resume)
    kept = kept or out / "kept"
    windows = window_boxes(len(found.records), recipe.views, recipe.smallest_window, recipe.seed)
    labels_folder, features_folder = kept / "teacher", kept / "features"
    keep_labels(found.records, load_teacher(data / recipe.teacher), labels_folder)
    keep_features(found.records, trunk, windows, features_folder)
    features = read_features(features_folder)
    labels = [read_labels(one, labels_folder) for one in found.records]
    samples = SubjectSamples(found.records, labels, features, windows)
    head = fit_head(recipe, samples, found.fit)
    if recipe.fit_on == "fit":
        results = measure(recipe, head, found, labels, features)
        with replaced(out / MEASURED) as part:
            part.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    write_weights(out / WEIGHTS, head.state_dict())


def fit_head(recipe: SubjectRecipe, samples: SubjectSamples, photos: NDArray[np.int64]) -> SubjectHead:
    """The trained head, with the weights averaged over the last steps."""
    if not len(photos):
        raise UsageError("no photos to learn from; check the split")
    lightning.seed_everything(recipe.seed, verbose=False)
    head = SubjectHead(samples[0][0].shape[0], width=recipe.width, fine=recipe.fine, dropout=recipe.dropout)
    # Another view of each photo in every epoch.
    batches = math.ceil(len(photos) / recipe.batch)
    random = np.random.default_rng(recipe.seed)
    average = AveragedModel(head, multi_avg_fn=get_ema_multi_avg_fn(recipe.average_decay))  # type: ignore[no-untyped-call]
    optimiser = torch.optim.AdamW(head.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, recipe.learning_rate, total_steps=recipe.epochs * batches, pct_start=0.1
    )
    factors = {"masks": recipe.masks, "centres": recipe.centres, "edges": recipe.edges}
    for _ in range(recipe.epochs):
        for chosen in np.array_split(random.permutation(photos), batches):
            views = chosen * 2 * recipe.views + random.integers(2 * recipe.views, size=len(chosen))
            features, masks, centres, edges, weights = default_collate([samples[int(view)] for view in views])
            terms = subject_loss(head(features), SubjectMaps(masks, centres, edges), weights)
            loss = torch.stack([factors[name] * term for name, term in terms.items()]).sum()
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(head.parameters(), 5.0)
            optimiser.step()
            schedule.step()
            average.update_parameters(head)
    head.load_state_dict(average.module.state_dict())
    return head.eval()
