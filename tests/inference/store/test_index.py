import json
from typing import Any

import pytest

from cadrage.errors import ModelError
from cadrage.inference.store.index import parse_index, parse_model, plain_line

SHA = "0123456789abcdef" * 4


def entry(**changes: Any) -> dict[str, Any]:
    files = [
        {"path": "x.y/card.json", "bytes": 3, "sha256": SHA},
        {"path": "x.y/trunk.onnx", "bytes": 5, "sha256": SHA},
    ]
    return {"name": "x", "tag": "y", "summary": "s", "card": "x.y/card.json", "files": files} | changes


def index(*models: Any, **changes: Any) -> bytes:
    return json.dumps({"schema_version": 1, "models": list(models)} | changes).encode()


def test_round_trip() -> None:
    (model,) = parse_index(index(entry()), "here").models
    assert model.to_json() == entry()
    assert parse_model(model.to_json(), "there") == model
    assert (model.full_name, model.total_bytes, model.card.path) == ("x.y", 8, "x.y/card.json")


def test_empty_index() -> None:
    assert parse_index(index(), "here").find("x") is None


def test_bare_name_means_the_first_tag() -> None:
    parsed = parse_index(index(entry(), entry(tag="a", card="x.a/card.json", files=[file("x.a/card.json")])), "here")
    first, second = parsed.models
    assert parsed.find("x") == parsed.find("x.y") == first
    assert parsed.find("x.a") == second
    assert parsed.is_default_tag(first)
    assert not parsed.is_default_tag(second)


def test_digest_follows_the_files_and_nothing_else() -> None:
    base = parse_model(entry(), "here")
    assert parse_model(entry(summary="other", files=entry()["files"][::-1]), "here").digest == base.digest
    changed = [entry()["files"][0], file("x.y/trunk.onnx", sha256="f" * 64)]
    assert parse_model(entry(files=changed), "here").digest != base.digest


def test_unknown_fields_are_left_to_later_releases() -> None:
    assert parse_index(index(entry(colour="red"), extra=1), "here").models


def file(path: Any = "x.y/trunk.onnx", **changes: Any) -> dict[str, Any]:
    return {"path": path, "bytes": 5, "sha256": SHA} | changes


@pytest.mark.parametrize(
    "path",
    [
        "x.y/../../.bashrc",
        "../x.y/trunk.onnx",
        "x.y/..",
        "x.y/.",
        "x.y/",
        "x.y",
        "/etc/passwd",
        "x.y//etc/passwd",
        "x.y/sub/trunk.onnx",
        "x.y\\trunk.onnx",
        "x.y/..\\..\\trunk.onnx",
        "C:/x.y/trunk.onnx",
        "x.y/C:trunk.onnx",
        "x.y/%2e%2e%2ftrunk.onnx",
        "x.y/trunk.onnx\n",
        "x.y/a\x00b",
        "x.y/.hidden",
        "x.y/-o",
        "z.y/trunk.onnx",
        "http://example.org/trunk.onnx",
        "x.y/" + "a" * 200,
        "",
        None,
        7,
    ],
)
def test_paths_that_leave_the_model_are_refused(path: Any) -> None:
    with pytest.raises(ModelError, match=r"here, models\[0\]\.files\[2\]: path"):
        parse_index(index(entry(files=[*entry()["files"], file(path)])), "here")


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "X"},
        {"name": "../x"},
        {"name": ""},
        {"name": None},
        {"name": "a" * 65},
        {"tag": ".y"},
        {"tag": "y/../z"},
        {"tag": "y."},
        {"tag": 3},
        {"card": "x.y/trunk.onnx"},
        {"card": None},
        {"files": None},
        {"files": []},
        {"files": [file()]},
        {"files": ["x.y/card.json"]},
        {"files": [file("x.y/card.json"), file("x.y/a"), file("x.y/A")]},
        {"files": [file("x.y/card.json", bytes=-1)]},
        {"files": [file("x.y/card.json", bytes=True)]},
        {"files": [file("x.y/card.json", bytes="5")]},
        {"files": [file("x.y/card.json", bytes=5.0)]},
        {"files": [file("x.y/card.json", sha256=SHA.upper())]},
        {"files": [file("x.y/card.json", sha256=SHA[:-1])]},
        {"files": [file("x.y/card.json", sha256=None)]},
    ],
)
def test_malformed_entries_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ModelError, match=r"model index here, models\[0\]") as caught:
        parse_index(index(entry(**changes)), "here")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<html>",
        b"\xff\xfe",
        b"[" * 100_000,
        b"[]",
        b"null",
        b'{"schema_version": 1}',
        index(models={}),
        index(schema_version=2),
        index(entry())[:-9],
        index(None),
        index(entry(), entry()),
    ],
)
def test_malformed_indexes_are_refused(content: bytes) -> None:
    with pytest.raises(ModelError, match="model index here"):
        parse_index(content, "here")


def test_plain_line_cannot_steer_a_terminal() -> None:
    assert plain_line("a\n\x1b[31m\u202eb\x9b c") == "a [31m b c"
