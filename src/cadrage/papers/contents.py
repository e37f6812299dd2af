"""The tables and figures of a paper by name, and which runs each of them needs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cadrage.errors import UsageError
from cadrage.papers.plan import Plan, Run, choose


@dataclass(frozen=True, slots=True)
class Item:
    """A table or figure.

    Attributes:
        name: as it is asked for, such as ``table-3``.
        title: what it shows.
        runs: letters of the runs it needs; empty if it takes no training.
        data: the photos it is about, as FOLDER:SPLIT or folders, in words.
    """

    name: str
    title: str
    runs: tuple[str, ...]
    data: str


Contents = Callable[[Plan], tuple[Item, ...]]


def choose_runs(contents: Sequence[Item], runs: Sequence[Run], only: Sequence[str]) -> tuple[Run, ...]:
    """The runs of the tables, figures and runs that ``only`` names, in the order of the plan; all if it is empty.

    Example:
        >>> choose_runs([Item("table-2", "grid sizes", (), "gaicd-v2")], [], ["Table 2"])
        ()

    Raises:
        UsageError: a name is neither of a table or figure nor of a run.
    """
    items = {item.name: item for item in contents}
    called = {name: name.casefold().replace(" ", "-") for name in only}
    letters = [letter for name in called.values() if name in items for letter in items[name].runs]
    others = [name for name, item in called.items() if item not in items]
    for name in others:
        if called[name].startswith(("table-", "figure-")):
            raise UsageError(f"no {name}; there are {', '.join(items)}; 'cadrage reproduce PAPER --list' says more")
    if only and not letters and not others:
        return ()
    return choose(runs, [*letters, *others])
