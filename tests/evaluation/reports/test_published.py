import json
from collections import Counter

import pytest

from cadrage.evaluation.protocols import PROTOCOLS
from cadrage.evaluation.published import EVIDENCE, FILE, GROUPS, published, published_tables, read_tables

RAW = json.loads(FILE.read_text(encoding="utf-8"))


def one(protocol: str, **wanted: str):
    found = [row for row in published(protocol) if all(getattr(row, field) == value for field, value in wanted.items())]
    assert len(found) == 1, wanted
    return found[0]


@pytest.mark.parametrize(
    ("protocol", "wanted", "values"),
    [
        ("fcdb-free", {"method": "CACNet"}, {"iou": 0.718, "bde": 0.069}),
        ("fcdb-free", {"method": "best constant box"}, {"iou": 0.6744, "bde": 0.084}),
        ("fcdb-ratio", {"method": "Cropper, Gemini 1.5 Pro"}, {"iou": 0.756, "bde": 0.053}),
        ("flms", {"method": "whole photo"}, {"iou": 0.8271, "bde": 0.0449, "recall75": 0.77}),
        ("gaicd-ranking", {"method": "MFDM"}, {"acc1_5": 0.665, "acc1_10": 0.83}),
        ("gaicd-anybox", {"method": "Jia et al., self-distillation"},
         {"ap85_k10": 0.49, "ap85_k40": 0.555, "ap90_k10": 0.377, "ap90_k40": 0.435}),
        ("cpc-anybox", {"method": "Jia et al., self-distillation"}, {"ap85_k10": 0.27, "ap85_k40": 0.278}),
    ],
)  # fmt: skip
def test_values_read_by_hand(protocol, wanted, values):
    assert dict(one(protocol, **wanted).values) == values


def test_the_whole_row_of_a_ranking_model():
    row = one("gaicd-ranking", method="GAIC, MobileNetV2", dataset="GAICD v2 test (500)")
    assert row.values["srcc"] == 0.849
    assert [row.values[f"acc{k}_5"] for k in (1, 2, 3, 4)] == [0.682, 0.643, 0.613, 0.585]
    # The table prints rounded means; the weighted ones are not printed and are means of four.
    assert row.values["acc5"] == pytest.approx(sum(row.values[f"acc{k}_5"] for k in (1, 2, 3, 4)) / 4, abs=6e-4)
    assert row.values["accw5_published"] == pytest.approx((0.488 + 0.468 + 0.454 + 0.441) / 4, abs=1e-6)
    assert (row.n, row.evidence, row.trained_on) == (500, "P2", "GAICD v2")


@pytest.mark.parametrize("n", [5, 10])
def test_every_printed_mean_accuracy_is_the_mean_of_its_four_parts(n):
    complete = [
        row
        for table in published_tables()
        for row in table.rows
        if f"acc{n}" in row.values and all(f"acc{k}_{n}" in row.values for k in range(1, 5))
    ]
    assert len(complete) >= 8
    for row in complete:
        mean = sum(row.values[f"acc{k}_{n}"] for k in range(1, 5)) / 4
        assert row.values[f"acc{n}"] == pytest.approx(mean, abs=1e-3), row.method


def test_every_protocol_is_known_and_both_versions_of_gaicd_stand_beside_the_ranking():
    named = {protocol for table in published_tables() for protocol in table.protocols}
    assert named == set(PROTOCOLS)
    assert {row.dataset for row in published("gaicd-ranking")} == {"GAICD v1 test (200)", "GAICD v2 test (500)"}
    assert published("fcdb-pairs") == ()


def test_photos_with_persons_have_rows_of_their_own():
    rows = published("gaicd-ranking", "persons")
    assert {row.n for row in rows} == {50}
    assert published("fcdb-free", "persons") == ()


def test_a_protocol_meets_one_group_only():
    for protocol in PROTOCOLS:
        assert len({row.group for row in published(protocol)}) <= 1


def test_no_row_is_unsourced_and_all_evidence_is_used():
    marks = Counter(row.evidence for table in published_tables() for row in table.rows)
    assert set(marks) == set(EVIDENCE)
    assert "U" not in EVIDENCE


def test_what_picks_from_a_list_with_the_answer_or_contradicts_the_rest_is_not_comparable():
    rows = [*published("fcdb-free"), *published("flms")]
    bad = {row.method for row in rows if not row.comparable}
    assert {"teacher of these", "Venus", "GPT-4o, as quoted by Venus", "Cropper, Mantis-8B"} <= bad
    # Beyond what any choice among the official windows without the true one can reach.
    for row in published("fcdb-free"):
        assert not row.comparable or row.kind == "ceiling" or row.values.get("iou", 0) < 0.7765


def test_tables_are_in_the_order_of_the_file_and_read_once():
    assert [table.dataset for table in published_tables()] == [table["dataset"] for table in RAW["tables"]]
    assert published_tables() is published_tables()


def test_no_table_appears_twice():
    names = [(table.dataset, table.group) for table in published_tables()]
    assert len(names) == len(set(names))
    assert {group for _, group in names} == set(GROUPS)


GOOD = {"method": "a", "values": {"iou": 0.5}, "evidence": "P", "source": "table 1"}


def tables_with(**changes: object) -> str:
    row = {key: value for key, value in (GOOD | changes).items() if value is not None}
    return json.dumps({"tables": [{"dataset": "d", "group": "free-form box", "n": 3, "rows": [row]}]})


def test_a_row_takes_n_and_group_from_its_table():
    (table,) = read_tables(tables_with())
    assert (table.rows[0].n, table.rows[0].group, table.rows[0].comparable) == (3, "free-form box", True)
    assert read_tables(tables_with(n=7))[0].rows[0].n == 7


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"values": {"IoU": 0.5}}, "known metric"),
        ({"values": {"iou": 50.0}}, "between 0 and 1"),
        ({"values": {"srcc": -1.5}}, "between -1 and 1"),
        ({"values": {"iou": float("nan")}}, "between 0 and 1"),
        ({"values": {"top1_score": 0.5}}, "between 1 and 5"),
        ({"values": None}, "at least one number"),
        ({"values": None, "figures": {"fps": 3}}, "known figure"),
        ({"values": None, "figures": {"top1_accuracy": 86.2}}, "in its range"),
        ({"evidence": "U"}, "evidence among"),
        ({"evidence": None}, "evidence"),
        ({"source": None}, "a source"),
        ({"method": None}, "a method"),
        ({"kind": "baseline"}, "kind among"),
        ({"comparable": False}, "not comparable"),
        ({"iou": 0.5}, "fields among"),
    ],
)
def test_a_bad_row_is_an_error_that_names_it(changes, complaint):
    with pytest.raises(ValueError, match=complaint):
        read_tables(tables_with(**changes))


def test_an_unknown_group_is_an_error():
    text = tables_with().replace("free-form box", "free form")
    with pytest.raises(ValueError, match="group among"):
        read_tables(text)
