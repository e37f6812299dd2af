"""How long does converting a data set take, and does its memory stay small? See README.md beside this file.

python bench/convert.py --out bench/results/convert.json
"""

import argparse
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image
from processes import peak_megabytes
from report import Bar, environment, print_bars, print_numbers
from timing import Times

PROJECT = Path(__file__).resolve().parent.parent

# GAICD v2 has 3,336 photos, long side 1024 px, with about 86 rated crops each.
PHOTOS, MORE_PHOTOS = 3_336, 10_000
SIZE_WH = (1024, 683)
CROPS = 86

QUIET_LOAD = 0.5


def main() -> None:
    """Measure, print, and write the JSON file if one is asked for."""
    arguments = _arguments()
    environ = environment(PROJECT, "default", None)
    # No model and no inference takes part in this.
    environ = {key: value for key, value in environ.items() if key not in ("model", "threads")}
    if (environ["load_average_before"] or 0) > QUIET_LOAD:
        _say(f"warning: the machine is busy (load {environ['load_average_before']}); do not trust these timings")
    with tempfile.TemporaryDirectory(dir=arguments.folder) as scratch:
        folder = Path(scratch)
        _say("making photos and annotations ...")
        described = make_data_set(folder / "src", PHOTOS)
        make_data_set(folder / "more", MORE_PHOTOS)
        seconds = {"link": [], "copy": [], "none": []}
        for number in range(arguments.rounds):
            for mode, taken in seconds.items():
                _say(f"round {number + 1} of {arguments.rounds}, --photos {mode} ...")
                start = time.perf_counter()
                subprocess.run(command(folder / "src", folder / "dst", mode), check=True, capture_output=True)
                taken.append(time.perf_counter() - start)
                shutil.rmtree(folder / "dst")
        _say("watching memory ...")
        memory = {}
        for count, name in ((PHOTOS, "src"), (MORE_PHOTOS, "more")):
            memory[f"{count:,} photos"] = peak_megabytes(command(folder / name, folder / "dst", "link"))
            shutil.rmtree(folder / "dst")
    times = {mode: Times.of(taken) for mode, taken in seconds.items()}
    fewer, more = memory.values()
    bars = [
        Bar(f"{PHOTOS:,} photos, linked", 30.0, times["link"].median_ms / 1e3, "s"),
        Bar(f"{PHOTOS:,} photos, copied", 30.0, times["copy"].median_ms / 1e3, "s"),
        Bar("memory per further photo", 2.0, (more - fewer) * 1e3 / (MORE_PHOTOS - PHOTOS), "kB"),
    ]
    print_numbers(
        f"Median of {arguments.rounds} fresh processes", {k: t.median_ms / 1e3 for k, t in times.items()}, "s"
    )
    print_numbers("Peak memory of a fresh process", memory, "MB")
    print_bars(bars)
    if arguments.out:
        content = {
            "environment": environ,
            "data_set": described,
            "bars": [bar.to_json() for bar in bars],
            "convert": {mode: taken.to_json() for mode, taken in times.items()},
            "peak_memory_mb": memory,
        }
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
        arguments.out.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        _say(f"written to {arguments.out}")


def command(src: Path, dst: Path, mode: str) -> list[str]:
    """The command line of the product, as its users start it."""
    return [sys.executable, "-m", "cadrage.cli", "data", "convert", "gaicd", str(src), str(dst), "--photos", mode]


def make_data_set(folder: Path, photos: int) -> dict[str, object]:
    """A folder in the official layout of GAICD: photos per split, one text file with rated grid boxes per photo."""
    rng = np.random.default_rng(1)
    jpegs = [_jpeg(rng) for _ in range(8)]
    for split in ("train", "val", "test"):
        (folder / "images" / split).mkdir(parents=True)
        (folder / "annotations" / split).mkdir(parents=True)
    for index in range(photos):
        split = "train" if index < 0.79 * photos else "val" if index < 0.85 * photos else "test"
        jpeg = jpegs[index % len(jpegs)]
        # A comment of its own keeps every photo different without encoding it anew.
        comment = f"{index:012}".encode()
        marked = jpeg[:2] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment + jpeg[2:]
        (folder / "images" / split / f"{index:06}.jpg").write_bytes(marked)
        (folder / "annotations" / split / f"{index:06}.txt").write_text(_lines(rng))
    return {
        "photos": photos,
        "size_wh": list(SIZE_WH),
        "lines_per_photo": CROPS,
        "megabytes_of_photos": round(sum(len(jpegs[index % len(jpegs)]) for index in range(photos)) / 1e6, 1),
    }


def _jpeg(rng: np.random.Generator) -> bytes:
    small = rng.integers(0, 256, (48, 72, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(small).resize(SIZE_WH, Image.Resampling.BICUBIC).save(buffer, "JPEG", quality=85)
    return buffer.getvalue()


def _lines(rng: np.random.Generator) -> str:
    starts, ends = rng.integers(0, 4, (CROPS, 2)), rng.integers(8, 12, (CROPS, 2))
    side = np.array(SIZE_WH[::-1])
    corners = [np.floor((bins + 0.5) * side / 12 + 0.5).astype(int) for bins in (starts, ends)]
    scores = np.where(rng.random(CROPS) < 0.04, -2.0, rng.integers(7, 36, CROPS) / 7)
    rows = zip(*corners, scores, strict=True)
    return "".join(f"{y1} {x1} {y2} {x2} {score:.2f}\n" for (y1, x1), (y2, x2), score in rows)


def _say(text: str) -> None:
    print(text, file=sys.stderr)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, metavar="FILE", help="write everything measured as JSON")
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="timed conversions of each kind (5)")
    parser.add_argument(
        "--folder", type=Path, default=os.environ.get("TMPDIR"), metavar="DIR", help="where to write 1 GB for a while"
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
