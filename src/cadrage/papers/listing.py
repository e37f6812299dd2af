"""What a paper has to show, which runs that takes, what of it is measured, and how long the rest would take."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from cadrage.errors import UsageError
from cadrage.papers.chain import remembered
from cadrage.papers.contents import Item
from cadrage.papers.costs import basis, cost_of
from cadrage.papers.paper import Paper, Places
from cadrage.papers.plan import Plan, Run
from cadrage.papers.ready import absent_folders
from cadrage.training.engine.photos import folders_of
from cadrage.training.engine.record import RECORD, WEIGHTS

_NOT_KNOWN = "not timed"


def listing(paper: Paper[Any], recipes: Path, data: Path | None, out: Path | None) -> dict[str, Any]:
    """Everything as plain values.

    Args:
        paper: which one.
        recipes: folder of its recipes.
        data: folder of the data sets, to see which are there; None if that is not asked.
        out: folder of a reproduction, to see what is measured; None if there is none.

    Raises:
        UsageError: the plan cannot be used.
    """
    plan = paper.plan(recipes)
    places = Places(data or Path(), recipes, out) if out is not None else None
    runs = [_run(paper, plan, run, data, places) for run in plan.runs]
    measured = {each["run"] for each in runs if each["state"].startswith("measured")}
    return {
        "paper": paper.name,
        "numbering": paper.numbering,
        "items": [_item(item, measured) for item in paper.contents(plan)],
        "runs": runs,
        "basis": basis(paper.name),
    }


def text(listed: dict[str, Any]) -> Iterator[str]:
    """The same as lines: tables and figures, runs, and what the times rest on."""
    of_items = ("show it with --only", "what", "runs", "photos", "measured")
    items = [
        (
            each["name"],
            each["title"],
            ", ".join(each["runs"]) or "none",
            each["data"],
            f"{len(each['measured'])} of {len(each['runs'])}" if each["runs"] else "without training",
        )
        for each in listed["items"]
    ]
    yield from _aligned([of_items, *items])
    if listed["numbering"]:
        yield listed["numbering"]
    yield ""
    of_runs = (
        "run",
        "name",
        "what",
        "trainings",
        "epochs",
        "steps",
        "one core",
        "one GPU, estimate",
        "memory",
        "state",
    )
    runs = [
        (
            each["run"],
            each["name"],
            each["title"],
            str(each["trainings"]),
            _count(each["epochs"]),
            _count(each["steps"]),
            _hours(each["core_hours"]),
            _range(each["gpu_hours"]),
            "" if each["memory_gb"] is None else f"{each['memory_gb']:.1f} GB",
            each["state"],
        )
        for each in listed["runs"]
    ]
    yield from _aligned([of_runs, *runs])
    yield ""
    said = listed["basis"]
    counted = sorted({f"{each['statistic']} of {each['n']}" for each in said["steps"]})
    yield (
        f"Steps, times and memory are of one training. One core: steps times the "
        f"{' or '.join(counted)} steps on {said['threads']} thread of an {said['processor']}, photos "
        f"{said['photos']}, loading included, {said['date']}."
    )
    yield from filter(None, (each.get("note", "") for each in said["steps"]))
    yield f"One GPU: {said['gpu']} Memory: peak of the process on that core."


def _item(item: Item, measured: set[str]) -> dict[str, Any]:
    return {
        "name": item.name,
        "title": item.title,
        "runs": list(item.runs),
        "data": item.data,
        "measured": [run for run in item.runs if run in measured],
    }


def _run(paper: Paper[Any], plan: Plan, run: Run, data: Path | None, places: Places | None) -> dict[str, Any]:
    known = {
        "run": run.letter,
        "name": run.name,
        "title": run.title,
        "tests": list(run.tests),
        "trainings": len(plan.seeds),
    }
    try:
        recipe = run.recipe(plan.seeds[0])
    except UsageError as error:
        nothing = dict.fromkeys(("epochs", "steps", "core_hours", "gpu_hours", "memory_gb"))
        return known | nothing | {"state": str(error)}
    cost = cost_of(paper.name, recipe, data)
    state = _state(paper, plan, run, places)
    if not state and data is not None and (absent := absent_folders(data, folders_of(recipe))):
        state = f"no {' and no '.join(absent)}"
    return known | {
        "epochs": cost.epochs,
        "steps": cost.steps,
        "core_hours": None if cost.core_hours is None else round(cost.core_hours, 2),
        "gpu_hours": None if cost.gpu_hours is None else [round(each, 2) for each in cost.gpu_hours],
        "memory_gb": cost.memory_gb,
        "state": state,
    }


def _state(paper: Paper[Any], plan: Plan, run: Run, places: Places | None) -> str:
    """What a folder of a reproduction has of a run; empty if nothing."""
    if places is None:
        return ""
    done = sum(bool(remembered(paper, run, seed, places).tests) for seed in plan.seeds)
    if done:
        return "measured" if done == len(plan.seeds) else f"measured with {done} of {len(plan.seeds)} seeds"
    folders = [places.run(run.training(seed)) for seed in plan.seeds]
    if any((folder / WEIGHTS).is_file() for folder in folders):
        return "trained"
    return "begun" if any((folder / RECORD).is_file() for folder in folders) else ""


def _aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _count(number: int | None) -> str:
    return "" if number is None else f"{number:,}"


def _hours(hours: float | None) -> str:
    return _NOT_KNOWN if hours is None else f"{hours:,.1f} h" if hours < 100 else f"{hours / 24:,.0f} days"


def _range(hours: Sequence[float] | None) -> str:
    if hours is None:
        return _NOT_KNOWN
    low, high = map(_hours, hours)
    return low if low == high else f"{low} to {high}"
