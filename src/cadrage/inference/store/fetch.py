"""Read a file below a model index, from a folder or over http(s), without trusting whoever serves it.

The standard library is enough: a handful of plain GET requests, each checked against a size and a checksum. An HTTP
package would add a dependency to every installation for a command that most people never run. There are no retries:
verified files are kept, so running the same command again continues where the last one broke off.
"""

import hashlib
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from cadrage import __version__
from cadrage.errors import ModelError
from cadrage.inference.store.config import IndexSource
from cadrage.inference.store.index import INDEX_FILE, Index, ModelFile, parse_index, plain_line
from cadrage.inference.store.regular import open_regular

if TYPE_CHECKING:
    from urllib.request import OpenerDirector

    from cadrage.inference.store.deadline import Deadline

TIMEOUT_S = 20.0  # for connecting and for every single read, so a stalled server cannot hang a pull
# For one file altogether, so that a server that dribbles cannot either: some patience, and the slowest line we expect.
PATIENCE_S, SLOWEST_BYTES_PER_S = 30.0, 16_000
_CHUNK_BYTES = 1 << 16
_INDEX_BYTES = 4 << 20  # thousands of models; an index beyond it is no index


def read_index(source: IndexSource) -> Index:
    """Fetch and parse the index; ModelError when it is missing, unreachable, too large or malformed."""
    where = address(source, INDEX_FILE)
    with closing(_chunks(source, INDEX_FILE, _INDEX_BYTES, PATIENCE_S)) as chunks:
        return parse_index(b"".join(chunks), where)


def read_verified(source: IndexSource, file: ModelFile) -> bytes:
    """The whole file in memory, checked; meant for cards. Raises like `verified_chunks`."""
    with closing(verified_chunks(source, file)) as chunks:
        return b"".join(chunks)


def verified_chunks(source: IndexSource, file: ModelFile) -> Generator[bytes, None, None]:
    """Yield the file piece by piece; reaching the end means size and checksum were right.

    Raises ModelError when the file is missing, unreachable, longer or shorter than declared, or has another checksum.
    Whoever stores the pieces must therefore not give them their final name before the end.
    """
    sha256, done_bytes = hashlib.sha256(), 0
    limit_s = PATIENCE_S + file.bytes / SLOWEST_BYTES_PER_S
    with closing(_chunks(source, file.path, file.bytes, limit_s)) as chunks:
        for chunk in chunks:
            sha256.update(chunk)
            done_bytes += len(chunk)
            yield chunk
    where = address(source, file.path)
    if done_bytes < file.bytes:
        raise ModelError(f"{where} was cut short after {done_bytes} of {file.bytes} bytes; pull again to continue")
    if sha256.hexdigest() != file.sha256:
        raise ModelError(
            f"{where} has sha256 {sha256.hexdigest()[:12]}, the index says {file.sha256[:12]}; "
            "it is damaged or not the file that was published, nothing of it was kept"
        )


def address(source: IndexSource, path: str) -> str:
    """Folder path or URL of a file below the index, for opening and for messages."""
    return source.location + quote(path) if source.is_remote else str(Path(source.location) / path)


def _chunks(source: IndexSource, path: str, limit_bytes: int, limit_s: float) -> Generator[bytes, None, None]:
    where = address(source, path)
    done_bytes = 0
    try:
        with _open_url(where, limit_s) if source.is_remote else _open_file(source, path) as stream:
            # One byte more than allowed is enough to know, and all that is ever read.
            while chunk := stream.read(min(_CHUNK_BYTES, limit_bytes + 1 - done_bytes)):
                done_bytes += len(chunk)
                if done_bytes > limit_bytes:
                    raise ModelError(f"{where} is longer than its {limit_bytes} bytes; nothing of it was kept")
                yield chunk
    except OSError as error:
        raise ModelError(f"{where} cannot be read: {_reason(error)}{_way_out(source)}") from error


