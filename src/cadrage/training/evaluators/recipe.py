"""What decides a training run of any evaluator; each kind of model adds fields of its own."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, ClassVar, Self

from cadrage.errors import UsageError
from cadrage.models.backbones.pyramids import PYRAMIDS
from cadrage.training.recipe_file import KIND

Choices = Mapping[str, tuple[Any, ...]]

_CHOICES: Choices = {
    "resize": ("shorter-side", "squash"),
    "colour": ("photometric", "jitter", "none"),
    "backbone": tuple(PYRAMIDS),
    "schedule": ("constant", "one-cycle", "warm-cosine"),
    "candidates": ("grid", "lattice"),
}
_AT_LEAST_ONE = ("epochs", "batch", "crops", "boxes_around")
LOSSES = ("huber", "rank", "pairs", "overlap")
"""The terms of the loss that teach scores; the recipe's field of the same name is the weight of each."""


@dataclass(frozen=True, slots=True)
class EvaluatorRecipe:
    """Settings of one run; the comment of each field gives its unit and meaning.

    The defaults are those of the grid-anchor paper (Zeng et al., TPAMI 2020, sections 4.4 and 5.1) for GAICD v2 on
    MobileNetV2, with the epochs of the authors' code.
    """

    kind: ClassVar[str] = ""
    """What recipe files call the model."""

    name: str = ""
    tag: str = ""  # names the weights: name.tag
    seed: int = 42
    # Data, relative to --data: FOLDER:SPLIT.
    train: tuple[str, ...] = ("gaicd-v2:train",)
    validate: tuple[str, ...] = ("gaicd-v2:val",)
    score_mean: float = 2.95  # in the data's own unit; scores are learned as (score - mean) / deviation
    score_deviation: float = 0.8  # 0 takes mean and deviation from the training photos; mean 0 with 1 is as rated
    crops: int = 64  # rated crops of a photo per step, drawn anew every time; fewer where it has fewer
    # Input.
    resize: str = "shorter-side"  # both sides multiples of 32, or "squash" to the square that the product needs
    side: int = 256  # pixels, of the shorter side or of the square
    longer_side_limit: int = 1024  # pixels; photos more elongated than this allows are squashed
    flip: bool = True
    colour: str = "photometric"  # of the paper, "jitter" by the strength below, or "none"
    jitter: float = 0.2  # brightness, contrast and saturation vary by a factor within 1 +- jitter
    window_share: float = 0.0  # share of squashed samples cut to a random window that keeps every best crop inside
    window_margin: float = 0.35  # most of each side that a window may cut off, as a fraction of that side
    # Model.
    backbone: str = "mobilenet-v2"
    backbone_weights: str = "weights/mobilenet_v2_imagenet.safetensors"  # relative to --data; empty starts from nothing
    checkpoint: str = ""  # weights of a whole model of this kind to go on from, in place of those of the backbone
    freeze_backbone: bool = False
    legacy: bool = False  # sample boxes as the authors' code does, which weights trained with it need
    # Loss: the weight of each term; terms of weight 0 are not computed.
    huber: float = 1.0  # of the rated crops
    rank: float = 0.0  # of all pairs of rated crops of a photo
    pairs: float = 0.0  # of pairs of views that people voted on
    overlap: float = 0.0  # of boxes around a good crop, whose overlap with it says how good they are
    pair_noise: float = 0.0  # standard deviation of each edge of a voted view, as a part of the photo's side
    boxes_around: int = 24
    overlap_temperature: float = 0.1  # in units of IoU
    # Optimisation.
    epochs: int = 80
    batch: int = 1
    learning_rate: float = 1e-4
    learning_rate_backbone: float = 1e-4
    weight_decay: float = 0.0
    decay_in_gradient: bool = False  # weight decay joins the gradient (Adam) or stays apart from it (AdamW)
    gradient_clip: float = 0.0  # global L2 norm; 0 for none
    schedule: str = "constant"  # "one-cycle", or by the epoch "warm-cosine"
    warm_up: float = 0.15  # share of the steps before the peak of the one cycle
    average_decay: float = 0.0  # per step, of the exponential weight average that is evaluated; 0 for none
    workers: int = 2
    keep_best: str = (
        ""  # measure such as "srcc" whose best epoch on the validation photos is kept; empty keeps the last
    )
    # Product.
    candidates: str = "grid"  # what the exported model chooses free crops from, or "lattice" with small and full boxes

    @property
    def reads_heat_targets(self) -> bool:
        """Whether scores depend on maps made of people's crops, in validation too."""
        return False

    def to_dict(self) -> dict[str, Any]:
        """The recipe as plain values, as it is saved with a run."""
        return {KIND: self.kind, **asdict(self)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """The recipe that `to_dict` wrote, also after JSON has made lists of its tuples."""
        plain: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in values.items() if key != KIND
        }
        return cls(**plain)


