"""Figures 3 to 7 of the paper from the numbers of our runs."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from cadrage.papers.laid_out import Figure
from cadrage.papers.paper import FAILURES, Places, one_line
from cadrage.papers.plan import FLMS, TEST
from cadrage.papers.set_prediction import figure_anchors, figure_compositions, figure_mu, figure_quality
from cadrage.papers.set_prediction.compositions import APART, FIRST, Compositions
from cadrage.papers.set_prediction.figure_data import AnchorBoxes, load_points
from cadrage.papers.set_prediction.measure import DISTILLED, points_file
from cadrage.papers.set_prediction.tables import BY_MU, Trainings, other_data
from cadrage.training.systems.set_prediction.soft_labels import QualityGuidance

if TYPE_CHECKING:
    from cadrage.evaluation.result import Estimate


# Figure 3 shows the first of these that has been trained.
ANCHORS_OF = ("A", "C", "B", "B60", "D", "E", "F", "G", "H", "I", "J")

# Figures 4 and 5 show the run of the paper, or the first of these.
COMPOSITIONS_OF = ("J", "C", "I", "A", "B", "B60", "D", "E", "F", "G", "H")
_COMPOSED = {
    "4": (
        "outside",
        "Crops outside the regions of grid anchors",
        f"The two most valid such crops among the first {FIRST}; pale: where corners of grid anchors lie.",
    ),
    "5": (
        "two",
        "Two compositions of one photo",
        f"The most valid crop and the next one with an IoU below {APART:g} with it, among the first {FIRST}.",
    ),
}


def figures(trainings: Trainings, places: Places) -> tuple[Figure, ...]:
    """Every figure that the measured runs allow; of the others, why they are missing."""
    return (
        _anchors(trainings, places.data),
        *_compositions(trainings, places.data),
        _soft_labels(),
        _by_mu(trainings, places),
        *_quality(trainings, places),
    )


def _drawn(figure: Figure, paint: Callable[[], bytes]) -> Figure:
    """A figure with its drawing, or with the reason why that failed: the rest of the report does not need it."""
    try:
        return replace(figure, png=paint())
    except FAILURES as error:
        return replace(figure, missing=one_line(error))


def _anchors(trainings: Trainings, data: Path) -> Figure:
    title = "Anchors that describe no good crop, before and after training"
    caption = "Seven random anchors that no good crop of this photo was assigned to, {}; each keeps its colour."
    shown = next((trainings[run] for run in ANCHORS_OF if trainings[run].beside.get("anchors")), None)
    if shown is None:
        reasons = (trainings[run].beside.get("anchors_missing") for run in ANCHORS_OF)
        missing = next(filter(None, reasons), "no run has been measured")
        return Figure("3", title, caption.format("by any run"), missing=missing)
    anchors = AnchorBoxes.from_dict(shown.beside["anchors"])
    file = data / anchors.file
    if not file.is_file():
        return Figure("3", title, caption.format("by any run"), missing=f"{data} no longer has {anchors.file}")
    figure = Figure("3", title, caption.format(f"by run {shown.run.letter} ({shown.run.title})"))
    return _drawn(figure, lambda: figure_anchors.draw_anchors(file, anchors))


def _compositions(trainings: Trainings, data: Path) -> tuple[Figure, ...]:
    """Figures 4 and 5 of the first of the runs that has been measured; the paper has run J and photos of AVA."""
    shown = next((trainings[run] for run in COMPOSITIONS_OF if trainings[run].beside.get("compositions")), None)
    made = []
    for number, (key, title, what) in _COMPOSED.items():
        if shown is None:
            made.append(Figure(number, title, what, missing=trainings[COMPOSITIONS_OF[0]].why_missing(FLMS)))
            continue
        found = Compositions.from_dict(shown.beside["compositions"][key])
        caption = (
            f"{what} The first {len(found.files)} of {found.found} photos with such crops, of {found.n} measured, by "
            f"run {shown.run.letter} ({shown.run.title}); the paper chose its photos from AVA."
        )
        gone = next((file for file in found.files if not (data / file).is_file()), "")
        if not found.files or gone:
            missing = f"{data} no longer has {gone}" if gone else f"none of {found.n} photos has such crops"
            made.append(Figure(number, title, caption, missing=missing))
            continue
        paint = partial(figure_compositions.draw_compositions, data, found, regions=key == "outside")
        made.append(_drawn(Figure(number, title, caption), paint))
    return tuple(made)


def _soft_labels() -> Figure:
    guidance = QualityGuidance()
    return Figure(
        "6a",
        "Label of an unmatched prediction by the score of the nearest annotated crop",
        f"M(s) of equation 4, from 0 at a score of {guidance.low:g} to mu at {guidance.high:g}.",
        figure_mu.draw_soft_labels(tuple(BY_MU)),
    )


def _by_mu(trainings: Trainings, places: Places) -> Figure:
    ours: dict[float, Estimate] = {
        mu: trainings[run].tests[TEST].metrics["ap90_k40"]
        for mu, run in BY_MU.items()
        if not trainings[run].why_missing(TEST)
    }
    title = "AP at epsilon .90, K = 40, on GAICD v2 test by mu"
    caption = "Bars are 95 % intervals of ours over photos."
    # A trial stands beside nobody's points.
    theirs = {} if places.changes else figure_mu.published_by_mu()
    caption += " The paper states three of its points in numbers." if theirs else ""
    if not ours:
        return Figure("6b", title, caption, missing=trainings[BY_MU[0.5]].why_missing(TEST))
    others = {other_data(trainings[BY_MU[mu]], TEST) for mu in ours} - {""}
    if others:
        caption += f" Ours are of other photos ({', '.join(sorted(others))}): compare the shape alone."
    absent = [f"{mu:g}" for mu in BY_MU if mu not in ours]
    if absent:
        caption += f" Not run: mu = {', '.join(absent)}."
    return _drawn(Figure("6b", title, caption), lambda: figure_mu.draw_by_mu(ours, theirs))


def _quality(trainings: Trainings, places: Places) -> tuple[Figure, ...]:
    made = []
    for panel, title, caption in (
        ("a", "Quality and validity, all predictions on test photos", "validity of the model"),
        (
            "b",
            "Quality and learned soft label, unmatched predictions on training photos",
            "validity, the label it taught",
        ),
    ):
        said = (
            "Quality of a prediction is the score of the annotated crop it overlaps most; predictions that overlap "
            f"none enough are left out, as in the paper. Vertical: {caption} (run {DISTILLED}, self distillation). "
            "The line is the mean validity."
        )
        training = trainings[DISTILLED]
        known, file = (training.beside.get("correlations") or {}).get(panel), points_file(places, training.name)
        if not known or not file.is_file():
            missing = training.why_missing(TEST) or training.beside.get("correlations_missing")
            made.append(Figure(f"7{panel}", title, said, missing=missing or f"{file} is gone"))
            continue
        paint = partial(_draw_quality, file, panel, known)
        made.append(_drawn(Figure(f"7{panel}", title, said), paint))
    return tuple(made)


def _draw_quality(file: Path, panel: str, known: Mapping[str, float]) -> bytes:
    return figure_quality.draw_quality(load_points(file)[panel], known["spearman"], known["pearson"])
