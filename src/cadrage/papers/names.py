"""The papers by name, for the command line: nothing here needs a deep-learning framework."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cadrage.papers.paper import Paper

RECIPES = Path(__file__).with_name("recipes")
"""A folder for each paper, of its name, with recipes (``*.toml``) and notes for cards (``*.card.json``)."""
PLANS = ("runs.toml", "tables.toml")
"""Files among the recipes that list trainings and are no recipe themselves."""


@dataclass(frozen=True, slots=True)
class ListedPaper:
    """A paper as the command line presents it.

    Attributes:
        summary: what is reproduced.
        module: where its description, ``PAPER``, is.
        data: the data sets that it knows; the first is in the format of gaicd.
        runs: where its runs are listed.
        some_runs: what ``--only`` may be, and which runs these are in words.
        seeds: whether everything is trained with several seeds.
        trial: options that every recipe can take and that make the trainings short.
    """

    summary: str
    module: str
    data: tuple[str, ...]
    runs: str
    some_runs: tuple[str, str]
    seeds: bool = False
    trial: str = "--set epochs=1"

    def description(self) -> "Paper[Any]":
        """Runs, tables and published values; needs the extra ``train``."""
        paper: Paper[Any] = import_module(self.module).PAPER
        return paper


PAPERS: Mapping[str, ListedPaper] = {
    "set-prediction": ListedPaper(
        "Jia et al., CVPR 2022: Tables 1 to 5 and Figures 3 to 7",
        "cadrage.papers.set_prediction.paper",
        ("gaicd-v2", "gaicd-v1", "cpc", "flms"),
        "Each is a recipe of the folder; those without one are left out.",
        ("A,C", "Two of the runs."),
        # A teacher needs an epoch before it.
        trial="--set epochs=2 --set distil_from=1",
    ),
    "grid-anchor": ListedPaper(
        "Zeng et al., TPAMI 2020: Tables 2 to 6, and GAICD v1",
        "cadrage.papers.grid_anchor",
        ("gaicd-v2", "gaicd-v1"),
        "Those of tables.toml in the folder of recipes, which says what each changes in its recipe.",
        ("M,S", "Two of the runs."),
    ),
    "human-centric": ListedPaper(
        "Zhang et al., ECCV 2022: GAICD, FCDB and FLMS, whole and with persons",
        "cadrage.papers.human_centric",
        ("gaicd-v1", "cpc", "fcdb", "flms", "persons"),
        "Those of runs.toml in the folder of recipes: what each changes, on which recipes, with which seeds.",
        ("A,P --seeds 1", "Two runs, once each."),
        seeds=True,
    ),
    "global-attention": ListedPaper(
        "Yang et al., GAFIC: what its parts are worth, and how it does",
        "cadrage.papers.global_attention",
        ("gaicd-v1", "cpc", "fcdb", "flms", "persons"),
        "Those of runs.toml in the folder of recipes: what each changes, on which recipes, with which seeds.",
        ("1,4", "The two runs that decide."),
        seeds=True,
    ),
}
