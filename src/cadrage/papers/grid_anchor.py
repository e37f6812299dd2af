"""Grid anchors (Zeng, Li, Cao and Zhang, TPAMI 2020): Tables 2 to 6, and GAICD v1.

The runs stand in ``recipes/grid-anchor/tables.toml``: each is a recipe of that folder and what it changes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cadrage.papers.contents import Item
from cadrage.papers.grid_study import study
from cadrage.papers.laid_out import ReproductionReport
from cadrage.papers.measure import measure_ranking
from cadrage.papers.paper import Measurement, Paper, Places, Training
from cadrage.papers.plan import Plan, read_table
from cadrage.papers.published_photos import DATASETS, other_photos, published_n
from cadrage.papers.published_photos import NOTE as PHOTOS_NOTE
from cadrage.papers.report import photo_notes, run_rows, values_of
from cadrage.papers.results import TestResult
from cadrage.papers.tables import Cell, Row, Table, quoted
from cadrage.training.engine.evaluators.system import training_photos
from cadrage.training.engine.photos import rated_photos
from cadrage.training.systems.grid_anchor import GridRecipe

NAME = "grid-anchor"
TITLE = "Grid anchors, measured again"
ABOUT = (
    "Zeng, Li, Cao and Zhang: Grid Anchor based Image Cropping: A New Benchmark and An Efficient Model, TPAMI 2020. "
    "Published numbers in percent, ours below them, and the difference; in brackets 95 % intervals over photos, of one "
    "training."
)
NOTES = (
    "The authors' mirror leaves the corners of boxes in place, so that half of their training samples show no region "
    "at all; ours swaps them. The paper's numbers come from their code.",
    "Boxes are aligned without the extra cell and without the zeroed border of their code.",
    "Of the epochs the one with the best SRCC on validation photos is measured; test photos choose nothing.",
    PHOTOS_NOTE,
)

_GROUP = "ranking of annotated candidates"
# Columns of tables 3 and 6.
_SHORT = ("srcc", "pcc", "acc1_5", "acc4_5", "acc1_10", "acc4_10")
_LONG = ("srcc", "pcc", *(f"acc{k}_{n}" for n in (5, 10) for k in range(1, 5)))
_VALIDATION = f"On the validation photos of GAICD v2 ({published_n('gaicd-v2:val')} in the paper)."


@dataclass(frozen=True, slots=True)
class PaperTable:
    """A table of the paper.

    Attributes:
        number, title, about: of the table.
        entry: the photos, as FOLDER:SPLIT.
        columns: keys of the metrics.
        rows: published method and our run, either empty where there is none.
        names: what a method is called here, if otherwise.
    """

    number: str
    title: str
    about: str
    entry: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, str], ...]
    names: Mapping[str, str] = field(default_factory=dict)


_REGIONS = ("RoD alone", "RoI alone", "RoI and the whole map", "several scales")
TABLES = (
    PaperTable(
        "3",
        "backbones, scales and augmentation",
        _VALIDATION,
        "gaicd-v2:val",
        _SHORT,
        (
            *(
                (f"GAIC, {backbone}, {how}", f"{run}{suffix}")
                for backbone, run in (("VGG16", "V"), ("MobileNetV2", "M"), ("ShuffleNetV2", "S"))
                for how, suffix in (("one scale, no augmentation", "0"), ("one scale", "1"), ("several scales", ""))
            ),
            ("", "R"),
        ),
    ),
    PaperTable(
        "4",
        "what the head sees of a crop",
        _VALIDATION,
        "gaicd-v2:val",
        ("srcc",),
        (
            *zip((f"GAIC, MobileNetV2, {what}" for what in _REGIONS), ("MD", "MI", "MG", "M"), strict=True),
            *zip((f"GAIC, ShuffleNetV2, {what}" for what in _REGIONS), ("SD", "SI", "SG", "S"), strict=True),
        ),
        {f"GAIC, {net}, several scales": f"GAIC, {net}, RoI and RoD" for net in ("MobileNetV2", "ShuffleNetV2")},
    ),
    PaperTable(
        "5",
        "channels before alignment, and kernels of the head",
        f"{_VALIDATION} The paper counts the channels of both regions, twice as many. Of its heads of several small "
        "convolutions it does not give the channels; ours keep those of the regions until the last, which has 768.",
        "gaicd-v2:val",
        ("srcc",),
        (
            ("GAIC, ShuffleNetV2, 32 channels", "C32"),
            ("GAIC, ShuffleNetV2, 16 channels", "C16"),
            ("GAIC, ShuffleNetV2, several scales", "S"),
            ("GAIC, ShuffleNetV2, 4 channels", "C4"),
            ("GAIC, ShuffleNetV2, 2 channels", "C2"),
            ("GAIC, ShuffleNetV2, 1 channel", "C1"),
            ("GAIC, ShuffleNetV2, head of 3x3 convolutions", "K3"),
            ("GAIC, ShuffleNetV2, head of 5x5 convolutions", "K5"),
        ),
        {"GAIC, ShuffleNetV2, several scales": "GAIC, ShuffleNetV2, 8 channels"},
    ),
    PaperTable(
        "6",
        "test photos",
        f"On the test photos of GAICD v2 ({published_n('gaicd-v2:test')} in the paper).",
        "gaicd-v2:test",
        _LONG,
        (("GAIC, VGG16", "V"), ("GAIC, MobileNetV2", "M"), ("GAIC, ShuffleNetV2", "S"), ("", "R")),
    ),
    PaperTable(
        "v1",
        "test photos of the first version",
        f"On the test photos of GAICD v1 ({published_n('gaicd-v1:test')} published), lower throughout. Published rows "
        "chose on these photos, ours on others that were drawn from the training photos.",
        "gaicd-v1:test",
        _LONG,
        (
            ("GAIC, VGG16 (journal model)", "1V"),
            ("GAIC, MobileNetV2", "1M"),
            ("GAIC, ShuffleNetV2", "1S"),
            ("", "1R"),
        ),
    ),
)


CONTENTS = (
    Item("table-2", "grid sizes", (), "gaicd-v2 or gaicd-v1"),
    *(
        Item(f"table-{table.number}", table.title, tuple(run for _, run in table.rows if run), table.entry)
        for table in TABLES
    ),
)


def plan(recipes: Path) -> Plan:
    """The runs of ``tables.toml``; the report has a place for each, and ``--only`` leaves out what is not to be run."""
    return read_table(recipes, GridRecipe, [run for table in TABLES for _, run in table.rows if run])


def measure(asked: Measurement) -> dict[str, Any]:
    """SRCC, PCC and every accuracy of `GAICD_RANKING` on the rated crops, means over photos with 95 % intervals.

    ``others["undefined"]`` counts photos whose correlations are 0 by convention, as all scores are equal.
    """
    found = measure_ranking(asked.trained, asked.records, asked.entries)
    metrics = {name: found.estimate(name) for name in found.metrics if not name.startswith("cut")}
    estimates = {name: each for name, each in metrics.items() if each is not None}
    others = {"undefined": float(found.undefined)}
    return TestResult(asked.entries, len(found.photos), found.unreadable, estimates, others).to_dict()


def tables(trainings: Mapping[str, Training[TestResult]]) -> tuple[Table, ...]:
    """Every table with what the runs gave; trainings by letter."""
    return tuple(
        Table(
            table.number,
            table.title,
            table.about,
            tuple(map(_head, table.columns)),
            tuple(_row(table, method, run, trainings) for method, run in table.rows),
        )
        for table in TABLES
    )


def lay_out(trainings: Sequence[Training[TestResult]], places: Places) -> ReproductionReport:
    """The report on all runs."""
    return ReproductionReport(
        NAME,
        TITLE,
        ABOUT,
        {"Runs": run_rows(trainings)},
        (*study(places.data), *tables({each.run.letter: each for each in trainings})),
        [*NOTES, *photo_notes(trainings)],
        [values_of(each) for each in trainings],
        failed=any(each.failed for each in trainings),
    )


def _head(column: str) -> str:
    """SRCC of ``srcc``, Acc 1/5 of ``acc1_5``."""
    return column.replace("acc", "Acc ").replace("_", "/") if column.startswith("acc") else column.upper()


def _row(table: PaperTable, method: str, run: str, trainings: Mapping[str, Training[TestResult]]) -> Row:
    label = table.names.get(method, method) or trainings[run].run.title
    cells = tuple(_cell(table, method, trainings.get(run), key) for key in table.columns)
    return Row(label, cells, f"measured here, run {run}" if run else "")


def _cell(table: PaperTable, method: str, training: Training[TestResult] | None, key: str) -> Cell:
    published = _published(DATASETS[table.entry], method, key)
    if training is None:
        return Cell(published)
    result = training.tests.get(table.entry.partition(":")[2])
    if result is None:
        # The reason stands once, in the list of runs: in every cell it would drown the table.
        return Cell(published, missing="failed" if training.failed else "not run")
    return Cell(published, result.metrics[key], other_data=other_photos(result, table.entry))


def _published(dataset: str, method: str, key: str) -> float | None:
    if not method:
        return None
    try:
        return quoted(dataset, _GROUP, method, key)
    except LookupError:
        # Of some methods not every column was published.
        return None


PAPER = Paper(
    name=NAME,
    plan=plan,
    select=rated_photos,
    learned=training_photos,
    measure=measure,
    result=TestResult.from_dict,
    identity=lambda run, training: {"run": training},
    # Numbers of version 1 may be of a model that had seen the photos.
    version=2,
    lay_out=lay_out,
    contents=lambda _: CONTENTS,
)
