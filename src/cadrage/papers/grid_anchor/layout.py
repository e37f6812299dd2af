"""Tables 3 to 6 of the paper and GAICD v1: which published number stands where, and which run of ours beside it."""

from collections.abc import Mapping

from cadrage.papers.grid_anchor.chain import Outcome
from cadrage.papers.quoted import quoted
from cadrage.papers.tables import Cell, Row, Table

_GROUP = "ranking of annotated candidates"
VALIDATION, TEST, V1_TEST = "GAICD v2 validation (200)", "GAICD v2 test (500)", "GAICD v1 test (200)"
_MEANT = {VALIDATION: "gaicd-v2:val", TEST: "gaicd-v2:test", V1_TEST: "gaicd-v1:test"}
_US = "measured here"
# Columns of tables 3 and 6.
_SHORT = ("srcc", "pcc", "acc1_5", "acc4_5", "acc1_10", "acc4_10")
_LONG = ("srcc", "pcc", *(f"acc{k}_{n}" for n in (5, 10) for k in range(1, 5)))

# Published method (empty: none), our run (empty: none).
TABLE_3 = (
    *(
        (f"GAIC, {backbone}, {how}", f"{run}{suffix}")
        for backbone, run in (("VGG16", "V"), ("MobileNetV2", "M"), ("ShuffleNetV2", "S"))
        for how, suffix in (("one scale, no augmentation", "0"), ("one scale", "1"), ("several scales", ""))
    ),
    ("", "R"),
)
TABLE_4 = tuple(
    (f"GAIC, {backbone}, {what}", run)
    for backbone, runs in (("MobileNetV2", ("MD", "MI", "MG", "M")), ("ShuffleNetV2", ("SD", "SI", "SG", "S")))
    for what, run in zip(("RoD alone", "RoI alone", "RoI and the whole map", "several scales"), runs, strict=True)
)
TABLE_5 = (
    *(("GAIC, ShuffleNetV2, 32 channels", "C32"), ("GAIC, ShuffleNetV2, 16 channels", "C16")),
    ("GAIC, ShuffleNetV2, several scales", "S"),
    *((f"GAIC, ShuffleNetV2, {count}", run) for count, run in (("4 channels", "C4"), ("2 channels", "C2"))),
    ("GAIC, ShuffleNetV2, 1 channel", "C1"),
    *((f"GAIC, ShuffleNetV2, head of {size}x{size} convolutions", "") for size in (3, 5)),
)
TABLE_6 = (("GAIC, VGG16", "V"), ("GAIC, MobileNetV2", "M"), ("GAIC, ShuffleNetV2", "S"), ("", "R"))
V1 = (
    *(("GAIC, VGG16 (journal model)", "1V"), ("GAIC, MobileNetV2", "1M")),
    *(("GAIC, ShuffleNetV2", "1S"), ("", "1R")),
)


def tables(outcomes: Mapping[str, Outcome]) -> tuple[Table, ...]:
    """Every table with what the runs gave; outcomes by letter."""
    about = "On the 200 validation photos of GAICD v2."
    halved = (
        "The paper counts the channels of both regions, twice as many. Its heads of several small convolutions are "
        "quoted alone, as it does not give their channels."
    )
    older = (
        "On the 200 test photos of GAICD v1, lower throughout. Published rows chose on these photos, ours on 36 others."
    )
    of_both = {method: method.replace("several scales", "RoI and RoD") for method, _ in TABLE_4}
    eight = {"GAIC, ShuffleNetV2, several scales": "GAIC, ShuffleNetV2, 8 channels"}
    as_published: dict[str, str] = {}
    laid = (
        ("3", "backbones, scales and augmentation", about, _SHORT, TABLE_3, VALIDATION, as_published),
        ("4", "what the head sees of a crop", about, ("srcc",), TABLE_4, VALIDATION, of_both),
        ("5", "channels before alignment", f"{about} {halved}", ("srcc",), TABLE_5, VALIDATION, eight),
        ("6", "test photos", "On the 500 test photos of GAICD v2.", _LONG, TABLE_6, TEST, as_published),
        ("v1", "test photos of the first version", older, _LONG, V1, V1_TEST, as_published),
    )
    return tuple(
        Table(
            number,
            title,
            said,
            tuple(map(_head, columns)),
            tuple(_row(outcomes, place, dataset, columns, names) for place in places),
        )
        for number, title, said, columns, places, dataset, names in laid
    )


def _head(column: str) -> str:
    """SRCC of ``srcc``, Acc 1/5 of ``acc1_5``."""
    return column.replace("acc", "Acc ").replace("_", "/") if column.startswith("acc") else column.upper()


def _row(
    outcomes: Mapping[str, Outcome],
    place: tuple[str, str],
    dataset: str,
    columns: tuple[str, ...],
    names: Mapping[str, str],
) -> Row:
    method, run = place
    label = names.get(method, method) or outcomes[run].run.title
    cells = tuple(_cell(outcomes.get(run), dataset, method, key) for key in columns)
    return Row(label, cells, f"{_US}, run {run}" if run else "")


def _cell(outcome: Outcome | None, dataset: str, method: str, key: str) -> Cell:
    published = _published(dataset, method, key)
    if outcome is None:
        return Cell(published)
    meant = _MEANT[dataset]
    test = meant.partition(":")[2]
    if test not in outcome.tests:
        # The reason stands once, in the list of runs: in every cell it would drown the table.
        return Cell(published, missing="failed" if outcome.failed else "not run")
    result = outcome.tests[test]
    # Recipes of one's own may lead to other photos than the paper's.
    other = "" if result.entries == (meant,) else " and ".join(result.entries)
    return Cell(published, result.metrics[key], other_data=other)


def _published(dataset: str, method: str, key: str) -> float | None:
    if not method:
        return None
    try:
        return quoted(dataset, _GROUP, method, key)
    except LookupError:
        # Of some methods not every column was published.
        return None
