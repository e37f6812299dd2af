"""Everything that decides what a training run of a human-centric model does."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from cadrage.errors import UsageError
from cadrage.training.evaluators.guided import GuidedRecipe, check_guided
from cadrage.training.recipe_file import make_recipe


@dataclass(frozen=True, slots=True)
class HumanCentricRecipe(GuidedRecipe):
    """Settings of one run, beside those of every evaluator and of those that know persons."""

    kind: ClassVar[str] = "human-centric"

    name: str = "human-centric"
    tag: str = "gaicd"
    parts: int = 9  # transforms around the person: 9, 2 for person and rest, 1 for the person, 0 for none of its own
    person_vector: bool = True  # every transform sees what the person looks like
    relation: str = "graph"  # what the importance map is made from: the whole photo, or "conv" for surroundings
    content: bool = True  # importance map, and what of it a crop keeps; without it regions alone are scored


def load_human_centric_recipe(file: Path, overrides: Mapping[str, str] | None = None) -> HumanCentricRecipe:
    """Read a recipe of a human-centric model.

    Raises:
        UsageError: the file is missing or not TOML, or a value is unknown or does not fit.
    """
    recipe = make_recipe(HumanCentricRecipe, file, overrides)
    check_guided(recipe, file, {"parts": (9, 2, 1, 0), "relation": ("graph", "conv")})
    if recipe.heat and not recipe.content:
        raise UsageError(
            f"{file}: content = false leaves out the map that heat {recipe.heat:g} would teach; set heat to 0"
        )
    return recipe
