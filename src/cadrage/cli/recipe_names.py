"""Recipes and card notes that come along, found by name: those of ``papers/recipes`` and of the training room."""

from collections import Counter
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path

import cadrage.training
from cadrage.errors import UsageError
from cadrage.papers.names import PAPERS, PLANS, RECIPES
from cadrage.training.engine.recipes import kind_of, read_values

RECIPE, CARD = ".toml", ".card.json"
_OWN = Path(cadrage.training.__file__).with_name("recipes")


def find(text: str, suffix: str = RECIPE) -> Path:
    """The file that a path, a NAME or PAPER/NAME stands for.

    Raises:
        UsageError: there is no such file and no such name, or a bare name is that of several.
    """
    file = Path(text)
    if file.is_file():
        return file
    along = _along(suffix)
    found = [name for name in along if text in (name, name.rpartition("/")[2])]
    if len(found) == 1:
        return along[found[0]]
    if found:
        raise UsageError(f"{text}: {len(found)} recipes have this name; say {' or '.join(found)}")
    what = "recipe" if suffix == RECIPE else "card notes"
    meant = _meant(file, suffix, along)
    hint = f"did you mean {' or '.join(meant)}? " if meant else ""
    way_out = "'cadrage train --list' shows all" if suffix == RECIPE else f"there are {', '.join(along)}"
    raise UsageError(f"{text}: no such file and no {what} of that name; {hint}{way_out}")


def listed() -> list[tuple[str, str, str]]:
    """Of every recipe that comes along its shortest name, the system that it trains, and on which photos."""
    along = _along(RECIPE)
    bare = Counter(name.rpartition("/")[2] for name in along)
    return [
        (short if bare[short := name.rpartition("/")[2]] == 1 else name, kind_of(file), _trains_on(file))
        for name, file in along.items()
    ]


def _along(suffix: str) -> dict[str, Path]:
    """The files that come along by NAME, those in a folder of ``papers/recipes`` by FOLDER/NAME."""
    # A folder needs no paper; those of papers come first, in the order of the papers.
    names = dict.fromkeys([*PAPERS, *sorted(folder.name for folder in RECIPES.iterdir() if folder.is_dir())])
    folders = {"": _OWN} | {f"{name}/": RECIPES / name for name in names}
    return {
        prefix + file.name.removesuffix(suffix): file
        for prefix, folder in folders.items()
        for file in sorted(folder.glob(f"*{suffix}"))
        if file.name not in PLANS
    }


def _meant(file: Path, suffix: str, along: Mapping[str, Path]) -> list[str]:
    """The full names that a mistyped name, or a path of another place, is near to."""
    bare = file.name.removesuffix(suffix)
    full_names: dict[str, list[str]] = {name: [name] for name in along}
    for name in along:
        full_names.setdefault(name.rpartition("/")[2], []).append(name)
    for exact in (f"{file.parent.name}/{bare}", bare):
        if exact in full_names:
            return full_names[exact]
    near = get_close_matches(bare, full_names, n=2)
    return list(dict.fromkeys(name for each in near for name in full_names[each]))


def _trains_on(file: Path) -> str:
    values = read_values(file)
    # The default model and the subject head name their folders one by one.
    folders = [f"{values[name]}:{values['fit_on']}" for name in ("fcdb", "flms") if values.get(name)]
    return ", ".join(values.get("train", folders))
