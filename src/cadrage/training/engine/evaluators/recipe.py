"""What decides a training run of any evaluator; each kind of model adds fields of its own."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, cast

from cadrage.datasets.pixels import RESIZE_FILTERS, ResizeFilter
from cadrage.errors import UsageError
from cadrage.inference.store.card_input import ModelInput
from cadrage.models.backbones.pyramids import PYRAMIDS
from cadrage.training.engine.recipes import Choices, Range, Recipe, expect_splits

COARSEST_STRIDE = 32
"""Maps of several strides fit on one another where both sides of a photo are multiples of it, in pixels."""

LOSSES = ("huber", "rank", "pairs", "overlap")
"""The terms of the loss that teach scores; the recipe's field of the same name is the weight of each."""


@dataclass(frozen=True, slots=True)
class EvaluatorRecipe(Recipe):
    """Settings of one run of an evaluator.

    The defaults are those of the grid-anchor paper (Zeng et al., TPAMI 2020, sections 4.4 and 5.1) for GAICD v2 on
    MobileNetV2, with the epochs of the authors' code.
    """

    choices: ClassVar[Choices] = {
        "resize": ("shorter-side", "squash"),
        "colour": ("photometric", "jitter", "none"),
        "backbone": tuple(PYRAMIDS),
        "resize_filter": RESIZE_FILTERS,
        "precision": ("32", "bf16"),
        "pixel_divisor": (255, 256),
        "schedule": ("constant", "one-cycle", "warm-cosine"),
        "candidates": ("grid", "lattice"),
    }
    ranges: ClassVar[tuple[Range, ...]] = (("epochs batch crops boxes_around", lambda value: value >= 1, "at least 1"),)
    weights: ClassVar[tuple[str, ...]] = ("checkpoint", "backbone_weights")

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
    resize_filter: str = "area"  # averages what a pixel covers; "bilinear-plain" and "lanczos" as authors' codes do
    pixel_divisor: int = 255  # of pixels before they are normalised; weights of the grid-anchor paper need 256
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
    precision: str = "32"  # of a GPU: "32" as the authors' codes, or "bf16", half of it for all but what needs more
    workers: int = 2
    keep_best: str = ""  # measure such as "srcc" whose best validation epoch is kept; empty keeps the last epoch
    # Product.
    candidates: str = "grid"  # what the exported model chooses free crops from, or "lattice" with small and full boxes

    @property
    def reads_heat_targets(self) -> bool:
        """Whether scores depend on maps made of people's crops, in validation too."""
        return False

    @property
    def shown(self) -> ModelInput:
        """How photos are shown to the model."""
        resize_filter = cast(ResizeFilter, self.resize_filter)
        if self.resize == "squash":
            return ModelInput(self.side, resize_filter=resize_filter)
        return ModelInput(self.side, "own", COARSEST_STRIDE, self.longer_side_limit, resize_filter)

    def check(self, file: Path) -> None:
        """As every recipe's."""
        Recipe.check(self, file)
        expect_splits(file, (*self.train, *self.validate), "gaicd-v2:train")
        if self.side < COARSEST_STRIDE or self.side % COARSEST_STRIDE:
            raise UsageError(f"{file}: side {self.side} must be a multiple of 32, the coarsest stride")
        if self.window_share and self.resize != "squash":
            # Batches are made by the sizes of whole photos.
            raise UsageError(f'{file}: window_share needs resize = "squash"')
        if self.longer_side_limit < self.side:
            raise UsageError(f"{file}: longer_side_limit {self.longer_side_limit} is below side {self.side}")
        if self.score_deviation < 0:
            raise UsageError(f"{file}: score_deviation must not be negative, got {self.score_deviation:g}")
        if min(getattr(self, name) for name in LOSSES) < 0 or not any(getattr(self, name) for name in LOSSES):
            raise UsageError(f"{file}: nothing to learn; give one of {', '.join(LOSSES)} a weight above 0, none below")
        if self.freeze_backbone and not (self.backbone_weights or self.checkpoint):
            raise UsageError(
                f"{file}: freeze_backbone keeps a backbone of random numbers; say where its weights come from"
            )


@dataclass(frozen=True, slots=True)
class GuidedRecipe(EvaluatorRecipe):
    """Settings of one run, beside those of every evaluator.

    The defaults of training are those of Zhang et al., "Human-Centric Image Cropping with Partition-Aware and
    Content-Preserving Features", ECCV 2022, and of the code released with it, for GAICD.
    """

    choices: ClassVar[Choices] = {
        **EvaluatorRecipe.choices,
        "rank_gate": ("sign", "sine"),
        "heat_from": ("ratings", "votes"),
    }
    ranges: ClassVar[tuple[Range, ...]] = (
        *EvaluatorRecipe.ranges,
        # Sides of a person's box that move further would meet.
        ("person_jitter", lambda value: 0 <= value <= 0.4, "between 0 and 0.4"),
        ("person_drop", lambda value: 0 <= value <= 1, "between 0 and 1"),
    )

    # Ratings are learned as they are.
    score_mean: float = 0.0
    score_deviation: float = 1.0
    rank: float = 1.0
    rank_gate: str = "sign"  # of the difference of two ratings, or "sine" as the authors' code has it
    heat: float = 1.0  # weight of the importance map in the loss, towards a map made of the photo's crops
    heat_from: str = "ratings"  # of the crops, or "votes": views of pairs count 1 + 4 * share of votes, the best crop 5
    persons_only: bool = False  # learns from the photos with a person alone; the epoch is chosen on all photos
    person_jitter: float = 0.1  # each side of a person's box moves by up to this part of its size, as a detector's may
    person_drop: float = 0.1  # share of persons hidden from the model, as a detector misses some
    weight_decay: float = 1e-4
    decay_in_gradient: bool = True
    schedule: str = "warm-cosine"

    @property
    def needs_heat_targets(self) -> bool:
        """Whether training looks at maps made of people's crops."""
        return bool(self.heat)

    def check(self, file: Path) -> None:
        """As every recipe's."""
        EvaluatorRecipe.check(self, file)
        if self.heat < 0:
            raise UsageError(f"{file}: heat must not be negative, got {self.heat:g}; 0 leaves the term out")
