"""Export of a trained run to the folder the product loads: one ONNX file per part and a card."""

import hashlib
import json
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, cast

import onnx
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

import cadrage
from cadrage.errors import UsageError
from cadrage.models.default import CropModel
from cadrage.models.global_attention import GlobalAttentionModel
from cadrage.models.grid_anchor import GridAnchorModel
from cadrage.models.human_centric import HumanCentricModel
from cadrage.training.evaluators.recipe import EvaluatorRecipe
from cadrage.training.evaluators.trained import KINDS, TrainedEvaluator, load_evaluator
from cadrage.training.global_attention.export import card_of as attention_card_of
from cadrage.training.global_attention.export import parts_of as attention_parts_of
from cadrage.training.grid_anchor.export import parts_of as grid_parts_of
from cadrage.training.grid_anchor.recipe import GridRecipe
from cadrage.training.human_centric.export import card_of as human_card_of
from cadrage.training.human_centric.export import parts_of as human_parts_of
from cadrage.training.product import (
    CARD,
    PER_BOX,
    PER_PHOTO,
    Part,
    example_boxes,
    example_photos,
    expect_squares,
    whole_folder,
)
from cadrage.training.recipe import Recipe
from cadrage.training.record import RECORD, WEIGHTS
from cadrage.training.run import build_model
from cadrage.training.set_prediction.export import load_set_predictor, parts_of
from cadrage.training.set_prediction.recipe import SetRecipe

AnyRecipe = Recipe | SetRecipe | EvaluatorRecipe


def _sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def write_part(part: nn.Module, inputs: tuple[Tensor, ...], outputs: list[str], shapes: Any, file: Path) -> None:
    """Write one part as a single ONNX file without the exporter's notes; ``shapes`` as ``torch.export`` takes them."""
    with warnings.catch_warnings():
        # The exporter warns about its own dependencies and about axes that share a name, which is what we ask for.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            part,
            inputs,
            file,
            dynamo=True,
            output_names=outputs,
            dynamic_shapes=shapes,
            external_data=False,
            verbose=False,
        )
    _leave_out_origin(file)


def _leave_out_origin(file: Path) -> None:
    """Drop the exporter's notes on every node: they hold paths of its computer, and up to a sixth of the file."""
    model = onnx.load(file)
    graph = model.graph
    parts = (model, graph, *graph.node, *graph.value_info, *graph.initializer, *graph.input, *graph.output)
    for part in parts:
        del part.metadata_props[:]
        part.doc_string = ""
    onnx.save(model, file)


def export_parts(model: CropModel, side: int, folder: Path) -> dict[str, dict[str, str]]:
    """Write ``trunk.onnx``, ``proposer.onnx`` and ``evaluator.onnx`` with dynamic batch and box count.

    Args:
        model: in any mode; it is set to evaluation.
        side: edge of the square input in pixels.
        folder: exists.

    Returns:
        File name and SHA-256 of every part, as they stand in the card.
    """
    return write_parts(_parts_of(model, side), folder)


def _parts_of(model: CropModel, side: int) -> list[Part]:
    model = model.eval().to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    image = example_photos(side)
    with torch.no_grad():
        features = model.trunk(image)
    inputs = (features, torch.zeros(2))
    photos = (PER_PHOTO, PER_PHOTO)
    return [
        ("trunk", model.trunk, (image,), ["features"], (PER_PHOTO,)),
        ("proposer", model.proposer, inputs, ["boxes", "validity_logits"], photos),
        ("evaluator", model.evaluator, (*inputs, example_boxes()), ["scores"], (*photos, PER_BOX)),
    ]


def write_parts(parts: Iterable[Part], folder: Path) -> dict[str, dict[str, str]]:
    """Write each part to ``NAME.onnx`` in an existing folder; file name and SHA-256 of each, as the card has them."""
    written = {}
    for name, part, inputs, outputs, shapes in parts:
        file = folder / f"{name}.onnx"
        write_part(part, inputs, outputs, shapes, file)
        written[name] = {"file": file.name, "sha256": _sha256(file)}
    return written


