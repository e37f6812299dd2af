"""From a trained model to the folder that the product loads: one ONNX file per part and a card."""

import hashlib
import json
import shutil
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, cast
from uuid import uuid4

import numpy as np
import onnx
import torch
from onnx import helper, numpy_helper
from torch import Tensor, nn
from torch.export import Dim

from cadrage.errors import OutputError, UsageError
from cadrage.inference.store.card_input import ModelInput, card_of_input
from cadrage.training.engine.quiet import framework_quiet

CARD = "card.json"
RUN_FILES = "run"
"""In a card, the files beside the parts that make the folder a finished run as well."""

_BATCH, _COUNT = Dim("batch"), Dim("count")
PER_PHOTO = {0: _BATCH}
PER_BOX = {0: _BATCH, 1: _COUNT}


class Part(NamedTuple):
    """One part of a model as it is exported."""

    name: str
    module: nn.Module
    inputs: tuple[Tensor, ...]  # examples, all of whose axes may vary that ``axes`` names
    outputs: list[str]  # their names
    axes: tuple[dict[int, Any], ...]  # of each input, as ``torch.export`` takes them
    half: bool = False  # large weights are kept in 16 bits


# Rows and columns of the examples of photos at their own shape; different, so that neither is taken for the other.
_OWN_HW = (96, 64)


class ExamplePhotos(NamedTuple):
    """Two photos, as the exporter takes an axis of length 1 for one that is always so, and which axes vary.

    Attributes:
        image: ``(2, 3, H, W)``.
        axes: of photos.
        map_axes: of maps that come from them.
    """

    image: Tensor
    axes: dict[int, Any]
    map_axes: dict[int, Any]


def example_photos(shown: ModelInput) -> ExamplePhotos:
    """Photos as they are shown to a model."""
    if shown.shape == "square":
        return ExamplePhotos(torch.zeros(2, 3, shown.side, shown.side), PER_PHOTO, PER_PHOTO)
    rows, columns = (shown.multiple * Dim(name) if shown.multiple > 1 else Dim(name) for name in ("rows", "columns"))
    axes = {0: _BATCH, 2: rows, 3: columns}
    return ExamplePhotos(torch.zeros(2, 3, *_OWN_HW), axes, {0: _BATCH, 2: Dim("map_rows"), 3: Dim("map_columns")})


def example_boxes() -> Tensor:
    """Boxes ``(2, 3, 4)`` on `example_photos`."""
    return torch.tensor([[0.1, 0.1, 0.9, 0.9], [0.0, 0.0, 1.0, 1.0], [0.2, 0.3, 0.5, 0.6]]).repeat(2, 1, 1)


def example_persons() -> tuple[Tensor, Tensor]:
    """Main persons ``(2, 4)`` on `example_photos`, and which photo has one ``(2,)``: the second has none."""
    return torch.tensor([[0.2, 0.1, 0.6, 0.9], [0.0, 0.0, 0.0, 0.0]]), torch.tensor([True, False])


class EvaluatorTrunk(nn.Module):
    """Photos ``(B, 3, H, W)``, RGB in [0, 1], to the map ``(B, C, h, w)`` that the boxes of any evaluator lie on.

    ``pixel_divisor`` is what the model's own pixels were divided by; the product divides by 255.
    """

    def __init__(self, model: nn.Module, pixel_divisor: int = 255) -> None:
        super().__init__()
        self.model, self.scale = model, 255 / pixel_divisor

    def forward(self, image: Tensor) -> Tensor:
        features: Tensor = cast(Any, self.model).features(image if self.scale == 1 else image * self.scale)
        return features


def card_input(shown: ModelInput) -> dict[str, Any]:
    """What the card of a model says of the photos and the boxes that it takes."""
    return {
        "input": card_of_input(shown),
        "boxes": "x1 y1 x2 y2, normalised to the upright photo",
    }


def write_part(part: Part, file: Path) -> None:
    """Write one part as a single ONNX file without the exporter's notes."""
    with framework_quiet(), warnings.catch_warnings():
        # The exporter warns about its own dependencies and about axes that share a name, which is what we ask for.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            part.module,
            part.inputs,
            file,
            dynamo=True,
            output_names=part.outputs,
            dynamic_shapes=part.axes,
            external_data=False,
            verbose=False,
        )
    _leave_out_origin(file)
    if part.half:
        _store_in_half(file)


def _leave_out_origin(file: Path) -> None:
    """Drop the exporter's notes on every node: they hold paths of its computer, and up to a sixth of the file."""
    model = onnx.load(file)
    graph = model.graph
    parts = (model, graph, *graph.node, *graph.value_info, *graph.initializer, *graph.input, *graph.output)
    for part in parts:
        del part.metadata_props[:]
        part.doc_string = ""
    onnx.save(model, file)


def _store_in_half(file: Path) -> None:
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


def write_parts(parts: Iterable[Part], folder: Path) -> dict[str, dict[str, str]]:
    """Write each part to ``NAME.onnx`` in an existing folder; file name and SHA-256 of each, as the card has them."""
    written = {}
    for part in parts:
        file = folder / f"{part.name}.onnx"
        write_part(part, file)
        written[part.name] = {"file": file.name, "sha256": hashlib.sha256(file.read_bytes()).hexdigest()}
    return written


@contextmanager
def whole_folder(out: Path) -> Iterator[Path]:
    """A folder beside ``out`` to write to, which takes its place once everything is written.

    An interruption leaves ``out`` as it was. An earlier export in its place gives way as a whole.

    Raises:
        UsageError: ``out`` is a file, or holds something else than an export.
        OutputError: it cannot be written.
    """
    if out.exists():
        _expect_export(out)
    # A link stays one.
    place = out.resolve()
    part, before = (place.with_name(f".{place.name}.{what}-{uuid4().hex}") for what in ("part", "before"))
    try:
        part.mkdir(parents=True)
        yield part
        if place.exists():
            place.rename(before)
        part.rename(place)
    except OSError as error:
        raise OutputError(f"cannot write {out}: {error.strerror}; check the folder and the free space") from error
    finally:
        if before.exists() and not place.exists():
            before.rename(place)
        for rest in (part, before):
            shutil.rmtree(rest, ignore_errors=True)


def _expect_export(out: Path) -> None:
    if not out.is_dir():
        raise UsageError(f"{out}: is a file; name a folder")
    found = {each.name for each in out.iterdir()}
    others = sorted(found - _files_of_export(out))
    if others:
        raise UsageError(f"{out}: holds something else, such as {others[0]}; name an empty or new folder")


def _files_of_export(folder: Path) -> set[str]:
    """The card and the files that it names; what lies there without being named was not written by an export."""
    try:
        card = json.loads((folder / CARD).read_text(encoding="utf-8"))
        return {CARD, *(str(part["file"]) for part in card["parts"].values()), *map(str, card.get(RUN_FILES, ()))}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {CARD}
