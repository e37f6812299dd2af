import json
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cadrage.datasets.checks.check import CheckReport, check_dataset, count_lines
from cadrage.datasets.checks.findings import EXAMPLES, KINDS
from cadrage.datasets.manifest import manifest_sha256, read_manifest
from cadrage.errors import UsageError


def kinds(report: CheckReport) -> dict[str, int]:
    return {finding.kind: finding.count for finding in report.findings}


def examples(report: CheckReport, kind: str) -> tuple[str, ...]:
    return next(finding.examples for finding in report.findings if finding.kind == kind)


def crops(*boxes: Iterable[float], score: object = 3.0) -> dict:
    return {"crops": [{"box": list(box), "score": score} for box in boxes]}


def test_nothing_is_found_in_a_sound_data_set(write: Callable, row: Callable, list_split: Callable) -> None:
    folder = write(row("a"), row("b"), row("c"))
    list_split(folder, "train", "ab")
    list_split(folder, "test", "c")
    report = check_dataset(folder, decode=True)
    assert report.findings == ()
    assert (report.photos, report.photos_found, report.boxes, report.errors) == (3, 3, 15, 0)


@pytest.mark.parametrize(
    ("bad", "kind"),
    [
        ("not json", "malformed-line"),
        ("[1]", "malformed-line"),
        ({"crops": None}, "malformed-line"),
        ({"source": 3}, "malformed-line"),
        ({"file_name": "../a.png"}, "bad-file-name"),
        ({"file_name": 7}, "bad-file-name"),
        ({"width": 0}, "bad-size"),
        ({"width": 10**400}, "bad-size"),
        (crops([0, 0, 1]), "bad-box"),
        (crops([0, 0, 1, float("nan")]), "bad-box"),
        (crops([0.5, 0, 0.5, 1]), "empty-box"),
        (crops([0, 0.6, 1, 0.4]), "empty-box"),
        (crops([0, 0, 1, 1.3]), "box-outside"),
        (crops([1.0, 0, 1.1, 1]), "box-outside"),
        (crops([0, 0, 1, 1], score=None), "bad-score"),
        (crops([0, 0, 1, 1], score=float("nan")), "bad-score"),
        (crops([0, 0, 1, 1], score=10**400), "bad-score"),
        (crops([0, 0, 1, 1], score=-2), "negative-score"),
        ({"pairs": [{"a": [0, 0, 1, 1], "b": [0, 0, 1, 1], "votes_a": 1.5, "votes_b": 1}]}, "bad-votes"),
        (crops([0, 0, 1, 1.1]), "clipped-box"),
        ({"pairs": [{"a": [0, 0, 1, 1], "b": [0, 0, 1, 1], "votes_a": 0, "votes_b": 0}]}, "no-votes"),
        ({"crops": [], "pairs": []}, "no-labels"),
        ({"source": {"size_inferred": True}}, "inferred-size"),
    ],
)
def test_a_fault_of_a_line_is_found_once_with_its_line(write: Callable, row: Callable, bad: object, kind: str) -> None:
    folder = write(row("a"), row("b") | bad if isinstance(bad, dict) else bad, row("c"))
    report = check_dataset(folder, photos=False)
    assert kinds(report) == {kind: 1}
    assert examples(report, kind)[0].startswith("metadata.jsonl:2: ")


def test_what_the_reader_refuses_is_an_error_and_what_it_takes_is_not(write: Callable, row: Callable) -> None:
    """Only a negative score is readable and still an error: a reader cannot know that nobody rated the crop."""
    faults = [{"width": 2.5}, crops([0, 0, 2, 1]), crops([0, 0, 1, 1.2]), {"crops": []}, {"persons": [[0, 0, 0, 0]]}]
    for fault in faults:
        folder = write(row("a", **fault), photos=False)
        try:
            read_manifest(folder)
            readable = True
        except UsageError:
            readable = False
        assert readable == (check_dataset(folder, photos=False).errors == 0)


