"""Tables 1 to 5 of the paper: which published number stands where, and which run of ours beside it; and its claims."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from cadrage.papers.paper import Training
from cadrage.papers.plan import FLMS, TEST, VALIDATION
from cadrage.papers.published_photos import other_photos
from cadrage.papers.results import TestResult
from cadrage.papers.set_prediction.figure_data import LEAST_POINTS
from cadrage.papers.set_prediction.measure import DISTILLED
from cadrage.papers.tables import Cell, Row, Table, quoted

BY_MU = {0.0: "B", 0.1: "D", 0.3: "E", 0.5: "A", 0.7: "F", 0.9: "G"}
"""The run of each mu of figure 6; without guidance it is 0."""
_RANKING, _ANY_BOX, _FREE = "ranking of annotated candidates", "any box at epsilon", "free-form box"
_V1, _V2 = "GAICD v1 test (200)", "GAICD v2 test (500)"
_CPC = "CPC, 1,000 held-out photos"
_GUIDED, _DISTILLED, _HARD = (f"Jia et al., {how}" for how in ("quality guidance", "self-distillation", "hard labels"))
_US = "measured here"

Trainings = Mapping[str, Training[TestResult]]
"""What became of each run, by its letter."""


@dataclass(frozen=True, slots=True)
class Ours:
    """A metric of a run on one of its tests, and where its published counterpart stands, if there is one."""

    run: str
    metric: str
    test: str = TEST
    dataset: str = ""
    group: str = _ANY_BOX
    method: str = ""

    def cell(self, trainings: Trainings) -> Cell:
        """Both numbers, and why ours is missing if it is."""
        published = quoted(self.dataset, self.group, self.method, self.metric) if self.method else None
        training = trainings[self.run]
        if reason := training.why_missing(self.test):
            return Cell(published, missing="failed" if training.failed else f"not run: {reason}")
        ours = training.tests[self.test].metrics[self.metric]
        return Cell(published, ours, other_data=other_data(training, self.test))


def other_data(training: Training[TestResult], test: str) -> str:
    """The photos of a test if they are not those behind the published numbers, else an empty text."""
    return other_photos(training.tests[test], FLMS if test == FLMS else f"{training.run.data}:{test}")


def tables(trainings: Trainings) -> tuple[Table, ...]:
    """Every table of the paper with what the runs gave."""
    return _table_1(trainings), _table_2(trainings), _table_3(trainings), _table_4(trainings), _table_5(trainings)


def _table_1(trainings: Trainings) -> Table:
    """Table 1: ACC on GAICD."""
    others: dict[str, tuple[str, str]] = {
        "A2-RL": ("A2-RL", "A2-RL"),
        "VPN": ("VPN", "VPN"),
        "VFN": ("VFN", "VFN"),
        "VEN": ("VEN", "VEN"),
        "GAIC (CVPR 2019)": ("GAIC, VGG16", "GAIC, VGG16 (conference model)"),
        "GAIC (TPAMI 2020)": ("", "GAIC, best column of two backbones"),
        "ASM-Net": ("ASM-Net", ""),
        "CGS (Li et al.)": ("CGS", ""),
        "MFDM": ("MFDM", ""),
        "TransView": ("", "TransView"),
    }
    rows = [
        Row(
            name,
            tuple(
                Cell(quoted(dataset, _RANKING, method, key)) if method else Cell()
                for dataset, method in zip((_V1, _V2), methods, strict=True)
                for key in ("acc1_5", "acc1_10")
            ),
        )
        for name, methods in others.items()
    ]
    rows += [
        _ours(
            f"quality guidance, epsilon .{epsilon}",
            trainings,
            *(
                Ours(run, f"recall{n}_e{epsilon}", dataset=dataset, method=_GUIDED)
                for run, dataset in (("H", _V1), ("A", _V2))
                for n in (5, 10)
            ),
        )
        for epsilon in (85, 90)
    ]
    rows += [
        _ours(
            f"the same, epsilon .{epsilon}, any of tied best crops",
            trainings,
            *(Ours(run, f"recall{n}_e{epsilon}_any") for run in ("H", "A") for n in (5, 10)),
        )
        for epsilon in (85, 90)
    ]
    about = (
        "In percent. Of quality guidance: share of the photos where one of the first 5 or 10 predictions meets the "
        "best annotated crop, the first of the list where several share the highest score; the last rows let each of "
        "these count, which gives more and has no published counterpart. Of all others the paper quotes another "
        "measure of the same name: share of the photos where the first candidate is one of the 5 or 10 best annotated "
        "ones. The two cannot be compared."
    )
    columns = ("GAICD v1, 1/5", "GAICD v1, 1/10", "GAICD v2, 1/5", "GAICD v2, 1/10")
    return Table("1", "ACC on GAICD", about, columns, tuple(rows))


def _table_2(trainings: Trainings) -> Table:
    """Table 2: AP on GAICD v2."""
    rows = [
        Row(
            f"{name}, epsilon not stated",
            tuple(Cell(quoted(_V2, _ANY_BOX, name, f"ap_k{top_k}")) for top_k in (5, 10, 40)),
        )
        for name in ("VEN", "GAIC")
    ]
    rows += [
        _ours(
            f"quality guidance, epsilon .{epsilon}",
            trainings,
            *(Ours("A", f"ap{epsilon}_k{top_k}", dataset=_V2, method=_GUIDED) for top_k in (5, 10, 40)),
        )
        for epsilon in (85, 90)
    ]
    about = "In percent: average precision of the first K predictions against the good crops of a photo."
    return Table("2", "AP on GAICD v2", about, ("K = 5", "K = 10", "K = 40"), tuple(rows))


def _table_3(trainings: Trainings) -> Table:
    """Table 3: IoU on FLMS."""
    rows = [
        Row(name, (Cell(quoted("FLMS", _FREE, name, "iou")),))
        for name in ("Fang et al.", "ABP+AA", "VPN", "VEN", "GAIC")
    ]
    rows += [
        _ours(
            "trained on CPC, self distillation",
            trainings,
            Ours("J", "iou", FLMS, dataset="FLMS", group=_FREE, method="Jia et al."),
        ),
        _ours("trained on CPC, hard labels", trainings, Ours("I", "iou", FLMS)),
    ]
    about = "IoU of the first prediction with the best of a photo's crops. The epoch is chosen on photos of CPC."
    return Table("3", "IoU on FLMS", about, ("IoU",), tuple(rows), factor=1.0, decimals=3)


def _table_4(trainings: Trainings) -> Table:
    """Table 4: what self distillation adds."""
    none = "Jia et al., no self-distillation"
    rows = (
        _ours("without", trainings, *_ap85("B", TEST, _V2, _HARD), *_ap85("I", VALIDATION, _CPC, none)),
        _ours("without, GAICD v2 for 60 epochs", trainings, *_ap85("B60", TEST)),
        _ours(
            "self distillation",
            trainings,
            *_ap85("C", TEST, _V2, _DISTILLED),
            *_ap85("J", VALIDATION, _CPC, _DISTILLED),
        ),
    )
    about = (
        "AP in percent at epsilon .85. The paper does not say for how long it trained without; self distillation takes "
        "60 epochs, so that a row of 60 epochs of hard labels is added. On CPC, as in the paper, the same photos have "
        "chosen the epoch. The paper drew 1,000 photos of it and lists none, so that ours are others."
    )
    columns = ("GAICD v2, K = 10", "GAICD v2, K = 40", "CPC validation, K = 10", "CPC validation, K = 40")
    return Table("4", "What self distillation adds", about, columns, rows)


def _table_5(trainings: Trainings) -> Table:
    """Table 5: the two kinds of soft labels on GAICD v2."""
    rows = tuple(
        _ours(
            name,
            trainings,
            *(
                Ours(run, f"ap{epsilon}_k{top_k}", dataset=_V2, method=method)
                for epsilon in (85, 90)
                for top_k in (10, 40)
            ),
        )
        for name, run, method in (("quality guidance", "A", _GUIDED), ("self distillation", "C", _DISTILLED))
    )
    columns = tuple(f"epsilon .{epsilon}, K = {top_k}" for epsilon in (85, 90) for top_k in (10, 40))
    return Table("5", "The two kinds of soft labels on GAICD v2", "AP in percent.", columns, rows)


def _ap85(run: str, test: str, dataset: str = "", method: str = "") -> tuple[Ours, ...]:
    return tuple(Ours(run, f"ap85_k{top_k}", test, dataset=dataset, method=method) for top_k in (10, 40))


def _ours(name: str, trainings: Trainings, *specified: Ours) -> Row:
    cells = tuple(each.cell(trainings) for each in specified)
    return Row(name, cells, measured=_US)


@dataclass(frozen=True, slots=True)
class Claim:
    """A statement of the paper; ``holds`` is None where it could not be looked at, and ``found`` says what was seen."""

    text: str
    holds: bool | None
    found: str


def claims(trainings: Trainings) -> tuple[Claim, ...]:
    """The orderings on which the paper rests; one seed decides nothing where the intervals overlap."""
    key = "ap90_k40"
    return (
        _above("Quality guidance beats self distillation on GAICD v2 (Table 5).", trainings, "A", "C", key),
        _above("Self distillation beats hard labels on GAICD v2 (Table 4).", trainings, "C", "B", "ap85_k40"),
        _above("Self distillation beats hard labels on CPC (Table 4).", trainings, "J", "I", "ap85_k40", VALIDATION),
        _above("Quality guidance beats hard labels on GAICD v2 (Figure 6b).", trainings, "A", "B", key),
        _best_mu(trainings),
        _above("Labels as high as mu = .9 do harm (Figure 6b): hard labels are better.", trainings, "B", "G", key),
        *_correlated(trainings),
    )


def _above(text: str, trainings: Trainings, better: str, worse: str, metric: str, test: str = TEST) -> Claim:
    if reason := _why_unknown(trainings[better], test) or _why_unknown(trainings[worse], test):
        return Claim(text, None, reason)
    photos = [trainings[run].tests[test].entries for run in (better, worse)]
    if photos[0] != photos[1]:
        return Claim(text, None, "the two were measured on different photos")
    high, low = (trainings[run].tests[test].metrics[metric] for run in (better, worse))
    overlap = "" if high.low > low.high or low.low > high.high else "; their 95 % intervals overlap"
    return Claim(text, high.mean > low.mean, f"{metric}: {100 * high.mean:.1f} against {100 * low.mean:.1f}{overlap}")


def _why_unknown(training: Training[TestResult], test: str) -> str:
    """Why there is nothing to compare on a test; empty if there is."""
    return training.why_missing(test) or ("" if training.tests[test].n else "no photo was measured")


def _best_mu(trainings: Trainings) -> Claim:
    text = "mu = .5 is the best of 0, .1, .3, .5, .7 and .9 (Figure 6b)."
    found = {
        mu: trainings[run].tests[TEST].metrics for mu, run in BY_MU.items() if not _why_unknown(trainings[run], TEST)
    }
    if len(found) < len(BY_MU):
        absent = ", ".join(f"{mu:g}" for mu in BY_MU if mu not in found)
        return Claim(text, None, f"not measured for mu = {absent}")
    best = max(found, key=lambda mu: found[mu]["ap90_k40"].mean)
    return Claim(text, best == 0.5, f"ap90_k40 is highest for mu = {best:g}")


def _correlated(trainings: Trainings) -> Iterator[Claim]:
    training = trainings[DISTILLED]
    known = training.beside.get("correlations") or {}
    for panel, whose in (("a", "all predictions on test photos"), ("b", "unmatched predictions on training photos")):
        text = f"Validity rises with quality: {whose} (Figure 7{panel})."
        found = known.get(panel)
        if not found:
            yield Claim(text, None, training.why_missing(TEST) or "not measured")
        elif found["n"] < LEAST_POINTS:
            yield Claim(text, None, f"n {found['n']}: too few predictions are near an annotated crop")
        else:
            said = f"Spearman {found['spearman']:.3f}, Pearson {found['pearson']:.3f}, n {found['n']}"
            yield Claim(text, found["spearman"] > 0, said)
