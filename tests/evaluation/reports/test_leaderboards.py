"""The page of published and measured numbers, and how it is written."""

from itertools import pairwise
from pathlib import Path

import pytest

from cadrage.evaluation import leaderboards
from cadrage.evaluation.published import published_tables

ROOT = Path(__file__).parents[3]


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    (tmp_path / "results").mkdir()
    return tmp_path


def built(docs: Path) -> str:
    assert leaderboards.main(["--docs", str(docs)]) == 0
    return (docs / "leaderboards.md").read_text(encoding="utf-8")


def put(docs: Path, name: str, result) -> None:
    (docs / "results" / name).write_text(result.to_json(), encoding="utf-8")


def section(text: str, title: str) -> str:
    return text.split(f"## {title}\n")[1].split("\n## ")[0]


def test_the_page_of_this_repository_is_up_to_date(capsys):
    assert leaderboards.main(["--docs", str(ROOT / "docs"), "--check"]) == 0, capsys.readouterr().err


def test_check_tells_a_page_that_is_missing_or_old(docs, capsys):
    assert leaderboards.main(["--docs", str(docs), "--check"]) == 1
    assert not (docs / "leaderboards.md").exists()
    text = built(docs)
    assert leaderboards.main(["--docs", str(docs), "--check"]) == 0
    (docs / "leaderboards.md").write_text(text.replace(".718", ".719"))
    assert leaderboards.main(["--docs", str(docs), "--check"]) == 1
    assert "not up to date" in capsys.readouterr().err


def test_every_published_row_is_on_the_page_in_the_section_of_its_table(docs):
    text = built(docs)
    assert "Do not edit" in text
    for table in published_tables():
        name = table.dataset if table.group == "speed" else f"{table.dataset}: {table.group}"
        part = section(text, name)
        assert sum(line.startswith("|") for line in part.split("\n")) >= len(table.rows)
        for row in table.rows:
            assert row.method in part
            assert f"[{row.evidence}] {row.source}" in part


def test_every_table_has_as_many_cells_in_each_line(docs, result):
    put(docs, "a.json", result())
    lines = built(docs).split("\n")
    for before, line in pairwise(lines):
        if before.startswith("|") and line.startswith("|"):
            assert before.count("|") == line.count("|"), line


def test_our_result_stands_apart_with_split_interval_floors_and_command(docs, result):
    put(docs, "a b.json", result(notes=("not a held-out number: trained on 5 of these",)))
    part = section(built(docs), "FCDB test: free-form box")
    published, measured = part.split("**Measured here**")
    assert "default" not in published
    assert (
        "| **model default** ([json](results/a%20b.json)) | dev, n = 12 (not the test) | .7268<br>[.7056, .7471]"
        in measured
    )
    assert "| *floor:* centre-0.9 | dev, n = 12 (not the test) | .6636<br>[.6400, .6800]" in measured
    assert "| not a held-out number: trained on 5 of these |" in measured
    assert "*ceiling:* best box of the 12x12 grid" in measured
    assert "cadrage eval fcdb-free --data DIR --model default --split dev" in measured


def test_the_better_result_comes_first_and_a_floor_measured_on_its_own_once(docs, result):
    put(docs, "z.json", result())
    own = result().floors["centre-0.9"]
    put(docs, "a.json", result(predictor={"kind": "baseline", "name": "centre-0.9"}, metrics=own))
    measured = section(built(docs), "FCDB test: free-form box").split("**Measured here**")[1]
    assert measured.index("model default") < measured.index("baseline centre-0.9")
    assert "*floor:* centre-0.9" not in measured
    assert "*floor:* whole" in measured


def test_predictions_named_after_a_floor_do_not_hide_it(docs, result):
    put(docs, "a.json", result(predictor={"kind": "predictions", "name": "whole"}))
    measured = section(built(docs), "FCDB test: free-form box").split("**Measured here**")[1]
    assert "**predictions whole**" in measured
    assert "*floor:* whole" in measured


def test_results_with_one_name_are_all_on_the_page(docs, result):
    put(docs, "a.json", result())
    put(docs, "b.json", result())
    measured = section(built(docs), "FCDB test: free-form box").split("**Measured here**")[1]
    assert measured.count("**model default**") == 2


def test_results_without_a_published_table_stand_apart_by_protocol(docs, result):
    for protocol in ("gaicd-anybox", "gaicd-ranking"):
        put(docs, f"{protocol}.json", result(protocol=protocol, data={"split": "dev"}))
    other = section(built(docs), "Other results")
    assert other.index("### gaicd-ranking") < other.index("### gaicd-anybox")
    assert other.count("**model default**") == 2
    assert other.count("*floor:* whole") == 2


def test_an_unknown_protocol_is_an_error(docs, result, capsys):
    put(docs, "a.json", result(protocol="fcdb-later"))
    assert leaderboards.main(["--docs", str(docs)]) == 1
    assert "a.json: unknown protocol fcdb-later" in capsys.readouterr().err


def test_all_of_flms_is_the_test(docs, result):
    put(docs, "a.json", result(protocol="flms", n=500, data={"split": None}))
    put(docs, "b.json", result(protocol="flms", n=250, data={"split": None}))
    measured = section(built(docs), "FLMS: free-form box").split("**Measured here**")[1]
    assert "| every photo, n = 500 |" in measured
    assert "| every photo, n = 250 (not the test) |" in measured


@pytest.mark.parametrize(
    ("n", "split", "title"),
    [
        (200, "test", "GAICD v1 test (200): ranking of annotated candidates"),
        (500, "test", "GAICD v2 test (500): ranking of annotated candidates"),
        (200, "dev", "Other results"),
        (37, "test", "Other results"),
    ],
)
def test_a_ranking_goes_to_the_version_it_was_measured_on(docs, result, n, split, title):
    metrics = {"srcc": result().metrics["iou"]}
    put(docs, "a.json", result(protocol="gaicd-ranking", n=n, data={"split": split}, metrics=metrics, ceilings={}))
    text = built(docs)
    assert text.count("**model default**") == 1
    assert "**model default**" in section(text, title)


def test_a_subset_never_stands_among_all_photos(docs, result):
    put(docs, "a.json", result(data={"split": "dev", "subset": "persons"}))
    assert "dev, persons, n = 12" in section(built(docs), "Other results")


def test_names_cannot_leave_their_cell(docs, result):
    put(docs, "a.json", result(predictor={"kind": "predictions", "name": "a|b<script>\n\nc"}))
    text = built(docs)
    assert "predictions a\\|b&lt;script> c" in text


def test_other_files_among_the_results_are_named_and_broken_ones_are_errors(docs, capsys):
    (docs / "results" / "other.json").write_text('{"model": "x"}')
    built(docs)
    assert "other.json: left out" in capsys.readouterr().err
    (docs / "results" / "broken.json").write_text('{"protocol": "flms"}')
    assert leaderboards.main(["--docs", str(docs)]) == 1
    assert "broken.json" in capsys.readouterr().err
