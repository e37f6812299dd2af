"""What only a fresh process can show: import time, peak memory, and the size of an installation."""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from timing import Times

HERE = Path(__file__).parent

# A process starts its life with the peak of the one that starts it, so a small one stands between: it starts the
# command, waits, and reports the peak of its only child.
_WATCH = """
import json, resource, subprocess, sys
code = subprocess.call(sys.argv[1:], stdout=subprocess.DEVNULL)
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
print(json.dumps([code, peak if sys.platform == "darwin" else peak * 1024]))
"""


def peak_megabytes(command: Sequence[str]) -> float:
    """Peak resident memory of a command in MB (1,000,000 bytes); raises RuntimeError if the command fails."""
    watched = [sys.executable, "-S", "-E", "-c", _WATCH, *command]
    done = subprocess.run(watched, capture_output=True, text=True, check=True)
    code, peak_bytes = json.loads(done.stdout)
    if code != 0:
        raise RuntimeError(f"{' '.join(command)} failed with exit code {code}: {done.stderr.strip()}")
    return round(peak_bytes / 1e6, 1)


def answer_of(script: Path, question: str, settings: Mapping[str, object]) -> dict[str, Any]:
    """What a script writes to its ``--out`` when it is asked in a process of its own, with ``peak_megabytes``."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "answer.json"
        options = {**settings, "--out": file}
        command = [sys.executable, str(script), question, *(str(each) for pair in options.items() for each in pair)]
        peak = peak_megabytes(command)
        return {**json.loads(file.read_text(encoding="utf-8")), "peak_megabytes": peak}


def tool_command(name: str, photo: Path, model: str, threads: int | None) -> list[str]:
    """One call of one contender in a process of its own."""
    return [sys.executable, str(HERE / "contenders.py"), name, str(photo), model, str(threads)]


def cli_command(verb: str, photo: Path, model: str, *options: str) -> list[str]:
    """The command line of the product, as its users start it."""
    return [sys.executable, "-m", "cadrage.cli", verb, str(photo), "--model", model, "--offline", *options]


def import_times(rounds: int) -> dict[str, Times]:
    """Fresh interpreters, interleaved: bare, ``import cadrage``, and everything that ``Cropper`` needs."""
    programs = {"bare": "pass", "package": "import cadrage", "cropper": "from cadrage import Cropper"}
    seconds: dict[str, list[float]] = {name: [] for name in programs}
    for number in range(-1, rounds):
        for name, program in programs.items():
            start = time.perf_counter()
            subprocess.run([sys.executable, "-c", program], check=True)
            if number >= 0:
                seconds[name].append(time.perf_counter() - start)
    return {name: Times.of(values) for name, values in seconds.items()}


def installed_megabytes(project: Path) -> dict[str, float]:
    """Disk space in MB that ``pip install .`` takes in a fresh environment, with and without pip and setuptools."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        python = Path(folder, "Scripts" if sys.platform == "win32" else "bin", "python")
        quiet = ["--quiet", "--disable-pip-version-check"]
        subprocess.run([python, "-m", "pip", "install", *quiet, str(project)], check=True)
        (packages,) = Path(folder).glob("[Ll]ib/**/site-packages")
        sizes = {entry.name: _disk_bytes(entry) for entry in packages.iterdir()}
    tools = ("pip", "setuptools", "pkg_resources", "_distutils_hack", "distutils-precedence")
    light = sum(size for name, size in sizes.items() if not name.startswith(tools))
    largest = sorted(sizes.items(), key=lambda item: -item[1])[:8]
    return {
        "with_pip_and_setuptools": round(sum(sizes.values()) / 1e6, 1),
        "light_install": round(light / 1e6, 1),
        **{f"largest: {name}": round(size / 1e6, 1) for name, size in largest},
    }


def _disk_bytes(path: Path) -> int:
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    # Blocks of 512 bytes are what a file takes; Windows does not tell.
    return sum(getattr(status, "st_blocks", 0) * 512 or status.st_size for status in map(Path.stat, files))
