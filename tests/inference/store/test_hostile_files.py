"""Cards, indexes, settings and receipts that nobody honest wrote, and places where a file should be but is none."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cadrage.errors import CadrageError, ModelError, UsageError
from cadrage.inference.selection.task import SelectionSettings
from cadrage.inference.store import build_index, cache, config
from cadrage.inference.store.card import read_card
from cadrage.inference.store.index import parse_index
from cadrage.inference.store.registry import info, list_models, resolve
from cadrage.inference.store.strict_json import parse_json
from cadrage.inference.subjects.own import read_head

TEXTS = {
    "deep lists": b"[" * 100_000,
    "deep objects": b'{"a":' * 100_000,
    "deep but closed": b"[" * 400 + b"]" * 400,
    "huge integer": b"[" + b"9" * 5_000 + b"]",
    "integer beyond float": b'{"x": ' + b"9" * 400 + b"}",
    "float beyond float": b'{"x": 1e999}',
    "not a number": b'{"x": NaN}',
    "infinity": b'{"x": -Infinity}',
    "half a surrogate pair": b'{"x": "\\ud800"}',
    "half a surrogate pair as a key": b'{"\\udfff": 1}',
    "bad utf-8": b'{"x": "\xff\xfe"}',
    "nothing": b"",
    "zeros": bytes(40),
    "cut short": b'{"parts": {"trunk"',
}
VALUES = [None, True, 0, -1, 2**62, 1e308, "", "x" * 100_000, "a\nb", "\x1b[31m", [], [[]], {}, {"a": {}}, ["a"] * 9]


def in_one_line(error: CadrageError) -> bool:
    return len(str(error)) < 1000 and str(error).isprintable()


def expect_an_answer_or_one_line(read: Callable[[], object]) -> None:
    told = None
    try:
        read()
    except ModelError as error:
        told = error
    assert told is None or in_one_line(told)


def everything_of(folder: Path) -> None:
    card = read_card(folder)
    SelectionSettings.from_card(card.selection)
    for part in card.parts:
        card.read_part(part)


@pytest.mark.parametrize("name", TEXTS)
def test_no_text_gets_through(name: str) -> None:
    with pytest.raises(ValueError, match=r"^[^\n]+$"):
        parse_json(TEXTS[name])


def test_plain_texts_get_through() -> None:
    value = {"a": [1, -2.5, "é \U0001f600", None, True, {"b": [[[1]]]}]}
    assert parse_json(json.dumps(value).encode()) == value
    assert parse_json(json.dumps(value, ensure_ascii=False).encode()) == value


@pytest.mark.parametrize("name", TEXTS)
def test_whoever_reads_them_says_so_in_one_line(
    name: str, tmp_path: Path, packaged_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "hostile"
    folder.mkdir()
    (folder / "card.json").write_bytes(TEXTS[name])
    (folder / "index.json").write_bytes(TEXTS[name])
    monkeypatch.setenv(config.MODELS_VARIABLE, str(folder))
    readers: list[Callable[[], object]] = [
        lambda: read_card(folder),
        lambda: read_head(folder),
        lambda: parse_index(TEXTS[name], "here"),
        list_models,
    ]
    for read in readers:
        with pytest.raises(ModelError) as caught:
            read()
        assert in_one_line(caught.value)
    monkeypatch.delenv(config.MODELS_VARIABLE)
    (packaged_model / "card.json").write_bytes(TEXTS[name])
    with pytest.raises(ModelError) as caught:
        info("default")
    assert in_one_line(caught.value)


def test_damaged_receipts_count_as_none(tmp_path: Path) -> None:
    receipts = config.cache_folder() / "receipts"
    receipts.mkdir(parents=True)
    for number, text in enumerate(TEXTS.values()):
        (receipts / f"{number}.json").write_bytes(text)
    for number, value in enumerate(VALUES):
        (receipts / f"v{number}.json").write_text(json.dumps({"model": value, "source": value}))
    assert cache.pulled() == []


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where something can be put instead, from the whole down to each leaf."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(deeper for key, each in inner for deeper in places(each, (*path, key)))]


def put(value: Any, path: tuple[Any, ...], other: Any) -> Any:
    if not path:
        return other
    copied = value.copy()
    copied[path[0]] = put(value[path[0]], path[1:], other)
    return copied


def test_a_card_with_anything_anywhere_is_read_or_refused_in_one_line(packaged_model: Path) -> None:
    path = packaged_model / "card.json"
    card = json.loads(path.read_text())
    card |= {
        "selection": {"ratio_temperature": 0.3, "small_area": 0.5},
        "score_scale": {"mean": 1, "deviation": 2},
        "persons": False,
        "chunk": 9,
        "proposals": "validity",
        "candidates": "grid",
    }
    for place in places(card):
        for other in VALUES:
            path.write_text(json.dumps(put(card, place, other)))
            expect_an_answer_or_one_line(lambda: everything_of(packaged_model))
            for model in list_models():
                assert model.summary.isprintable()


def test_an_index_with_anything_anywhere_is_read_or_refused_in_one_line(shelf: Any) -> None:
    index = json.loads((shelf.root / "index.json").read_text())
    for place in places(index):
        for other in VALUES:
            content = json.dumps(put(index, place, other)).encode()
            expect_an_answer_or_one_line(lambda: parse_index(content, "here"))  # noqa: B023


def test_an_index_of_very_many_models_is_refused(shelf: Any) -> None:
    index = json.loads((shelf.root / "index.json").read_text())
    index["models"] *= 3000
    with pytest.raises(ModelError, match="it lists more than 2000 models"):
        parse_index(json.dumps(index).encode(), "here")


@pytest.mark.parametrize("text", [b"a = " + b"[" * 50_000, b"models = 3", b"models = '\xff'", b"= =", b"a = 1\x00"])
def test_settings_are_refused_in_one_line(text: bytes) -> None:
    file = config.config_file()
    file.parent.mkdir(parents=True)
    file.write_bytes(text)
    with pytest.raises(UsageError) as caught:
        config.index_source()
    assert in_one_line(caught.value)


def a_pipe(path: Path) -> None:
    os.mkfifo(path)


def a_device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def a_folder(path: Path) -> None:
    path.mkdir()


THINGS = [a_folder, *([a_pipe, a_device] if hasattr(os, "mkfifo") else [])]


@pytest.mark.parametrize("thing", THINGS)
def test_only_regular_files_are_read(
    thing: Callable[[Path], None], tmp_path: Path, packaged_model: Path, shelf: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelves, folder = tmp_path / "other", tmp_path / "model"
    shelves.mkdir()
    thing(shelves / "index.json")
    shutil.copytree(packaged_model, folder)
    (folder / "trunk.onnx").unlink()
    thing(folder / "trunk.onnx")
    with pytest.raises(ModelError, match=r"trunk\.onnx: cannot read the model's trunk"):
        read_card(folder).read_part("trunk")
    (folder / "card.json").unlink()
    thing(folder / "card.json")
    with pytest.raises(ModelError, match="card"):
        read_card(folder)
    with pytest.raises(ModelError, match="card"):
        read_head(folder)
    with pytest.raises(ModelError, match="no model at"):
        resolve(folder)
    monkeypatch.setenv(config.MODELS_VARIABLE, str(shelves))
    with pytest.raises(ModelError, match=r"index\.json"):
        list_models()
    assert build_index.main(["--root", str(tmp_path)]) == 1
    monkeypatch.delenv(config.MODELS_VARIABLE)
    file = config.config_file()
    file.parent.mkdir(parents=True)
    thing(file)
    with pytest.raises(UsageError, match=r"config\.toml cannot be read"):
        list_models()


@pytest.mark.parametrize("thing", THINGS)
def test_receipts_are_read_from_regular_files_only(thing: Callable[[Path], None]) -> None:
    receipts = config.cache_folder() / "receipts"
    receipts.mkdir(parents=True)
    thing(receipts / "oak.json")
    assert cache.pulled() == []
    assert cache.read_receipt("oak") is None
