"""Everything that decides what a training run of a set predictor does."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cadrage.errors import UsageError
from cadrage.training.recipe_file import make_recipe

BACKBONES = ("mobilenet-v2", "resnet50", "resnet50-dc5")
RESIZES = ("squash", "shorter-side")
COLOURS = ("jitter", "photometric")
SMOOTHINGS = ("none", "quality", "distillation")
SCHEDULES = ("step", "one-cycle")


@dataclass(frozen=True, slots=True)
class SetRecipe:
    """Settings of one run; the comment of each field gives its unit and meaning.

    The defaults are the paper's (Jia et al., CVPR 2022) for GAICD v2 with hard labels, where the authors' code does not
    contradict it; the light recipes change them.
    """

    name: str = "set-prediction"
    tag: str = "gaicv2"  # names the weights: name.tag
    seed: int = 42
    # Data, relative to --data: FOLDER:SPLIT.
    train: tuple[str, ...] = ("gaicd-v2:train",)
    validate: tuple[str, ...] = ("gaicd-v2:val",)
    good_score: float = 4.0  # least score of a good crop, in the data's own unit
    good_iou_limit: float = 0.0  # good crops overlapping a better one by more are not good; 0 keeps all
    most_crops: int = 0  # most good crops of a photo drawn at a time; 0 takes all
    # Input.
    resize: str = "shorter-side"  # or "squash" to a square
    side: int = 256  # pixels, of the square
    shorter_sides: tuple[int, ...] = (480, 512, 544, 576, 608, 640, 672, 704, 736, 768, 800)  # pixels, one is drawn
    shorter_side_measured: int = 600  # pixels, for validation
    longer_side_limit: int = 1333  # pixels
    flip: bool = False
    colour: str = "photometric"  # of the paper, or "jitter" by the strength below
    jitter: float = 0.2  # brightness, contrast and saturation vary by a factor within 1 +- jitter
    label_noise: float = 0.0  # standard deviation of each edge of a good crop, as a part of the photo's side
    window_share: float = 0.0  # share of samples cut to a random outer window that keeps every good crop inside
    window_margin: float = 0.35  # most of each side that a window may cut off, as a fraction of that side
    # Model.
    backbone: str = "resnet50-dc5"
    backbone_weights: str = "weights/resnet50_imagenet.safetensors"  # relative to --data; empty starts from nothing
    checkpoint: str = ""  # Conditional-DETR weights, relative to --data, in place of those of the backbone
    trunk_weights: str = ""  # weights of a trained run whose backbone is taken over, relative to --data or to here
    freeze_backbone: bool = False  # leave the backbone as it starts; a step then costs about half
    evaluator: bool = False  # take over that run's evaluator too, so that the exported model scores any box
    width: int = 256
    heads: int = 8
    encoder_layers: int = 6
    decoder_layers: int = 6
    hidden: int = 2048
    anchors: int = 90
    dropout: float = 0.1
    # Labels of unmatched predictions.
    smoothing: str = "none"  # "quality" or "distillation"
    quality_mu: float = 0.5
    quality_low: float = 2.0  # score up to which the label is 0
    quality_high: float = 3.5  # score from which it is mu
    quality_iou: float = 0.85  # overlap from which a rated crop speaks for a prediction
    quality_model: str = ""  # a model whose expected overlap rates boxes where people did not; empty: people's scores
    distil_from: int = 40  # epoch in which the teacher begins
    distil_keep: float = 0.5  # part of itself the teacher keeps per step
    distil_hard: float = 0.5  # weight of the hard labels' loss
    distil_taught: float = 0.5  # weight of the teacher's
    # Validities as a distribution of people's choices, beside the method of the paper.
    overlap_energy: float = 0.0  # weight of the kernel score with IoU as kernel
    edge_energy: float = 0.0  # weight of the energy score of the edges
    # Optimisation.
    epochs: int = 50
    batch: int = 2
    learning_rate: float = 1e-4
    learning_rate_backbone: float = 1e-5
    weight_decay: float = 1e-4
    gradient_clip: float = 0.1  # global L2 norm
    schedule: str = "step"  # or "one-cycle"
    drops: tuple[int, ...] = (40,)  # epochs before which the rate falls to a tenth
    warm_up: float = 0.15  # share of the steps before the peak of the one cycle
    average_decay: float = 0.0  # per step, of the exponential weight average that is evaluated; 0 for none
    workers: int = 2
    keep_best: str = ""  # validation measure such as "ap90_k40" whose best epoch is kept; empty keeps the last epoch

    def to_dict(self) -> dict[str, Any]:
        """The recipe as plain values, as it is saved with a run."""
        return {"model": "set-prediction", **asdict(self)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "SetRecipe":
        """The recipe that `to_dict` wrote, also after JSON has made lists of its tuples."""
        plain: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in values.items()
        }
        plain.pop("model", None)
        return cls(**plain)


def load_set_recipe(file: Path, overrides: Mapping[str, str] | None = None) -> SetRecipe:
    """Read a recipe of a set predictor.

    Raises:
        UsageError: the file is missing or not TOML, or a value is unknown or does not fit.
    """
    recipe = make_recipe(SetRecipe, file, overrides)
    for name, known in {
        "resize": RESIZES,
        "colour": COLOURS,
        "backbone": BACKBONES,
        "smoothing": SMOOTHINGS,
        "schedule": SCHEDULES,
    }.items():
        if getattr(recipe, name) not in known:
            raise UsageError(f"{file}: {name} must be one of {', '.join(known)}, got {getattr(recipe, name)!r}")
    for entry in (*recipe.train, *recipe.validate):
        if entry.count(":") != 1:
            raise UsageError(f"{file}: expected FOLDER:SPLIT such as fcdb/train:fit, got {entry!r}")
    if recipe.freeze_backbone and not (recipe.trunk_weights or recipe.backbone_weights or recipe.checkpoint):
        raise UsageError(f"{file}: freeze_backbone keeps a backbone of random numbers; say where its weights come from")
    if recipe.evaluator and not (recipe.freeze_backbone and recipe.trunk_weights):
        raise UsageError(f"{file}: an evaluator only fits the frozen backbone of its run; set trunk_weights and freeze")
    if recipe.smoothing == "distillation" and recipe.distil_from >= recipe.epochs:
        raise UsageError(f"{file}: distil_from {recipe.distil_from} is not before the last of {recipe.epochs} epochs")
    return recipe
