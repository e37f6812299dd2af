"""Jia, Huang, Fu and He: Rethinking Image Cropping: Exploring Diverse Compositions from Global Views, CVPR 2022.

Its eleven trainings and what each is measured on. Tables 1 to 5 are in ``tables.py``, Figures 3 to 7 in
``figures.py``, the recipes in ``recipes/set-prediction``.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from cadrage.papers.contents import Item
from cadrage.papers.laid_out import ReproductionReport
from cadrage.papers.paper import Paper, Places, Training
from cadrage.papers.plan import FLMS, TEST, VALIDATION, Plan, Run
from cadrage.papers.published_photos import NOTE as PHOTOS_NOTE
from cadrage.papers.report import failing_once, photo_notes, run_row, values_of
from cadrage.papers.results import TestResult
from cadrage.papers.set_prediction.figures import figures
from cadrage.papers.set_prediction.measure import measure
from cadrage.papers.set_prediction.tables import claims, tables
from cadrage.training.engine.photos import select_photos
from cadrage.training.systems.set_prediction.recipe import SetRecipe

NAME = "set-prediction"
TITLE = "Set prediction, measured again"
ABOUT = (
    "Jia, Huang, Fu and He: Rethinking Image Cropping: Exploring Diverse Compositions from Global Views, CVPR 2022. "
    "Published numbers, ours below them, and the difference; in brackets 95 % intervals over photos, of one training."
)
_V2, _V1, _CPC = "gaicd-v2", "gaicd-v1", "cpc"

# Letter, recipe, what it is, on which data set, and what is measured; in the order in which they are worth having.
RUNS = (
    ("A", "gaicv2-qg", "GAICD v2, quality guidance, mu = .5", _V2, (TEST,)),
    ("B", "gaicv2-none", "GAICD v2, hard labels, 50 epochs", _V2, (TEST,)),
    ("B60", "gaicv2-none-60", "GAICD v2, hard labels, 60 epochs", _V2, (TEST,)),
    ("C", "gaicv2-sd", "GAICD v2, self distillation", _V2, (TEST,)),
    ("D", "gaicv2-mu01", "GAICD v2, quality guidance, mu = .1", _V2, (TEST,)),
    ("E", "gaicv2-mu03", "GAICD v2, quality guidance, mu = .3", _V2, (TEST,)),
    ("F", "gaicv2-mu07", "GAICD v2, quality guidance, mu = .7", _V2, (TEST,)),
    ("G", "gaicv2-mu09", "GAICD v2, quality guidance, mu = .9", _V2, (TEST,)),
    ("H", "gaicv1-qg", "GAICD v1, quality guidance, mu = .5", _V1, (TEST,)),
    ("I", "cpc-none", "CPC, hard labels", _CPC, (VALIDATION, FLMS)),
    ("J", "cpc-sd", "CPC, self distillation", _CPC, (VALIDATION, FLMS)),
)
CONTENTS = (
    Item("table-1", "ACC on GAICD", ("A", "H"), "gaicd-v1:test, gaicd-v2:test"),
    Item("table-2", "AP on GAICD v2", ("A",), "gaicd-v2:test"),
    Item("table-3", "IoU on FLMS", ("J", "I"), "flms:test"),
    Item("table-4", "What self distillation adds", ("B", "B60", "C", "I", "J"), "gaicd-v2:test, cpc:val"),
    Item("table-5", "The two kinds of soft labels", ("A", "C"), "gaicd-v2:test"),
    Item("figure-3", "Anchors before and after training", ("A",), "a photo of gaicd-v2:test"),
    Item("figure-4", "Crops outside the regions of grid anchors", ("J",), "photos of flms:test"),
    Item("figure-5", "Two compositions of one photo", ("J",), "photos of flms:test"),
    Item("figure-6a", "Label by score", (), "a formula"),
    Item("figure-6b", "AP by mu", ("B", "D", "E", "A", "F", "G"), "gaicd-v2:test"),
    Item("figure-7a", "Quality and validity, all predictions", ("C",), "gaicd-v2:test"),
    Item("figure-7b", "Quality and soft label, unmatched predictions", ("C",), "gaicd-v2:train"),
)
# What figures 3 and 7 are made of.
_FED = ("anchors", "correlations")
_HOLDS = {True: "yes", False: "no", None: "not known"}
_BESIDE_HEADS = (
    "run",
    "photos",
    "n",
    "clipping: ACC 1/5, .85",
    "clipping: AP .85, K = 40",
    "clipping: IoU",
    "first among 5 best",
    "first among 10 best",
    "area of first",
    "area of first ten",
    "area of good crops",
)
NOTES = (
    "All predictions count in order of validity: none is suppressed, none is clipped to the photo. Columns named "
    "clipping say by how many points that would change a number.",
    "First among N best: share of the photos where the first prediction meets, at epsilon .85, one of the N best "
    "annotated crops, which is how the methods quoted in Table 1 were measured.",
    "Areas are means, as shares of the photo.",
    PHOTOS_NOTE,
)


def plan(recipes: Path) -> Plan:
    """The runs, each by its own recipe of a folder."""
    return Plan(
        tuple(
            Run(letter, name, title, SetRecipe, recipes / f"{name}.toml", tests, data=data)
            for letter, name, title, data, tests in RUNS
        )
    )


def lay_out(trainings: Sequence[Training[TestResult]], places: Places) -> ReproductionReport:
    """The report on all runs; drawing needs matplotlib, the extra ``eval``."""
    by_letter = {each.run.letter: each for each in trainings}
    # A trial says nothing for or against the paper.
    claimed = () if places.changes else claims(by_letter)
    said = [(c.text, _HOLDS[c.holds], c.found) for c in claimed]
    return ReproductionReport(
        NAME,
        TITLE,
        ABOUT,
        {
            "Runs": (("run", "recipe", "what", "state", "epoch", "photos"), failing_once(map(_row, trainings))),
            **({"What the paper claims": (("claim", "holds", "found"), said)} if said else {}),
        },
        tables(by_letter),
        [*NOTES, *photo_notes(trainings)],
        list(map(_values, trainings)),
        failed=any(each.failed for each in trainings),
        figures=figures(by_letter, places),
        after={"Beside the tables": (_BESIDE_HEADS, list(_beside_rows(trainings)))},
        claims={"claims": [asdict(claim) for claim in claimed]},
    )


def _row(training: Training[TestResult]) -> tuple[str, ...]:
    said = [
        f"; {'in an earlier call' if test in training.tests else 'not'} on {test}: {training.lacks(test)}"
        for test in training.absent
    ]
    return run_row(training, "".join(said))


def _values(training: Training[TestResult]) -> dict[str, Any]:
    return values_of(training, called="recipe") | {
        "missing": {test: training.lacks(test) for test in training.absent},
        "correlations": training.beside.get("correlations") or {},
        "not_fed": {name: said for name in _FED if (said := training.beside.get(f"{name}_missing"))},
    }


def _beside_rows(trainings: Sequence[Training[TestResult]]) -> Iterator[tuple[str, ...]]:
    """One line for each test of each run."""
    for training in trainings:
        for test in training.tests.values():
            get = test.others.get
            gains = (get(f"{name}_clipped_gain") for name in ("recall5_e85", "ap85_k40", "iou"))
            hits = (get(f"hit{n}_e85") for n in (5, 10))
            areas = (get(name) for name in ("area_first", "area_first_ten", "area_good"))
            yield (
                training.run.letter,
                " and ".join(test.entries),
                str(test.n),
                *("" if gain is None else f"{100 * gain:+.2f}" for gain in gains),
                *("" if hit is None else f"{100 * hit:.1f} %" for hit in hits),
                *("" if area is None else f"{100 * area:.0f} %" for area in areas),
            )


PAPER = Paper(
    name=NAME,
    plan=plan,
    select=select_photos,
    learned=lambda data, recipe: select_photos(data, recipe.train),
    measure=measure,
    result=TestResult.from_dict,
    identity=lambda run, training: {"run": run.letter, "recipe": training},
    # Numbers of version 1 may be of a model that had seen the photos; in version 2 any of tied best crops counted.
    version=3,
    lay_out=lay_out,
    contents=lambda _: CONTENTS,
    recipes_may_lack=True,
)
