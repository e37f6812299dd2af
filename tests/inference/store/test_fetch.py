import io
import os
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from cadrage.errors import ModelError
from cadrage.inference.store import fetch
from cadrage.inference.store.deadline import Deadline
from cadrage.inference.store.registry import pull

TRUNK = "/oak.v1/trunk.onnx"
SIZE = 70_000


def nothing_final(models_cache: Path) -> bool:
    """No folder carries a final name, and no file a half-written content."""
    left = [path for path in models_cache.rglob("*") if not path.is_dir() and path.name != ".lock"]
    return all(path.parent.name.endswith(".partial") and not path.name.startswith(".") for path in left)


def cut_short(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", str(SIZE))
    handler.end_headers()
    handler.wfile.write(b"t" * 40_000)


def cut_short_chunked(handler: BaseHTTPRequestHandler) -> None:
    handler.protocol_version = "HTTP/1.1"
    handler.send_response(200)
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    handler.wfile.write(b"9c40\r\n" + b"t" * 30_000)
    handler.close_connection = True


def hang_up(handler: BaseHTTPRequestHandler) -> None:
    handler.close_connection = True


def garble(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"\x00\xff\r\n\r\n")


@pytest.mark.parametrize("answer", [cut_short, cut_short_chunked, hang_up, garble])
def test_broken_transfer_then_success(answer: Callable[..., None], online: Any, models_cache: Path) -> None:
    online.misbehave[TRUNK] = answer
    with pytest.raises(ModelError, match=r"trunk\.onnx"):
        pull("oak")
    assert nothing_final(models_cache)
    assert online.fetched() == ["oak.v1/card.json", "oak.v1/trunk.onnx"]
    online.misbehave.clear()
    folder = pull("oak")
    assert (folder / "trunk.onnx").read_bytes() == b"t" * SIZE
    assert sorted(path.name for path in folder.iterdir()) == ["card.json", "proposer.onnx", "trunk.onnx"]
    assert online.fetched() == ["oak.v1/proposer.onnx", "oak.v1/trunk.onnx"]  # the card was kept


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (200, b"T" * SIZE, "sha256"),
        (200, b"t" * (SIZE - 1), "cut short after 69999 of 70000"),
        (200, b"", "cut short after 0"),
        (200, b"t" * (SIZE + 1), "longer than its 70000 bytes"),
        (404, b"", "404"),
        (500, b"t" * SIZE, "500"),
        (206, b"t" * SIZE, "206"),
        (204, b"", "204"),
    ],
)
def test_wrong_answers(
    status: int, body: bytes, reason: str, online: Any, models_cache: Path, send_answer: Callable[..., Any]
) -> None:
    online.misbehave[TRUNK] = send_answer(status, body)
    with pytest.raises(ModelError, match=reason) as caught:
        pull("oak")
    assert f"{online.url}oak.v1/trunk.onnx" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert nothing_final(models_cache)


def test_endless_answer_is_left_at_the_declared_size(online: Any) -> None:
    sent_bytes = 0
    gone = threading.Event()

    def endless(handler: BaseHTTPRequestHandler) -> None:
        nonlocal sent_bytes
        handler.send_response(200)
        handler.end_headers()
        try:
            while sent_bytes < 500_000_000:
                sent_bytes += handler.wfile.write(b"t" * 100_000)
        except OSError:
            gone.set()

    online.misbehave[TRUNK] = endless
    with pytest.raises(ModelError, match="longer than"):
        pull("oak")
    assert gone.wait(10)
    assert sent_bytes < 500_000_000


def test_stalled_server_is_given_up(online: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "TIMEOUT_S", 0.2)
    done = threading.Event()
    online.misbehave[TRUNK] = lambda handler: done.wait(10)
    try:
        with pytest.raises(ModelError, match="no answer within"):
            pull("oak")
    finally:
        done.set()


def test_unreachable_server(online: Any, server: Any) -> None:
    server.stop()
    with pytest.raises(ModelError, match=r"refused.*--offline.*CADRAGE_MODELS"):
        pull("oak")
    server.stop = lambda: None


def test_redirect_on_the_same_scheme_is_followed(online: Any, send_answer: Callable[..., Any]) -> None:
    online.misbehave[TRUNK] = send_answer(302, Location="/moved")
    online.misbehave["/moved"] = send_answer(200, b"t" * SIZE)
    assert (pull("oak") / "trunk.onnx").stat().st_size == SIZE


