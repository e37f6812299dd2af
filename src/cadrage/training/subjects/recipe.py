"""The recipe of the subject head."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cadrage.errors import UsageError
from cadrage.training.recipe_file import KIND, make_recipe


@dataclass(frozen=True, slots=True)
class SubjectRecipe:
    """Settings of one run of the subject head; the comment of each field gives its unit and meaning."""

    name: str = "subjects"
    tag: str = "fit"
    seed: int = 0
    # Data, relative to --data. An empty string leaves a data set out.
    fcdb: str = "fcdb/train"
    flms: str = "flms/a"
    teacher: str = "weights/deeplabv3_mobilenet_v2_pascal_quant.tflite"
    fit_on: str = "fit"  # "fit", or "fit+dev" for released weights after every choice has been made
    trunk: str = "default"  # a model's name or folder; it must not have seen the photos that are to be measured on
    views: int = 3  # of each photo: itself and random windows of it, each also mirrored
    smallest_window: float = 0.45  # least side of a window, as a part of the photo's
    # Model.
    width: int = 64
    fine: int = 24
    dropout: float = 0.1  # share of feature channels left out
    # Optimisation.
    epochs: int = 40  # each photo once per epoch, in one of its views
    batch: int = 32
    learning_rate: float = 4e-3
    weight_decay: float = 0.02
    average_decay: float = 0.99  # per step, of the exponential weight average that is kept
    # Loss weights.
    masks: float = 2.0
    centres: float = 0.5
    edges: float = 1.0
    # Least probability of each kind, as measured on dev.
    believed_person: float = 0.3
    believed_animal: float = 0.3
    believed_object: float = 0.3

    @property
    def believed(self) -> dict[str, float]:
        """The least probabilities by kind."""
        return {"person": self.believed_person, "animal": self.believed_animal, "object": self.believed_object}

    def to_dict(self) -> dict[str, Any]:
        """The recipe as plain values, as it is saved with a run."""
        return {KIND: "subjects"} | asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "SubjectRecipe":
        """The recipe that `to_dict` gave."""
        return cls(**{key: value for key, value in values.items() if key != KIND})


def load_subject_recipe(file: Path, overrides: Mapping[str, str] | None = None) -> SubjectRecipe:
    """Read ``file`` and replace single fields by ``overrides``.

    Raises:
        UsageError: the file is missing or not TOML, or a field is unknown, of the wrong type or out of its range.
    """
    recipe = make_recipe(SubjectRecipe, file, overrides)
    if recipe.fit_on not in ("fit", "fit+dev"):
        raise UsageError(f"{file}: fit_on must be 'fit' or 'fit+dev', got {recipe.fit_on!r}")
    for field, value in (("views", recipe.views), ("epochs", recipe.epochs), ("batch", recipe.batch)):
        if value < 1:
            raise UsageError(f"{file}: {field} must be at least 1, got {value}")
    if not 0 < recipe.smallest_window <= 0.9:
        raise UsageError(f"{file}: smallest_window must be above 0 and at most 0.9, got {recipe.smallest_window:g}")
    for field, part in recipe.believed.items():
        if not 0 < part < 1:
            raise UsageError(f"{file}: believed_{field} must be between 0 and 1, got {part:g}")
    return recipe
