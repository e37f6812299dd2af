"""Whether a training can begin: its photos, its splits and the weights it starts from."""

from collections.abc import Callable, Mapping
from pathlib import Path

from cadrage.datasets.manifest import METADATA
from cadrage.papers.drawn_splits import GAICD_V1, DrawnSplit, draw_missing
from cadrage.papers.plan import VALIDATION
from cadrage.papers.unseen import expect_no_test_split, expect_unseen
from cadrage.training.engine.evaluators.recipe import EvaluatorRecipe
from cadrage.training.engine.photos import folders_of
from cadrage.training.engine.record import CHECKPOINT, WEIGHTS
from cadrage.training.engine.start import find_weights

_DRAWN = (GAICD_V1, DrawnSplit("cpc", "all", 1080, "fit"))


def absent_folders(data: Path, folders: list[str]) -> list[str]:
    """The manifest folders that are not there."""
    return [folder for folder in folders if not (data / folder / METADATA).is_file()]


def make_ready(
    recipe: EvaluatorRecipe,
    tested: Mapping[str, tuple[str, ...]],
    data: Path,
    folder: Path,
    tell: Callable[[str], None],
) -> None:
    """See that a training may begin, or go on in its ``folder``; draw validation photos where there are none.

    Args:
        recipe: of the training.
        tested: FOLDER:SPLIT entries by the name of the test, of data that are there.
        data: folder of the data sets.
        folder: of the training.
        tell: is told what is drawn.

    Raises:
        UsageError: weights to start from are missing, or photos to be measured on are learned from.
        OutputError: the drawn split cannot be written.
    """
    learned = (*recipe.train, *recipe.validate)
    expect_no_test_split(f"{recipe.name}.{recipe.tag}", learned)
    begins_with = recipe.checkpoint or recipe.backbone_weights
    if begins_with and not any((folder / name).is_file() for name in (WEIGHTS, CHECKPOINT)):
        find_weights(begins_with, data)
    draw_missing(data, folders_of(recipe), _DRAWN, tell)
    for test, entries in tested.items():
        # The epoch may be chosen on validation photos; their numbers stand apart.
        expect_unseen(data, entries, recipe.train if test == VALIDATION else learned)
