import pytest

from cadrage.evaluation.protocols import METRICS
from cadrage.evaluation.published import published
from cadrage.evaluation.reports.numbers import (
    beside,
    best_first,
    best_published,
    command_line,
    data_line,
    heading,
    interval,
    main_metric,
    number,
    own_photos,
    published_number,
    shared_columns,
    version,
)
from cadrage.evaluation.result import Estimate


@pytest.mark.parametrize(
    ("metric", "value", "text"),
    [
        ("iou", 0.72684, ".7268"),
        ("iou", 1.0, "1.0000"),
        ("iou", 0.0, ".0000"),
        ("srcc", -0.25, "-.2500"),
        ("recall75", 0.5, "50.0"),
        ("acc5", 0.0765, "7.6"),
        ("top1_score", 3.985, "3.985"),
    ],
)
def test_numbers_are_written_as_the_field_writes_them(metric, value, text):
    assert number(metric, value) == text


def test_an_interval_has_the_form_of_its_mean():
    assert interval("iou", Estimate(0.7268, 0.70555, 0.7471, 9)) == "[.7056, .7471]"
    assert interval("acc5", Estimate(0.5, 0.25, 0.75, 9)) == "[25.0, 75.0]"


@pytest.mark.parametrize(
    ("metric", "value", "text"),
    [("iou", 0.718, ".718"), ("iou", 0.7032, ".7032"), ("acc5", 0.61, "61.0"), ("pairs_weighted", 0.8923, "89.23")],
)
def test_a_published_number_gains_no_digits(metric, value, text):
    assert published_number(metric, value) == text


def test_every_metric_has_a_heading_of_its_own():
    assert len({heading(metric) for metric in METRICS}) == len(METRICS)
    assert heading("acc3_10") == "Acc3/10"
    assert heading("accw5_published") == "wAcc5, published"
    assert heading("recall10_e85") == "recall@10 .85"
    assert heading("recall10_e85_any") == "recall@10 .85 any"
    assert heading("ap90_k40") == "AP@40 .90"
    assert max(len(heading(metric)) for metric in METRICS) <= 17


def test_the_best_published_value_is_a_method_that_may_be_compared(row):
    good = row(method="good", values={"iou": 0.7, "bde": 0.07})
    better = row(method="better", values={"iou": 0.71, "bde": 0.06})
    leak = row(method="leak", values={"iou": 0.9, "bde": 0.01}, comparable=False)
    floor = row(method="grid", kind="ceiling", values={"iou": 0.88, "bde": 0.02})
    for rows in ([good, better, leak, floor], [floor, leak, better, good]):
        assert best_published("iou", rows)["FCDB test"].method == "better"
        assert best_published("bde", rows)["FCDB test"].method == "better"
    assert best_published("srcc", [good]) == {}
    assert best_published("area", [row(values={"area": 0.5})]) == {}


def test_each_version_of_a_data_set_has_a_best_of_its_own():
    best = best_published("srcc", published("gaicd-ranking"))
    assert {version(dataset): row.values["srcc"] for dataset, row in best.items()} == {"v1": 0.795, "v2": 0.872}


@pytest.mark.parametrize(
    ("n", "split", "versions"),
    [
        (200, "test", {"GAICD v1 test (200)"}),
        (500, "test", {"GAICD v2 test (500)"}),
        # As many photos as the other version's test has.
        (200, "val", {"GAICD v1 test (200)", "GAICD v2 test (500)"}),
        (1036, "train", {"GAICD v1 test (200)", "GAICD v2 test (500)"}),
    ],
)
def test_only_the_own_version_stands_beside_a_result(result, n, split, versions):
    found = result(protocol="gaicd-ranking", n=n, data={"split": split})
    assert {row.dataset for row in beside(found, published("gaicd-ranking"))} == versions


def test_rows_without_the_metric_follow(row):
    rows = [row(method="none", values={"bde": 0.1}), row(method="low", values={"iou": 0.5}), row(values={"iou": 0.6})]
    assert [found.method for found in best_first("iou", rows)] == ["CACNet", "low", "none"]
    assert best_first(None, rows) == rows
    bde = [row(method="worse", values={"bde": 0.2}), row(method="better", values={"bde": 0.1})]
    assert [found.method for found in best_first("bde", bde)] == ["better", "worse"]


