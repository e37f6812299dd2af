"""Recipes of evaluators that know the main person and learn a map of what matters."""

from dataclasses import dataclass
from pathlib import Path

from cadrage.errors import UsageError
from cadrage.training.evaluators.recipe import Choices, EvaluatorRecipe, check_evaluator, expect_shares

_CHOICES: Choices = {"rank_gate": ("sign", "sine"), "heat_from": ("ratings", "votes")}
# Sides of a person's box that move further would meet.
_MOST_JITTER = 0.4


@dataclass(frozen=True, slots=True)
class GuidedRecipe(EvaluatorRecipe):
    """Settings of one run, beside those of every evaluator.

    The defaults of training are those of Zhang et al., "Human-Centric Image Cropping with Partition-Aware and
    Content-Preserving Features", ECCV 2022, and of the code released with it, for GAICD.
    """

    # Ratings are learned as they are.
    score_mean: float = 0.0
    score_deviation: float = 1.0
    rank: float = 1.0
    rank_gate: str = "sign"  # of the difference of two ratings, or "sine" as the authors' code has it
    heat: float = 1.0  # weight of the importance map in the loss, towards a map made of the photo's crops
    heat_from: str = "ratings"  # of the crops, or "votes": views of pairs count 1 + 4 * share of votes, the best crop 5
    persons_only: bool = False  # learns from the photos with a person alone; the epoch is chosen on all photos
    person_jitter: float = 0.1  # each side of a person's box moves by up to this part of its size, as a detector's may
    person_drop: float = 0.1  # share of persons that are not told, as a detector misses some
    weight_decay: float = 1e-4
    decay_in_gradient: bool = True
    schedule: str = "warm-cosine"

    @property
    def needs_heat_targets(self) -> bool:
        """Whether training looks at maps made of people's crops."""
        return bool(self.heat)


def check_guided(recipe: GuidedRecipe, file: Path, choices: Choices) -> None:
    """See that the values of a recipe fit together; ``choices`` as for ``check_evaluator``.

    Raises:
        UsageError: a value is unknown or does not fit.
    """
    check_evaluator(recipe, file, {**_CHOICES, **choices})
    expect_shares(recipe, file, {"person_jitter": _MOST_JITTER, "person_drop": 1.0})
    if recipe.heat < 0:
        raise UsageError(f"{file}: heat must not be negative, got {recipe.heat:g}; 0 leaves the term out")
