from pathlib import Path

import pytest

from cadrage.errors import UsageError
from cadrage.inference.store.config import IndexSource, cache_folder, config_file, index_source, offline_by_environment


def write_config(text: str) -> Path:
    path = config_file()
    path.parent.mkdir(parents=True)
    path.write_text(text)
    return path


def test_folders_follow_the_environment(tmp_path: Path) -> None:
    assert cache_folder() == tmp_path / "cache" / "cadrage"
    assert config_file() == tmp_path / "config" / "cadrage" / "config.toml"


def test_nothing_set() -> None:
    assert index_source() is None
    assert not offline_by_environment()


def test_environment_wins_over_config_file(monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_config('models = "https://example.org/file/"')
    assert index_source() == IndexSource("https://example.org/file/", str(path))
    monkeypatch.setenv("CADRAGE_MODELS", "https://example.org/env/")
    assert index_source() == IndexSource("https://example.org/env/", "CADRAGE_MODELS")
    monkeypatch.setenv("CADRAGE_MODELS", "")
    assert index_source() == IndexSource("https://example.org/file/", str(path))


def test_relative_folder_starts_where_it_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_config('models = "shelf"')
    assert index_source() == IndexSource(str(path.parent / "shelf"), str(path))
    monkeypatch.setenv("CADRAGE_MODELS", "shelf")
    assert index_source() == IndexSource(str(tmp_path / "work" / "shelf"), "CADRAGE_MODELS")
    monkeypatch.setenv("CADRAGE_MODELS", "~/shelf")
    assert index_source() == IndexSource(str(tmp_path / "home" / "shelf"), "CADRAGE_MODELS")


@pytest.mark.parametrize(
    ("written", "location"),
    [
        ("https://example.org/a", "https://example.org/a/"),
        ("http://example.org/a/index.json", "http://example.org/a/"),
        ("http://example.org", "http://example.org/"),
        ("http://[::1]:8000/a/", "http://[::1]:8000/a/"),
    ],
)
def test_url_is_brought_to_one_form(written: str, location: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CADRAGE_MODELS", written)
    source = index_source()
    assert source is not None
    assert source.location == location
    assert source.is_remote


def test_index_file_names_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CADRAGE_MODELS", str(tmp_path / "a" / "index.json"))
    source = index_source()
    assert source is not None
    assert source.location == str(tmp_path / "a")
    assert not source.is_remote


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("ftp://example.org/", "neither a folder nor"),
        ("file:///etc", "neither a folder nor"),
        ("http://", "neither a folder nor"),
        ("http://example.org:port/", "neither a folder nor"),
        ("http://[::1/", "neither a folder nor"),
        ("https://me:secret@example.org/", "takes no user name"),
        ("https://example.org/?token=secret", "takes no user name"),
        ("~nobody-of-that-name/x", "no usable folder"),
    ],
)
def test_useless_locations(written: str, reason: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CADRAGE_MODELS", written)
    with pytest.raises(UsageError, match=f"CADRAGE_MODELS.*{reason}"):
        index_source()


@pytest.mark.parametrize("text", ["models = ", "models = 3", "\xff\xfe"])
def test_broken_config_file_is_named(text: str) -> None:
    path = write_config("")
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(UsageError, match=r"config\.toml"):
        index_source()


def test_config_file_without_models_is_fine() -> None:
    write_config("# nothing yet\n")
    assert index_source() is None


@pytest.mark.parametrize(("value", "offline"), [("1", True), ("TRUE", True), ("on", True), ("0", False), ("no", False)])
def test_offline_words(value: str, offline: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CADRAGE_OFFLINE", value)
    assert offline_by_environment() is offline


def test_offline_nonsense(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CADRAGE_OFFLINE", "perhaps")
    with pytest.raises(UsageError, match="perhaps"):
        offline_by_environment()
