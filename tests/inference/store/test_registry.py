import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from cadrage.errors import ModelError, UsageError
from cadrage.inference.store import cache as cache_module
from cadrage.inference.store.config import cache_folder, config_file
from cadrage.inference.store.registry import pull, resolve

OAK = ["oak.v1/card.json", "oak.v1/proposer.onnx", "oak.v1/trunk.onnx"]


def test_packaged_model_answers_to_its_names(packaged_model: Path, online: Any) -> None:
    for name in ("default", "house", "house.small"):
        assert resolve(name) == resolve(name, offline=True) == pull(name) == packaged_model
    assert not online.requests


def test_no_index_can_replace_the_packaged_model(shelf: Any, online: Any, packaged_model: Path) -> None:
    for full_name in ("default.evil", "house.small", "house.evil"):
        shelf.add(full_name)
    assert resolve("default") == resolve("house") == resolve("house.small") == packaged_model
    assert resolve("default.evil") != packaged_model  # asked for in full, it is just another model


def test_missing_package_does_not_take_other_models_away(packaged_model: Path, online: Any) -> None:
    (packaged_model / "card.json").unlink()
    with pytest.raises(ModelError, match="packaged model is missing"):
        resolve("default")
    assert resolve("oak").is_dir()


def test_folders_are_taken_by_path(packaged_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert resolve(packaged_model) == resolve(str(packaged_model)) == packaged_model
    monkeypatch.chdir(packaged_model.parent)
    assert resolve("./default") == Path("default")
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "mine").symlink_to(packaged_model)
    assert resolve("~/mine") == tmp_path / "home" / "mine"
    for missing in ("./nowhere", tmp_path, "~nobody-of-that-name/x", "a/b\x00\nc"):
        with pytest.raises(ModelError, match="no model at"):
            resolve(missing)


def test_folder_of_the_same_name_does_not_shadow(tmp_path: Path, packaged_model: Path) -> None:
    for name in ("default", "birch"):
        Path(name).mkdir()
        Path(name, "card.json").write_text("{}")
    assert resolve("default") == packaged_model
    with pytest.raises(ModelError, match=r"the folder of that name is \./birch"):
        resolve("birch")


