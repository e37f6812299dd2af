"""``cadrage doctor``: is this installation well, and if not, what is missing?"""

import json
import os
import platform
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from cadrage import __version__
from cadrage.cli.report import Report
from cadrage.errors import CadrageError, ModelError
from cadrage.inference.store import config, packaged

SCHEMA_VERSION = "1.0"

# Distributions by the extra that brings them.
EXTRAS = {
    "heic": ("pillow-heif",),
    "deep": ("pyvips", "pyvips-binary"),
    "eval": ("scipy", "pycocotools", "matplotlib"),
    "train": ("torch", "lightning", "safetensors", "onnx", "tensorboard"),
}


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was tried, what came of it, and what the command exits with because of it."""

    exit_code: int
    message: str


def doctor(as_json: Annotated[bool, typer.Option("--json", help="One JSON document instead of text.")] = False) -> None:
    """Check this installation: versions, decoders, the packaged model, folders, and a picture cropped for real.

    Exit code 0 if all is well, 4 if the packaged model is missing or damaged, 1 for any other trouble.
    """
    checks = {"settings": _check(_settings), "model": _check(_model)}
    if checks["model"].exit_code == 0:  # else the self-test could only repeat its error
        checks["self-test"] = _check(_self_test)
    # A damaged model outweighs the rest: nothing works without it.
    exit_code = max(check.exit_code for check in checks.values())
    facts = {
        "versions": _versions(),
        "extras": _extras(),
        "decoders": _decoders(),
        "threads": _threads(),
        "folders": _folders(),
    }
    report = Report()
    if as_json:
        results = {name: {"ok": check.exit_code == 0, "message": check.message} for name, check in checks.items()}
        content = {"schema_version": SCHEMA_VERSION, "ok": exit_code == 0, **facts, "checks": results}
        report.data(json.dumps(content, indent=2))
    else:
        for line in _lines(facts, checks):
            report.data(line)
        report.data("all is well" if exit_code == 0 else "something is wrong, see above")
    if exit_code:
        raise typer.Exit(exit_code)


def _check(attempt: Callable[[], str]) -> Check:
    try:
        return Check(0, attempt())
    except CadrageError as error:
        return Check(error.exit_code if isinstance(error, ModelError) else 1, str(error))
    except Exception as error:  # noqa: BLE001 - whatever is broken here, saying so is what this command is for
        return Check(1, f"{type(error).__name__}: {' '.join(str(error).split())}")


def _settings() -> str:
    source = config.index_source()
    index = f"further models from {source.location} (set by {source.origin})" if source else "no further models"
    return f"{index}; network {'forbidden' if config.offline_by_environment() else 'allowed'}"


def _model() -> str:
    from cadrage.inference.store.card import read_card

    card = read_card(packaged.folder())
    for part in card.parts:
        card.read_part(part)
    return f"{card.name}.{card.tag} version {card.version}, checksums match ({card.weights_sha256[:12]}), {card.folder}"


def _self_test() -> str:
    import numpy as np

    from cadrage.inference.cropper import Cropper

    y, x = np.mgrid[0:480, 0:640]
    sky_and_sun = np.stack([x * 255 // 640, y * 255 // 480, np.full_like(x, 160)], axis=-1).astype(np.uint8)
    sky_and_sun[(x - 430) ** 2 + (y - 170) ** 2 < 60**2] = (255, 230, 90)
    crops = Cropper(packaged.DEFAULT, offline=True).suggest(sky_and_sun, n=3).crops
    if not crops:
        raise ModelError("the model found no crop in the test picture; install cadrage again")
    return f"{len(crops)} crops found in a generated picture"


def _versions() -> dict[str, str | None]:
    packages = {name: _version(name) for name in ("numpy", "pillow", "onnxruntime")}
    return {"cadrage": __version__, "python": platform.python_version(), **packages}


def _extras() -> dict[str, dict[str, str | None]]:
    return {extra: {name: _version(name) for name in names} for extra, names in EXTRAS.items()}


def _decoders() -> dict[str, bool]:
    try:
        from PIL import features
    except ImportError:  # the self-test will say so
        return {"AVIF": False, "HEIC": False, "WebP": False}
    heic = _version("pillow-heif") is not None
    return {"AVIF": bool(features.check("avif")), "HEIC": heic, "WebP": bool(features.check("webp"))}


def _threads() -> int:
    # The CPUs this process may use, which in a container can be fewer than the machine has.
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _folders() -> dict[str, str]:
    return {
        "cache": str(config.cache_folder()),
        "config": str(config.config_file().parent),
        "packaged_model": str(packaged.FOLDER),
    }


def _version(distribution: str) -> str | None:
    # Imported here, as every verb loads this file and only this one needs it.
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def _lines(facts: dict[str, Any], checks: dict[str, Check]) -> list[str]:
    rows = [("versions", ", ".join(f"{name} {found or 'missing'}" for name, found in facts["versions"].items()))]
    for extra, packages in facts["extras"].items():
        present = [f"{name} {found}" for name, found in packages.items() if found]
        lacking = [name for name, found in packages.items() if not found]
        rows.append((f"extra {extra}", ", ".join(present + [f"no {name}" for name in lacking])))
    # Pillow decides about the others when it is built; HEIC alone is a matter of installing something.
    hints = {"HEIC": " (pip install 'cadrage[heic]')"}
    decoders = [f"{name} {'yes' if ok else 'no' + hints.get(name, '')}" for name, ok in facts["decoders"].items()]
    rows += [("decoders", ", ".join(decoders)), ("threads", str(facts["threads"]))]
    rows += [(name, facts["folders"][name]) for name in ("cache", "config")]
    rows += [(name, ("" if check.exit_code == 0 else "WRONG: ") + check.message) for name, check in checks.items()]
    width = max(len(label) for label, _ in rows)
    return [f"{label.ljust(width)}  {value}" for label, value in rows]
