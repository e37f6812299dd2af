"""Everything that decides what a training run of a grid-anchor model does."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from cadrage.errors import UsageError
from cadrage.models.backbones.pyramids import PYRAMIDS
from cadrage.training.recipe_file import make_recipe

_CHOICES: dict[str, tuple[str, ...]] = {
    "resize": ("shorter-side", "squash"),
    "colour": ("photometric", "jitter", "none"),
    "backbone": tuple(PYRAMIDS),
    "regions": ("roi+rod", "roi", "rod"),
    "head": ("plain", "norm"),
    "schedule": ("constant", "one-cycle"),
    "candidates": ("grid", "lattice"),
}
LOSSES = ("huber", "rank", "pairs", "overlap")
"""The terms of the loss; the recipe's field of the same name is the weight of each."""


@dataclass(frozen=True, slots=True)
class GridRecipe:
    """Settings of one run; the comment of each field gives its unit and meaning.

    The defaults are the paper's (Zeng et al., TPAMI 2020, sections 4.4 and 5.1) for GAICD v2 on MobileNetV2, with the
    epochs of the authors' code.
    """

    name: str = "grid-anchor"
    tag: str = "gaicv2-mobilenet-v2"  # names the weights: name.tag
    seed: int = 42
    # Data, relative to --data: FOLDER:SPLIT.
    train: tuple[str, ...] = ("gaicd-v2:train",)
    validate: tuple[str, ...] = ("gaicd-v2:val",)
    score_mean: float = 2.95  # in the data's own unit; scores are learned as (score - mean) / deviation
    score_deviation: float = 0.8  # 0 takes mean and deviation from the rated crops of the training photos
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
    checkpoint: str = ""  # weights of a whole grid-anchor model to go on from, in place of those of the backbone
    freeze_backbone: bool = False
    reduced: int = 8  # channels before alignment (C)
    bins: int = 9  # cells per axis of an aligned region (A)
    regions: str = "roi+rod"  # what the head sees of a box: inside, outside or both
    multi_scale: bool = True
    head: str = "plain"  # or "norm", with batch norm and dropout
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
    gradient_clip: float = 0.0  # global L2 norm; 0 for none
    schedule: str = "constant"  # or "one-cycle"
    warm_up: float = 0.15  # share of the steps before the peak of the one cycle
    average_decay: float = 0.0  # per step, of the exponential weight average that is evaluated; 0 for none
    workers: int = 2
    keep_best: str = (
        ""  # measure such as "srcc" whose best epoch on the validation photos is kept; empty keeps the last
    )
    # Product.
    candidates: str = "grid"  # what the exported model chooses free crops from, or "lattice" with small and full boxes

    def to_dict(self) -> dict[str, Any]:
        """The recipe as plain values, as it is saved with a run."""
        return {"model": "grid-anchor", **asdict(self)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "GridRecipe":
        """The recipe that `to_dict` wrote, also after JSON has made lists of its tuples."""
        plain: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in values.items()
        }
        plain.pop("model", None)
        return cls(**plain)


def load_grid_recipe(file: Path, overrides: Mapping[str, str] | None = None) -> GridRecipe:
    """Read a recipe of a grid-anchor model.

    Raises:
        UsageError: the file is missing or not TOML, or a value is unknown or does not fit.
    """
    recipe = make_recipe(GridRecipe, file, overrides)
    for name, known in _CHOICES.items():
        value = getattr(recipe, name)
        if value not in known:
            meant = get_close_matches(value, known, n=1)
            hint = f"did you mean {meant[0]!r}? " if meant else ""
            raise UsageError(f"{file}: unknown {name} {value!r}; {hint}there are {', '.join(known)}")
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
    for name in ("epochs", "batch", "crops", "reduced", "bins", "boxes_around"):
        if getattr(recipe, name) < 1:
            raise UsageError(f"{file}: {name} must be at least 1, got {getattr(recipe, name)}")
    if recipe.score_deviation < 0:
        raise UsageError(f"{file}: score_deviation must not be negative, got {recipe.score_deviation:g}")
    if min(getattr(recipe, name) for name in LOSSES) < 0 or not any(getattr(recipe, name) for name in LOSSES):
        raise UsageError(f"{file}: nothing to learn; give one of {', '.join(LOSSES)} a weight above 0, none below")
    if recipe.freeze_backbone and not (recipe.backbone_weights or recipe.checkpoint):
        raise UsageError(f"{file}: freeze_backbone keeps a backbone of random numbers; say where its weights come from")
    return recipe