def test_every_fault_is_counted_and_the_first_are_shown(write: Callable, row: Callable) -> None:
    count = EXAMPLES + 3
    folder = write(*(row(f"p{number}", **crops([0, 0, 0, 1])) for number in range(count)), photos=False)
    report = check_dataset(folder, photos=False)
    assert kinds(report) == {"empty-box": count}
    assert len(examples(report, "empty-box")) == EXAMPLES


def test_errors_come_first(write: Callable, row: Callable) -> None:
    report = check_dataset(write(row("a", crops=[], pairs=[]), "[]", photos=False), photos=False)
    assert [finding.level for finding in report.findings] == ["error", "note"]
    assert report.errors == 1


@pytest.mark.parametrize("score", [0.86, 5.5])
def test_scores_outside_the_published_range(write: Callable, row: Callable, score: float) -> None:
    crop = crops([0, 0, 1, 1], score=score)
    folder = write(row("a", **crop, source={"dataset": "gaicd"}), row("b", **crop))
    assert kinds(check_dataset(folder)) == {"unusual-score": 1}
    folder = write(row("a", **crop, source={}), row("b", **crop))
    assert check_dataset(folder).findings == ()
    (folder / "conversion.json").write_text(json.dumps({"dataset": "gaicd"}))
    report = check_dataset(folder)
    assert kinds(report) == {"unusual-score": 1}
    assert examples(report, "unusual-score") == (f"metadata.jsonl:1: crop 0 has {score}, not 1 to 5",)


def test_a_manifest_that_was_changed_after_its_conversion(write: Callable, row: Callable) -> None:
    folder = write(row("a"))
    written = {"dataset": "mine", "manifest_sha256": manifest_sha256(folder)}
    (folder / "conversion.json").write_text(json.dumps(written))
    assert check_dataset(folder).findings == ()
    report = check_dataset(write(row("a"), row("b")))
    assert kinds(report) == {"edited-manifest": 1} and report.errors == 0


@pytest.mark.parametrize("text", ["", "[1]", '{"dataset": 3, "manifest_sha256": 4}', "[" * 100_000])
def test_a_damaged_note_of_the_conversion_says_nothing(write: Callable, row: Callable, text: str) -> None:
    folder = write(row("a"))
    (folder / "conversion.json").write_text(text)
    assert check_dataset(folder).findings == ()


def test_a_photo_named_twice(write: Callable, row: Callable) -> None:
    report = check_dataset(write(row("a"), row("b"), row(file_name="images/./a.png"), row("b")))
    assert kinds(report) == {"duplicate-file-name": 2}
    assert "metadata.jsonl:3: images/./a.png stands in line 1 already" in examples(report, "duplicate-file-name")


def test_missing_unreadable_and_unlisted_photos(write: Callable, row: Callable) -> None:
    folder = write(row("a"), row("gone"), row("broken"), row("empty"))
    (folder / "images" / "gone.png").unlink()
    (folder / "images" / "broken.png").write_bytes(b"not a picture")
    (folder / "images" / "empty.png").write_bytes(b"")
    (folder / "images" / "deep").mkdir()
    (folder / "images" / "deep" / "more.png").write_bytes(b"x")
    report = check_dataset(folder)
    assert kinds(report) == {"missing-photo": 1, "unreadable-photo": 2, "unlisted-file": 1}
    assert examples(report, "missing-photo") == ("metadata.jsonl:2: images/gone.png",)
    assert examples(report, "unlisted-file") == ("images/deep/more.png",)
    assert report.photos_found == 3


def test_damage_behind_a_sound_header_needs_decoding(write: Callable, row: Callable) -> None:
    folder = write(row("a"))
    file = folder / "images" / "a.png"
    noise = np.random.default_rng(0).integers(0, 255, (30, 40, 3), dtype=np.uint8)
    Image.fromarray(noise).save(file)
    file.write_bytes(file.read_bytes()[:1000])
    assert kinds(check_dataset(folder)) == {}
    assert kinds(check_dataset(folder, decode=True)) == {"unreadable-photo": 1}