def check_evaluator(recipe: EvaluatorRecipe, file: Path, choices: Choices) -> None:
    """See that the values of a recipe fit together.

    Args:
        recipe: as read.
        file: named in messages.
        choices: what the kind's own fields may be.

    Raises:
        UsageError: a value is unknown or does not fit.
    """
    for name, known in (*_CHOICES.items(), *choices.items()):
        _check_choice(file, name, getattr(recipe, name), known)
    for entry in (*recipe.train, *recipe.validate):
        if entry.count(":") != 1:
            raise UsageError(f"{file}: expected FOLDER:SPLIT such as gaicd-v2:train, got {entry!r}")
    if recipe.side < 32 or recipe.side % 32:
        raise UsageError(f"{file}: side {recipe.side} must be a multiple of 32, the coarsest stride")
    if recipe.window_share and recipe.resize != "squash":
        # Batches are made by the sizes of whole photos.
        raise UsageError(f'{file}: window_share needs resize = "squash"')
    if recipe.longer_side_limit < recipe.side:
        raise UsageError(f"{file}: longer_side_limit {recipe.longer_side_limit} is below side {recipe.side}")
    expect_at_least_one(recipe, file, _AT_LEAST_ONE)
    if recipe.score_deviation < 0:
        raise UsageError(f"{file}: score_deviation must not be negative, got {recipe.score_deviation:g}")
    if min(getattr(recipe, name) for name in LOSSES) < 0 or not any(getattr(recipe, name) for name in LOSSES):
        raise UsageError(f"{file}: nothing to learn; give one of {', '.join(LOSSES)} a weight above 0, none below")
    if recipe.freeze_backbone and not (recipe.backbone_weights or recipe.checkpoint):
        raise UsageError(f"{file}: freeze_backbone keeps a backbone of random numbers; say where its weights come from")


def expect_at_least_one(recipe: EvaluatorRecipe, file: Path, names: tuple[str, ...]) -> None:
    """Raise UsageError if a field that counts something is below 1."""
    for name in names:
        if getattr(recipe, name) < 1:
            raise UsageError(f"{file}: {name} must be at least 1, got {getattr(recipe, name)}")


def expect_shares(recipe: EvaluatorRecipe, file: Path, limits: Mapping[str, float]) -> None:
    """Raise UsageError if a field is below 0 or above its limit."""
    for name, most in limits.items():
        if not 0 <= getattr(recipe, name) <= most:
            raise UsageError(f"{file}: {name} must be between 0 and {most:g}, got {getattr(recipe, name):g}")


def _check_choice(file: Path, name: str, value: Any, known: tuple[Any, ...]) -> None:
    if value in known:
        return
    meant = get_close_matches(value, known, n=1) if isinstance(value, str) else []
    hint = f"did you mean {meant[0]!r}? " if meant else ""
    raise UsageError(f"{file}: unknown {name} {value!r}; {hint}there are {', '.join(map(str, known))}")
