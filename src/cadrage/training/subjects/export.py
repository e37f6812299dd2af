"""Export of a trained subject head to what the product loads: one small ONNX file and a card."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import helper, numpy_helper
from safetensors.torch import load_file

import cadrage
from cadrage.errors import UsageError
from cadrage.models.subject_head import SubjectHead
from cadrage.training.export import write_part
from cadrage.training.product import CARD, PER_PHOTO, whole_folder
from cadrage.training.record import RECORD, WEIGHTS
from cadrage.training.subjects.recipe import SubjectRecipe
from cadrage.training.subjects.run import MEASURED

FILE = "subjects.onnx"


def export_subjects(run: Path, out: Path, *, notes: Mapping[str, Any] | None = None) -> None:
    """Write ``subjects.onnx`` and ``card.json`` of a finished run to ``out``.

    Args:
        run: folder of `train_subjects`.
        out: folder to write; an earlier export in it is replaced.
        notes: more fields of the card; they replace fields of the same name.

    Raises:
        UsageError: ``run`` holds no finished run, or ``out`` something else than an export.
        OutputError: ``out`` cannot be written.
    """
    if not (run / WEIGHTS).is_file() or not (run / RECORD).is_file():
        raise UsageError(f"{run}: no finished run here; finish it with cadrage train --resume")
    record = json.loads((run / RECORD).read_text(encoding="utf-8"))
    recipe = SubjectRecipe.from_dict(record["recipe"])
    head = load_head(run, recipe)
    measured = run / MEASURED
    features = torch.zeros(2, head.reduce.in_channels, record["features_side"], record["features_side"])
    with whole_folder(out) as folder:
        file = folder / FILE
        write_part(head, (features,), ["masks", "centres", "edges"], (PER_PHOTO,), file)
        store_in_half(file)
        card = {
            "schema_version": 1,
            "name": recipe.name,
            "tag": recipe.tag,
            "version": cadrage.__version__,
            "licence": "Apache-2.0",
            "trunk_sha256": record["trunk_sha256"],
            "believed": recipe.believed,
            "parts": {"subjects": {"file": FILE, "sha256": hashlib.sha256(file.read_bytes()).hexdigest()}},
            "metrics": json.loads(measured.read_text(encoding="utf-8")) if measured.is_file() else {},
            "training": record,
        }
        (folder / CARD).write_text(json.dumps(card | dict(notes or {}), indent=2) + "\n", encoding="utf-8")


def load_head(run: Path, recipe: SubjectRecipe) -> SubjectHead:
    """The trained head of a finished run, ready to be used."""
    tensors = load_file(run / WEIGHTS)
    channels = tensors["reduce.weight"].shape[1]
    head = SubjectHead(channels, width=recipe.width, fine=recipe.fine, dropout=recipe.dropout)
    head.load_state_dict(tensors, strict=True)
    return head.eval()


def store_in_half(file: Path) -> None:
    """Keep the large weights of an ONNX file in 16 bits, which halves it; they are used in 32 bits as before."""
    model = onnx.load(file)
    graph = model.graph
    for tensor in list(graph.initializer):
        values = numpy_helper.to_array(tensor)
        if values.dtype != np.float32 or values.size < 256:
            continue
        half = numpy_helper.from_array(values.astype(np.float16), tensor.name + "_half")
        graph.initializer.remove(tensor)
        graph.initializer.append(half)
        graph.node.insert(0, helper.make_node("Cast", [half.name], [tensor.name], to=onnx.TensorProto.FLOAT))
    onnx.save(model, file)
