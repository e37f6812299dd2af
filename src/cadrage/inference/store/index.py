"""The list of further models, ``index.json``: read strictly, because it may come from a stranger's server.

    {"schema_version": 1,
     "models": [{"name": "x", "tag": "y", "summary": "...", "card": "x.y/card.json",
                 "files": [{"path": "x.y/card.json", "bytes": 812, "sha256": "..."}, ...]}]}

All files of a model lie directly in the folder ``name.tag/``. The first tag of a name is its default.
"""

import hashlib
import re
from collections import Counter
from dataclasses import dataclass
from typing import Any

from cadrage.errors import ModelError
from cadrage.inference.store.regular import LARGEST_FILE
from cadrage.inference.store.strict_json import parse_json, shown

INDEX_FILE = "index.json"
CARD_FILE = "card.json"
SCHEMA_VERSION = 1

# Lower case only, so that two models never meet in one folder of a case-insensitive file system.
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_TAG = re.compile(r"[a-z0-9]([a-z0-9._-]{0,62}[a-z0-9])?")
# An allow-list: no "..", "/", "\\", ":", "%", blanks or control characters can hide in it.
_FILE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}")
_MOST_MODELS = 2000
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class ModelFile:
    """One file of a model: its path below the index, exact size and checksum."""

    path: str
    bytes: int
    sha256: str

    @property
    def file_name(self) -> str:
        """Name of the file inside the model's folder."""
        return self.path.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class IndexedModel:
    """One model as the index lists it."""

    name: str
    tag: str
    files: tuple[ModelFile, ...]
    summary: str

    @property
    def full_name(self) -> str:
        """``name.tag``."""
        return f"{self.name}.{self.tag}"

    @property
    def card(self) -> ModelFile:
        """The file that describes the model."""
        return next(file for file in self.files if file.file_name == CARD_FILE)

    @property
    def total_bytes(self) -> int:
        """Size of all files together."""
        return sum(file.bytes for file in self.files)

    @property
    def digest(self) -> str:
        """16 hex digits that change whenever any file changes; names the folder of this very version."""
        lines = sorted(f"{file.sha256} {file.bytes} {file.path}\n" for file in self.files)
        return hashlib.sha256("".join(lines).encode()).hexdigest()[:16]

    def to_json(self) -> dict[str, Any]:
        """The entry as it stands in ``index.json``."""
        files = [{"path": file.path, "bytes": file.bytes, "sha256": file.sha256} for file in self.files]
        return {
            "name": self.name,
            "tag": self.tag,
            "summary": self.summary,
            "card": self.card.path,
            "files": files,
        }


@dataclass(frozen=True, slots=True)
class Index:
    """All models of one index, in its order."""

    models: tuple[IndexedModel, ...] = ()

    def find(self, name: str) -> IndexedModel | None:
        """The model called ``name.tag``, or the first tag of a bare name."""
        return next((model for model in self.models if name in (model.full_name, model.name)), None)

    def is_default_tag(self, model: IndexedModel) -> bool:
        """True when the bare name means this model."""
        return self.find(model.name) == model


def parse_index(content: bytes, where: str) -> Index:
    """Read an ``index.json``; ModelError naming `where` and the entry when anything in it is not as documented."""
    try:
        data = parse_json(content)
    except ValueError as error:
        raise ModelError(f"model index {where} is not valid JSON, damaged or cut short: {error}") from error
    has_models = isinstance(data, dict) and isinstance(data.get("models"), list)
    _require(has_models, where, "expected an object with a list 'models'")
    _require(len(data["models"]) <= _MOST_MODELS, where, f"it lists more than {_MOST_MODELS} models")
    version = data.get("schema_version")
    known = version == SCHEMA_VERSION
    _require(known, where, f"schema_version is {shown(version)}, this release reads {SCHEMA_VERSION}")
    models = tuple(parse_model(entry, f"{where}, models[{i}]") for i, entry in enumerate(data["models"]))
    names = [model.full_name for model in models]
    twice = sorted(name for name, count in Counter(names).items() if count > 1)
    _require(not twice, where, f"{', '.join(twice)} listed twice")
    return Index(models)


def parse_model(entry: Any, where: str) -> IndexedModel:
    """Read one entry of the index; ModelError naming `where` when it is not as documented."""
    _require(isinstance(entry, dict), where, "expected an object")
    name, tag = entry.get("name"), entry.get("tag")
    _require(_matches(_NAME, name), where, f"name {shown(name)} must be a lower-case word of a-z, 0-9, '-', '_'")
    _require(_matches(_TAG, tag), where, f"tag {shown(tag)} must be a lower-case word of a-z, 0-9, '-', '_', '.'")
    folder = f"{name}.{tag}"
    _require(isinstance(entry.get("files"), list), where, "expected a list 'files'")
    files = tuple(_parse_file(file, folder, f"{where}.files[{i}]") for i, file in enumerate(entry["files"]))
    _require(len({file.path.lower() for file in files}) == len(files), where, "a file is listed twice")
    card = f"{folder}/{CARD_FILE}"
    _require(entry.get("card") == card, where, f"card must be {card!r}")
    _require(any(file.path == card for file in files), where, f"files must list {card!r}")
    return IndexedModel(name, tag, files, plain_line(entry.get("summary", "")))


def plain_line(text: object) -> str:
    """Text of a stranger as one printable line: no line breaks, no terminal control sequences."""
    return " ".join("".join(char if char.isprintable() else " " for char in str(text)).split())


def _parse_file(entry: Any, folder: str, where: str) -> ModelFile:
    _require(isinstance(entry, dict), where, "expected an object")
    path, size, sha256 = entry.get("path"), entry.get("bytes"), entry.get("sha256")
    inside = isinstance(path, str) and path.startswith(f"{folder}/") and _matches(_FILE_NAME, path[len(folder) + 1 :])
    _require(inside, where, f"path {shown(path)} must be '{folder}/' and a plain file name")
    usable = type(size) is int and 0 <= size <= LARGEST_FILE
    _require(usable, where, f"bytes {shown(size)} must be a whole number from 0 to {LARGEST_FILE}")
    _require(_matches(_SHA256, sha256), where, f"sha256 {shown(sha256)} must be 64 lower-case hex digits")
    return ModelFile(path, size, sha256)


def _matches(pattern: re.Pattern[str], value: Any) -> bool:
    return isinstance(value, str) and pattern.fullmatch(value) is not None


def _require(condition: bool, where: str, problem: str) -> None:
    if not condition:
        raise ModelError(f"model index {where}: {plain_line(problem)[:300]}")
