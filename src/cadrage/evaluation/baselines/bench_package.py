"""Other tools that serve as baselines are optional packages."""

import importlib
from typing import Any

from cadrage.errors import CadrageError


def bench_package(package: str, baseline: str) -> Any:
    """The imported package.

    Raises:
        CadrageError: it is not installed; the message names the extra.
    """
    try:
        return importlib.import_module(package)
    except (ImportError, OSError) as error:  # OSError: pyvips without the library it wraps
        raise CadrageError(
            f"baseline {baseline} needs {package}, which is not installed; "
            "install the extra: pip install 'cadrage[bench]'"
        ) from error


def package_version(package: str) -> str:
    """The installed version, for the record."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"
