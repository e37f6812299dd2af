"""How numbers are written in every report, and which published ones stand beside which of ours."""

import re
import shlex
from collections.abc import Iterable, Sequence

from cadrage.evaluation.names import TRAIN_SPLITS
from cadrage.evaluation.protocols import METRICS, PROTOCOLS
from cadrage.evaluation.published import PublishedRow
from cadrage.evaluation.result import Estimate, Result

NO_NUMBER = "-"
# Data sets without splits: all of their photos are the test.
_TESTS_AS_A_WHOLE = {"flms": 500}


def title(metric: str) -> str:
    """What a metric is called in words."""
    return METRICS[metric].title


def heading(metric: str) -> str:
    """What a metric is called above a narrow column."""
    if metric in _HEADINGS:
        return _HEADINGS[metric]
    for pattern, form in _HEADING_FORMS:
        if found := re.fullmatch(pattern, metric):
            return form.format(*found.groups())
    return metric


def number(metric: str, value: float) -> str:
    """A value as the field writes it: ``.7268``, ``68.2`` for a share in per cent, ``3.985`` for a mean score."""
    if METRICS[metric].percent:
        return f"{100 * value:.1f}"
    text = f"{value:.3f}" if metric == "top1_score" else f"{value:.4f}"
    return text.replace("0.", ".", 1) if text.startswith(("0.", "-0.")) else text


def unit(metric: str) -> str:
    """What stands behind a number of running text."""
    return " %" if METRICS[metric].percent else ""


def interval(metric: str, estimate: Estimate) -> str:
    """The 95 % interval, ``[.7056, .7471]``."""
    return f"[{number(metric, estimate.low)}, {number(metric, estimate.high)}]"


def undefined_notes(result: Result) -> list[str]:
    """On how many photos a metric does not exist, and whether a stated value counts there or the photo does not."""
    notes = []
    for name, count in result.undefined.items():
        everywhere = name in result.metrics and result.metrics[name].n == result.n
        said = "where the stated value stands in" if everywhere else "which do not count"
        notes.append(f"{title(name)}: undefined on {count}, {said}")
    return notes


def published_number(metric: str, value: float) -> str:
    """A published value without digits that its source does not have: ``.718``, not ``.7180``."""
    if METRICS[metric].percent:
        return f"{100 * value:.2f}".removesuffix("0")
    return number(metric, value).removesuffix("0") if metric != "top1_score" else number(metric, value)


def best_published(metric: str, rows: Iterable[PublishedRow]) -> dict[str, PublishedRow]:
    """For each data set the best sourced value of a method, baselines and what must not be compared left out."""
    if not METRICS[metric].judges:
        return {}
    sign = 1 if METRICS[metric].higher_is_better else -1
    best: dict[str, PublishedRow] = {}
    for row in rows:
        if row.kind != "method" or not row.comparable or metric not in row.values:
            continue
        if row.dataset not in best or sign * row.values[metric] > sign * best[row.dataset].values[metric]:
            best[row.dataset] = row
    return best


def best_first(metric: str | None, rows: Iterable[PublishedRow]) -> list[PublishedRow]:
    """The rows by falling merit in one metric; rows without it follow in their order."""
    if metric is None:
        return list(rows)
    sign = 1 if METRICS[metric].higher_is_better else -1
    return sorted(rows, key=lambda row: -sign * row.values[metric] if metric in row.values else float("inf"))


def shared_columns(metrics: Iterable[str], rows: Sequence[PublishedRow], most: int) -> list[str]:
    """The metrics of a result that published rows have, at most so many: those that most rows have."""
    counts = {metric: sum(metric in row.values for row in rows) for metric in metrics}
    common = sorted((metric for metric in counts if counts[metric]), key=lambda metric: -counts[metric])[:most]
    return [metric for metric in counts if metric in common]


def main_metric(result: Result) -> str | None:
    """The metric a report is about: the protocol's, or the first one that is known photo by photo."""
    known = [metric for metric in result.metrics if any(metric in photo for photo in result.photos)]
    first = PROTOCOLS[result.protocol].main_metric if result.protocol in PROTOCOLS else None
    return first if first in known else next(iter(known), None)