def _reason(error: OSError) -> str:
    cause = getattr(error, "reason", error)  # urllib wraps what really happened
    if isinstance(cause, TimeoutError):
        return f"no answer within {TIMEOUT_S:g} s"
    return plain_line(getattr(cause, "strerror", None) or cause)


def _way_out(source: IndexSource) -> str:
    hint = "; check the connection, or use --offline to work with the models already here" if source.is_remote else ""
    return f"{hint} (models are listed by {source.origin})"


@contextmanager
def _open_file(source: IndexSource, path: str) -> Iterator[IO[bytes]]:
    root = Path(source.location).resolve()
    file = root / path
    if file.resolve() != file:
        raise ModelError(f"{file} is or passes through a symbolic link, which an index may not use; put the file there")
    with open_regular(file) as stream:
        yield stream


@contextmanager
def _open_url(url: str, limit_s: float) -> Iterator[IO[bytes]]:
    # Imported here: urllib brings in ssl and email, 30 ms that a run with a model already here need not pay.
    from http.client import HTTPException
    from urllib.error import HTTPError
    from urllib.request import Request

    from cadrage.inference.store.deadline import deadline

    request = Request(url, headers={"User-Agent": f"cadrage/{__version__}", "Accept-Encoding": "identity"})
    with deadline(limit_s) as limit:
        try:
            with _opener(limit).open(request, timeout=TIMEOUT_S) as response:
                if response.status != 200:
                    raise OSError(f"the server answers {response.status}")
                yield response
        except HTTPError as error:
            error.close()
            raise OSError(f"the server answers {error.code} {error.reason}") from error
        except (OSError, HTTPException, ValueError) as error:
            if not limit.passed:
                if isinstance(error, OSError):
                    raise
                # A garbled answer, an impossible URL.
                raise OSError(f"{type(error).__name__} {error}") from error
        if limit.passed:
            raise OSError(f"it was not complete within {limit_s:.0f} s")


def _opener(limit: "Deadline") -> "OpenerDirector":
    """An opener for http and https alone; the library's default one would follow a redirect to ftp as well."""
    from urllib import request
    from urllib.error import HTTPError

    def watched(kind: type[Any]) -> type[Any]:
        class Watched(kind):  # type: ignore[misc]
            _socket = None

            # Set as soon as there is a connection, before any proxy and encryption are agreed on.
            @property
            def sock(self) -> Any:
                return self._socket

            @sock.setter
            def sock(self, connection: Any) -> None:
                if self._socket is None and connection is not None:
                    limit.watch(connection)
                self._socket = connection

        return Watched

    class Plain(request.HTTPHandler):
        def do_open(self, http_class, req, **options):  # type: ignore[no-untyped-def]
            return super().do_open(watched(http_class), req, **options)  # type: ignore[arg-type]

    class Encrypted(request.HTTPSHandler):
        def do_open(self, http_class, req, **options):  # type: ignore[no-untyped-def]
            return super().do_open(watched(http_class), req, **options)  # type: ignore[arg-type]

    class SafeRedirects(request.HTTPRedirectHandler):
        max_redirections = 5

        def redirect_request(self, req, fp, code, msg, headers, newurl):  # type: ignore[no-untyped-def]
            old, new = urlsplit(req.full_url).scheme, urlsplit(newurl).scheme
            # Same scheme, or up to https; never down to http, where anybody on the way could replace the index.
            if new not in (old, "https"):
                raise HTTPError(newurl, code, f"{msg}, a redirect from {old} to {new}, which is refused", headers, fp)
            fp.close()  # the library would read the answer's body to its end, which may never come
            return super().redirect_request(req, fp, code, msg, headers, newurl)

    opener = request.OpenerDirector()
    for handler in (
        request.ProxyHandler(),  # many offices reach the network through one; checksums hold all the same
        Plain(),
        Encrypted(),
        request.HTTPDefaultErrorHandler(),
        request.HTTPErrorProcessor(),
        SafeRedirects(),
    ):
        opener.add_handler(handler)
    return opener
