"""Which row of the plan a model of global attention is, by its parts, and what is held against what."""

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from cadrage.papers.evaluators.plan import Row
from cadrage.training.engine.evaluators.recipe import GuidedRecipe
from cadrage.training.systems.global_attention import GlobalAttentionRecipe

FULL, BASE, ORACLE = "4", "1", "5"
COMPARED = ((FULL, BASE), (FULL, "0"), ("2", BASE), ("3", "0"), ("6", FULL))
"""Everything against the map as a side task and against regions alone; each part alone; persons against none."""
DECIDING = ("srcc", "acc5")
# Whether a map is taught is a part as well, though every recipe that knows persons has the field.
_SHARED = {field.name for field in fields(GuidedRecipe)}
_PARTS = (*(field.name for field in fields(GlobalAttentionRecipe) if field.name not in _SHARED), "heat")


def row_of(recipe: GlobalAttentionRecipe, rows: Sequence[Row]) -> str | None:
    """The id of the row that has the parts of a recipe, whatever its data and training; None if there is none."""
    parts = _parts(recipe)
    return next((row.id for row in rows if _parts(GlobalAttentionRecipe(**row.changes)) == parts), None)


def _parts(recipe: GlobalAttentionRecipe) -> dict[str, Any]:
    return {name: getattr(recipe, name) for name in _PARTS} | {"heat": bool(recipe.heat)}