def test_sizes_are_those_of_the_upright_photo(write: Callable, row: Callable) -> None:
    folder = write(row("a"), row("turned", file_name="images/turned.jpg"), row("wrong", width=41))
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (40, 30), "red").save(folder / "images" / "turned.jpg", exif=exif)
    report = check_dataset(folder)
    assert kinds(report) == {"wrong-size": 2}
    assert examples(report, "wrong-size") == (
        "metadata.jsonl:2: images/turned.jpg is 30 x 40, not 40 x 30, the size before its EXIF orientation",
        "metadata.jsonl:3: images/wrong.png is 40 x 30, not 41 x 30",
    )


def test_photos_that_are_absent_altogether_are_one_finding(write: Callable, row: Callable) -> None:
    folder = write(*map(row, "abc"), photos=False)
    report = check_dataset(folder)
    assert kinds(report) == {"no-photos": 3}
    assert (report.photos_found, len(examples(report, "no-photos")), report.errors) == (0, 1, 1)
    report = check_dataset(folder, photos=False)
    assert (report.findings, report.photos_found) == ((), None)


def test_a_manifest_without_photos_is_an_error(write: Callable) -> None:
    assert kinds(check_dataset(write("", photos=False))) == {"no-records": 1}


def test_identical_photos(write: Callable, row: Callable) -> None:
    folder = write(*map(row, "abcd"))
    images = folder / "images"
    (images / "c.png").write_bytes((images / "a.png").read_bytes())
    (images / "d.png").write_bytes((images / "a.png").read_bytes())
    report = check_dataset(folder)
    assert kinds(report) == {"duplicate-photo": 2}
    assert examples(report, "duplicate-photo")[0] == "images/c.png is images/a.png"


def test_photos_of_equal_size_in_bytes_are_not_taken_for_copies(write: Callable, row: Callable) -> None:
    folder = write(row("a", file_name="images/a.bmp"), row("b", file_name="images/b.bmp"))
    Image.new("RGB", (40, 30), "red").save(folder / "images" / "a.tif", format="TIFF")
    Image.new("RGB", (40, 30), "blue").save(folder / "images" / "b.tif", format="TIFF")
    write(row("a", file_name="images/a.tif"), row("b", file_name="images/b.tif"), photos=False)
    sizes = {(folder / "images" / name).stat().st_size for name in ("a.tif", "b.tif")}
    report = check_dataset(folder)
    assert len(sizes) == 1
    assert "duplicate-photo" not in kinds(report)


@pytest.mark.parametrize("sides", [{"train": "ab", "test": "c"}, {"test": "ab", "train": "c"}])
def test_a_copy_on_the_other_side_of_a_split_is_worse(
    write: Callable, row: Callable, list_split: Callable, sides: dict[str, str]
) -> None:
    folder = write(*map(row, "abc"))
    (folder / "images" / "c.png").write_bytes((folder / "images" / "a.png").read_bytes())
    for name, stems in sides.items():
        list_split(folder, name, stems)
    report = check_dataset(folder)
    assert kinds(report) == {"leaked-photo": 1}
    assert examples(report, "leaked-photo") == ("images/c.png is images/a.png, in train and in test",)


def test_splits_that_share_photos_or_name_unknown_ones(write: Callable, row: Callable, list_split: Callable) -> None:
    folder = write(*map(row, "abcdef"))
    list_split(folder, "train", "abcd")
    list_split(folder, "fit", "abc")
    list_split(folder, "dev", "d")
    list_split(folder, "persons", "adf")
    list_split(folder, "test", ["d", "e", "f", "x"])
    (folder / "splits" / "val.txt").write_text("\n")
    report = check_dataset(folder)
    assert kinds(report) == {"split-overlap": 2, "split-unknown-photo": 1, "bad-split": 1}
    assert set(examples(report, "split-overlap")) == {
        "images/d.png is in train and in test",
        "images/d.png is in test and in dev",
    }
    assert examples(report, "split-unknown-photo") == ("splits/test.txt: images/x.png",)


def test_validation_photos_drawn_from_train_are_no_fault_where_fit_is_the_rest(
    write: Callable, row: Callable, list_split: Callable
) -> None:
    """As drawn for GAICD v1, which is published without validation photos."""
    folder = write(*map(row, "abcdef"))
    list_split(folder, "train", "abcd")
    list_split(folder, "val", "d")
    assert kinds(check_dataset(folder)) == {"split-overlap": 1}
    list_split(folder, "fit", "abc")
    assert kinds(check_dataset(folder)) == {}
    list_split(folder, "fit", "abcd")
    assert set(examples(check_dataset(folder), "split-overlap")) == {"images/d.png is in val and in fit"}
    list_split(folder, "fit", "ab")
    assert set(examples(check_dataset(folder), "split-overlap")) == {"images/d.png is in train and in val"}


