"""Would an 8-bit trunk do? Rank correlation of its scores with those of 32 bits, and the time of both.

python bench/evaluator_int8.py MODEL PHOTOS --out bench/results/evaluator_int8.json

MODEL is an exported model with trunk and evaluator, PHOTOS a folder with at least a hundred photos: activations are
measured on the first of them and scores compared on the others.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from report import Bar, environment, print_bars, print_numbers, print_times
from scipy.stats import spearmanr
from timing import interleaved

from cadrage.geometry.candidates import grid_anchors
from cadrage.inference.runtime import onnxruntime

# isort: split
# After the runtime was told to send nothing.
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantFormat, QuantType, quantize_static  # noqa: TID251
from onnxruntime.quantization.shape_inference import quant_pre_process  # noqa: TID251

PROJECT = Path(__file__).resolve().parent.parent
CALIBRATION, COMPARED = 24, 60
NEEDED = 0.99
# The largest activations are rare; without them the others keep more of their 8 bits.
PERCENTILE = 99.99


class Photos(CalibrationDataReader):
    """The photos that activations are measured on."""

    def __init__(self, images: Iterator[np.ndarray]) -> None:
        self.images = images

    def get_next(self) -> dict[str, np.ndarray] | None:
        """The next input, or nothing."""
        image = next(self.images, None)
        return None if image is None else {"image": image}


def main() -> None:
    """Quantise, compare, print, and write the JSON file if one is asked for."""
    arguments = _arguments()
    card = json.loads((arguments.model / "card.json").read_text(encoding="utf-8"))
    side = card["input"]["side"]
    files = sorted(each for each in arguments.photos.iterdir() if each.suffix.lower() in (".jpg", ".jpeg", ".png"))
    if len(files) < CALIBRATION + COMPARED:
        sys.exit(f"{arguments.photos}: {len(files)} photos, {CALIBRATION + COMPARED} are needed")
    with tempfile.TemporaryDirectory() as name:
        prepared, small = Path(name) / "trunk.onnx", Path(name) / "int8.onnx"
        quant_pre_process(str(arguments.model / "trunk.onnx"), str(prepared), skip_symbolic_shape=True)
        quantize_static(
            str(prepared),
            str(small),
            Photos(_read(file, side) for file in files[:CALIBRATION]),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=["Conv", "Add"],
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod.Percentile,
            extra_options={"CalibPercentile": PERCENTILE},
        )
        trunks = {"float32": _session(prepared, arguments.threads), "int8": _session(small, arguments.threads)}
        megabytes = {"float32": prepared.stat().st_size / 1e6, "int8": small.stat().st_size / 1e6}
    evaluator = _session(arguments.model / "evaluator.onnx", arguments.threads)
    correlations, same_best = [], 0
    for file in files[CALIBRATION : CALIBRATION + COMPARED]:
        wide, narrow = (_scores(trunk, evaluator, _read(file, side)) for trunk in trunks.values())
        correlations.append(float(spearmanr(wide, narrow).statistic))
        same_best += int(wide.argmax() == narrow.argmax())
    image = _read(files[0], side)
    calls = {name: lambda trunk=trunk: trunk.run(None, {"image": image}) for name, trunk in trunks.items()}
    times = interleaved(calls, arguments.rounds)
    seen = {
        "mean": float(np.mean(correlations)),
        "median": float(np.median(correlations)),
        "lowest": min(correlations),
        "same best box": same_best / COMPARED,
    }
    print_times("Trunk, one photo", {f"{side} px": times})
    print_numbers(
        f"Rank correlation with float32, {COMPARED} photos, 90 boxes", {k: 100 * v for k, v in seen.items()}, "%"
    )
    bar = Bar("rank correlation, mean", NEEDED, seen["mean"], "", at_least=True)
    print_bars([bar])
    if arguments.out:
        content: dict[str, Any] = {
            "environment": environment(PROJECT, "default", arguments.threads)
            | {"model": {"name": f"{card['name']}.{card['tag']}"}},
            "photos": COMPARED,
            "bars": [bar.to_json()],
            "rank_correlation": {key: round(value, 4) for key, value in seen.items()},
            "megabytes": {key: round(value, 2) for key, value in megabytes.items()},
            "trunk": {name: each.to_json() for name, each in times.items()},
        }
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
        arguments.out.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def _read(file: Path, side: int) -> np.ndarray:
    with Image.open(file) as image:
        small = image.convert("RGB").resize((side, side), Image.Resampling.BILINEAR)
    return np.ascontiguousarray(np.asarray(small, np.float32).transpose(2, 0, 1)[None] / np.float32(255))


def _session(file: Path, threads: int) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(file, options, ["CPUExecutionProvider"])


def _scores(
    trunk: onnxruntime.InferenceSession, evaluator: onnxruntime.InferenceSession, image: np.ndarray
) -> np.ndarray:
    (features,) = trunk.run(None, {"image": image})
    boxes = grid_anchors()[None].astype(np.float32)
    (scores,) = evaluator.run(None, {"features": features, "log_aspect": np.zeros(1, np.float32), "boxes": boxes})
    return np.asarray(scores[0])


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, metavar="MODEL", help="folder of an exported model")
    parser.add_argument("photos", type=Path, metavar="PHOTOS", help="folder of photos")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write everything measured as JSON")
    parser.add_argument("--rounds", type=int, default=21, metavar="N", help="timed calls of each trunk (21)")
    parser.add_argument("--threads", type=int, default=1, metavar="N", help="threads of ONNX Runtime (1)")
    return parser.parse_args()


if __name__ == "__main__":
    main()
