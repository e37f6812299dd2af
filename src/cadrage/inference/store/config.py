"""What the user set once for this machine: where further models are listed, and whether the network may be used.

Environment variables win over the config file, because a container or a test sets them for one run.

    CADRAGE_MODELS    folder or http(s) URL holding an ``index.json``
    CADRAGE_OFFLINE   1 = never touch the network
    config.toml       ``models = "..."``, the same as CADRAGE_MODELS; a relative folder starts at the file
"""

import os
import tomllib
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import platformdirs

from cadrage.errors import UsageError, in_short
from cadrage.inference.store.regular import LARGEST_TEXT, read_regular

MODELS_VARIABLE = "CADRAGE_MODELS"
OFFLINE_VARIABLE = "CADRAGE_OFFLINE"

_TRUE = ("1", "true", "yes", "on")
_FALSE = ("", "0", "false", "no", "off")


@dataclass(frozen=True, slots=True)
class IndexSource:
    """Where further models are listed, and who said so."""

    location: str  # absolute folder, or URL ending in "/"
    origin: str  # the environment variable or the config file that named it

    @property
    def is_remote(self) -> bool:
        """True when reading it needs the network."""
        return self.location.startswith(("http://", "https://"))


def cache_folder() -> Path:
    """Folder for everything that can be fetched again; it need not exist yet."""
    return Path(platformdirs.user_cache_dir("cadrage", appauthor=False))


def config_file() -> Path:
    """The user's config file; it need not exist."""
    return Path(platformdirs.user_config_dir("cadrage", appauthor=False)) / "config.toml"


def offline_by_environment() -> bool:
    """True when CADRAGE_OFFLINE forbids the network; UsageError when its value is neither yes nor no."""
    value = os.environ.get(OFFLINE_VARIABLE, "").strip().lower()
    if value not in _TRUE + _FALSE:
        raise UsageError(f"{OFFLINE_VARIABLE}={value!r} is neither yes nor no; set it to 1 or 0")
    return value in _TRUE


def index_source() -> IndexSource | None:
    """The index of further models, from CADRAGE_MODELS or else the config file; None when neither names one.

    Raises UsageError when the value is neither a folder nor an http(s) URL, or the config file cannot be read.
    """
    value = os.environ.get(MODELS_VARIABLE, "").strip()
    if value:
        return _source(value, MODELS_VARIABLE, Path.cwd())
    path = config_file()
    value = _models_key(path)
    return _source(value, str(path), path.parent) if value else None


def _models_key(path: Path) -> str:
    try:
        settings = tomllib.loads(read_regular(path, LARGEST_TEXT).decode("utf-8"))
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise UsageError(f"config file {path} cannot be read: {error.strerror}; correct or remove it") from error
    except (ValueError, RecursionError) as error:  # ValueError: bad UTF-8 as well as bad TOML
        raise UsageError(f"config file {path} cannot be read: {in_short(error)}; correct or remove it") from error
    value = settings.get("models", "")
    if not isinstance(value, str):
        raise UsageError(f"config file {path}: models must be text in quotes, a folder or a URL")
    return value.strip()


def _source(value: str, origin: str, base: Path) -> IndexSource:
    # Both the folder and its index.json are natural things to paste.
    value = value.removesuffix("index.json") or "."
    if "://" not in value:
        try:
            folder = (base / Path(value).expanduser()).resolve()
        except (OSError, RuntimeError, ValueError) as error:  # "~nobody" has no home, NUL is in no path
            raise UsageError(f"{origin}: {value!r} is no usable folder: {error}") from error
        return IndexSource(str(folder), origin)
    try:
        url = urlsplit(value)
        usable = url.scheme in ("http", "https") and bool(url.hostname) and (url.port is None or url.port > 0)
    except ValueError:
        usable = False
    if not usable:
        raise UsageError(f"{origin}: {value!r} is neither a folder nor an http(s) URL")
    if "@" in url.netloc or url.query or url.fragment:
        # The location is shown in messages and stored in the cache, so it must not carry a secret.
        raise UsageError(f"{origin}: the URL of a model index takes no user name, query or fragment; give the bare URL")
    return IndexSource(f"{url.scheme}://{url.netloc}{url.path.rstrip('/')}/", origin)
