import base64
import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from cadrage.evaluation.result import Estimate
from cadrage.papers.laid_out import Figure, ReproductionReport
from cadrage.papers.paper import Places
from cadrage.papers.report import page, text, write_report
from cadrage.papers.set_prediction.compositions import Compositions
from cadrage.papers.set_prediction.figure_data import AnchorBoxes, correlation, save_points
from cadrage.papers.set_prediction.figure_mu import draw_by_mu, draw_soft_labels, published_by_mu
from cadrage.papers.set_prediction.figure_quality import draw_quality
from cadrage.papers.set_prediction.figures import figures
from cadrage.papers.set_prediction.measure import points_file
from cadrage.papers.set_prediction.paper import lay_out
from cadrage.papers.tables import Cell, Row, Table


def opened(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))


@pytest.fixture
def here(tmp_path) -> Places:
    (tmp_path / "data").mkdir()
    picture = np.full((60, 90, 3), 128, np.uint8)
    Image.fromarray(picture).save(tmp_path / "data" / "a.png")
    return Places(tmp_path / "data", tmp_path / "recipes", tmp_path / "out")


@pytest.fixture
def shown(nothing_run, here):
    """The outcomes with what figures 3 and 7 need."""
    points = np.stack([np.linspace(1, 5, 40), np.linspace(0, 1, 40) ** 2], axis=1).astype(np.float32)
    save_points(points_file(here, nothing_run["C"].name), a=points, b=points)
    known = {panel: correlation(points).to_dict() for panel in "ab"}
    boxes = np.array([[-0.1, 0.1, 0.5, 0.8], [0.3, 0.3, 0.9, 1.05]])
    anchors = AnchorBoxes("a.png", (3, 8), boxes, boxes + 0.05)
    composed = Compositions(("a.png",), (np.array([[0.1, 0.1, 0.4, 0.8], [0.5, 0.3, 0.9, 1.0]]),), 1, 9).to_dict()
    beside = {
        "correlations": known,
        "anchors": anchors.to_dict(),
        "compositions": {"outside": composed, "two": composed},
    }
    return nothing_run | {"C": replace(nothing_run["C"], beside=beside)}


def test_without_any_run_only_the_formula_is_drawn(nothing_run, here):
    drawn = {figure.number: figure.png is not None for figure in figures(nothing_run, here)}
    assert drawn == {"3": False, "4": False, "5": False, "6a": True, "6b": False, "7a": False, "7b": False}
    assert [each.missing for each in figures(nothing_run, here) if each.number in "45"] == ["data has no cpc"] * 2
    assert {figure.missing for figure in figures(nothing_run, here) if figure.number in ("6b", "7a", "7b")} == {
        "data has no gaicd-v2"
    }


def test_what_was_measured_is_drawn(shown, here):
    drawn = {figure.number: figure for figure in figures(shown, here)}
    assert [number for number, figure in drawn.items() if figure.png is None] == ["6b"]
    assert "run C" in drawn["3"].caption
    picture = opened(drawn["3"].png)
    for colour in ((0xE6, 0x9F, 0x00), (0x56, 0xB4, 0xE9)):
        seen = (np.abs(picture.astype(int) - colour).max(axis=2) < 12).any(axis=0)
        middle = picture.shape[1] // 2
        assert seen[:middle].any() and seen[middle:].any(), "each anchor in both pictures"


def test_crops_of_figures_4_and_5_are_drawn_with_where_they_come_from(shown, here):
    drawn = {figure.number: figure for figure in figures(shown, here)}
    for number in "45":
        assert "The first 1 of 1 photos with such crops, of 9 measured, by run C" in drawn[number].caption
        picture = opened(drawn[number].png).astype(int)
        for colour in ((0xE6, 0x9F, 0x00), (0x56, 0xB4, 0xE9)):
            assert (np.abs(picture - colour).max(axis=2) < 12).any()
    none = {"files": [], "boxes": [], "found": 0, "n": 9}
    shown["C"].beside["compositions"]["two"] = none
    assert figures(shown, here)[2].missing == "none of 9 photos has such crops"


