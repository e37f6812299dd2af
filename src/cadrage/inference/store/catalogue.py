"""What models there are, and what their cards say."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from cadrage.errors import ModelError
from cadrage.inference.store import cache, packaged
from cadrage.inference.store.fetch import read_index, read_verified
from cadrage.inference.store.index import CARD_FILE, Index, IndexedModel, plain_line
from cadrage.inference.store.registry import unknown_name, usable_source

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


def list_models(*, offline: bool = False) -> list[ListedModel]:
    """The packaged model, then those of the index in its order, then pulled ones that the index does not list.

    Raises ModelError when the index cannot be read, UsageError for broken settings.
    """
    source = usable_source(offline=offline)
    return _all_models(read_index(source) if source else Index())


def info(name: str, *, offline: bool = False) -> tuple[ListedModel, dict[str, Any]]:
    """One model and its card; the card of a model not here yet is fetched and checked, its weights are not.

    Raises ModelError for an unknown name or an unreadable card, UsageError for broken settings.
    """
    names = packaged.names()
    if name in names:
        return _packaged(names), _read_card(packaged.folder())
    source = usable_source(offline=offline)
    index = read_index(source) if source else Index()
    models = _all_models(index)
    for model in models:
        if name not in (model.name, *model.aliases):
            continue
        if model.folder:
            return model, _read_card(model.folder)
        if source and (entry := index.find(model.name)):
            return model, _parse_card(read_verified(source, entry.card), entry.card.path)
    raise unknown_name(name, [model.name for model in models], offline=offline)


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
        content = path.read_bytes()
    except OSError as error:
        raise ModelError(f"model card {path} cannot be read: {error.strerror}; pull the model again") from error
    return _parse_card(content, str(path))


def _parse_card(content: bytes, where: str) -> dict[str, Any]:
    try:
        card = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ModelError(f"model card {where} is not valid JSON: {error}; pull the model again") from error
    if not isinstance(card, dict):
        raise ModelError(f"model card {where} is not an object; pull the model again")
    return card
