"""Two results on the same photos."""

import json
from dataclasses import replace

import numpy as np
import pytest

from cadrage.errors import UsageError
from cadrage.evaluation.compare import compare
from cadrage.evaluation.result import Estimate, Result, read_result

NAMES = [f"images/{i}.png" for i in range(40)]


def result(ious, name="a", protocol="fcdb-free", **columns):
    metric = next(iter(columns), "iou") if protocol != "fcdb-free" else "iou"
    photos = tuple(
        {"file_name": file, metric: float(iou)} | {key: values[i] for key, values in columns.items() if key != metric}
        for i, (file, iou) in enumerate(zip(NAMES, ious, strict=False))
    )
    return Result(
        protocol=protocol,
        cadrage="0",
        predictor={"kind": "test", "name": name},
        data={"manifest_sha256": "1"},
        n=len(photos),
        metrics={metric: Estimate(float(np.mean(ious)), 0, 1, len(photos))},
        undefined={},
        notes=(),
        floors={},
        ceilings={},
        photos=photos,
    )


def changed(**fields):
    """A result file with some fields of its own."""
    return json.dumps(result([1.0]).to_dict() | fields)


def test_a_result_equals_itself():
    ious = np.linspace(0, 1, 40)
    (found,) = compare(result(ious), result(ious)).differences
    assert (found.difference, found.low, found.high, found.better) == (0, 0, 0, "undecided")


def test_swapping_the_results_turns_the_sign():
    ious = np.linspace(0, 0.9, 40)
    better = result(ious + 0.05 + 0.01 * np.sin(np.arange(40)), "b")
    (there,), (back,) = compare(result(ious), better).differences, compare(better, result(ious)).differences
    assert there.difference == pytest.approx(-back.difference)
    assert (there.low, there.high) == (pytest.approx(-back.high), pytest.approx(-back.low))
    assert (there.better, back.better) == ("b", "a")


def test_a_small_steady_gain_is_seen_through_large_differences_between_photos():
    """The point of pairing: each mean is uncertain by .05, their difference is not."""
    ious = np.tile([0.1, 0.9], 20)
    (found,) = compare(result(ious), result(ious + 0.02)).differences
    assert found.better == "b"
    assert found.high - found.low < 1e-9


def test_noise_stays_undecided():
    generator = np.random.default_rng(0)
    (found,) = compare(result(generator.random(40)), result(generator.random(40))).differences
    assert found.better == "undecided"
    assert found.low < 0 < found.high


def test_lower_is_better_for_displacement():
    low, high = result(np.full(40, 0.1)), result(np.full(40, 0.2))
    for one in (low, high):
        object.__setattr__(one, "metrics", {"bde": one.metrics["iou"]})
        object.__setattr__(
            one, "photos", tuple({"file_name": row["file_name"], "bde": row["iou"]} for row in one.photos)
        )
    (found,) = compare(low, high).differences
    assert found.better == "a"


def test_means_over_observations_are_weighted():
    counts = [9, 1] * 20
    a = result([0] * 40, protocol="fcdb-pairs", pairs=[0] * 40, decided_pairs=counts)
    b = result([1, 0] * 20, protocol="fcdb-pairs", pairs=[1, 0] * 20, decided_pairs=counts)
    (found,) = compare(a, b).differences
    assert found.mean_b == pytest.approx(0.9)
    assert found.difference == pytest.approx(0.9)


def test_only_shared_photos_count_and_the_others_are_told():
    found = compare(result(np.ones(40)), result(np.ones(30)))
    assert (found.n, found.only_a, found.only_b) == (30, 10, 0)


def test_metrics_of_the_whole_set_are_named_and_left_out():
    one = result(np.ones(3))
    pooled = replace(one, metrics={**one.metrics, "ap85_k5": Estimate(0.5, 0.4, 0.6, 3)})
    found = compare(pooled, pooled)
    assert [difference.metric for difference in found.differences] == ["iou"]
    assert found.notes[0].startswith("ap85_k5:")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"protocol": "flms"}, "cannot compare fcdb-free with flms"),
        ({"data": {"manifest_sha256": "2"}}, "different manifests"),
        ({"photos": ({"file_name": "other", "iou": 1.0},)}, "share no photo"),
    ],
)
def test_what_cannot_be_compared_is_refused(change, message):
    with pytest.raises(UsageError, match=message):
        compare(result(np.ones(3)), replace(result(np.ones(3)), **change))


def test_what_this_version_does_not_know_is_refused():
    from_later = replace(result(np.ones(3)), protocol="fcdb-later")
    with pytest.raises(UsageError, match="does not know fcdb-later; measure both"):
        compare(from_later, from_later)
    one = result(np.ones(3))
    unheard = replace(one, metrics={"beauty": one.metrics["iou"]})
    with pytest.raises(UsageError, match="does not know beauty"):
        compare(unheard, unheard)


def test_results_of_two_versions_are_told_apart():
    one = result(np.ones(3))
    assert compare(one, one).notes == ()
    assert compare(one, replace(one, cadrage="9")).notes == ("measured by different versions of cadrage, 0 and 9",)


def test_a_mean_over_observations_without_their_number_is_not_compared():
    one = result([1, 0], protocol="fcdb-pairs", pairs=[1, 0])
    assert compare(one, one).differences == ()


def test_a_result_with_names_that_are_not_text_survives_the_file(tmp_path):
    one = replace(result([1.0]), photos=({"file_name": "caf\udce9.jpg", "iou": 1.0},))
    file = tmp_path / "a.json"
    file.write_bytes(one.to_json().encode("utf-8", errors="surrogateescape"))
    assert read_result(file) == one


def test_a_result_survives_the_file(tmp_path):
    one = result(np.linspace(0, 1, 40))
    file = tmp_path / "a.json"
    file.write_text(one.to_json(), encoding="utf-8")
    assert read_result(file).to_json() == one.to_json()


def test_a_result_without_photos_is_still_json(tmp_path):
    file = tmp_path / "a.json"
    file.write_text(replace(result([1.0]), photos=()).to_json(), encoding="utf-8")
    assert read_result(file).photos == ()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not JSON"),
        ("[]", "not a result"),
        ('{"schema_version": "1.0"}', "not a result of cadrage eval --json"),
        ('{"schema_version": "9.0"}', "schema 9.0, expected 1.0"),
        ("[" * 100_000, "not JSON"),
        (changed(predictor="x"), "not a result"),
        (changed(data=None), "not a result"),
        (changed(n="3"), "'3', which should be a number"),
        (changed(protocol={}), "which should be text"),
        (changed(metrics={"iou": {"mean": 1, "ci95": [1], "n": 1, "higher_is_better": True}}), "not a result"),
        (changed(metrics={"iou": {"mean": float("nan"), "ci95": [1, 1], "n": 1}}), "nan, which should be a number"),
        (changed(photos=[{"iou": 1}]), "file_name"),
        (changed(photos=[{"file_name": "a", "iou": "1"}]), "'1', which should be a number"),
        (changed(photos="ab"), "not a result"),
    ],
)
def test_other_files_are_refused_by_name(tmp_path, text, message):
    file = tmp_path / "a.json"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=message) as caught:
        read_result(file)
    assert str(caught.value).startswith(str(file))


def test_an_absent_result_is_named(tmp_path):
    with pytest.raises(UsageError, match=r"gone\.json: cannot read"):
        read_result(tmp_path / "gone.json")
