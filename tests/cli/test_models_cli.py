import hashlib
import json
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from cadrage.cli.models import models_app
from cadrage.errors import CadrageError, ModelError
from cadrage.inference.store import packaged


@pytest.fixture(autouse=True)
def own_machine(own_folders: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("no_proxy", "*")
    parts = {part: {"file": "a.onnx", "sha256": "0" * 64} for part in ("trunk", "proposer", "evaluator")}
    card = {"name": "house", "tag": "small", "version": "1", "input": {"side": 224}, "parts": parts}
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "card.json").write_text(json.dumps(card))
    monkeypatch.setattr(packaged, "FOLDER", tmp_path / "package")


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder listing oak.v1, oak.v2 and broken.v1, set as the index."""
    root = tmp_path / "shelf"
    models = []
    for name, tag in (("oak", "v1"), ("oak", "v2"), ("broken", "v1")):
        folder = root / f"{name}.{tag}"
        folder.mkdir(parents=True)
        card = {"name": name, "tag": tag, "data": {"names": ["a", "b"]}, "metrics": [{"iou": 0.7}], "trick": "x\x1b[2J"}
        contents = {"card.json": json.dumps(card).encode(), "trunk.onnx": tag.encode() * 9}
        files = []
        for file_name, content in contents.items():
            (folder / file_name).write_bytes(content)
            sha256 = hashlib.sha256(content).hexdigest()
            files.append({"path": f"{folder.name}/{file_name}", "bytes": len(content), "sha256": sha256})
        entry = {"name": name, "tag": tag, "summary": f"A{tag}\n\x1b[31m", "card": files[0]["path"], "files": files}
        models.append(entry)
    (root / "broken.v1" / "trunk.onnx").write_bytes(b"other")
    (root / "index.json").write_text(json.dumps({"schema_version": 1, "models": models}))
    monkeypatch.setenv("CADRAGE_MODELS", str(root))
    return root


@pytest.fixture
def requests(shelf: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Serve the shelf over http, set that as the index, and note every request."""
    seen: list[str] = []

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:
            seen.append(self.path)

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(shelf)))
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    monkeypatch.setenv("CADRAGE_MODELS", f"http://127.0.0.1:{httpd.server_address[1]}")
    yield seen
    httpd.shutdown()
    httpd.server_close()
    thread.join()


def run(*arguments: str) -> Result:
    result = CliRunner().invoke(models_app, list(arguments))
    if result.exception and not isinstance(result.exception, CadrageError | SystemExit):
        raise result.exception
    return result


def test_list_as_text(shelf: Path) -> None:
    result = run("list")
    lines = result.stdout.splitlines()
    assert result.exit_code == 0
    assert lines[0].startswith("house.small (also default, house)  packaged")
    assert [line.split("  ")[0].strip() for line in lines[1:]] == [
        "oak.v1 (also oak)",
        "oak.v2",
        "broken.v1 (also broken)",
    ]
    assert "available" in lines[1]
    assert "Av1 [31m" in lines[1]
    assert all(line.isprintable() for line in lines)
    assert result.stderr == ""


def test_list_as_json(shelf: Path) -> None:
    run("pull", "oak.v2")
    document = json.loads(run("list", "--json").stdout)
    assert document["schema_version"] == "1.0"
    assert [model["state"] for model in document["models"][1:]] == ["available", "pulled", "available"]
    assert document["models"][1]["aliases"] == ["oak"]
    assert document["models"][1]["folder"] is None
    assert Path(document["models"][2]["folder"], "trunk.onnx").read_bytes() == b"v2" * 9


def test_list_without_an_index_says_how_to_set_one() -> None:
    result = run("list")
    assert result.exit_code == 0
    assert len(result.stdout.splitlines()) == 1
    assert "CADRAGE_MODELS" in result.stderr


def test_list_shows_what_is_here_when_the_index_is_unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CADRAGE_MODELS", "http://127.0.0.1:9/")
    result = run("list")
    assert "house.small" in result.stdout
    assert isinstance(result.exception, ModelError)


def test_info_as_text(shelf: Path) -> None:
    lines = run("info", "oak").stdout.splitlines()
    assert lines[:2] == ["model: oak.v1 (also oak)", "state: available"]
    assert "data.names: a, b" in lines
    assert "metrics.1.iou: 0.7" in lines
    assert "trick: x [2J" in lines


def test_info_as_json(shelf: Path) -> None:
    result = run("info", "oak.v2", "--json")
    document = json.loads(result.stdout)
    assert document["card"]["tag"] == document["name"].partition(".")[2] == "v2"
    assert "\x1b" not in result.stdout


def test_pull_prints_name_and_folder(shelf: Path) -> None:
    result = run("pull", "oak", "oak.v2", "oak")
    rows = [line.split("\t") for line in result.stdout.splitlines()]
    assert [name for name, _ in rows] == ["oak", "oak.v2"]
    assert all(Path(folder, "card.json").is_file() for _, folder in rows)
    assert result.stderr == ""  # no progress bar when nobody watches


def test_pull_of_the_packaged_model_has_nothing_to_do(tmp_path: Path) -> None:
    assert run("pull", "default").stdout == f"default\t{tmp_path / 'package'}\n"


def test_pull_goes_on_after_a_failure(shelf: Path) -> None:
    result = run("pull", "broken", "nosuch", "oak", "--json")
    assert [model["name"] for model in json.loads(result.stdout)["models"]] == ["oak"]
    assert result.stderr.startswith("cadrage: error: ")
    assert "broken.v1/trunk.onnx" in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert isinstance(result.exception, ModelError)
    assert "nosuch" in str(result.exception)
    assert result.exception.exit_code == 4


def test_pull_over_http_once(requests: list[str]) -> None:
    assert run("pull", "oak").exit_code == 0
    assert requests == ["/index.json", "/oak.v1/card.json", "/oak.v1/trunk.onnx"]
    requests.clear()
    assert run("pull", "oak").exit_code == 0
    assert requests == ["/index.json"]


def test_offline(requests: list[str]) -> None:
    assert isinstance(run("pull", "oak", "--offline").exception, ModelError)
    assert isinstance(run("info", "oak", "--offline").exception, ModelError)
    assert len(run("list", "--offline").stdout.splitlines()) == 1
    assert requests == []


def test_help_teaches() -> None:
    text = run("--help").stdout
    assert run().stdout == text
    assert all(word in text for word in ("list", "info", "pull", "CADRAGE_MODELS", "name.tag"))
