from pathlib import Path
from typing import Any

import pytest

from cadrage.errors import ModelError
from cadrage.inference.store.registry import info, list_models, pull


def shown(**options: Any) -> list[tuple[str, tuple[str, ...], str]]:
    return [(model.name, model.aliases, model.state) for model in list_models(**options)]


PACKAGED = ("house.small", ("default", "house"), "packaged")


def test_only_the_packaged_model(packaged_model: Path) -> None:
    (model,) = list_models()
    assert (model.name, model.aliases, model.state) == PACKAGED
    assert model.folder == packaged_model
    assert model.summary == "The default."
    assert model.bytes == sum(file.stat().st_size for file in packaged_model.iterdir())


def test_states(shelf: Any, online: Any) -> None:
    oak, elm = pull("oak"), pull("elm")
    (elm / "trunk.onnx").write_bytes(b"E" * 300)
    assert shown() == [
        PACKAGED,
        ("oak.v1", ("oak",), "pulled"),
        ("oak.v2", (), "available"),
        ("elm.v1.5", ("elm",), "damaged"),
    ]
    assert list_models()[1].folder == oak
    assert list_models()[2].folder is None
    shelf.models[0]["files"] = shelf.models[0]["files"][:2]
    shelf.write()
    assert ("oak.v1", ("oak",), "outdated") in shown()


def test_offline_shows_what_is_here(online: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert shown(offline=True) == [PACKAGED]
    pull("oak")
    pull("oak.v2")
    online.requests.clear()
    assert shown(offline=True) == [PACKAGED, ("oak.v1", ("oak",), "pulled"), ("oak.v2", (), "pulled")]
    assert info("oak", offline=True)[1]["tag"] == "v1"
    with pytest.raises(ModelError, match="'elm' is not on this machine, and offline mode forbids the network"):
        info("elm", offline=True)
    monkeypatch.setenv("CADRAGE_OFFLINE", "1")
    assert shown() == shown(offline=True)
    assert not online.requests


def test_pulled_models_that_the_index_forgot(shelf: Any, online: Any) -> None:
    pull("oak.v2")
    shelf.models = []
    shelf.write()
    assert shown() == [PACKAGED, ("oak.v2", (), "pulled")]


def test_unreachable_index_is_an_error(server: Any, online: Any) -> None:
    server.misbehave["/index.json"] = lambda handler: handler.send_error(503)
    with pytest.raises(ModelError, match=r"503.*--offline"):
        list_models()


def test_the_packaged_model_is_described_without_any_index(server: Any, online: Any) -> None:
    server.misbehave["/index.json"] = lambda handler: handler.send_error(503)
    assert info("default")[0].state == "packaged"
    assert not online.requests


def test_missing_and_broken_package(packaged_model: Path) -> None:
    (packaged_model / "card.json").write_text("{")
    assert shown() == [("default", (), "damaged")]
    with pytest.raises(ModelError, match=r"card\.json is not valid JSON"):
        info("default")
    (packaged_model / "card.json").unlink()
    assert shown() == [("default", (), "damaged")]


def test_info_fetches_the_card_alone(online: Any) -> None:
    model, card = info("elm")
    assert (model.name, model.state, model.folder) == ("elm.v1.5", "available", None)
    assert card["licence"] == "CC0"
    assert online.fetched() == ["elm.v1.5/card.json"]


def test_info_checks_the_card(shelf: Any, online: Any) -> None:
    path = shelf.root / "elm.v1.5" / "card.json"
    path.write_bytes(path.read_bytes().replace(b"CC0", b"own"))
    with pytest.raises(ModelError, match="sha256"):
        info("elm")


def test_info_of_every_name(packaged_model: Path) -> None:
    assert info("default") == info("house") == info("house.small")
    with pytest.raises(ModelError, match=r"no model 'hous' \(did you mean 'house'\?\)"):
        info("hous")
