"""Models by name: ``name.tag``, or a bare name for its default tag; ``default`` is the one inside the package.

A name is looked up in the package, then among the pulled models, then in the index. The package always wins, so no
index can replace the default. A model pulled over the network is used as it is until `pull` is called again: the
same name gives the same crops, with or without a connection. An index in a local folder is read every time.
"""

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from cadrage.errors import ModelError
from cadrage.inference.store import cache, config, packaged
from cadrage.inference.store.cache import Progress, download
from cadrage.inference.store.config import IndexSource
from cadrage.inference.store.fetch import read_index, read_verified
from cadrage.inference.store.index import CARD_FILE, Index, IndexedModel, plain_line
from cadrage.inference.store.regular import LARGEST_TEXT, read_regular
from cadrage.inference.store.strict_json import parse_json

# outdated: pulled, but the index lists other files by now; available: in the index only
State = Literal["packaged", "pulled", "damaged", "outdated", "available"]


@dataclass(frozen=True, slots=True)
class ListedModel:
    """One model, wherever it is."""

    name: str  # name.tag
    aliases: tuple[str, ...]  # other names that mean it
    state: State
    bytes: int
    summary: str
    folder: Path | None  # None while only available


def resolve(name: str | os.PathLike[str], *, offline: bool = False) -> Path:
    """Folder of a verified model, by name or by the path of a folder holding a ``card.json``; pulled if need be.

    Pulled files are checked against the index entry they came with, damaged ones are fetched again. The packaged model
    and folders given by path are not checked here: loading a model compares its parts with its card. With `offline`,
    or CADRAGE_OFFLINE=1, the network is never used. Raises ModelError when there is no such model or it cannot be had,
    UsageError for broken settings.
    """
    if isinstance(name, os.PathLike) or is_path(name):
        return _folder_at(name)
    # "default" is recognised first, so that it needs no look into the card.
    if name == packaged.DEFAULT or name in packaged.names():
        return packaged.folder()
    receipt = _intact_receipt(name)
    source = _usable_source(offline=offline)
    if receipt and (source is None or (source.is_remote and receipt.source == source.location)):
        return receipt.folder
    index = read_index(source) if source else Index()
    if receipt and not index.find(name):
        return receipt.folder  # pulled earlier, from another index
    return _pull(name, source, index, None, offline=offline)


def pull(name: str, *, offline: bool = False, progress: Progress | None = None) -> Path:
    """Fetch a model, or the version the index lists now, into the cache; the folder it is in.

    Verified files already there are kept, damaged ones replaced. `progress` is called with the bytes done and in all.
    Raises like `resolve`.
    """
    if name in packaged.names():
        return packaged.folder()
    source = _usable_source(offline=offline)
    receipt = _intact_receipt(name)
    if source is None and receipt:
        return receipt.folder
    return _pull(name, source, read_index(source) if source else Index(), progress, offline=offline)


def list_models(*, offline: bool = False) -> list[ListedModel]:
    """The packaged model, then those of the index in its order, then pulled ones that the index does not list.

    Raises ModelError when the index cannot be read, UsageError for broken settings.
    """
    source = _usable_source(offline=offline)
    return _all_models(read_index(source) if source else Index())


def info(name: str, *, offline: bool = False) -> tuple[ListedModel, dict[str, Any]]:
    """One model and its card; the card of a model not here yet is fetched and checked, its weights are not.

    Raises ModelError for an unknown name or an unreadable card, UsageError for broken settings.
    """
    names = packaged.names()
    if name in names:
        return _packaged(names), _read_card(packaged.folder())
    source = _usable_source(offline=offline)
    index = read_index(source) if source else Index()
    models = _all_models(index)
    for model in models:
        if name not in (model.name, *model.aliases):
            continue
        if model.folder:
            return model, _read_card(model.folder)
        if source and (entry := index.find(model.name)):
            return model, _parse_card(read_verified(source, entry.card), entry.card.path)
    raise _unknown_name(name, [model.name for model in models], offline=offline)


def _usable_source(*, offline: bool) -> IndexSource | None:
    """The index that may be read now; None when none is set or the network it needs is forbidden."""
    source = config.index_source()
    return None if source and source.is_remote and _forbidden_by(offline) else source


