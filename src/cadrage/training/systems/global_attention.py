"""Global-attention models (Yang et al., GAFIC): a score for any box, and which parts of a photo matter."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, cast

import torch
from torch import Tensor, nn

from cadrage.errors import UsageError
from cadrage.inference.store.card_input import ModelInput
from cadrage.models.backbones.pyramids import make_pyramid
from cadrage.models.checkpoints import fill, read_tensors
from cadrage.models.checkpoints.human_centric import released_global_attention
from cadrage.models.global_attention import GlobalAttentionModel
from cadrage.models.regions import Output
from cadrage.training.engine.evaluators.module import Forward, Shown
from cadrage.training.engine.evaluators.recipe import GuidedRecipe
from cadrage.training.engine.evaluators.system import evaluator_system
from cadrage.training.engine.export import (
    PER_BOX,
    PER_PHOTO,
    EvaluatorTrunk,
    Part,
    example_boxes,
    example_persons,
    example_photos,
)
from cadrage.training.engine.recipes import Choices, Range

# As fast as many more at a time, in a quarter of their memory: 0.25 MB per box for a photo and its mirror image.
CHUNK = 128


@dataclass(frozen=True, slots=True)
class GlobalAttentionRecipe(GuidedRecipe):
    """Settings of one run, beside those of every evaluator and of those that know persons."""

    kind: ClassVar[str] = "global-attention"
    choices: ClassVar[Choices] = {
        **GuidedRecipe.choices,
        "heat_map": ("predicted", "supervised", "none", "oracle"),
        "head": ("slim", "wide"),
        "relation": ("conv", "graph"),
    }
    ranges: ClassVar[tuple[Range, ...]] = (
        *GuidedRecipe.ranges,
        ("teacher_mixing", lambda value: 0 <= value <= 1, "between 0 and 1"),
    )

    name: str = "global-attention"
    tag: str = "gaicd"
    # Where the importance map goes: "predicted" into the encoder, "supervised" nowhere, it only shapes what is shared,
    # "none" for no map, "oracle" for the map of people's crops in its place, also in validation: an upper bound that no
    # photo of a user can reach, never a result.
    heat_map: str = "predicted"
    encoder: bool = True  # boxes are scored on what the encoder makes of the shared map, or on that map itself
    global_branch: bool = True  # every box is scored beside the whole photo
    residual: bool = True  # the encoder adds to its input
    detach_heat: bool = False  # no gradient of the scores enters the importance map
    head: str = "slim"  # or "wide", whose first layer sees all cells of a region
    relation: str = "conv"  # what the map is made from: surroundings, or "graph" for the whole photo
    partition: bool = False  # takes the main person, as human-centric models do
    teacher_mixing: float = 0.0  # share of the steps in which the map of people's crops gives way to the predicted one

    @property
    def needs_heat_targets(self) -> bool:
        """Whether training looks at maps made of people's crops."""
        return bool(self.heat or self.teacher_mixing) or self.reads_heat_targets

    @property
    def reads_heat_targets(self) -> bool:
        """Whether scores depend on maps made of people's crops, in validation too."""
        return self.heat_map == "oracle"

    def check(self, file: Path) -> None:
        """As every recipe's."""
        GuidedRecipe.check(self, file)
        if self.heat_map in ("predicted", "oracle") and not self.encoder:
            raise UsageError(
                f'{file}: heat_map "{self.heat_map}" is read by the encoder alone; set encoder to true, '
                'or heat_map to "supervised"'
            )
        if self.heat_map == "none" and self.heat:
            raise UsageError(f'{file}: heat_map "none" leaves nothing for heat {self.heat:g} to teach; set heat to 0')
        if self.heat_map == "supervised" and not self.heat:
            raise UsageError(f'{file}: heat 0 teaches the map of heat_map "supervised" nothing; set heat_map to "none"')
        if self.teacher_mixing and self.heat_map != "predicted":
            raise UsageError(
                f'{file}: teacher_mixing needs heat_map "predicted", to which it leads, and not "{self.heat_map}"; '
                "set teacher_mixing to 0"
            )


def build_global_attention(recipe: GlobalAttentionRecipe) -> GlobalAttentionModel:
    """The untrained model of a recipe."""
    # The recipe was checked when it was read. The oracle takes the place of a predicted map.
    heat = "predicted" if recipe.heat_map == "oracle" else recipe.heat_map
    choices: dict[str, Any] = {"heat": heat, "head": recipe.head, "relation": recipe.relation}
    return GlobalAttentionModel(
        cast(Any, make_pyramid(recipe.backbone)),
        encoder=recipe.encoder,
        global_branch=recipe.global_branch,
        residual=recipe.residual,
        detach_heat=recipe.detach_heat,
        partition=recipe.partition,
        legacy=recipe.legacy,
        **choices,
    )


def forward_of(recipe: GlobalAttentionRecipe) -> Forward:
    """How a recipe's model is run."""
    return partial(_run, partition=recipe.partition, oracle=recipe.heat_map == "oracle", mixing=recipe.teacher_mixing)


