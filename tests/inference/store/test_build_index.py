"""What publishes the models of this repository, and what it published."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from cadrage.inference.store import build_index
from cadrage.inference.store.index import parse_index
from cadrage.inference.store.registry import resolve

WEIGHTS = Path(__file__).parents[3] / "weights"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "weights"
    root.mkdir()
    (root / "README.md").write_text("not a model")
    return root


def put(root: Path, name: str, tag: str, **card: object) -> Path:
    folder = root / f"{name}.{tag}"
    folder.mkdir()
    parts = {}
    for part in ("trunk", "proposer", "evaluator"):
        says = f"{part} of {tag}".encode()
        content = bytes([0x12, len(says)]) + says  # of the format of ONNX: who produced it
        (folder / f"{part}.onnx").write_bytes(content)
        parts[part] = {"file": f"{part}.onnx", "sha256": hashlib.sha256(content).hexdigest()}
    content = {"name": name, "tag": tag, "version": "1", "summary": "s", "input": {"side": 224}, "parts": parts}
    (folder / "card.json").write_text(json.dumps(content | card))
    return folder


def build(root: Path, *options: str) -> int:
    return build_index.main(["--root", str(root), *options])


def listed(root: Path) -> list[str]:
    return [model.full_name for model in parse_index((root / "index.json").read_bytes(), "here").models]


def test_the_published_index_is_up_to_date() -> None:
    assert build_index.main(["--root", str(WEIGHTS), "--check"]) == 0


def test_what_it_writes_can_be_pulled(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = put(root, "x", "y")
    assert build(root) == 0
    monkeypatch.setenv("CADRAGE_MODELS", str(root))
    pulled = resolve("x")
    assert {path.name: path.read_bytes() for path in pulled.iterdir()} == {
        path.name: path.read_bytes() for path in folder.iterdir()
    }


def test_empty_and_repeated(root: Path) -> None:
    assert build(root) == 0
    first = (root / "index.json").read_bytes()
    assert listed(root) == []
    assert build(root) == build(root, "--check") == 0
    assert (root / "index.json").read_bytes() == first


def test_listed_models_keep_their_place(root: Path) -> None:
    put(root, "b", "old")
    build(root)
    for name, tag in (("b", "new"), ("a", "x")):
        put(root, name, tag)
    assert build(root, "--check") == 1
    assert listed(root) == ["b.old"]
    assert build(root) == 0
    assert listed(root) == ["b.old", "a.x", "b.new"]


def misname(folder: Path) -> None:
    folder.rename(folder.with_name("z.y"))


def alter(folder: Path) -> None:
    (folder / "trunk.onnx").write_bytes(b"altered")


def link(folder: Path) -> None:
    (folder / "more.onnx").symlink_to(folder / "trunk.onnx")


def nest(folder: Path) -> None:
    (folder / "more").mkdir()


def swell(folder: Path) -> None:
    with (folder / "more.onnx").open("wb") as file:
        file.truncate(32_000_001)


def strip(folder: Path) -> None:
    (folder / "card.json").unlink()


def odd_file(folder: Path) -> None:
    (folder / "a b").write_bytes(b"")


@pytest.mark.parametrize("spoil", [misname, alter, link, nest, swell, strip, odd_file])
def test_unsound_models_are_not_published(
    spoil: Callable[[Path], None], root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spoil(put(root, "x", "y"))
    assert build(root) == 1
    assert not (root / "index.json").exists()
    assert len(capsys.readouterr().err.splitlines()) == 1