def _read_record(run: Path) -> dict[str, Any]:
    if not (run / WEIGHTS).is_file() or not (run / RECORD).is_file():
        raise UsageError(f"{run}: no finished run here; finish it with cadrage train --resume")
    record: dict[str, Any] = json.loads((run / RECORD).read_text(encoding="utf-8"))
    return record


def load_run(run: Path) -> tuple[CropModel, Recipe, dict[str, Any]]:
    """Model with its trained weights, recipe and record of a finished run.

    Raises:
        UsageError: the folder holds no finished run.
    """
    record = _read_record(run)
    recipe = Recipe(**record["recipe"])
    model = build_model(recipe)
    model.load_state_dict(load_file(run / WEIGHTS), strict=True)
    return model, recipe, record


def export_run(run: Path, out: Path, *, notes: Mapping[str, Any] | None = None) -> None:
    """Export a finished run to ``out``: the ONNX parts and ``card.json``, all of them or none.

    Args:
        run: folder of :func:`cadrage.training.run.train_from_recipe`.
        out: folder to write; an earlier export in it is replaced.
        notes: more fields of the card (metrics, intended use, selection settings); they replace fields of the same
            name.

    Raises:
        UsageError: ``run`` holds no finished run, or ``out`` something else than an export.
        OutputError: ``out`` cannot be written.
    """
    if (run / RECORD).is_file() and _read_record(run)["recipe"].get("model") == "subjects":
        from cadrage.training.subjects.export import export_subjects

        export_subjects(run, out, notes=notes)
        return
    record = _read_record(run)
    recipe, parts, meaning = _described(run, record)
    with whole_folder(out) as folder:
        card = _card(recipe, record, meaning, write_parts(parts, folder)) | dict(notes or {})
        (folder / CARD).write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")


def _card(
    recipe: AnyRecipe, record: Mapping[str, Any], meaning: Mapping[str, Any], parts: Mapping[str, Any]
) -> dict[str, Any]:
    return {
        "schema_version": 1,
        "name": recipe.name,
        "tag": recipe.tag,
        "version": cadrage.__version__,
        "licence": "Apache-2.0",
        "input": {"side": recipe.side, "resize": "squash, bilinear with antialias", "range": "RGB in [0, 1]"},
        "boxes": "x1 y1 x2 y2, normalised to the upright photo",
        **meaning,
        "parts": parts,
        "training": record,
    }


def _described(run: Path, record: Mapping[str, Any]) -> tuple[AnyRecipe, list[Part], dict[str, Any]]:
    """Recipe and parts of a finished run, and what the card says of the numbers that they return."""
    kind = record["recipe"].get("model")
    if kind in KINDS:
        trained = load_evaluator(run)
        expect_squares(trained.recipe)
        parts, more = _evaluator(trained, run)
        return trained.recipe, parts, more | _of_scores(trained.recipe, record)
    if kind == "set-prediction":
        predicted = SetRecipe.from_dict(record["recipe"])
        return predicted, parts_of(load_set_predictor(run, predicted), predicted), {"proposals": "validity"}
    model, recipe, _ = load_run(run)
    return recipe, _parts_of(model, recipe.side), {"proposals": "distribution"}


def _evaluator(trained: TrainedEvaluator, run: Path) -> tuple[list[Part], dict[str, Any]]:
    """The parts of an evaluator and what the card says of them."""
    model, recipe = trained.model, trained.recipe
    if isinstance(model, HumanCentricModel):
        return human_parts_of(model, recipe.side), human_card_of(model)
    if isinstance(model, GlobalAttentionModel):
        if getattr(recipe, "heat_map", None) == "oracle":
            raise UsageError(f"{run}: sees what people said of the crops it ranks (oracle); no product can")
        return attention_parts_of(model, recipe.side), attention_card_of(model)
    return grid_parts_of(cast(GridAnchorModel, model), cast(GridRecipe, recipe)), {}


def _of_scores(recipe: EvaluatorRecipe, record: Mapping[str, Any]) -> dict[str, Any]:
    # Scores that were learned from votes alone have no unit.
    scale = record.get("score_scale")
    return {"candidates": recipe.candidates} | ({"score_scale": scale} if scale else {})
