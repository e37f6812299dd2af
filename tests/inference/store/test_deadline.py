"""A server that sends a byte now and then keeps nobody waiting."""

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from cadrage.errors import ModelError
from cadrage.inference.store import fetch
from cadrage.inference.store.registry import list_models, pull

TRUNK, INDEX = "/oak.v1/trunk.onnx", "/index.json"

Dribble = Callable[[BaseHTTPRequestHandler], None]


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "PATIENCE_S", 0.25)
    monkeypatch.setattr(fetch, "SLOWEST_BYTES_PER_S", 1e9)
    # Far above, so that it is not the limit of a single read that ends it.
    monkeypatch.setattr(fetch, "TIMEOUT_S", 60.0)


@pytest.fixture
def dribbles() -> Iterator[dict[str, Dribble]]:
    """Answers that never end: in the body, in its chunks, in the headers, in the first line."""
    over = threading.Event()

    def slowly(begin: bytes, again: bytes) -> Dribble:
        def answer(handler: BaseHTTPRequestHandler) -> None:
            try:
                handler.wfile.write(begin)
                while not over.wait(0.05):
                    handler.wfile.write(again)
            except OSError:
                pass

        return answer

    yield {
        "body": slowly(b"HTTP/1.1 200 OK\r\nContent-Length: 70000\r\n\r\n", b"t"),
        "endless body": slowly(b"HTTP/1.1 200 OK\r\n\r\n", b" "),
        "chunks": slowly(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"0"),
        "headers": slowly(b"HTTP/1.1 200 OK\r\n", b"X-Again: and again\r\n"),
        "one header": slowly(b"HTTP/1.1 200 OK\r\nX-Long: ", b"x"),
        "first line": slowly(b"", b"H"),
        "nothing": slowly(b"", b""),
    }
    over.set()


WHERE = ["body", "endless body", "chunks", "headers", "one header", "first line", "nothing"]


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("where", WHERE)
def test_a_dribbling_index_is_given_up(online: Any, dribbles: dict[str, Dribble], where: str) -> None:
    online.misbehave[INDEX] = dribbles[where]
    with pytest.raises(ModelError, match=r"index\.json cannot be read: it was not complete within"):
        list_models()


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("where", WHERE)
def test_a_dribbling_model_is_given_up(online: Any, dribbles: dict[str, Dribble], where: str) -> None:
    online.misbehave[TRUNK] = dribbles[where]
    with pytest.raises(ModelError, match=r"trunk\.onnx cannot be read: it was not complete within"):
        pull("oak")
    del online.misbehave[TRUNK]
    assert (pull("oak") / "trunk.onnx").is_file()


@pytest.mark.usefixtures("impatient")
def test_a_redirect_gains_no_time(online: Any, dribbles: dict[str, Dribble], send_answer: Callable[..., Any]) -> None:
    online.misbehave[INDEX] = send_answer(302, Location="/moved")
    online.misbehave["/moved"] = dribbles["headers"]
    with pytest.raises(ModelError, match="not complete within"):
        list_models()


def test_a_large_file_has_more_time(online: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    granted: list[float] = []
    real = fetch._open_url
    monkeypatch.setattr(fetch, "_open_url", lambda url, limit_s: granted.append(limit_s) or real(url, limit_s))
    pull("oak")
    index, *files = granted
    assert index == fetch.PATIENCE_S
    assert max(files) == fetch.PATIENCE_S + 70_000 / fetch.SLOWEST_BYTES_PER_S
