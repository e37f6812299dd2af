"""A machine of its own for every test: empty home, a small packaged model, a shelf of models, and a server for it."""

import hashlib
import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from cadrage.inference.store import packaged


class Shelf:
    """A folder of models with its index; any bytes will do for the weights."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.models: list[dict[str, Any]] = []
        root.mkdir()

    def add(self, full_name: str, summary: str = "", **contents: bytes) -> dict[str, Any]:
        """Put a model of the files ``trunk=b"..."`` on the shelf; the entry may be edited before `write`."""
        name, _, tag = full_name.partition(".")
        folder = self.root / full_name
        folder.mkdir()
        card = json.dumps({"name": name, "tag": tag, "summary": summary, "licence": "CC0"}).encode()
        files = {"card.json": card} | {f"{part}.onnx": content for part, content in contents.items()}
        entries = []
        for file_name, content in files.items():
            (folder / file_name).write_bytes(content)
            sha256 = hashlib.sha256(content).hexdigest()
            entries.append({"path": f"{full_name}/{file_name}", "bytes": len(content), "sha256": sha256})
        card_path = f"{full_name}/card.json"
        self.models.append({"name": name, "tag": tag, "summary": summary, "card": card_path, "files": entries})
        self.write()
        return self.models[-1]

    def write(self) -> None:
        (self.root / "index.json").write_text(json.dumps({"schema_version": 1, "models": self.models}))


Answer = Callable[[BaseHTTPRequestHandler], None]


class Server:
    """Serves the shelf on 127.0.0.1, counts requests, and misbehaves on demand."""

    def __init__(self, root: Path) -> None:
        self.requests: Counter[str] = Counter()
        self.headers: list[dict[str, str]] = []
        self.misbehave: dict[str, Answer] = {}  # by path, until removed
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.requests[self.path] += 1
                outer.headers.append(dict(self.headers))
                if self.path in outer.misbehave:
                    outer.misbehave[self.path](self)
                elif (root / self.path[1:]).is_file():
                    send(self, 200, (root / self.path[1:]).read_bytes())
                else:
                    send(self, 404, b"not here")

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._httpd.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._httpd.server_address[1]}/"
        self._thread = threading.Thread(target=self._httpd.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def fetched(self) -> list[str]:
        """Requests for files of models since the last call."""
        seen = sorted(path[1:] for path in self.requests.elements() if path != "/index.json")
        self.requests.clear()
        return seen

    def stop(self) -> None:
        self._httpd.shutdown()
        self._httpd.server_close()
        self._thread.join()


def send(handler: BaseHTTPRequestHandler, status: int, body: bytes, **headers: str) -> None:
    handler.send_response(status)
    for key, value in ({"Content-Length": str(len(body))} | headers).items():
        handler.send_header(key.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(body)


@pytest.fixture(autouse=True)
def own_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("CADRAGE_MODELS", "CADRAGE_OFFLINE", "http_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")


@pytest.fixture(autouse=True)
def packaged_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stands in for the model inside the package; it is called house.small."""
    folder = tmp_path / "package" / "default"
    folder.mkdir(parents=True)
    parts = {}
    for part in ("trunk", "proposer", "evaluator"):
        (folder / f"{part}.onnx").write_bytes(part.encode())
        parts[part] = {"file": f"{part}.onnx", "sha256": hashlib.sha256(part.encode()).hexdigest()}
    card = {"name": "house", "tag": "small", "version": "1", "summary": "The default.", "input": {"side": 224}}
    (folder / "card.json").write_text(json.dumps(card | {"parts": parts, "selection": {}}))
    monkeypatch.setattr(packaged, "FOLDER", folder)
    return folder


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    shelf = Shelf(tmp_path / "shelf")
    shelf.add("oak.v1", "An oak.", trunk=b"t" * 70_000, proposer=b"p" * 900)
    shelf.add("oak.v2", "A later oak.", trunk=b"T" * 500)
    shelf.add("elm.v1.5", "An elm.", trunk=b"e" * 300)
    return shelf


@pytest.fixture
def server(shelf: Shelf) -> Iterator[Server]:
    server = Server(shelf.root)
    yield server
    server.stop()


@pytest.fixture
def online(server: Server, monkeypatch: pytest.MonkeyPatch) -> Server:
    """The server, set as the index."""
    monkeypatch.setenv("CADRAGE_MODELS", server.url)
    return server


@pytest.fixture
def send_answer() -> Callable[..., Answer]:
    """``send_answer(status, body, Header=...)``: an answer to put into ``Server.misbehave``."""
    return lambda status, body=b"", **headers: lambda handler: send(handler, status, body, **headers)


@pytest.fixture
def models_cache(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "cadrage" / "models"
