"""A recipe: everything that decides what a training run does, read from one TOML file."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cadrage.errors import UsageError
from cadrage.training.recipe_file import make_recipe


@dataclass(frozen=True, slots=True)
class Recipe:
    """Settings of one run of the default model; the comment of each field gives its unit and meaning."""

    name: str = "default"
    tag: str = "fit"  # names the weights: name.tag
    seed: int = 0
    # Data, relative to --data. An empty string leaves a data set out.
    fcdb: str = "fcdb/train"
    flms: str = ""
    backbone_weights: str = "weights/mobilenet_v2_imagenet.safetensors"
    fit_on: str = "fit"  # "fit", or "fit+dev" for released weights after every choice has been made
    # Input.
    side: int = 224  # pixels; the photo is squashed to a square
    window_share: float = 0.7  # share of samples cut to a random outer window that keeps every label inside
    window_margin: float = 0.35  # most of each side that a window may cut off, as a fraction of that side
    window_late_factor: float = 0.5  # factor on window_share in the last quarter, nearer to whole photos
    jitter: float = 0.2  # brightness, contrast and saturation vary by a factor within 1 +- jitter
    # Model.
    proposer_width: int = 128
    anchors: int = 64
    consensus_share: float = 0.2  # weight of the consensus among the proposals
    evaluator_channels: int = 8
    evaluator_dropout: float = 0.3
    # Optimisation.
    epochs: int = 12
    batch: int = 16
    learning_rate_backbone: float = 1e-4
    learning_rate_heads: float = 1e-3
    weight_decay: float = 0.05
    warm_up: float = 0.15  # share of the steps before the peak of the one-cycle schedule
    gradient_clip: float = 5.0  # global L2 norm
    average_decay: float = 0.995  # per step, of the exponential weight average that is evaluated and released
    # Loss weights.
    overlap_energy: float = 2.0
    edge_energy: float = 1.0
    consensus: float = 1.0
    label_noise: float = 0.04  # standard deviation of each edge of a label in the energies, as a part of the side
    pairs: float = 1.0
    pair_noise: float = 0.03  # standard deviation of each edge of a compared view, as a part of the side
    around_label: float = 0.15
    around_label_temperature: float = 0.1  # IoU units
    boxes_around_label: int = 24

    def to_dict(self) -> dict[str, Any]:
        """The recipe as plain values, as it is saved with a run."""
        return asdict(self)


def load_recipe(file: Path, overrides: Mapping[str, str] | None = None) -> Recipe:
    """Read ``file`` and replace single fields by ``overrides`` (texts, as typed on a command line).

    Raises:
        UsageError: the file is missing or not TOML, or a field is unknown or of the wrong type.
    """
    recipe = make_recipe(Recipe, file, overrides)
    if recipe.fit_on not in ("fit", "fit+dev"):
        raise UsageError(f"{file}: fit_on must be 'fit' or 'fit+dev', got {recipe.fit_on!r}")
    return recipe
