"""What the engine must know of a kind of model to train it, to load it again and to export it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic

from lightning.pytorch.callbacks import Callback
from torch import Tensor, nn

from cadrage.datasets.manifest import PhotoRecord
from cadrage.models.checkpoints import Checkpoint, Released
from cadrage.training.engine.batches import Samples
from cadrage.training.engine.export import Part
from cadrage.training.engine.module import SystemTraining
from cadrage.training.engine.recipes import R


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """What is known of a run before there is a folder of it; whatever may be wrong with its data has been looked at.

    Attributes:
        fit: the photos to learn from.
        validation: the photos to measure on, in the order of the validation samples.
        folders: their manifest folders, relative to the data.
        validated_on: what messages call the photos to measure on.
        measured: what validation will measure, of which ``keep_best`` may name one.
        samples: makes the samples, given the folder of the run.
        record: what the record of the run says besides.
        finish: writes what is measured once in the end, given the folder of the run, whose weights are there, and its
            samples.
    """

    fit: Sequence[PhotoRecord]
    validation: Sequence[PhotoRecord]
    folders: Sequence[str]
    validated_on: str
    measured: Sequence[str]
    samples: Callable[[Path], Samples]
    record: Mapping[str, Any] = field(default_factory=dict)
    finish: Callable[[Path, Samples], None] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class System(Generic[R]):
    """One kind of model, in functions.

    Attributes:
        recipe: everything that decides; its ``kind`` is what recipe files call the model.
        prepare: reads and checks the photos of a recipe below a folder of data.
        start: the model of a recipe with the weights that its training begins with, likewise.
        training: the module that optimises the model.
        load: the model of a recipe with these weights.
        parts: what is exported of a trained model.
        card: what the card of the exported model says of its input, its numbers and its parts, given the latter.
        callbacks: more of them, given the photos to measure on.
        released: what the weights of its authors mean here, given what a file holds and its path.
    """

    recipe: type[R]
    prepare: Callable[[R, Path], Prepared]
    start: Callable[[R, Path], nn.Module]
    training: Callable[[nn.Module, R, int, Sequence[PhotoRecord]], SystemTraining[Any]]
    load: Callable[[R, Mapping[str, Tensor]], nn.Module]
    parts: Callable[["Trained[R]"], list[Part]]
    card: Callable[["Trained[R]", Mapping[str, Any]], dict[str, Any]]
    callbacks: Callable[[Sequence[PhotoRecord]], list[Callback]] | None = None
    released: Callable[[Checkpoint, Path], Released] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Trained(Generic[R]):
    """What a finished run has trained: the model, in evaluation mode, and the recipe and record that say how."""

    system: System[R]
    recipe: R
    model: nn.Module
    record: Mapping[str, Any]
    run: Path


def filled(model: nn.Module, tensors: Mapping[str, Tensor]) -> nn.Module:
    """The model with these weights, which are all of its own."""
    model.load_state_dict(tensors, strict=True)
    return model
