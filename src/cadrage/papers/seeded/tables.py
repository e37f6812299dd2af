"""The tables of a paper with seeds: what was published on the same photos, and below it every run measured on them."""

from collections.abc import Sequence
from dataclasses import dataclass

from cadrage.evaluation.published import PublishedRow, published_tables
from cadrage.inference.candidate_lists import CandidateList
from cadrage.papers.plan import CHOSEN, TEST, VALIDATION
from cadrage.papers.seeded.outcome import Outcome
from cadrage.papers.tables import Cell, Row, Table

RANKING = {"srcc": "SRCC", "pcc": "PCC", "acc5": "Acc5", "acc10": "Acc10", "cut": "first crop cuts"}
CHOICE = {
    "iou": "IoU",
    "bde": "BDE",
    "recall75": "IoU >= .75",
    "cut": "first crop cuts",
    "best_iou": "best possible IoU",
}
_PERSONS = "persons"
# Where numbers of the same photos stand: dataset and group of published.json.
_PUBLISHED = {
    (("gaicd-v1:test",), False): ("GAICD v1 test (200)", "ranking of annotated candidates"),
    (("gaicd-v1:test",), True): ("GAICD v1 test, photos with a person (50)", _PERSONS),
    (CHOSEN["persons"].entries, True): ("Photos with a person of FCDB (176) and FLMS (39)", _PERSONS),
    (CHOSEN["fcdb"].entries, False): ("FCDB test", "free-form box"),
    (CHOSEN["flms"].entries, False): ("FLMS", "free-form box"),
}
# Of what no model was trained for, only the nearest floor and what the candidates allow at best.
_BOUNDS = ("position prior", "largest first", "centred box, side .90", "best box of the 12x12 grid")
_TITLES = {
    ("gaicd", VALIDATION): "GAICD v1, validation photos",
    ("gaicd", TEST): "GAICD v1, test photos",
    ("synthetic", VALIDATION): "drawn photos, validation",
    ("synthetic", TEST): "drawn photos, test",
    ("cpc", "persons"): "photos with a person of FCDB and FLMS, trained on CPC",
    ("cpc", "fcdb"): "FCDB test, trained on CPC",
    ("cpc", "flms"): "FLMS, trained on CPC",
}
_CHOSEN_ON = "The epochs were chosen on these photos."
_CANDIDATES = {
    "hcic-1745": "The crop with the highest score among the 1,745 boxes of published work.",
    "gaic": "The crop with the highest score among the grid anchors of the photo, at most 90, in place of the 1,745 "
    "boxes of published work.",
}


@dataclass(frozen=True, slots=True)
class View:
    """One list of photos that runs of one recipe were measured on, all of it or those with a person."""

    recipe: str
    test: str
    persons: bool

    @property
    def title(self) -> str:
        """What the photos are."""
        title = _TITLES.get((self.recipe, self.test), f"recipe {self.recipe}, {self.test}")
        return f"{title}, those with a person" if self.persons and self.test not in CHOSEN else title

    @property
    def metrics(self) -> dict[str, str]:
        """Names of what is measured, by key."""
        return CHOICE if self.test in CHOSEN else RANKING


def views(outcomes: Sequence[Outcome]) -> list[View]:
    """Everything that the plan measures, in its order; ranked photos as a whole and those with a person."""
    return list(
        dict.fromkeys(
            View(outcome.run.recipe_file.stem, test, persons)
            for outcome in outcomes
            for test in outcome.run.tests
            for persons in ((CHOSEN[test].persons_only,) if test in CHOSEN else (False, True))
        )
    )


def on(view: View, outcomes: Sequence[Outcome]) -> list[Outcome]:
    """The runs that a view is about."""
    return [
        outcome
        for outcome in outcomes
        if outcome.run.recipe_file.stem == view.recipe and view.test in outcome.run.tests
    ]


def tables(outcomes: Sequence[Outcome], unpublished: str, candidates: CandidateList) -> list[Table]:
    """One table for each view; ``unpublished`` stands where there is no number of the paper's own model."""
    return [
        _table(str(number), view, unpublished, outcomes, candidates)
        for number, view in enumerate(views(outcomes), start=1)
    ]


def _table(number: str, view: View, unpublished: str, outcomes: Sequence[Outcome], candidates: CandidateList) -> Table:
    shown = on(view, outcomes)
    entries = next((found for outcome in shown if (found := outcome.entries(view.test))), ())
    said = [f"On {', '.join(entries)}." if entries else ""]
    said += [_said_of(candidates) if view.test in CHOSEN else "", _CHOSEN_ON if view.test == VALIDATION else ""]
    # Nobody else has measured on validation or drawn photos, so that no line of dashes is needed to say so.
    own = [Row(unpublished, ())] if (entries, view.persons) in _PUBLISHED else []
    quoted = [_quoted(row, view) for row in _published(view, entries)]
    rows = (*quoted, *own, *(_row(outcome, view) for outcome in shown))
    factor, decimals = (1.0, 4) if view.test in CHOSEN else (100.0, 1)
    about = " ".join(filter(None, said))
    return Table(number, view.title, about, tuple(view.metrics.values()), rows, factor, decimals)


def _said_of(candidates: CandidateList) -> str:
    other = f"The crop with the highest score among the boxes of {candidates.name}, not those of published work."
    return _CANDIDATES.get(candidates.name, other)


def _published(view: View, entries: tuple[str, ...]) -> list[PublishedRow]:
    place = _PUBLISHED.get((entries, view.persons))
    return [
        row
        for table in published_tables()
        if (table.dataset, table.group) == place
        for row in table.rows
        if row.comparable
        and (row.kind == "method" or row.method in _BOUNDS)
        and row.values.keys() & view.metrics.keys()
    ]


def _quoted(row: PublishedRow, view: View) -> Row:
    trained = f", trained on {row.trained_on}" if row.trained_on else ""
    return Row(f"{row.method}{trained}", tuple(Cell(row.values.get(key)) for key in view.metrics))


def _row(outcome: Outcome, view: View) -> Row:
    values = outcome.mean(view.test, persons=view.persons)
    seeds = ", ".join(map(str, outcome.by_seed(view.test)))
    label = f"measured here, run {outcome.run.letter}" + (f", seeds {seeds}" if seeds else "")
    # The reason stands once, in the list of runs: in every cell it would drown the table.
    missing = "failed" if outcome.failed and not seeds else "not run" if not seeds else ""
    cells = tuple(Cell(missing=missing) if values is None else Cell(ours=values.estimate(key)) for key in view.metrics)
    return Row(outcome.run.title, cells, label)
