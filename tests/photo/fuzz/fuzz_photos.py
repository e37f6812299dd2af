"""Mutate pictures for a while and crop each: anything but an answer or a one-line refusal is a failure.

    python tests/photo/fuzz/fuzz_photos.py --seconds 600              ten minutes
    python tests/photo/fuzz/fuzz_photos.py --seed 7 --case 1234       one input again, kept in --keep

Failures are: an exception that is no ``CadrageError``, a message of several lines, a line on stderr, more than 5 s of
processor time, more than 1 GB of memory, and a process that ends by itself. The inputs of a seed are always the same.
"""

import argparse
import json
import os
import random
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

MOST_SECONDS = 5.0
MOST_BYTES = 1_000_000_000

# Other programs may hold the processor meanwhile.
_PATIENCE_S = 12 * MOST_SECONDS

_NUMBERS = (0, 1, 2, 7, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)


def mutated(inputs: list[tuple[str, bytes]], seed: int, case: int) -> tuple[str, bytes]:
    """The name of the picture that was taken and its bytes after one to six changes."""
    chance = random.Random(f"{seed}:{case}")
    name, content = chance.choice(inputs)
    data = bytearray(content)
    for _ in range(chance.choice((1, 1, 1, 2, 3, 6))):
        _change(data, chance, inputs)
        if not data:
            data = bytearray(content[:1])
    return name, bytes(data)