def test_columns_are_those_that_most_rows_have_in_the_order_of_the_result(row):
    rows = [row(values={"bde": 0.1, "iou": 0.5}), row(values={"bde": 0.1}), row(values={"recall75": 0.1})]
    assert shared_columns(["iou", "bde", "recall75", "area"], rows, 9) == ["iou", "bde", "recall75"]
    assert shared_columns(["iou", "bde", "recall75", "area"], rows, 1) == ["bde"]
    assert shared_columns(["area"], rows, 9) == []


def test_the_main_metric_is_the_protocols_where_photos_have_it(result):
    assert main_metric(result()) == "iou"
    assert main_metric(result(photos=({"file_name": "a", "bde": 0.1},))) == "bde"
    assert main_metric(result(photos=())) is None
    assert main_metric(result(metrics={})) is None


@pytest.mark.parametrize(
    ("predictor", "data", "command"),
    [
        ({"kind": "model", "name": "default"}, {"split": "dev"}, "--model default --split dev"),
        ({"kind": "baseline", "name": "centre-0.9"}, {"split": None}, "--baseline centre-0.9"),
        ({"kind": "predictions", "name": "x y.jsonl"}, {}, "--predictions FILE.jsonl"),
        ({"kind": "model", "name": "a b"}, {"subset": "persons"}, "--model 'a b' --subset persons"),
        ({"kind": "model", "name": "m"}, {"missing": 2}, "--model m --allow-missing"),
        ({"kind": "model", "name": "m", "persons": {"source": "none"}}, {}, "--model m --detector none"),
        ({"kind": "model", "name": "m", "persons": {"source": "onnx:d.onnx"}}, {}, "--model m --detector onnx:FILE"),
        (
            {"kind": "baseline", "name": "whole"},
            {"manifest_sha256": "1", "train": {"split": "fit", "manifest_sha256": "1"}},
            "--baseline whole",
        ),
        (
            {"kind": "baseline", "name": "whole"},
            {"manifest_sha256": "1", "train": {"split": "mine", "manifest_sha256": "2"}},
            "--baseline whole --train-data TRAIN_DIR --train-split mine",
        ),
        (
            {"kind": "baseline", "name": "whole"},
            {"manifest_sha256": "1", "train": {"split": None, "manifest_sha256": "2"}},
            "--baseline whole --train-data TRAIN_DIR",
        ),
    ],
)
def test_the_command_can_be_pasted(result, predictor, data, command):
    assert command_line(result(predictor=predictor, data=data)) == f"cadrage eval fcdb-free --data DIR {command}"


def test_the_data_line_tells_what_is_missing(result):
    line = data_line(result(data={"split": "dev", "split_sha256": "0123456789abcdef", "listed": 15, "missing": 3}))
    assert line == "split dev, n = 12 of 15 listed, 3 missing, split sha256 0123456789ab"
    assert data_line(result(data={})) == "every photo of the data set, n = 12"


def test_only_the_whole_test_split_is_the_published_photos(result, row):
    rows = [row(n=12)]
    assert "other photos" not in own_photos(result(data={"split": "test"}), rows)
    assert "other photos" in own_photos(result(data={"split": "dev"}), rows)
    assert "other photos" in own_photos(result(data={"split": "test", "subset": "persons"}), rows)
    assert "other photos" in own_photos(result(data={"split": "test"}), [row(n=345)])
    assert "other photos" in own_photos(result(data={"split": "/mine/test.txt"}), rows)


@pytest.mark.parametrize(
    ("changes", "same"),
    [
        ({"n": 500}, True),
        ({"n": 250}, False),
        ({"n": 500, "data": {"split": "dev"}}, False),
        ({"n": 500, "data": {"split": None, "subset": "persons"}}, False),
        ({"n": 500, "protocol": "fcdb-free"}, False),
    ],
)
def test_flms_has_no_splits_and_is_a_test_as_a_whole(result, changes, same):
    found = result(**({"protocol": "flms", "data": {"split": None}} | changes))
    assert ("other photos" not in own_photos(found, published("flms"))) is same