@pytest.mark.parametrize("scheme", ["file:///etc/hostname", "ftp://127.0.0.1/x", "data:text/plain,x", "gopher://a/b"])
@pytest.mark.parametrize("path", ["/index.json", TRUNK])
def test_redirect_to_another_scheme_is_refused(
    scheme: str, path: str, online: Any, models_cache: Path, send_answer: Callable[..., Any]
) -> None:
    online.misbehave[path] = send_answer(302, Location=scheme)
    with pytest.raises(ModelError, match="302"):
        pull("oak")
    assert nothing_final(models_cache)


def test_redirect_down_from_https_is_refused() -> None:
    from urllib.request import Request

    (handler,) = (one for one in fetch._opener(Deadline()).handlers if hasattr(one, "redirect_request"))
    old = Request("https://example.org/a")
    with pytest.raises(OSError, match="from https to http, which is refused"):
        handler.redirect_request(old, io.BytesIO(), 302, "Found", {}, "http://example.org/b")
    up = handler.redirect_request(
        Request("http://example.org/a"), io.BytesIO(), 302, "Found", {}, "https://example.org/b"
    )
    assert up.full_url == "https://example.org/b"


def test_endless_redirect_is_followed_at_once(online: Any) -> None:
    sent_bytes = 0
    gone = threading.Event()

    def endless(handler: BaseHTTPRequestHandler) -> None:
        nonlocal sent_bytes
        handler.send_response(302)
        handler.send_header("Location", "/elm.v1.5/trunk.onnx")
        handler.end_headers()
        try:
            while sent_bytes < 500_000_000:
                sent_bytes += handler.wfile.write(b"t" * 100_000)
        except OSError:
            gone.set()

    online.misbehave[TRUNK] = endless
    with pytest.raises(ModelError, match="cut short after 300"):
        pull("oak")
    assert gone.wait(10)


def test_redirect_loop_ends(online: Any, send_answer: Callable[..., Any]) -> None:
    online.misbehave[TRUNK] = send_answer(302, Location=TRUNK)
    with pytest.raises(ModelError, match="302"):
        pull("oak")
    assert online.requests[TRUNK] <= 6


def test_endless_index_is_refused(
    online: Any, send_answer: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch, "_INDEX_BYTES", 1000)
    online.misbehave["/index.json"] = send_answer(200, b" " * 1001)
    with pytest.raises(ModelError, match=r"index\.json is longer than its 1000 bytes"):
        pull("oak")


def test_requests_say_who_asks_and_nothing_more(online: Any) -> None:
    pull("elm")
    assert all(headers["User-Agent"].startswith("cadrage/") for headers in online.headers)
    assert not any("Cookie" in headers or "Referer" in headers for headers in online.headers)


def test_folder_index_refuses_links(shelf: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CADRAGE_MODELS", str(shelf.root))
    secret = tmp_path / "secret"
    secret.write_bytes(b"e" * 300)  # even with the right content
    trunk = shelf.root / "elm.v1.5" / "trunk.onnx"
    trunk.unlink()
    trunk.symlink_to(secret)
    with pytest.raises(ModelError, match="symbolic link"):
        pull("elm")
    (shelf.root / "oak.v1").rename(tmp_path / "elsewhere")
    (shelf.root / "oak.v1").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ModelError, match="symbolic link"):
        pull("oak")


def test_folder_index_may_itself_be_reached_by_a_link(
    shelf: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "link").symlink_to(shelf.root)
    monkeypatch.setenv("CADRAGE_MODELS", str(tmp_path / "link"))
    assert (pull("elm") / "card.json").is_file()


def test_folder_index_refuses_what_is_no_file(shelf: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CADRAGE_MODELS", str(shelf.root))
    trunk = shelf.root / "elm.v1.5" / "trunk.onnx"
    trunk.unlink()
    with pytest.raises(ModelError, match="No such file"):
        pull("elm")
    os.mkfifo(trunk)
    with pytest.raises(ModelError, match="not a regular file"):
        pull("elm")


@pytest.mark.parametrize("content", [b"e" * 299, b"e" * 301, b"E" * 300])
def test_folder_index_with_wrong_content(
    content: bytes, shelf: Any, models_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CADRAGE_MODELS", str(shelf.root))
    (shelf.root / "elm.v1.5" / "trunk.onnx").write_bytes(content)
    with pytest.raises(ModelError, match=r"trunk\.onnx"):
        pull("elm")
    assert nothing_final(models_cache)