def teacher_share(progress: float, mixing: float) -> float:
    """How much the map of people's crops counts when a share ``progress`` of the steps is over.

    It falls evenly from 1 to 0 in the first ``mixing`` of the steps and stays 0.

    Example:
        >>> teacher_share(0, 0.25), teacher_share(0.125, 0.25), teacher_share(0.25, 0.25), teacher_share(0, 0)
        (1.0, 0.5, 0.0, 0.0)
    """
    return max(0.0, 1 - progress / mixing) if mixing else 0.0


def _run(model: nn.Module, shown: Shown, *, partition: bool, oracle: bool, mixing: float) -> Output:
    persons = (shown.person_xyxy, shown.has_person) if partition else ()
    network = cast(GlobalAttentionModel, model)
    share = 1.0 if oracle else teacher_share(shown.progress, mixing) if shown.training else 0.0
    if not share:
        output: Output = network(shown.image, shown.boxes_xyxy, *persons)
        return output
    # A photo without a map has only the predicted one.
    return network.forward_mixed(shown.image, shown.boxes_xyxy, shown.heat, share * shown.has_heat, *persons)


class AttentionEvaluator(nn.Module):
    """Scores ``(B, N)`` of boxes on F; ``log_aspect (B,)`` is not used."""

    def __init__(self, model: GlobalAttentionModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, features: Tensor, log_aspect: Tensor, boxes: Tensor) -> Tensor:
        fused, _ = self.model.fuse(features)
        return self.model.score(fused, boxes) + 0 * log_aspect.unsqueeze(1)


class PersonAttentionEvaluator(AttentionEvaluator):
    """The same of a model with partition, which takes main persons ``(B, 4)`` and whether there are any ``(B,)``."""

    def forward(  # type: ignore[override]
        self, features: Tensor, log_aspect: Tensor, boxes: Tensor, person_xyxy: Tensor, has_person: Tensor
    ) -> Tensor:
        return super().forward(self.model.update(features, person_xyxy, has_person), log_aspect, boxes)


class AttentionImportance(nn.Module):
    """Importance ``(B, 64, 64)`` in [0, 1] from F."""

    def __init__(self, model: GlobalAttentionModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, features: Tensor) -> Tensor:
        heat = self.model.heat(features)
        # Checked by attention_parts; the exporter needs to see a tensor.
        assert heat is not None
        return heat.squeeze(1)


class PersonAttentionImportance(AttentionImportance):
    """The same of a model with partition, from F and main persons."""

    def forward(  # type: ignore[override]
        self, features: Tensor, person_xyxy: Tensor, has_person: Tensor
    ) -> Tensor:
        return super().forward(self.model.update(features, person_xyxy, has_person))


def attention_parts(model: nn.Module, shown: ModelInput, pixel_divisor: int = 255) -> list[Part]:
    """Trunk, evaluator and, with a heat head, importance of a trained model.

    Args:
        model: trained.
        shown: how photos are shown to it.
        pixel_divisor: what its pixels were divided by in training.
    """
    attention = cast(GlobalAttentionModel, model.eval())
    image, axes, map_axes = example_photos(shown)
    with torch.no_grad():
        features = attention.features(image)
    knows_persons = attention.partition is not None
    persons = example_persons() if knows_persons else ()
    person_axes = (PER_PHOTO,) * len(persons)
    evaluator = PersonAttentionEvaluator(attention) if knows_persons else AttentionEvaluator(attention)
    inputs = (features, torch.zeros(2), example_boxes(), *persons)
    parts = [
        Part("trunk", EvaluatorTrunk(attention, pixel_divisor), (image,), ["features"], (axes,)),
        Part("evaluator", evaluator, inputs, ["scores"], (map_axes, PER_PHOTO, PER_BOX, *person_axes)),
    ]
    if attention.heat_head is not None:
        importance = PersonAttentionImportance(attention) if knows_persons else AttentionImportance(attention)
        parts.append(Part("importance", importance, (features, *persons), ["importance"], (map_axes, *person_axes)))
    return parts


def attention_card(model: nn.Module) -> dict[str, Any]:
    """What the card says of a model beside its input and its scores."""
    return {"persons": cast(GlobalAttentionModel, model).partition is not None, "chunk": CHUNK}


def _parts(model: nn.Module, recipe: GlobalAttentionRecipe) -> list[Part]:
    if recipe.heat_map == "oracle":
        raise UsageError(
            f"{recipe.name}.{recipe.tag}: sees what people said of the crops it ranks (oracle); no product can"
        )
    return attention_parts(model, recipe.shown, recipe.pixel_divisor)


SYSTEM = evaluator_system(
    GlobalAttentionRecipe,
    build=build_global_attention,
    load=lambda model, file: fill(model, read_tensors(file), file),
    not_in_weights=("heat_map", "residual", "legacy", "pixel_divisor"),
    forward=forward_of,
    parts=_parts,
    card=attention_card,
    released=released_global_attention,
)
