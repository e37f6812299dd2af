import io
import re

import pytest

from cadrage.evaluation.compare import Comparison, Difference
from cadrage.evaluation.published import published
from cadrage.evaluation.reports.text import TextStyle, comparison_lines, result_lines
from cadrage.evaluation.result import Estimate

HOSTILE = "[red]a[/red]\x1b[31m\nb"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def line_of(text: str, start: str) -> str:
    (line,) = [line for line in text.split("\n") if line.startswith(start)]
    return " ".join(line.split())


def test_a_metric_stands_with_its_interval_floor_ceiling_and_the_literature(result):
    text = result_lines(result(), published("fcdb-free"))
    assert line_of(text, "IoU of the first crop") == (
        "IoU of the first crop .7268 [.7056, .7471] 12 .6636 centre-0.9 .8820 .718 [R]"
    )
    # Lower is better: the best floor is the smaller displacement.
    assert ".0880 centre-0.9 - .069 [R]" in line_of(text, "BDE of the first crop")
    assert "50.0% [25.0, 75.0]" in line_of(text, "first crops with IoU")
    # An area is neither good nor bad.
    assert line_of(text, "area of the first crop").endswith("12 - - -")
    assert "lower is better: BDE of the first crop" in text
    assert "ceiling: best box of the 12x12 grid" in text


def test_the_literature_is_told_apart_from_our_own_photos(result):
    text = result_lines(result(), published("fcdb-free"))
    assert "Published: FCDB test, free-form box, n = 345" in text
    assert "other photos than below" in line_of(text, "model default, here")
    methods = text[text.index("model default, here") :]
    assert methods.index("CACNet (CVPR 2021)") < methods.index("GAIC, ShuffleNetV2")
    assert "teacher of these" not in text
    assert "centred box" not in text


def test_versions_of_a_data_set_are_never_mixed(result):
    ranking = {"srcc": result().metrics["iou"]}
    text = result_lines(
        result(protocol="gaicd-ranking", metrics=ranking, floors={}, ceilings={}), published("gaicd-ranking")
    )
    assert "Never compare v1 with v2" in text
    assert ".795 [R] v1" in text
    assert ".872 [S] v2" in text
    # With twelve photos it is neither version's test.
    assert "here" not in text.replace("there", "")


def test_our_ranking_stands_with_the_version_of_its_own_size(result):
    ranking = {"srcc": result().metrics["iou"]}
    changes = {"protocol": "gaicd-ranking", "metrics": ranking, "floors": {}, "ceilings": {}, "n": 500}
    text = result_lines(result(**changes, data={"split": "test"}), published("gaicd-ranking"))
    before, after = text.split("Published: GAICD v2")
    assert "default, here" not in before
    assert "test, n = 500" in line_of(after, "model default, here")


@pytest.mark.parametrize("protocol", ["fcdb-free", "fcdb-ratio", "flms", "gaicd-ranking", "gaicd-anybox"])
def test_text_keeps_to_its_width_and_to_ascii(result, protocol):
    text = result_lines(result(protocol=protocol), published(protocol))
    assert max(map(len, text.split("\n"))) <= 100
    assert text.isascii()
    narrow = result_lines(result(protocol=protocol), published(protocol), TextStyle(width=60))
    assert max(map(len, narrow.split("\n"))) <= 60


def test_undefined_values_and_notes_are_told(result):
    text = result_lines(result(undefined={"bde": 3}, notes=("2 missing photos left out: [a]",)), ())
    assert "- BDE of the first crop: undefined on 3, where the stated value stands in" in text
    assert "- 2 missing photos left out: [a]" in text


def test_photos_that_are_left_out_of_a_mean_are_told_apart(result):
    fewer = {"small_recall10": Estimate(0.2, 0.1, 0.3, 1), **result().metrics}
    text = result_lines(result(metrics=fewer, undefined={"small_recall10": 2, "large_recall10": 3}), ())
    assert "- small crops found by 10: undefined on 2, which do not count" in text
    assert "- large crops found by 10: undefined on 3, which do not count" in text


def test_names_can_neither_style_nor_steer(result):
    changes = {"predictor": {"kind": "predictions", "name": HOSTILE}, "notes": (HOSTILE,), "floors": {}}
    for style in (TextStyle(), TextStyle(color=True)):
        text = result_lines(result(**changes), published("fcdb-free"), style)
        assert "[red]a[/red]\\x1b[31m\\nb" in text
        assert "\x1b[31m" not in text


def test_a_result_without_metrics_or_literature_is_still_told(result):
    text = result_lines(result(metrics={}, floors={}, ceilings={}, photos=()), ())
    assert text.startswith("fcdb-free: model default\nsplit dev, n = 12")
    assert "Published" not in text


def test_text_is_plain_in_a_pipe_and_in_colour_on_a_terminal_only(result, monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert TextStyle.of(io.StringIO()) == TextStyle(100, color=False)
    assert TextStyle.of(Terminal()).color
    coloured = result_lines(result(), published("fcdb-free"), TextStyle(color=True))
    assert "\x1b[1m" in coloured
    plain = result_lines(result(), published("fcdb-free"))
    assert "\x1b" not in plain
    assert plain.split() == re.sub(r"\x1b\[[\d;]*m", "", coloured).split()
    monkeypatch.setenv("NO_COLOR", "1")
    assert not TextStyle.of(Terminal()).color
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("TERM", "dumb")
    assert not TextStyle.of(Terminal()).color


def comparison(**changes) -> Comparison:
    rows = (
        Difference("iou", 0.7, 0.72, 0.02, 0.01, 0.03, 9, "b"),
        Difference("bde", 0.07, 0.08, 0.01, 0.005, 0.02, 9, "a"),
        Difference("recall75", 0.5, 0.5, -0.00001, -0.02, 0.02, 9, "undecided"),
        Difference("area", 0.6, 0.7, 0.1, 0.05, 0.15, 9, "b"),
    )
    made = {"protocol": "fcdb-free", "name_a": "old", "name_b": HOSTILE, "n": 9, "only_a": 0, "only_b": 2}
    return Comparison(**made | {"differences": rows, "notes": ("ap: not compared",)} | changes)


def test_a_comparison_says_which_is_better_and_by_how_much():
    text = comparison_lines(comparison())
    assert line_of(text, "IoU of the first crop") == "IoU of the first crop .7000 .7200 +.0200 [+.0100, +.0300] 9 B"
    assert line_of(text, "BDE of the first crop").endswith("+.0100 [+.0050, +.0200] 9 A")
    assert line_of(text, "first crops with IoU").endswith("50.0 50.0 0.0 [-2.0, +2.0] 9 undecided")
    # More area is not better.
    assert line_of(text, "area of the first crop").endswith("9 -")
    assert "B = [red]a[/red]\\x1b[31m\\nb (2 more photos that the other lacks are left out)" in text
    assert "\nA = old\n" in text
    assert "- ap: not compared" in text
    assert max(map(len, text.split("\n"))) <= 100


def test_a_comparison_without_a_shared_metric_is_a_heading():
    assert "on 9 photos" in comparison_lines(comparison(differences=()))
