"""Recipes: everything that decides what a run does, in TOML files that may extend one another."""

import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import Field, asdict, fields, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any, ClassVar, Self, TypeVar, cast

from cadrage.errors import UsageError

KIND = "model"
"""The key that says which model a recipe trains."""
EXTENDS = "extends"

AnyRecipe = TypeVar("AnyRecipe")
Choices = Mapping[str, tuple[Any, ...]]
"""What a field may be, by its name."""
Range = tuple[str, Callable[[Any], bool], str]
"""Names of fields, a test of their values and its words. Comparisons are false for what is not a number."""


class Recipe:
    """What every recipe has; each kind of model has a frozen dataclass of these fields and its own.

    The comment of each field there gives its unit and meaning.
    """

    __slots__ = ()

    kind: ClassVar[str] = ""
    """What recipe files call the model."""
    choices: ClassVar[Choices] = {}
    ranges: ClassVar[tuple[Range, ...]] = ()
    weights: ClassVar[tuple[str, ...]] = ()
    """The fields that name weights to start from; the first one that does decides alone."""

    name: str
    tag: str
    seed: int
    epochs: int
    batch: int
    gradient_clip: float
    average_decay: float
    workers: int
    keep_best: str

    @property
    def precision(self) -> str:
        """How a GPU computes: "32", or "bf16" for all but what needs more; fields of some kinds of recipe."""
        return "32"

    @property
    def models(self) -> tuple[str, ...]:
        """The fields that name exported models which the run asks."""
        return ()

    def check(self, file: Path) -> None:
        """See that the values fit together; ``file`` is named in messages.

        Raises:
            UsageError: a value is unknown, out of its range or does not fit.
        """
        for name, known in self.choices.items():
            expect_choice(getattr(self, name), known, f"{file}: unknown {name}")
        for names, fits, words in self.ranges:
            for name in names.split():
                if not fits(value := getattr(self, name)):
                    raise UsageError(f"{file}: {name} must be {words}, got {value!r}")

    def to_dict(self) -> dict[str, Any]:
        """The recipe as plain values, as it is saved with a run."""
        return {KIND: self.kind, **asdict(cast(Any, self))}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """The recipe that `to_dict` wrote, also after JSON has made lists of its tuples."""
        plain: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in values.items() if key != KIND
        }
        return cls(**plain)

    @classmethod
    def defaults(cls) -> dict[str, Any]:
        """The value of every field that a file does not name, beside the kind of model."""
        return {KIND: "default"} | {field.name: field.default for field in fields(cast(Any, cls))}


R = TypeVar("R", bound=Recipe)


def expect_choice(value: Any, known: Iterable[Any], unknown: str) -> None:
    """Raise UsageError with the nearest known value if a value is none of them; ``unknown`` begins the message."""
    known = tuple(known)
    if value in known:
        return
    meant = get_close_matches(value, known, n=1) if isinstance(value, str) else []
    hint = f"did you mean {meant[0]!r}? " if meant else ""
    raise UsageError(f"{unknown} {value!r}; {hint}there are {', '.join(map(str, known))}")


def expect_splits(file: Path, entries: Iterable[str], example: str) -> None:
    """Raise UsageError if an entry is not FOLDER:SPLIT."""
    for entry in entries:
        if entry.count(":") != 1:
            raise UsageError(f"{file}: expected FOLDER:SPLIT such as {example}, got {entry!r}")


def read_values(file: Path) -> dict[str, Any]:
    """The values of a recipe file over those of the file it extends, whose path is relative to it.

    Raises:
        UsageError: a file is missing, not TOML, or extends itself.
    """
    return _read(file, ())


def kind_of(file: Path) -> str:
    """Which model a recipe trains: its key ``model``, by default ``"default"``.

    Raises:
        UsageError: as for `read_values`.
    """
    return str(read_values(file).get(KIND, "default"))


