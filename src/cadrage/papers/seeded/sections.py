"""What a report says beside its tables: how far seeds are apart, what a change is worth, and what is decided."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from cadrage.evaluation.result import Estimate
from cadrage.papers.laid_out import PlainTable
from cadrage.papers.plan import VALIDATION
from cadrage.papers.results import PhotoValues, minus
from cadrage.papers.seeded.outcome import Gain, Outcome, SeededPaper, earned, gains
from cadrage.papers.seeded.tables import CHOICE, RANKING, View, on, views
from cadrage.papers.tables import NONE

DECISION = "Do the parts earn their cost?"
DIFFERENCES = "What a change is worth, photo by photo"
SEEDS = "Every seed: mean (each)"
UPPER_BOUND = "An upper bound, no result"
_ANSWERS = {True: "yes", False: "no", None: "not decided: it takes two seeds of both runs"}
_CROPS = ", people's chosen crops"

Rows = list[tuple[str, ...]]


def sections(paper: SeededPaper, outcomes: Sequence[Outcome]) -> dict[str, PlainTable]:
    """Heads and rows of every section that has something to say, by its heading."""
    results = [each for each in outcomes if each.run.row != paper.upper_bound]
    bounds = [each for each in outcomes if each.run.row == paper.upper_bound]
    found: dict[str, tuple[tuple[str, ...], Rows]] = {
        DECISION: (("photos", "metric", "gain", "seed spread", "beyond it", "decided"), decision_rows(paper, results))
    }
    for metrics, suffix in ((RANKING, ""), (CHOICE, _CROPS)):
        # What the candidates allow depends on no model.
        heads = tuple(title for metric, title in metrics.items() if metric != "best_iou")
        found |= {
            f"{DIFFERENCES}{suffix}": (("runs", "photos", *heads), _difference_rows(paper, results, metrics)),
            f"{SEEDS}{suffix}": (("run", "photos", *heads), _seed_rows(results, metrics)),
            f"{UPPER_BOUND}{suffix}": (("run", "photos", *heads), _seed_rows(bounds, metrics)),
        }
    return {heading: (heads, rows) for heading, (heads, rows) in found.items() if rows}


def decisions(paper: SeededPaper, outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
    """For each recipe with both runs measured on its validation photos: what is gained, and whether it is enough."""
    return [
        {
            "recipe": recipe,
            "rule": rule(paper),
            "gains": [gain.to_dict() for gain in found],
            "earned": earned(found),
        }
        for recipe, found in _gains(paper, outcomes)
    ]


def rule(paper: SeededPaper) -> str:
    """What decides, in words."""
    if paper.decision is None:
        return ""
    full, base, metrics = paper.decision.full, paper.decision.base, paper.decision.metrics
    return (
        f"Run {full} has to beat run {base} on the validation photos in {' and '.join(metrics)} by more than the "
        "highest and the lowest seed of either are apart."
    )


def decision_rows(paper: SeededPaper, outcomes: Sequence[Outcome]) -> Rows:
    """The numbers of every decision and, in the first line of each, what follows."""
    rows: Rows = []
    for recipe, found in _gains(paper, outcomes):
        answer = _ANSWERS[earned(found)]
        for place, gain in enumerate(found):
            spread = "unknown" if gain.spread is None else f"{gain.spread:.4f}"
            beyond = {True: "yes", False: "no", None: NONE}[gain.beyond_spread]
            photos = View(recipe, VALIDATION, persons=False).title
            rows.append((photos, gain.metric, f"{gain.gain:+.4f}", spread, beyond, "" if place else answer))
    return rows


def _gains(paper: SeededPaper, outcomes: Sequence[Outcome]) -> list[tuple[str, tuple[Gain, ...]]]:
    decided = paper.decision
    if decided is None:
        return []
    found = []
    for recipe in dict.fromkeys(outcome.run.recipe_file.stem for outcome in outcomes):
        of_rows = _by_row(on(View(recipe, VALIDATION, persons=False), outcomes))
        if decided.full not in of_rows or decided.base not in of_rows:
            continue
        # Of other photos or ratings a difference would say nothing of the runs.
        if not of_rows[decided.full].same_photos(of_rows[decided.base], VALIDATION):
            continue
        full, base = (
            [_means(values, decided.metrics) for values in of_rows[row].by_seed(VALIDATION).values()]
            for row in (decided.full, decided.base)
        )
        found.append((recipe, gains(full, base, decided.metrics)))
    return found


def _difference_rows(paper: SeededPaper, outcomes: Sequence[Outcome], metrics: Mapping[str, str]) -> Rows:
    """Per photo the mean over seeds of one run less that of another, with the interval over photos."""
    rows: Rows = []
    for view in (each for each in views(outcomes) if each.metrics is metrics):
        of_rows = _by_row(on(view, outcomes))
        for first, second in paper.compared:
            if first not in of_rows or second not in of_rows:
                continue
            if not of_rows[first].same_photos(of_rows[second], view.test):
                continue
            one, other = (of_rows[row].mean(view.test, persons=view.persons) for row in (first, second))
            if one is None or other is None or not set(one.photos) & set(other.photos):
                continue
            less = minus(one, other)
            shown = (less.estimate(metric) for metric in metrics if metric != "best_iou")
            rows.append((f"{first} minus {second}", view.title, *map(_interval, shown)))
    return rows


def _seed_rows(outcomes: Sequence[Outcome], metrics: Mapping[str, str]) -> Rows:
    rows: Rows = []
    for view in (each for each in views(outcomes) if each.metrics is metrics):
        for outcome in on(view, outcomes):
            seeds = list(outcome.by_seed(view.test, persons=view.persons).values())
            if seeds:
                shown = (_each(seeds, metric) for metric in metrics if metric != "best_iou")
                rows.append((outcome.run.letter, view.title, *shown))
    return rows


def _interval(found: Estimate | None) -> str:
    return NONE if found is None else f"{found.mean:+.4f} [{found.low:+.4f}, {found.high:+.4f}]"


def _each(seeds: Sequence[PhotoValues], metric: str) -> str:
    means = [found.mean for each in seeds if (found := each.estimate(metric)) is not None]
    return f"{np.mean(means):.4f} ({', '.join(f'{mean:.4f}' for mean in means)})" if means else NONE


def _means(values: PhotoValues, metrics: Sequence[str]) -> dict[str, float]:
    return {name: float(np.mean(values.metrics[name])) for name in metrics}


def _by_row(outcomes: Sequence[Outcome]) -> dict[str, Outcome]:
    return {outcome.run.row: outcome for outcome in outcomes}


def apart_notes(outcomes: Sequence[Outcome]) -> list[str]:
    """Which numbers must not be mixed, as photos or ratings have changed between the calls that measured them.

    One sentence for each training that counts for nothing, and for each list of photos that runs do not share.
    """
    notes = []
    for outcome in outcomes:
        for test in outcome.run.tests:
            notes += [
                f"{outcome.run.training(seed)}, {test}: measured by an earlier call on other photos or ratings "
                "than the other seeds; it counts for nothing until it is asked for again."
                for seed in outcome.left_out(test)
            ]
    # What is measured on those with a person is a part of this.
    for view in dict.fromkeys(View(each.recipe, each.test, persons=False) for each in views(outcomes)):
        groups = _groups([each for each in on(view, outcomes) if each.measured(view.test)], view.test)
        if len(groups) > 1:
            runs = "; ".join(", ".join(each.run.letter for each in group) for group in groups)
            notes.append(
                f"{view.title}: photos or ratings have changed between the measurements of these runs: {runs}. Nothing "
                "is compared or decided between them until all are asked for again."
            )
    return notes


def _groups(outcomes: Sequence[Outcome], test: str) -> list[list[Outcome]]:
    groups: list[list[Outcome]] = []
    for outcome in outcomes:
        alike = next((group for group in groups if group[0].same_photos(outcome, test)), None)
        if alike is None:
            groups.append([outcome])
        else:
            alike.append(outcome)
    return groups