def command_line(result: Result) -> str:
    """The command that measures this again; folders and files of the data are not part of a result."""
    kind, name = result.predictor.get("kind"), str(result.predictor.get("name", ""))
    who = {"model": ["--model", name], "baseline": ["--baseline", name]}.get(str(kind), ["--predictions", "FILE.jsonl"])
    words = ["cadrage", "eval", result.protocol, "--data", "DIR", *who]
    if persons := result.predictor.get("persons"):
        source = str(persons["source"])
        words += ["--detector", "onnx:FILE" if source.startswith("onnx:") else source]
    for option in ("split", "subset"):
        if result.data.get(option):
            words += [f"--{option}", str(result.data[option])]
    if train := result.data.get("train"):
        if train.get("manifest_sha256") != result.data.get("manifest_sha256"):
            words += ["--train-data", "TRAIN_DIR"]
        if train.get("split") not in (None, *TRAIN_SPLITS):
            words += ["--train-split", str(train.get("split"))]
    if result.data.get("missing"):
        words.append("--allow-missing")
    return shlex.join(words)


def is_about(result: Result, row: PublishedRow, rows: Sequence[PublishedRow]) -> bool:
    """Whether a row may be of the photos' own data set: of several versions, the one whose test has as many photos."""
    return len({other.dataset for other in rows}) == 1 or (is_test(result) and row.n == result.n)


def beside(result: Result, rows: Sequence[PublishedRow]) -> list[PublishedRow]:
    """The rows of the version of a data set that a result is about; all of them where nothing decides."""
    own = {row.dataset for row in rows if is_about(result, row, rows)}
    return [row for row in rows if not own or row.dataset in own]


def is_test(result: Result) -> bool:
    """Whether a result is about an official test, as far as its split and number of photos show."""
    split = result.data.get("split")
    whole = split is None and not result.data.get("missing") and result.n == _TESTS_AS_A_WHOLE.get(result.protocol)
    return split == "test" or whole


def own_photos(result: Result, rows: Sequence[PublishedRow]) -> str:
    """Our photos, for a line among published rows: only the whole official test is the same as theirs."""
    split = result.data.get("split") or "every photo"
    same = is_test(result) and not result.data.get("subset") and any(row.n == result.n for row in rows)
    return f"{split}, n = {result.n}" + ("" if same else ": other photos than below")


def version(dataset: str) -> str:
    """What differs between versions of a data set: ``v1`` of ``GAICD v1 test (200)``; else its whole name."""
    return next((word for word in dataset.split() if re.fullmatch(r"v\d+", word)), dataset)


def data_line(result: Result) -> str:
    """Which photos a result is about, in one line."""
    data = result.data
    parts = [f"split {data['split']}" if data.get("split") else "every photo of the data set"]
    if data.get("subset"):
        parts.append(f"subset {data['subset']}")
    parts.append(
        f"n = {result.n}" + (f" of {data['listed']} listed" if data.get("listed", result.n) != result.n else "")
    )
    if data.get("missing"):
        parts.append(f"{data['missing']} missing")
    parts += [f"{what} {str(data[key])[:12]}" for what, key in _HASHES if data.get(key)]
    return ", ".join(parts)


def predictor_name(result: Result) -> str:
    """Who was measured, with what kind of thing it is, and among which boxes it chose if it was told."""
    kind, name = result.predictor.get("kind", "predictor"), result.predictor.get("name", "unnamed")
    candidates = result.predictor.get("candidates")
    among = f" (candidates: {candidates['name']})" if isinstance(candidates, dict) and "name" in candidates else ""
    return f"{kind} {name}{among}"


_HEADINGS = {
    "iou": "IoU",
    "bde": "BDE",
    "recall75": "IoU>=.75",
    "srcc": "SRCC",
    "pcc": "PCC",
    "pairs_weighted": "pairs, weighted",
    "whole_share": "whole",
    "ratio_kept": "ratio kept",
    "top1_score": "top-1 score",
}
_HEADING_FORMS = (
    (r"acc(\d)_(\d+)", "Acc{}/{}"),
    (r"acc(\d+)", "Acc{}"),
    (r"accw(\d+)", "wAcc{}"),
    (r"accw(\d+)_published", "wAcc{}, published"),
    (r"recall(\d+)_e(\d+)", "recall@{} .{}"),
    (r"recall(\d+)_e(\d+)_any", "recall@{} .{} any"),
    (r"ap(\d+)_k(\d+)", "AP@{1} .{0}"),
    (r"best(\d+)_iou", "IoU of {}"),
    (r"coverage(\d+)", "coverage@{}"),
    (r"(small|large)_(recall|coverage)(\d+)", "{} {}@{}"),
    (r"pairwise_iou(\d+)", "IoU among {}"),
)
_HASHES = (("split sha256", "split_sha256"), ("manifest sha256", "manifest_sha256"))
