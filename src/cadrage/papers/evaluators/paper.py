"""What is particular to a paper on evaluators; the chain and the report are the same for all."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Decision:
    """Parts earn their cost if row ``full`` beats row ``base`` in every metric by more than seeds differ."""

    full: str
    base: str
    metrics: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Paper:
    """A paper as a reproduction tells of it.

    Attributes:
        name: of the command and of the folder of recipes.
        title, about: of the report.
        unpublished: stands in tables that have no number of the paper's own model.
        notes: how to read the numbers.
        compared: pairs of rows of the plan that are held against each other photo by photo.
        decision: made on validation photos, None where there is nothing to decide.
        upper_bound: the row that sees what people said, and is no result; empty if there is none.
    """

    name: str
    title: str
    about: str
    unpublished: str
    notes: tuple[str, ...]
    compared: tuple[tuple[str, str], ...]
    decision: Decision | None = None
    upper_bound: str = ""


HOW_MEASURED = (
    "Every number is the mean over all seeds; brackets are 95 % intervals over photos, and how far seeds are apart "
    "stands below the tables. The epoch of each training is chosen on validation photos; test photos are seen once."
)
