"""The portrait probe as text and as JSON, canvas by canvas."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from cadrage import __version__
from cadrage.evaluation.portraits.probe import Finding, Trial
from cadrage.evaluation.reports.words import PLAIN, TextStyle, rendered, text, text_table

_SCHEMA_VERSION = "1.0"
_DECIMALS = 6


def portrait_lines(model: str, portraits: int, findings: Sequence[Finding], style: TextStyle = PLAIN) -> str:
    """Every share with its interval, and how little it says."""
    table = text_table()
    for name in ("ratio", "how often"):
        table.add_column(name, no_wrap=name == "ratio")
    for name in ("share", "95 % interval", "canvases"):
        table.add_column(name, justify="right", no_wrap=True)
    for finding in findings:
        share = finding.share
        mean, interval, number = "-", "", "0"
        if share is not None:
            mean, interval, number = f"{share.mean:.0%}", f"[{share.low:.0%}, {share.high:.0%}]", str(share.n)
        table.add_row(finding.ratio, text(finding.what), text(mean, "bold"), text(interval), number)
    return rendered([text(f"Who is kept by {model}", "bold"), "", table, "", text(caution(portraits), "dim")], style)


def caution(portraits: int) -> str:
    """What the probe does not show."""
    return (
        f"{portraits} portraits. The intervals are over canvases, not over people: so few say nothing about groups of "
        "people, and brightness of a picture is not the colour of a skin."
    )


def portrait_json(
    described: Mapping[str, Any], names: Sequence[str], trials: Sequence[Trial], findings: Sequence[Finding]
) -> str:
    """Everything as one JSON object."""
    whole = {
        "schema_version": _SCHEMA_VERSION,
        "cadrage": __version__,
        "probe": "portraits",
        "predictor": dict(described),
        "portraits": list(names),
        "findings": [{"ratio": each.ratio, "what": each.what, **_numbers(each)} for each in findings],
        "trials": [
            {"ratio": each.ratio, "names": list(each.names), "looks": list(each.looks), "kept": each.kept}
            for each in trials
        ],
        "notes": [caution(len(names))],
    }
    return json.dumps(whole, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _numbers(finding: Finding) -> dict[str, Any]:
    share = finding.share
    if share is None:
        return {"share": None, "n": 0}
    low, high = round(share.low, _DECIMALS), round(share.high, _DECIMALS)
    return {"share": round(share.mean, _DECIMALS), "ci95": [low, high], "n": share.n}
