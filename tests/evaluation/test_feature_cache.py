"""Kept features change no answer, and nothing that happens to the files does."""

import logging
import shutil
from pathlib import Path

import numpy as np
import pytest

from cadrage import Cropper
from cadrage.evaluation.feature_cache import FeatureCache
from cadrage.inference.store import packaged
from cadrage.inference.store.card import read_card

SHA = "ab" + "0" * 62
OTHER = "cd" + "0" * 62


@pytest.fixture(scope="module")
def card():
    return read_card(packaged.folder())


@pytest.fixture(scope="module")
def features():
    return np.random.default_rng(0).normal(size=(2, 3, 4, 5)).astype(np.float32)


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_what_was_put_in_comes_out(card, features, tmp_path):
    FeatureCache(card, folder=tmp_path).put(SHA, features)
    found = FeatureCache(card, folder=tmp_path).get(SHA)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, features)
    assert FeatureCache(card, folder=tmp_path).get(OTHER) is None


def test_a_file_is_an_ordinary_array_and_no_pickle(card, features, tmp_path):
    FeatureCache(card, folder=tmp_path).put(SHA, features)
    (file,) = files(tmp_path)
    assert file.name == f"{SHA}.npy"
    np.testing.assert_array_equal(np.load(file, allow_pickle=False), features)


@pytest.mark.parametrize("damage", [b"", b"x", None, "flip", "cut"])
def test_a_damaged_file_is_no_features_and_is_replaced(card, features, tmp_path, damage):
    cache = FeatureCache(card, folder=tmp_path)
    cache.put(SHA, features)
    (file,) = files(tmp_path)
    content = bytearray(file.read_bytes())
    if damage == "flip":
        content[-100] ^= 1
    file.write_bytes(content if damage == "flip" else content[:-1] if damage == "cut" else damage or b"")
    assert cache.get(SHA) is None
    cache.put(SHA, features)
    np.testing.assert_array_equal(cache.get(SHA), features)


def test_a_pickle_is_never_loaded(card, features, tmp_path):
    cache = FeatureCache(card, folder=tmp_path)
    cache.put(SHA, features)
    (file,) = files(tmp_path)
    np.save(file, np.array([{"a": 1}]), allow_pickle=True)
    assert cache.get(SHA) is None


def test_another_trunk_or_version_sees_other_things(card, features, tmp_path, monkeypatch):
    FeatureCache(card, folder=tmp_path).put(SHA, features)
    other = tmp_path / "model"
    shutil.copytree(packaged.folder(), other)
    text = (other / "card.json").read_text()
    (other / "card.json").write_text(text.replace(card.parts["trunk"][1], "0" * 64))
    assert FeatureCache(read_card(other), folder=tmp_path).get(SHA) is None
    monkeypatch.setattr("cadrage.evaluation.feature_cache.__version__", "99.0")
    assert FeatureCache(card, folder=tmp_path).get(SHA) is None


def test_at_the_limit_nothing_is_added_or_removed_and_the_log_says_so_once(card, features, tmp_path, caplog):
    FeatureCache(card, folder=tmp_path).put(SHA, features)
    size = sum(file.stat().st_size for file in files(tmp_path))
    cache = FeatureCache(card, folder=tmp_path, limit_bytes=2 * size - 1)
    with caplog.at_level(logging.WARNING):
        cache.put(OTHER, features)
        cache.put(OTHER, features)
    assert cache.get(OTHER) is None
    assert cache.get(SHA) is not None
    assert [record.message for record in caplog.records] == [
        f"{tmp_path} has reached {(2 * size - 1) / 1e9:.3g} GB; no more features are kept, "
        "remove the folder to start again"
    ]
    fresh = FeatureCache(card, folder=tmp_path / "fresh", limit_bytes=2 * size - 1)
    fresh.put(SHA, features)
    fresh.put(OTHER, features)
    assert (fresh.get(SHA) is None, fresh.get(OTHER) is None) == (False, True)
    roomy = FeatureCache(card, folder=tmp_path / "fresh", limit_bytes=2 * size)
    roomy.put(OTHER, features)
    assert roomy.get(OTHER) is not None


def test_a_folder_that_cannot_be_written_costs_only_the_time(card, features, tmp_path, caplog):
    (tmp_path / "file").write_text("in the way")
    cache = FeatureCache(card, folder=tmp_path / "file")
    with caplog.at_level(logging.WARNING):
        cache.put(SHA, features)
        cache.put(OTHER, features)
    assert cache.get(SHA) is None
    assert len(caplog.records) == 1
    assert "cannot be written" in caplog.text


def test_a_write_that_fails_leaves_nothing_behind(card, features, tmp_path, monkeypatch):
    def full(path, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    cache = FeatureCache(card, folder=tmp_path)
    cache.put(SHA, features)
    assert files(tmp_path) == []


def test_it_lives_in_the_cache_of_the_user(card, features, tmp_path, monkeypatch):
    monkeypatch.setattr("cadrage.evaluation.feature_cache.cache_folder", lambda: tmp_path)
    FeatureCache(card).put(SHA, features)
    (file,) = files(tmp_path)
    assert file.relative_to(tmp_path).parts[0] == "features"


def test_kept_features_are_those_of_the_model(card, tmp_path):
    photo = np.random.default_rng(1).integers(0, 256, (60, 80, 3), dtype=np.uint8)
    cropper = Cropper(threads=1)
    cache = FeatureCache(card, folder=tmp_path)
    fresh = cropper.encode(photo)
    cache.put(SHA, fresh.features)
    kept = cropper.encode(photo, features=cache.get(SHA))
    boxes = [[0.1, 0.2, 0.7, 0.9], [0, 0, 1, 1]]
    assert kept.suggest(ratio=["free", "1:1"], n=4).to_json() == fresh.suggest(ratio=["free", "1:1"], n=4).to_json()
    assert kept.score(boxes).tobytes() == fresh.score(boxes).tobytes()
