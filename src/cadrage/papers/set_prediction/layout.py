"""Tables 1 to 5 of the paper: which published number stands where, and which run of ours beside it."""

from collections.abc import Mapping
from dataclasses import dataclass

from cadrage.papers.plan import TEST, VALIDATION
from cadrage.papers.quoted import quoted
from cadrage.papers.set_prediction.chain import Outcome
from cadrage.papers.set_prediction.runs import FLMS
from cadrage.papers.tables import Cell, Row, Table

_RANKING, _ANY_BOX, _FREE = "ranking of annotated candidates", "any box at epsilon", "free-form box"
_V1, _V2 = "GAICD v1 test (200)", "GAICD v2 test (500)"
_CPC = "CPC, 1,000 held-out photos"
_GUIDED, _DISTILLED, _HARD = (f"Jia et al., {how}" for how in ("quality guidance", "self-distillation", "hard labels"))
_US = "measured here"

Outcomes = Mapping[str, Outcome]
"""The outcome of each run of the plan by its letter."""


@dataclass(frozen=True, slots=True)
class Ours:
    """A metric of a run on one of its tests, and where its published counterpart stands, if there is one."""

    run: str
    metric: str
    test: str = TEST
    dataset: str = ""
    group: str = _ANY_BOX
    method: str = ""

    def cell(self, outcomes: Outcomes) -> Cell:
        """Both numbers, and why ours is missing if it is."""
        published = quoted(self.dataset, self.group, self.method, self.metric) if self.method else None
        reason = why_missing(outcomes, self.run, self.test)
        if reason:
            return Cell(published, missing=f"not run: {reason}")
        ours = outcomes[self.run].tests[self.test].metrics[self.metric]
        return Cell(published, ours, other_data=other_data(outcomes[self.run], self.test))


def other_data(outcome: Outcome, test: str) -> str:
    """The photos of a test if recipes of one's own led to others than the paper's, else an empty text."""
    entries = outcome.tests[test].entries
    meant = (FLMS,) if test == FLMS else (f"{outcome.run.data}:{test}",)
    return "" if entries == meant else " and ".join(entries)


def why_missing(outcomes: Outcomes, run: str, test: str) -> str:
    """Why a run has no numbers on a test; empty if it has."""
    outcome = outcomes[run]
    if test in outcome.tests:
        return ""
    return outcome.missing.get(test) or outcome.reason or "it was not measured"


def tables(outcomes: Outcomes) -> tuple[Table, ...]:
    """Every table of the paper with what the runs gave."""
    return _table_1(outcomes), _table_2(outcomes), _table_3(outcomes), _table_4(outcomes), _table_5(outcomes)


def _table_1(outcomes: Outcomes) -> Table:
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
            outcomes,
            *(
                Ours(run, f"recall{n}_e{epsilon}", dataset=dataset, method=_GUIDED)
                for run, dataset in (("H", _V1), ("A", _V2))
                for n in (5, 10)
            ),
        )
        for epsilon in (85, 90)
    ]
    about = (
        "In percent. Of quality guidance: share of the photos where one of the first 5 or 10 predictions meets the "
        "best annotated crop. Of all others the paper quotes another measure of the same name: share of the photos "
        "where the first candidate is one of the 5 or 10 best annotated ones. The two cannot be compared."
    )
    columns = ("GAICD v1, 1/5", "GAICD v1, 1/10", "GAICD v2, 1/5", "GAICD v2, 1/10")
    return Table("1", "ACC on GAICD", about, columns, tuple(rows))


def _table_2(outcomes: Outcomes) -> Table:
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
            outcomes,
            *(Ours("A", f"ap{epsilon}_k{top_k}", dataset=_V2, method=_GUIDED) for top_k in (5, 10, 40)),
        )
        for epsilon in (85, 90)
    ]
    about = "In percent: average precision of the first K predictions against the good crops of a photo."
    return Table("2", "AP on GAICD v2", about, ("K = 5", "K = 10", "K = 40"), tuple(rows))


def _table_3(outcomes: Outcomes) -> Table:
    rows = [
        Row(name, (Cell(quoted("FLMS", _FREE, name, "iou")),))
        for name in ("Fang et al.", "ABP+AA", "VPN", "VEN", "GAIC")
    ]
    rows += [
        _ours(
            "trained on CPC, self distillation",
            outcomes,
            Ours("J", "iou", FLMS, dataset="FLMS", group=_FREE, method="Jia et al."),
        ),
        _ours("trained on CPC, hard labels", outcomes, Ours("I", "iou", FLMS)),
    ]
    about = "IoU of the first prediction with the best of a photo's crops. The epoch is chosen on photos of CPC."
    return Table("3", "IoU on FLMS", about, ("IoU",), tuple(rows), factor=1.0, decimals=3)


def _table_4(outcomes: Outcomes) -> Table:
    none = "Jia et al., no self-distillation"
    rows = (
        _ours("without", outcomes, *_ap85("B", TEST, _V2, _HARD), *_ap85("I", VALIDATION, _CPC, none)),
        _ours("without, GAICD v2 for 60 epochs", outcomes, *_ap85("B60", TEST)),
        _ours(
            "self distillation", outcomes, *_ap85("C", TEST, _V2, _DISTILLED), *_ap85("J", VALIDATION, _CPC, _DISTILLED)
        ),
    )
    about = (
        "AP in percent at epsilon .85. The paper does not say for how long it trained without; self distillation takes "
        "60 epochs, so that a row of 60 epochs of hard labels is added. On CPC, as in the paper, the same photos have "
        "chosen the epoch."
    )
    columns = ("GAICD v2, K = 10", "GAICD v2, K = 40", "CPC validation, K = 10", "CPC validation, K = 40")
    return Table("4", "What self distillation adds", about, columns, rows)


def _table_5(outcomes: Outcomes) -> Table:
    rows = tuple(
        _ours(
            name,
            outcomes,
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


def _ours(name: str, outcomes: Outcomes, *specified: Ours) -> Row:
    cells = tuple(each.cell(outcomes) for each in specified)
    return Row(name, cells, measured=_US)