def _change(data: bytearray, chance: random.Random, inputs: list[tuple[str, bytes]]) -> None:
    # What stands in front decides most.
    reach = len(data) if chance.random() < 0.5 else min(len(data), 400)
    at = chance.randrange(reach)
    length = min(chance.choice((1, 2, 4, 8, 12, 30, 200)), len(data) - at)
    match chance.randrange(8):
        case 0:
            data[at] ^= 1 << chance.randrange(8)
        case 1:
            data[at : at + length] = chance.randbytes(length)
        case 2:
            size = chance.choice((1, 2, 4))
            number = (chance.choice(_NUMBERS) & ((1 << 8 * size) - 1)).to_bytes(size, chance.choice(("big", "little")))
            data[at : at + size] = number
        case 3:
            del data[at : at + length]
        case 4:
            data[at:at] = data[at : at + length] * chance.choice((1, 1, 2, 50))
        case 5:
            del data[at:]
        case 6:
            other = chance.choice(inputs)[1]
            start = chance.randrange(len(other))
            data[at : at + length] = other[start : start + chance.choice((4, 12, 100, len(other)))]
        case _:
            target = chance.randrange(len(data))
            data[target : target + length] = data[at : at + length]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one input went: what became of it, processor seconds and the largest memory of the process in bytes."""

    case: int
    name: str
    result: str
    seconds: float = 0.0
    peak_bytes: int = 0
    stderr: str = ""

    @property
    def failure(self) -> str | None:
        """What is wrong with it; None if it was answered or refused as it should be."""
        if self.result not in ("answered", "refused"):
            return self.result
        if self.stderr:
            return f"wrote to stderr: {self.stderr[:200]!r}"
        if self.seconds > MOST_SECONDS:
            return f"took {self.seconds:.1f} s of processor time"
        if self.peak_bytes > MOST_BYTES:
            return f"took {self.peak_bytes / 1e6:.0f} MB"
        return None


def work(seed: int, first: int) -> None:
    """Crop one input after the other, for ever; say on stdout before each which it is and afterwards how it went."""
    from corpus import corpus

    from cadrage import CadrageError, Cropper, open_photo
    from cadrage.photo import encode_crop

    inputs = list(corpus())
    cropper = Cropper(threads=1)
    case = first
    while True:
        name, data = mutated(inputs, seed, case)
        _say({"case": case, "name": name})
        _forget_peak()
        start = time.process_time()
        try:
            photo = open_photo(data, max_pixels=50_000_000)
            best = cropper.suggest(photo, n=1).best
            encode_crop(photo, best.xyxy)
            result = "answered"
        except CadrageError as error:
            result = "refused" if "\n" not in str(error) and len(str(error)) < 600 else f"said {str(error)!r}"
        except Exception as error:  # noqa: BLE001 - to find these is the purpose
            result = f"raised {type(error).__name__}: {error}"
        seconds = time.process_time() - start
        _say({"result": result, "seconds": seconds, "peak_bytes": _peak_bytes(), "stderr_end": os.fstat(2).st_size})
        case += 1


def _say(content: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(content) + "\n")
    sys.stdout.flush()


def _forget_peak() -> None:
    # Linux only; elsewhere the peak is that of the whole run.
    reset = Path("/proc/self/clear_refs")
    if reset.exists():
        reset.write_text("5")


def _peak_bytes() -> int:
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")), 0)


def outcomes(seed: int, first: int, until: float) -> Iterator[Outcome]:
    """What becomes of one input after the other until the clock says ``until``, in processes that may die."""
    case = first
    while time.monotonic() < until:
        with tempfile.TemporaryFile() as stderr, _worker(seed, case, stderr) as process:
            try:
                for outcome in _listen(process, stderr, until):
                    yield outcome
                    case = outcome.case + 1
            finally:
                process.kill()


def _worker(seed: int, first: int, stderr: IO[bytes]) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-W", "default", __file__, "--work", str(seed), str(first)]
    # The path of an installation in the making travels along.
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=stderr, env=environment, bufsize=0)


def _listen(process: "subprocess.Popen[bytes]", stderr: IO[bytes], until: float) -> Iterator[Outcome]:
    seen_bytes = 0
    while time.monotonic() < until:
        began = _line(process)
        if "case" not in began:
            raise SystemExit(f"the process did not begin: {_text(stderr, 0, 10_000)}")
        ended = _line(process)
        if "result" not in ended:
            yield Outcome(began["case"], began["name"], f"no answer, exit status {process.poll()}")
            return
        # It may be at the next input already.
        end = ended.pop("stderr_end")
        yield Outcome(**began, **ended, stderr=_text(stderr, seen_bytes, end))
        seen_bytes = end


def _line(process: "subprocess.Popen[bytes]") -> dict[str, Any]:
    ready, _, _ = select.select([process.stdout], [], [], _PATIENCE_S)
    line = process.stdout.readline() if ready and process.stdout else b""
    if not line and ready:
        process.wait()
    return json.loads(line) if line.endswith(b"\n") else {}


def _text(stderr: IO[bytes], start: int, end: int) -> str:
    # The process writes where its parent reads.
    return os.pread(stderr.fileno(), end - start, start).decode(errors="replace")


def main(argv: list[str] | None = None) -> int:
    """Return 0 when nothing failed."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=float, default=600.0, help="how long (default: 600)")
    parser.add_argument("--seed", type=int, default=0, help="which inputs (default: 0)")
    parser.add_argument("--case", type=int, help="only write this input")
    parser.add_argument("--keep", type=Path, default=Path("out/fuzz"), help="folder for inputs that fail")
    parser.add_argument("--work", type=int, nargs=2, metavar=("SEED", "FIRST"), help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    if options.work:
        work(*options.work)
    if options.case is not None:
        sys.stdout.write(f"{_kept(options.keep, options.seed, options.case)}\n")
        return 0
    counts: dict[str, int] = {}
    failed, slowest_s, largest_bytes = 0, 0.0, 0
    for outcome in outcomes(options.seed, 0, time.monotonic() + options.seconds):
        slowest_s, largest_bytes = max(slowest_s, outcome.seconds), max(largest_bytes, outcome.peak_bytes)
        kind = "failed" if outcome.failure else outcome.result
        counts[kind] = counts.get(kind, 0) + 1
        if outcome.failure:
            failed += 1
            kept = _kept(options.keep, options.seed, outcome.case)
            sys.stdout.write(f"case {outcome.case} ({outcome.name}): {outcome.failure}; kept as {kept}\n")
    told = ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items()))
    sys.stdout.write(f"{told}; at most {slowest_s:.2f} s and {largest_bytes / 1e6:.0f} MB\n")
    return 1 if failed or not counts else 0


def _kept(folder: Path, seed: int, case: int) -> Path:
    from corpus import corpus

    name, data = mutated(list(corpus()), seed, case)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{seed}-{case}-{name}.bin"
    path.write_bytes(data)
    return path


if __name__ == "__main__":
    sys.exit(main())
