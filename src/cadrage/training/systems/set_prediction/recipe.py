"""Everything that decides what a training run of a set predictor does."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, cast

from cadrage.datasets.pixels import RESIZE_FILTERS, ResizeFilter
from cadrage.errors import UsageError
from cadrage.inference.store.card_input import ModelInput
from cadrage.training.engine.recipes import Choices, Range, Recipe, expect_splits

_COARSEST_STRIDE = 32
_RANGES: tuple[Range, ...] = (
    ("epochs batch width heads decoder_layers hidden anchors", lambda value: value >= 1, "at least 1"),
    ("seed encoder_layers workers most_crops distil_from", lambda value: value >= 0, "at least 0"),
    ("side", lambda value: value >= 32 and value % 32 == 0, "a multiple of 32"),
    ("shorter_sides", lambda value: value and min(value) >= 32, "a list of at least one size, each at least 32"),
    ("shorter_side_measured longer_side_limit", lambda value: value >= 32, "at least 32"),
    ("learning_rate learning_rate_backbone", lambda value: value > 0, "above 0"),
    ("label_noise choice_noise overlap_energy edge_energy", lambda value: value >= 0, "at least 0"),
    ("weight_decay gradient_clip distil_hard distil_taught", lambda value: value >= 0, "at least 0"),
    ("jitter window_share window_margin warm_up", lambda value: 0 <= value <= 1, "from 0 to 1"),
    ("quality_mu distil_keep good_iou_limit", lambda value: 0 <= value <= 1, "from 0 to 1"),
    ("quality_iou", lambda value: 0 < value <= 1, "above 0, at most 1"),
    ("dropout average_decay", lambda value: 0 <= value < 1, "from 0 to below 1"),
)


@dataclass(frozen=True, slots=True)
class SetRecipe(Recipe):
    """Settings of one run.

    The defaults are the paper's (Jia et al., CVPR 2022) for GAICD v2 with hard labels, where the authors' code does not
    contradict it; the light recipes change them.
    """

    kind: ClassVar[str] = "set-prediction"
    choices: ClassVar[Choices] = {
        "resize": ("squash", "shorter-side"),
        "colour": ("jitter", "photometric"),
        "backbone": ("mobilenet-v2", "resnet50", "resnet50-dc5"),
        "resize_filter": RESIZE_FILTERS,
        "precision": ("32", "bf16"),
        "smoothing": ("none", "quality", "distillation"),
        "schedule": ("step", "one-cycle"),
    }
    ranges: ClassVar[tuple[Range, ...]] = _RANGES
    weights: ClassVar[tuple[str, ...]] = ("trunk_weights", "checkpoint", "backbone_weights")

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
    resize_filter: str = "area"  # averages what a pixel covers; "bilinear-plain" and "lanczos" as authors' codes do
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
    choice_noise: float = 0.0  # standard deviation of each edge of a good crop in both, beside label_noise
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
    precision: str = "bf16"  # of a GPU: "32" as the authors' codes, or "bf16", half of it for all but what needs more
    workers: int = 2
    keep_best: str = ""  # validation measure such as "ap90_k40" whose best epoch is kept; empty keeps the last epoch

    @property
    def models(self) -> tuple[str, ...]:
        """As every recipe's."""
        return ("quality_model",) if self.smoothing == "quality" and self.quality_model else ()

    @property
    def shown(self) -> ModelInput:
        """How photos are shown to the model when it is measured."""
        resize_filter = cast(ResizeFilter, self.resize_filter)
        if self.resize == "squash":
            return ModelInput(self.side, resize_filter=resize_filter)
        # Maps of several strides fit on one another where both sides are multiples of the coarsest.
        multiple = _COARSEST_STRIDE if self.backbone == "mobilenet-v2" else 1
        return ModelInput(self.shorter_side_measured, "own", multiple, self.longer_side_limit, resize_filter)

    def check(self, file: Path) -> None:
        """As every recipe's."""
        Recipe.check(self, file)
        expect_splits(file, (*self.train, *self.validate), "fcdb/train:fit")
        if self.freeze_backbone and not (self.trunk_weights or self.backbone_weights or self.checkpoint):
            raise UsageError(
                f"{file}: freeze_backbone keeps a backbone of random numbers; say where its weights come from"
            )
        if self.evaluator and not (self.freeze_backbone and self.trunk_weights):
            raise UsageError(
                f"{file}: an evaluator only fits the frozen backbone of its run; set trunk_weights and freeze"
            )
        if self.smoothing == "distillation" and self.distil_from >= self.epochs:
            raise UsageError(f"{file}: distil_from {self.distil_from} is not before the last of {self.epochs} epochs")
        if self.width % self.heads:
            raise UsageError(f"{file}: width must be a multiple of heads ({self.heads}), got {self.width}")
        if not self.quality_low < self.quality_high:
            raise UsageError(
                f"{file}: quality_low must be below quality_high ({self.quality_high:g}), got {self.quality_low:g}"
            )
