"""How fast and how light is Cadrage? Every tool in the same run, and what was promised; see README.md beside this file.

python bench/suggest.py --out bench/results/suggest.json
"""

import argparse
import importlib.util
import json
import sys
import tempfile
from pathlib import Path

from contenders import CONTENDERS
from photos import Sample, given_photos, make_photos, on_its_side
from processes import cli_command, import_times, installed_megabytes, peak_megabytes, tool_command
from questions import further_questions, parts_of_first_call
from report import bars, environment, print_bars, print_numbers, print_times
from timing import Times, interleaved

PROJECT = Path(__file__).resolve().parent.parent
PACKAGE_OF = {"smartcrop": "smartcrop", "libvips": "pyvips"}

# A load above this means that something else is computing, and that timings are its hostages.
QUIET_LOAD = 0.5


def main() -> None:
    """Measure, print, and write the JSON file if one is asked for."""
    arguments = _arguments()
    model, threads, rounds = arguments.model, arguments.threads, arguments.rounds
    environ = environment(PROJECT, model, threads)
    names = [name for name in CONTENDERS if importlib.util.find_spec(PACKAGE_OF.get(name, "cadrage"))]
    for name in [name for name in CONTENDERS if name not in names]:
        _say(f"{name} is left out: not installed; pip install -e '.[bench]'")
    if (environ["load_average_before"] or 0) > QUIET_LOAD:
        _say(f"warning: the machine is busy (load {environ['load_average_before']}); do not trust these timings")

    with tempfile.TemporaryDirectory() as folder:
        _say("making photos ..." if arguments.photos is None else "reading photos ...")
        samples = make_photos(Path(folder)) if arguments.photos is None else given_photos(arguments.photos)
        described = [sample.to_json() for sample in samples]
        speed, questions, parts = {}, {}, {}
        for sample in samples:
            _say(f"timing {sample.label} ...")
            calls = {name: CONTENDERS[name](sample.path, model, threads) for name in names}
            speed[sample.label] = interleaved(calls, rounds)
            questions[sample.label] = further_questions(sample.path, model, threads, rounds)
            parts[sample.label] = parts_of_first_call(sample.path, model, threads, rounds)
        _say("starting interpreters ...")
        imports = import_times(rounds)
        _say("watching memory ...")
        memory = _peak_memory(samples, names, model, threads, Path(folder))
    if arguments.install_size:
        _say("installing into a fresh environment ...")
    install = installed_megabytes(PROJECT) if arguments.install_size else None

    checked = bars(speed, questions, imports, memory, install)
    print_times("From a JPEG on disk to the answer", speed)
    print_times("Further questions about a photo already encoded", questions)
    print_times("Parts of the first call, each alone", parts)
    print_times("Fresh interpreters", {"import": imports})
    print_numbers("Peak memory of a fresh process", memory, "MB")
    if install:
        print_numbers("Light install: disk space of site-packages", install, "MB")
    print_bars(checked)
    if arguments.out:
        content = {
            "environment": environ,
            "photos": described,
            "rounds": rounds,
            "bars": [bar.to_json() for bar in checked],
            "suggest": _plain(speed),
            "further_questions": _plain(questions),
            "parts_of_first_call": _plain(parts),
            "imports": _plain({"import": imports})["import"],
            "peak_memory_mb": memory,
            "install_mb": install,
        }
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
        arguments.out.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        _say(f"written to {arguments.out}")


def _peak_memory(
    samples: list[Sample], names: list[str], model: str, threads: int | None, folder: Path
) -> dict[str, float]:
    """Peak memory in MB: every tool on every size, and the command line on the largest photo, upright and turned."""
    memory = {}
    for sample in samples:
        for name in names:
            memory[f"{name}, {sample.label}"] = peak_megabytes(tool_command(name, sample.path, model, threads))
    largest = samples[-1]
    turned = on_its_side(largest.path, folder)
    for text, photo in ((largest.label, largest.path), (f"{largest.label} turned", turned)):
        memory[f"cli suggest, {text}"] = peak_megabytes(cli_command("suggest", photo, model))
        for count in (1, 5):
            crops = folder / f"{photo.stem}-{count}"
            options = ("-n", str(count), "-o", str(crops))
            memory[f"cli crop -n {count}, {text}"] = peak_megabytes(cli_command("crop", photo, model, *options))
    return memory


def _plain(table: dict[str, dict[str, Times]]) -> dict[str, dict[str, dict[str, float]]]:
    return {size: {name: times.to_json() for name, times in row.items()} for size, row in table.items()}


def _say(text: str) -> None:
    print(text, file=sys.stderr)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, metavar="FILE", help="write everything measured as JSON")
    parser.add_argument("--photos", type=Path, nargs="+", metavar="JPEG", help="your own photos instead of made ones")
    parser.add_argument("--rounds", type=int, default=25, metavar="N", help="timed calls of each kind (25)")
    parser.add_argument("--threads", type=int, metavar="N", help="threads of ONNX Runtime, ours and the floor's")
    parser.add_argument("--model", default="default", help="a model's name or folder")
    parser.add_argument("--install-size", action="store_true", help="also install into a fresh environment (slow)")
    return parser.parse_args()


if __name__ == "__main__":
    main()
