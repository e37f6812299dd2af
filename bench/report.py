"""The bars, the table and what must be known about the machine to read either."""

import os
import platform
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from timing import Times

_PACKAGES = ("cadrage", "numpy", "pillow", "onnxruntime", "smartcrop", "pyvips", "pyvips-binary")

# The size on which other tools are challenged.
_CHALLENGED = "12 Mpx"


@dataclass(frozen=True, slots=True)
class Bar:
    """One promise: the measured value must stay below (or, with ``at_least``, reach) the limit."""

    what: str
    limit: float
    value: float | None  # None if it was not measured
    unit: str
    at_least: bool = False

    @property
    def held(self) -> bool | None:
        if self.value is None:
            return None
        return self.value >= self.limit if self.at_least else self.value <= self.limit

    def to_json(self) -> dict[str, Any]:
        return {
            "what": self.what,
            "bar": f"{'>=' if self.at_least else '<='} {self.limit:g} {self.unit}",
            "value": None if self.value is None else round(self.value, 3),
            "held": self.held,
        }


def bars(
    speed: Mapping[str, Mapping[str, Times]],
    questions: Mapping[str, Mapping[str, Times]],
    imports: Mapping[str, Times],
    memory: Mapping[str, float],
    install: Mapping[str, float] | None,
) -> list[Bar]:
    """Every bar, on every size it speaks of; a size or tool that was not measured leaves its bar open."""
    result = []
    for size, times in speed.items():
        result.append(Bar(f"{size}: total / floor", 1.5, _ratio(times, "cadrage", "floor"), "x"))
    for size, times in speed.items():
        if size.startswith(_CHALLENGED):
            faster = _ratio(times, "smartcrop", "cadrage")
            result.append(Bar(f"{size}: smartcrop.py / total", 6.0, faster, "x", at_least=True))
            result.append(Bar(f"{size}: total / libvips attention", 1.0, _ratio(times, "cadrage", "libvips"), "x"))
    for size, times in questions.items():
        more, first = times["one_more_ratio"].median_ms, times["first_call"].median_ms
        result.append(Bar(f"{size}: one more ratio / first call", 10.0, 100 * more / first, "%"))
    for size, times in questions.items():
        result.append(Bar(f"{size}: 1,000 more boxes", 30.0, times["score_1000_boxes"].median_ms, "ms"))
    imported = imports["package"].median_ms - imports["bare"].median_ms
    result.append(Bar("import cadrage, minus the bare interpreter", 150.0, imported, "ms"))
    for command, megabytes in memory.items():
        if command.startswith("cli"):
            result.append(Bar(f"peak memory, {command}", 400.0, megabytes, "MB"))
    result.append(Bar("light install on disk", 250.0, install["light_install"] if install else None, "MB"))
    return result


def _ratio(times: Mapping[str, Times], over: str, under: str) -> float | None:
    return times[over].median_ms / times[under].median_ms if {over, under} <= set(times) else None


def environment(project: Path, model: str, threads: int | None) -> dict[str, Any]:
    """Machine, versions and model: without them no number means anything."""
    from cadrage import Cropper

    card = Cropper(model, offline=True).model.card
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": _commit(project),
        "cpu": _cpu(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "threads": "one per physical core, ONNX Runtime's default" if threads is None else threads,
        "load_average_before": _load(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in _PACKAGES},
        "model": {"name": f"{card.name}.{card.tag}", "version": card.version, "weights_sha256": card.weights_sha256},
    }


def _load() -> float | None:
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _commit(project: Path) -> str | None:
    try:
        return subprocess.run(
            ["git", "-C", str(project), "describe", "--always", "--dirty"], capture_output=True, text=True, check=True
        ).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None


def print_times(title: str, table: Mapping[str, Mapping[str, Times]]) -> None:
    """One row per name, one column per size: median (lower quartile to upper quartile) in milliseconds."""
    rounds = ", ".join(f"{next(iter(times.values())).n} for {size}" for size, times in table.items())
    print(f"\n{title}\nmedian (quartiles) in ms, n = {rounds}")
    print(" " * 18 + "".join(f"{size:>28}" for size in table))
    for name in dict.fromkeys(name for times in table.values() for name in times):
        cells = [f"{t.median_ms:.2f} ({t.q1_ms:.2f}-{t.q3_ms:.2f})" for t in (s[name] for s in table.values())]
        print(f"{name:18}" + "".join(f"{cell:>28}" for cell in cells))


def print_numbers(title: str, numbers: Mapping[str, float], unit: str) -> None:
    print(f"\n{title}")
    for name, value in numbers.items():
        print(f"{name:46}{value:10.1f} {unit}")


def print_bars(checked: list[Bar]) -> None:
    print("\nBars")
    for bar in checked:
        verdict = {True: "held", False: "MISSED", None: "not measured"}[bar.held]
        value = "-" if bar.value is None else f"{bar.value:.2f} {bar.unit}"
        limit = f"{'>=' if bar.at_least else '<='} {bar.limit:g} {bar.unit}"
        print(f"{bar.what:46}{value:>14}   {limit:12}{verdict}")