def _unknown_name(name: str, others: list[str], *, offline: bool) -> ModelError:
    """The error for a name that is none of `others`: what there is, what may have been meant, what to do."""
    from difflib import get_close_matches

    others = list(dict.fromkeys((packaged.DEFAULT, *others)))
    source = config.index_source()
    if source and source.is_remote and (forbidden := _forbidden_by(offline)):
        problem = f"model {plain_line(name)!r} is not on this machine, and {forbidden} forbids the network"
        way_out = "pull it once without that"
    else:
        problem = f"there is no model {plain_line(name)!r}"
        way_out = f"listed by {source.location}" if source else f"{config.MODELS_VARIABLE} can name an index of more"
    words = {*others, *(other.partition(".")[0] for other in others)}
    for meant in get_close_matches(name.lower(), sorted(words), n=1):
        problem += f" (did you mean {meant!r}?)"
    if name and Path(name, CARD_FILE).is_file():
        way_out += f"; the folder of that name is {os.curdir}{os.sep}{name}"
    return ModelError(f"{problem}; there are: {', '.join(others)}; {way_out}")


def _pull(name: str, source: IndexSource | None, index: Index, progress: Progress | None, *, offline: bool) -> Path:
    model = index.find(name)
    if source is None or model is None:
        known = [entry.full_name for entry in (*index.models, *(receipt.model for receipt in cache.pulled()))]
        raise _unknown_name(name, known, offline=offline)
    folder = download(source, model, progress)
    receipt = cache.Receipt(model, source.location)
    for known_as in (model.full_name, model.name) if index.is_default_tag(model) else (model.full_name,):
        if cache.read_receipt(known_as) != receipt:
            cache.write_receipt(known_as, receipt)
    return folder


def _forbidden_by(offline: bool) -> str:
    if offline:
        return "offline mode"
    return f"{config.OFFLINE_VARIABLE}=1" if config.offline_by_environment() else ""


def _intact_receipt(name: str) -> cache.Receipt | None:
    receipt = cache.read_receipt(name)
    return receipt if receipt and cache.is_intact(receipt.folder, receipt.model) else None


def is_path(name: str) -> bool:
    """Whether a text means a folder rather than a model's name."""
    return name.startswith((".", "~")) or any(separator in name for separator in {"/", os.sep})


def _folder_at(path: str | os.PathLike[str]) -> Path:
    folder = Path(path)
    with suppress(RuntimeError):  # "~nobody" has no home, and is no folder either
        folder = folder.expanduser()
    if not (folder / CARD_FILE).is_file():
        raise ModelError(f"no model at {plain_line(folder)}; give a folder holding a {CARD_FILE}, or a model's name")
    return folder


def _all_models(index: Index) -> list[ListedModel]:
    here = {receipt.model.full_name: receipt.model for receipt in cache.pulled()}
    only_here = [model for name, model in here.items() if not index.find(name)]
    taken = packaged.names()  # no index can replace the packaged model
    found = [_packaged(taken)]
    for model in [*index.models, *only_here]:
        if model.full_name not in taken:
            bare = (model.name,) if model.name not in taken and _is_default_tag(model, index) else ()
            found.append(_describe(model, bare, here.get(model.full_name)))
    return found


def _packaged(names: tuple[str, ...]) -> ListedModel:
    try:
        card = _read_card(packaged.folder())
    except ModelError:
        return ListedModel(names[0], names[1:], "damaged", 0, "", packaged.FOLDER)
    size = sum(file.stat().st_size for file in packaged.FOLDER.iterdir() if file.is_file())
    return ListedModel(names[0], names[1:], "packaged", size, plain_line(card.get("summary", "")), packaged.FOLDER)


def _describe(model: IndexedModel, aliases: tuple[str, ...], cached: IndexedModel | None) -> ListedModel:
    if cached is None:
        return ListedModel(model.full_name, aliases, "available", model.total_bytes, model.summary, None)
    folder = cache.model_folder(cached)
    state: State = "pulled" if cached.digest == model.digest else "outdated"
    if not cache.is_intact(folder, cached):
        state = "damaged"
    return ListedModel(model.full_name, aliases, state, model.total_bytes, model.summary, folder)


def _is_default_tag(model: IndexedModel, index: Index) -> bool:
    if index.find(model.name):
        return index.is_default_tag(model)
    receipt = cache.read_receipt(model.name)  # remembers what the bare name meant when it was pulled
    return receipt is not None and receipt.model.full_name == model.full_name


def _read_card(folder: Path) -> dict[str, Any]:
    path = folder / CARD_FILE
    try:
        content = read_regular(path, LARGEST_TEXT)
    except OSError as error:
        raise ModelError(f"model card {path} cannot be read: {error.strerror}; pull the model again") from error
    return _parse_card(content, str(path))


def _parse_card(content: bytes, where: str) -> dict[str, Any]:
    try:
        card = parse_json(content)
    except ValueError as error:
        raise ModelError(f"model card {where} is not valid JSON: {error}; pull the model again") from error
    if not isinstance(card, dict):
        raise ModelError(f"model card {where} is not an object; pull the model again")
    return card
