"""What every model that becomes one of the product has in common: how its parts are described, and a whole folder."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, cast
from uuid import uuid4

import torch
from torch import Tensor, nn
from torch.export import Dim

from cadrage.errors import OutputError, UsageError

CARD = "card.json"

Part = tuple[str, nn.Module, tuple[Tensor, ...], list[str], Any]
"""Name, module, example inputs, names of the outputs, and which axes of the inputs may vary."""

_BATCH, _COUNT = Dim("batch"), Dim("count")
PER_PHOTO = {0: _BATCH}
PER_BOX = {0: _BATCH, 1: _COUNT}


class SquareRecipe(Protocol):
    """What must be known of a recipe to export what it trained."""

    @property
    def name(self) -> str:
        """Of the model."""

    @property
    def tag(self) -> str:
        """Of its weights."""

    @property
    def resize(self) -> str:
        """How photos get their size."""

    @property
    def side(self) -> int:
        """In pixels."""


def example_photos(side: int) -> Tensor:
    """Two photos: the exporter takes an axis of length 1 for one that is always so."""
    return torch.zeros(2, 3, side, side)


def example_boxes() -> Tensor:
    """Boxes ``(2, 3, 4)`` on `example_photos`."""
    return torch.tensor([[0.1, 0.1, 0.9, 0.9], [0.0, 0.0, 1.0, 1.0], [0.2, 0.3, 0.5, 0.6]]).repeat(2, 1, 1)


def expect_squares(recipe: SquareRecipe) -> None:
    """Raise UsageError if a recipe keeps the photo's shape, which the product's square input does not."""
    if recipe.resize != "squash":
        raise UsageError(
            f"{recipe.name}.{recipe.tag}: trained at the photo's own shape, but the product takes squares; train it "
            "with --set resize=squash"
        )


def example_persons() -> tuple[Tensor, Tensor]:
    """Main persons ``(2, 4)`` on `example_photos`, and which photo has one ``(2,)``: the second has none."""
    return torch.tensor([[0.2, 0.1, 0.6, 0.9], [0.0, 0.0, 0.0, 0.0]]), torch.tensor([True, False])


class EvaluatorTrunk(nn.Module):
    """Photos ``(B, 3, S, S)`` to the map ``(B, C, h, w)`` that the boxes of any evaluator are aligned on."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, image: Tensor) -> Tensor:
        features: Tensor = cast(Any, self.model).features(image)
        return features


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
        parts = json.loads((folder / CARD).read_text(encoding="utf-8"))["parts"]
        return {CARD, *(str(part["file"]) for part in parts.values())}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {CARD}