def make_recipe(kind: type[AnyRecipe], file: Path, overrides: Mapping[str, str] | None = None) -> AnyRecipe:
    """The recipe of a file as a frozen dataclass of simple fields, each with a default that shows its type.

    Args:
        kind: the dataclass; its fields are text, numbers, truth values or tuples of one of these.
        file: the TOML file.
        overrides: texts as typed on a command line, tuples separated by commas or written as in the file, such as
            ``[]``; they replace single fields.

    Raises:
        UsageError: as for `read_values`, or a field is unknown or of the wrong type.
    """
    values = read_values(file)
    values.pop(KIND, None)
    known = {field.name: field for field in fields(kind)}  # type: ignore[arg-type]
    for key, text in (overrides or {}).items():
        values[key] = _typed(known[key], text) if key in known else text
    return kind(**_fitting(file, known, values))


def with_overrides(recipe: AnyRecipe, file: Path, overrides: Mapping[str, str]) -> AnyRecipe:
    """A recipe with single fields replaced by texts as typed on a command line; ``file`` is named in messages.

    Raises:
        UsageError: a field is unknown or of the wrong type.
    """
    known = {field.name: field for field in fields(recipe)}  # type: ignore[arg-type]
    values = {key: _typed(known[key], text) if key in known else text for key, text in overrides.items()}
    changed: AnyRecipe = replace(cast(Any, recipe), **_fitting(file, known, values))
    return changed


def _fitting(file: Path, known: Mapping[str, "Field[Any]"], values: Mapping[str, Any]) -> dict[str, Any]:
    fitting = {}
    for key, value in values.items():
        if key not in known:
            meant = get_close_matches(key, known, n=1)
            hint = f"did you mean {meant[0]!r}?" if meant else f"known are {', '.join(sorted(known))}"
            raise UsageError(f"{file}: unknown field {key!r}; {hint}")
        fitting[key] = _checked(f"{file}: {key}", known[key].default, value)
    return fitting


def _read(file: Path, extended_by: tuple[Path, ...]) -> dict[str, Any]:
    if file.resolve() in extended_by:
        raise UsageError(f"{file}: extends itself; remove one of the {EXTENDS!r} lines")
    try:
        values = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UsageError(f"{file}: no such recipe; 'cadrage train --list' shows those that come along") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{file}: not a recipe ({error})") from error
    base = values.pop(EXTENDS, None)
    if base is None:
        return values
    return _read(file.parent / str(base), (*extended_by, file.resolve())) | values


def _typed(field: "Field[Any]", text: str) -> Any:
    default = field.default
    if isinstance(default, tuple):
        if text.startswith("["):
            return _listed(field.name, text)
        kind = type(default[0]) if default else str
        return tuple(_convert(field.name, part.strip(), kind) for part in text.split(",") if part.strip())
    return _convert(field.name, text, type(default))


def _listed(key: str, text: str) -> Any:
    """A list as recipe files have it, such as ``[40, 50]`` or ``[]``."""
    try:
        return tomllib.loads(f"list = {text}")["list"]
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{key}: expected a list such as [40, 50] or [], got {text!r}") from error


def _convert(key: str, text: str, kind: type) -> Any:
    if kind is bool:
        if text.lower() not in ("true", "false"):
            raise UsageError(f"{key}: expected true or false, got {text!r}")
        return text.lower() == "true"
    try:
        return kind(text)
    except ValueError as error:
        raise UsageError(f"{key}: expected {kind.__name__}, got {text!r}") from error


def _checked(where: str, default: Any, value: Any) -> Any:
    """The value as the type of the field's default; whole numbers are welcome where fractions are."""
    if isinstance(default, tuple):
        if not isinstance(value, list | tuple):
            raise UsageError(f"{where} must be a list, got {value!r}")
        example = default[0] if default else ""
        return tuple(_checked(where, example, item) for item in value)
    if type(default) is float and type(value) is int:
        return float(value)
    if type(value) is not type(default):
        raise UsageError(f"{where} must be {type(default).__name__}, got {value!r}")
    return value