def test_a_photo_that_has_gone_is_told(shown, here):
    (here.data / "a.png").unlink()
    assert [each.missing for each in figures(shown, here)[:3]] == [f"{here.data} no longer has a.png"] * 3


def test_a_figure_that_cannot_be_drawn_says_why_and_the_others_are_drawn(shown, here):
    (here.data / "a.png").write_bytes(b"no photo")
    points_file(here, shown["C"].name).write_bytes(b"PK no points")
    drawn = {figure.number: figure for figure in figures(shown, here)}
    assert "a.png" in drawn["3"].missing and drawn["3"].png is None
    assert drawn["7a"].missing and drawn["7b"].missing and drawn["6a"].png
    assert "not drawn: " in text(lay_out(list(shown.values()), here))


def test_a_failed_drawing_does_not_lose_the_report(shown, here, monkeypatch):
    def undefined(*arguments):
        raise FloatingPointError("underflow")

    monkeypatch.setattr("cadrage.papers.set_prediction.figure_quality.draw_quality", undefined)
    assert [figure.missing for figure in figures(shown, here)][5:] == ["underflow", "underflow"]


def test_why_a_measured_run_gave_no_figure_is_told(nothing_run, here):
    outcomes = nothing_run | {"A": replace(nothing_run["A"], beside={"anchors_missing": "r50.pth: no such weights"})}
    assert figures(outcomes, here)[0].missing == "r50.pth: no such weights"


@pytest.mark.parametrize("count", [0, 1, 40, 5000])
def test_few_and_many_points_can_be_drawn(count):
    rng = np.random.default_rng(0)
    points = np.stack([rng.uniform(1, 5, count), rng.random(count)], axis=1).astype(np.float32)
    assert opened(draw_quality(points, 0.1, 0.2)).std() > 0


def test_the_same_numbers_give_the_same_bytes():
    ours = {0.0: Estimate(0.42, 0.4, 0.44, 500), 0.5: Estimate(0.47, 0.45, 0.49, 500)}
    theirs = published_by_mu()
    assert draw_by_mu(ours, theirs) == draw_by_mu(ours, theirs) != draw_by_mu(ours, {})
    assert draw_soft_labels((0.0, 0.5)) == draw_soft_labels((0.0, 0.5))
    assert draw_by_mu(ours, theirs) != draw_by_mu(ours | {0.9: Estimate(0.3, 0.28, 0.32, 500)}, theirs)


def test_figures_that_can_no_longer_be_drawn_are_removed(shown, nothing_run, here):
    write_report(lay_out(list(shown.values()), here), here.out)
    assert (here.out / "figures" / "figure-3.png").is_file()
    write_report(lay_out(list(nothing_run.values()), here), here.out)
    assert [file.name for file in (here.out / "figures").iterdir()] == ["figure-6a.png"]
    assert "not drawn: no run has been measured" in (here.out / "report.md").read_text()


def test_the_report_names_every_run_and_its_reason(nothing_run, here):
    said = text(lay_out(list(nothing_run.values()), here))
    for outcome in nothing_run.values():
        assert f"| {outcome.run.letter} | {outcome.name} |" in said
    assert said.count("not run: data has no gaicd-v1") == 1 + 2 * 4


def test_the_page_needs_nothing_else_and_shows_text_as_it_is():
    table = Table("9", "<b>bold</b>", "a & b", ("x",), (Row("<script>", (Cell(0.5),)),))
    drawn = Figure("9", "title", "caption", png=b"\x89PNG")
    figures = [drawn, Figure("10", "t", "c")]
    runs = {"Runs": (("run",), [("<i>",)])}
    shown = page(ReproductionReport("p", "T", "about", runs, [table], ["<u>"], [], failed=False, figures=figures))
    assert "<script" not in shown and "&lt;script&gt;" in shown
    assert "<b>bold" not in shown and "<u>" not in shown and "<i>" not in shown
    assert f"data:image/png;base64,{base64.b64encode(drawn.png).decode()}" in shown
    assert "http://" not in shown and "https://" not in shown
    assert "not drawn: " in shown