def photo_rows(row: Callable, spoil: Callable) -> list[dict]:
    """Photos of 600 x 400 with crops of all sorts in pixels, written by ``spoil(box_px, width, height)``."""
    rng = np.random.default_rng(0)
    rows = []
    for number in range(20):
        boxes_px = [
            [*corner, *(corner + side)]
            for corner, side in zip(rng.uniform(0, 150, (8, 2)), rng.uniform(100, 250, (8, 2)), strict=True)
        ]
        boxes_px.append([200, 10, 600, 150])
        boxes = [spoil(*box, 600, 400) for box in boxes_px]
        rows.append(row(f"p{number}", width=600, height=400, pairs=[], persons=[], **crops(*boxes)))
    return rows


@pytest.mark.parametrize(
    ("spoil", "kind"),
    [
        (lambda x1, y1, x2, y2, w, h: [x1 / w, y1 / h, x2 / w, y2 / h], None),
        (lambda x1, y1, x2, y2, w, h: [y1 / w, x1 / h, y2 / w, x2 / h], "looks-y-first"),
        (lambda x1, y1, x2, y2, w, h: [x1 / w, y1 / h, (x2 - x1) / w, (y2 - y1) / h], "looks-xywh"),
        (lambda x1, y1, x2, y2, w, h: [x1, y1, x2, y2], "looks-like-pixels"),
    ],
)
def test_boxes_in_another_form_are_recognised_over_all_photos(
    write: Callable, row: Callable, spoil: Callable, kind: str | None
) -> None:
    report = check_dataset(write(*photo_rows(row, spoil), photos=False), photos=False)
    assert [each for each in kinds(report) if each.startswith("looks")] == ([kind] if kind else [])
    if kind:
        assert report.findings[0].kind == kind
        assert "metadata.jsonl:1: crop" in examples(report, kind)[0]


def test_a_few_bad_boxes_are_no_other_form(write: Callable, row: Callable) -> None:
    rows = photo_rows(row, lambda x1, y1, x2, y2, w, h: [x1 / w, y1 / h, x2 / w, y2 / h])
    rows[0]["crops"][0]["box"] = [0.1, 0.1, 0.3, 1.4]
    assert kinds(check_dataset(write(*rows, photos=False), photos=False)) == {"box-outside": 1}


def test_boxes_that_fit_in_no_form_are_just_wrong(write: Callable, row: Callable) -> None:
    rows = photo_rows(row, lambda x1, y1, x2, y2, w, h: [x1 / w, y1 / h, x2 / w, y2 / h])
    for each in rows:
        each["height"] = 600  # a square photo looks the same y-first
        each["crops"][0]["box"] = [1.5, 1.5, 1.4, 1.4]
    assert kinds(check_dataset(write(*rows, photos=False), photos=False)) == {"empty-box": 20}


@pytest.mark.parametrize("photos", [True, False])
def test_progress_counts_every_line_once(write: Callable, row: Callable, photos: bool) -> None:
    calls: list[int] = []
    folder = write(row("a"), "bad", row("a"), "", row("b"))
    check_dataset(folder, photos=photos, advance=lambda: calls.append(1))
    assert len(calls) == count_lines(folder) == 4


def test_a_folder_without_manifest_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no metadata\.jsonl"):
        check_dataset(tmp_path)


def test_the_report_is_plain_json(write: Callable, row: Callable) -> None:
    report = check_dataset(write(row("a", **crops([0, 0, 0, 1]))))
    content = json.loads(json.dumps(report.to_dict()))
    assert content["findings"][0]["kind"] == "empty-box"
    assert content["photos_found"] == 1


def test_every_kind_says_what_it_means_and_what_to_do() -> None:
    assert all(meaning and advice for _, meaning, advice in KINDS.values())
