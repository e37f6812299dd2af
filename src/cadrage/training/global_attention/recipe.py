"""Everything that decides what a training run of a global-attention model does."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from cadrage.errors import UsageError
from cadrage.training.evaluators.guided import GuidedRecipe, check_guided
from cadrage.training.evaluators.recipe import expect_shares
from cadrage.training.recipe_file import make_recipe


@dataclass(frozen=True, slots=True)
class GlobalAttentionRecipe(GuidedRecipe):
    """Settings of one run, beside those of every evaluator and of those that know persons."""

    kind: ClassVar[str] = "global-attention"

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
    partition: bool = False  # the main person is told, as to human-centric models
    teacher_mixing: float = 0.0  # share of the steps in which the map of people's crops gives way to the predicted one

    @property
    def needs_heat_targets(self) -> bool:
        """Whether training looks at maps made of people's crops."""
        return bool(self.heat or self.teacher_mixing) or self.reads_heat_targets

    @property
    def reads_heat_targets(self) -> bool:
        """Whether scores depend on maps made of people's crops, in validation too."""
        return self.heat_map == "oracle"


def load_global_attention_recipe(file: Path, overrides: Mapping[str, str] | None = None) -> GlobalAttentionRecipe:
    """Read a recipe of a global-attention model.

    Raises:
        UsageError: the file is missing or not TOML, or a value is unknown or does not fit.
    """
    recipe = make_recipe(GlobalAttentionRecipe, file, overrides)
    maps = ("predicted", "supervised", "none", "oracle")
    check_guided(recipe, file, {"heat_map": maps, "head": ("slim", "wide")})
    expect_shares(recipe, file, {"teacher_mixing": 1.0})
    if recipe.heat_map in ("predicted", "oracle") and not recipe.encoder:
        raise UsageError(
            f'{file}: heat_map "{recipe.heat_map}" is read by the encoder alone; set encoder to true, '
            'or heat_map to "supervised"'
        )
    if recipe.heat_map == "none" and recipe.heat:
        raise UsageError(f'{file}: heat_map "none" leaves nothing for heat {recipe.heat:g} to teach; set heat to 0')
    if recipe.heat_map == "supervised" and not recipe.heat:
        raise UsageError(f'{file}: heat 0 teaches the map of heat_map "supervised" nothing; set heat_map to "none"')
    if recipe.teacher_mixing and recipe.heat_map != "predicted":
        raise UsageError(
            f'{file}: teacher_mixing needs heat_map "predicted", to which it leads, and not "{recipe.heat_map}"; '
            "set teacher_mixing to 0"
        )
    return recipe
