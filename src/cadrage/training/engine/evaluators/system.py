"""How every evaluator is trained, loaded and exported, given what is particular to its network."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import nn

from cadrage.datasets.manifest import PhotoRecord
from cadrage.errors import UsageError
from cadrage.models.checkpoints import Checkpoint, Released
from cadrage.models.checkpoints.backbones import load_imagenet
from cadrage.training.engine.augment import Floats
from cadrage.training.engine.batches import Samples
from cadrage.training.engine.evaluators.measure import measurable
from cadrage.training.engine.evaluators.module import EvaluatorTraining, Forward, Shown, plain_forward
from cadrage.training.engine.evaluators.recipe import EvaluatorRecipe, GuidedRecipe
from cadrage.training.engine.evaluators.samples import RatedSamples, blank, collate
from cadrage.training.engine.evaluators.targets import (
    expect_targets,
    mean_heat_score,
    only_with_persons,
    photos_with_persons,
    score_scale,
)
from cadrage.training.engine.export import Part, card_input
from cadrage.training.engine.photos import folders_of, rated_photos
from cadrage.training.engine.start import expect_same_reading, start_from
from cadrage.training.engine.system import Prepared, System, Trained, filled

E = TypeVar("E", bound=EvaluatorRecipe)


@dataclass(frozen=True, slots=True, eq=False)
class EvaluatorSystem(System[E]):
    """A system whose models score any given box; ``forward`` says how a recipe's model is run."""

    forward: Callable[[E], Forward] = lambda recipe: plain_forward


def evaluator_system(
    recipe: type[E],
    *,
    build: Callable[[E], nn.Module],
    load: Callable[[nn.Module, Path], None],
    not_in_weights: tuple[str, ...],
    parts: Callable[[nn.Module, E], list[Part]],
    card: Callable[[nn.Module], dict[str, Any]],
    forward: Callable[[E], Forward] = lambda recipe: plain_forward,
    released: Callable[[Checkpoint, Path], Released] | None = None,
) -> EvaluatorSystem[E]:
    """The system of a kind of evaluator.

    Args:
        recipe: of this kind.
        build: the untrained model of a recipe; it has a ``backbone`` of ``PYRAMIDS``.
        load: fills a whole model from a weights file of any origin.
        not_in_weights: recipe fields that change what the model does but not its tensors.
        parts: what is exported of a trained model, and may be refused with a UsageError.
        card: what the card says of a model beside its input and its scores.
        forward: how a recipe's model is run.
        released: what the weights of its authors mean here.
    """

    def start(recipe: E, data: Path) -> nn.Module:
        model = build(recipe)

        def whole(file: Path) -> None:
            expect_same_reading(recipe, file, not_in_weights)
            load(model, file)

        backbone = partial(load_imagenet, model.get_submodule("backbone"))
        start_from(model, recipe, data, {"checkpoint": whole, "backbone_weights": backbone})
        return model

    def described(trained: Trained[E], parts: Mapping[str, Any]) -> dict[str, Any]:
        # Scores that were learned from votes alone have no unit.
        scale = trained.record.get("score_scale")
        scores = {"candidates": trained.recipe.candidates} | ({"score_scale": scale} if scale else {})
        return {**card_input(trained.recipe.shown), **card(trained.model), **scores, "parts": parts}

    return EvaluatorSystem(
        recipe=recipe,
        prepare=prepare,
        start=start,
        training=lambda model, recipe, *others: EvaluatorTraining(model, recipe, *others, forward=forward(recipe)),
        load=lambda recipe, tensors: filled(build(recipe), tensors),
        parts=lambda trained: parts(trained.model, trained.recipe),
        card=described,
        forward=forward,
        released=released,
    )


def prepare(recipe: EvaluatorRecipe, data: Path) -> Prepared:
    """Photos, scale of the ratings and mean worth of a crop, of any evaluator.

    Raises:
        UsageError: a folder or split does not exist, or the photos do not have what the recipe learns from.
    """
    fit, validation = training_photos(data, recipe), rated_photos(data, recipe.validate)
    expect_targets(fit, recipe)
    scale = score_scale(fit, recipe)
    record: dict[str, Any] = {"score_scale": None if scale is None else scale.to_dict()}
    heat_mean = None
    if isinstance(recipe, GuidedRecipe):
        record["heat_mean"] = heat_mean = mean_heat_score(fit, recipe)
        record["photos_with_persons"] = {"train": photos_with_persons(fit), "validate": photos_with_persons(validation)}
    # Validation measures scores alone; where they do not depend on maps, drawing one per photo and epoch is idle work.
    shown_mean = heat_mean if recipe.reads_heat_targets else None
    train = RatedSamples(fit, scale, recipe, augmented=True, heat_mean=heat_mean)
    samples = Samples(
        train,
        RatedSamples(validation, scale, recipe, augmented=False, heat_mean=shown_mean),
        collate,
        blank,
        [train.size_wh(index) for index in range(len(fit))],
    )
    return Prepared(
        fit,
        validation,
        folders=folders_of(recipe),
        validated_on=", ".join(recipe.validate),
        measured=measurable(validation),
        samples=lambda out: samples,
        record=record,
    )


def training_photos(data: Path, recipe: EvaluatorRecipe) -> list[PhotoRecord]:
    """The photos that a recipe learns from.

    Raises:
        UsageError: a folder or split does not exist, or no photo is left.
    """
    records = rated_photos(data, recipe.train)
    if isinstance(recipe, GuidedRecipe) and recipe.persons_only:
        return only_with_persons(records, recipe.train)
    return records


def score_rated(trained: Trained[Any], records: Sequence[PhotoRecord]) -> Iterator[tuple[PhotoRecord, Floats | None]]:
    """Every photo with the scores ``(N,)`` of its N crops, in their order, as the network gives them.

    Each photo is seen alone and as a whole, with the main person of its record. A photo that cannot be read has None,
    and the log names it.
    """
    system, recipe = trained.system, trained.recipe
    if not isinstance(system, EvaluatorSystem):
        raise UsageError(f"{trained.run}: the model {recipe.kind!r} scores no given boxes; use a run of an evaluator")
    heat_mean = trained.record.get("heat_mean") if recipe.reads_heat_targets else None
    samples = RatedSamples(records, None, recipe, augmented=False, heat_mean=heat_mean)
    device = next(trained.model.parameters()).device
    forward = system.forward(recipe)
    for index, record in enumerate(records):
        batch = collate([samples[(0, index)]]).to(device)
        if not batch.file_names:
            yield record, None
            continue
        guides = (batch.person_xyxy, batch.has_person, batch.heat, batch.has_heat)
        with torch.inference_mode():
            shown = Shown(batch.images[0], batch.rated_xyxy, *guides, progress=1.0, training=False)
            scores = forward(trained.model, shown).scores
        yield record, scores[0].double().cpu().numpy()