@pytest.mark.parametrize("kind", ["folder", "http"])
def test_pulled_once_and_for_all(kind: str, shelf: Any, server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CADRAGE_MODELS", server.url if kind == "http" else str(shelf.root))
    folder = resolve("oak")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {
        path.name: path.read_bytes() for path in (shelf.root / "oak.v1").iterdir()
    }
    assert folder.is_relative_to(cache_folder() / "models" / "oak.v1")
    assert server.fetched() == (OAK if kind == "http" else [])
    assert pull("oak") == pull("oak.v1") == resolve("oak.v1") == resolve("oak") == folder
    assert server.fetched() == []


def test_pulled_model_is_found_without_asking(online: Any) -> None:
    folder = pull("oak")
    online.requests.clear()
    assert resolve("oak") == resolve("oak.v1") == resolve("oak", offline=True) == folder
    assert not online.requests


def test_tags_are_different_models(online: Any) -> None:
    assert resolve("oak.v2") != resolve("oak")
    assert resolve("elm") == resolve("elm.v1.5")
    assert (resolve("oak.v2") / "trunk.onnx").read_bytes() == b"T" * 500


def test_pulling_another_tag_leaves_the_bare_name_alone(online: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    pull("oak.v2")
    monkeypatch.setenv("CADRAGE_OFFLINE", "1")
    with pytest.raises(
        ModelError, match=r"'oak' is not on this machine.*did you mean 'oak.v2'|there are: default, oak.v2"
    ):
        resolve("oak")


@pytest.mark.parametrize("how", ["parameter", "variable"])
def test_offline_is_honoured(how: str, online: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    if how == "variable":
        monkeypatch.setenv("CADRAGE_OFFLINE", "1")
    for ask in (resolve, pull):
        with pytest.raises(ModelError, match=r"offline mode forbids|CADRAGE_OFFLINE=1 forbids"):
            ask("oak", offline=how == "parameter")
    assert not online.requests


def test_offline_may_read_an_index_in_a_folder(shelf: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CADRAGE_MODELS", str(shelf.root))
    assert resolve("oak", offline=True).is_dir()


def test_unknown_names_are_helped(online: Any) -> None:
    for name in ("oka", "oak.v3", "OAK", "", "oak.v1 ", "oak\x1b[31m"):
        with pytest.raises(
            ModelError, match=r"there are: default, oak\.v1, oak\.v2, elm\.v1\.5; listed by http"
        ) as caught:
            resolve(name)
        assert str(caught.value).isprintable()
    with pytest.raises(ModelError, match=r"no model 'oka' \(did you mean 'oak'\?\)"):
        resolve("oka")


def test_unknown_name_without_an_index() -> None:
    with pytest.raises(ModelError, match="there are: default; CADRAGE_MODELS can name an index of more"):
        resolve("oak")


def test_config_file_names_the_index(shelf: Any, server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    config_file().parent.mkdir(parents=True)
    config_file().write_text(f"models = {json.dumps(str(shelf.root))}")
    assert resolve("elm").is_dir()
    assert not server.requests
    monkeypatch.setenv("CADRAGE_MODELS", server.url)
    assert resolve("oak").is_dir()
    assert server.requests


def test_broken_settings_do_not_stop_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CADRAGE_MODELS", "ftp://example.org")
    resolve("default")
    with pytest.raises(UsageError):
        resolve("oak")


def damage_content(folder: Path) -> None:
    (folder / "trunk.onnx").write_bytes(b"x" * 70_000)


def damage_length(folder: Path) -> None:
    (folder / "trunk.onnx").write_bytes(b"t" * 10)


def damage_missing(folder: Path) -> None:
    (folder / "trunk.onnx").unlink()


def damage_link(folder: Path) -> None:
    (folder / "trunk.onnx").rename(folder.parent / "moved")
    (folder / "trunk.onnx").symlink_to(folder.parent / "moved")


def damage_folder(folder: Path) -> None:
    (folder / "trunk.onnx").unlink()
    (folder / "trunk.onnx").mkdir()


@pytest.mark.parametrize("ask", [resolve, pull])
@pytest.mark.parametrize("damage", [damage_content, damage_length, damage_missing, damage_link, damage_folder])
def test_damaged_cache_is_repaired(damage: Callable[[Path], None], ask: Callable[[str], Path], online: Any) -> None:
    folder = pull("oak")
    online.fetched()
    damage(folder)
    with pytest.raises(ModelError, match="offline mode forbids"):
        resolve("oak", offline=True)
    assert ask("oak") == folder
    assert (folder / "trunk.onnx").read_bytes() == b"t" * 70_000
    assert not (folder / "trunk.onnx").is_symlink()
    assert online.fetched() == ["oak.v1/trunk.onnx"]


def test_removed_cache_is_pulled_again(online: Any) -> None:
    import shutil

    folder = pull("oak")
    shutil.rmtree(folder)
    assert resolve("oak") == folder
    shutil.rmtree(cache_folder())
    assert resolve("oak") == folder


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"\xff", b'{"model": {"name": "../.."}, "source": 1}'])
def test_damaged_receipts_cost_one_look_into_the_index(content: bytes, online: Any) -> None:
    folder = pull("oak")
    online.fetched()
    for receipt in (cache_folder() / "receipts").iterdir():
        receipt.write_bytes(content)
    assert resolve("oak") == folder
    assert online.fetched() == []
    assert resolve("oak", offline=True) == folder


def test_new_version_arrives_by_pull_over_the_network(shelf: Any, online: Any) -> None:
    old = pull("oak")
    shelf.models = [model for model in shelf.models if model["name"] != "oak"]
    (shelf.root / "oak.v1").rename(shelf.root / "old")
    shelf.add("oak.v1", trunk=b"new")
    assert resolve("oak") == old  # the same name gives the same crops
    new = pull("oak")
    assert new != old
    assert resolve("oak") == resolve("oak", offline=True) == new
    assert old.is_dir()  # somebody may be using it


def test_other_index_of_the_same_name(shelf: Any, online: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, elm = pull("oak"), pull("elm")
    other = type(shelf)(tmp_path / "other")
    other.add("oak.v1", trunk=b"another oak")
    monkeypatch.setenv("CADRAGE_MODELS", str(other.root))
    assert (resolve("oak") / "trunk.onnx").read_bytes() == b"another oak"
    assert resolve("elm") == elm  # not listed here, but pulled earlier
    monkeypatch.setenv("CADRAGE_MODELS", online.url)
    assert resolve("oak") == first


def test_two_pulls_at_once_fetch_every_file_once(shelf: Any, online: Any) -> None:
    arrived, go_on = threading.Event(), threading.Event()

    def slow(handler: BaseHTTPRequestHandler) -> None:
        arrived.set()
        go_on.wait(10)
        content = (shelf.root / "oak.v1" / "card.json").read_bytes()
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write(content)

    online.misbehave["/oak.v1/card.json"] = slow
    with ThreadPoolExecutor() as threads:
        first = threads.submit(pull, "oak")
        assert arrived.wait(10)
        others = [threads.submit(pull, "oak.v1") for _ in range(3)]
        go_on.set()
        assert {other.result() for other in others} == {first.result()}
    assert online.fetched() == OAK


def test_two_processes_at_once(online: Any) -> None:
    code = "from cadrage.inference.store.registry import pull; print(pull('oak'))"
    source_folder = str(Path(cache_module.__file__).parents[3])
    environment = os.environ | {"PYTHONPATH": source_folder}
    commands = [
        subprocess.Popen([sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    folders = {command.communicate()[0].strip() for command in commands}
    assert [command.returncode for command in commands] == [0, 0]
    assert folders == {str(resolve("oak"))}
    assert online.fetched() == OAK


def test_left_overs_of_a_killed_pull_are_cleared(online: Any, models_cache: Path) -> None:
    folder = pull("oak")
    partial = folder.rename(folder.with_name(f"{folder.name}.partial"))
    (partial / ".proposer.onnx.tmp").write_bytes(b"half")
    (partial / "proposer.onnx").unlink()
    (partial / "stray").mkdir()
    online.fetched()
    assert pull("oak") == folder
    assert online.fetched() == ["oak.v1/proposer.onnx"]
    assert sorted(path.name for path in folder.iterdir()) == ["card.json", "proposer.onnx", "trunk.onnx"]
    assert not partial.exists()


def test_interrupted_pull_leaves_nothing_half_written(online: Any, models_cache: Path) -> None:
    def interrupt(done_bytes: int, total_bytes: int) -> None:
        if done_bytes > 500:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pull("oak", progress=interrupt)
    (partial,) = (models_cache / "oak.v1").glob("*.partial")
    assert [path.name for path in partial.iterdir()] == ["card.json"]


def test_progress_counts_every_byte(online: Any) -> None:
    seen: list[tuple[int, int]] = []
    folder = pull("oak", progress=lambda done, total: seen.append((done, total)))
    size = sum(path.stat().st_size for path in folder.iterdir())
    assert seen[-1] == (size, size)
    assert seen == sorted(seen)
    seen.clear()
    (folder / "proposer.onnx").unlink()
    pull("oak", progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (size, size)


def test_links_planted_in_the_cache_are_not_followed(online: Any, models_cache: Path, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.mkdir()
    (victim / "card.json").write_text("precious")
    folder = pull("oak")
    folder.rename(tmp_path / "away")
    folder.symlink_to(victim)
    folder.with_name(f"{folder.name}.partial").symlink_to(victim)
    assert pull("oak") == folder
    assert not folder.is_symlink()
    assert (victim / "card.json").read_text() == "precious"


def test_unwritable_cache_is_one_line(online: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")
    with pytest.raises(ModelError, match=r"model cache .* cannot be written: .*; check its permissions") as caught:
        pull("oak")
    assert "\n" not in str(caught.value)


def test_full_disk(online: Any, models_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_space(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(cache_module.os, "fsync", no_space)
        with pytest.raises(ModelError, match="No space left on device"):
            pull("oak")
    assert [path.name for path in models_cache.rglob("*") if path.is_file()] == [".lock"]
    assert pull("oak").is_dir()


def test_home_is_left_alone(online: Any, tmp_path: Path) -> None:
    pull("oak")
    assert not (tmp_path / "home").exists()
