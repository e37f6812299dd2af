import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cadrage.datasets.checks.check import check_dataset
from cadrage.datasets.conversion import convert as engine
from cadrage.datasets.conversion.convert import PARTIAL, convert
from cadrage.datasets.conversion.placing import place
from cadrage.datasets.conversion.raw import LeftOut
from cadrage.datasets.manifest import read_manifest
from cadrage.datasets.readers import read_dataset
from cadrage.errors import OutputError, UsageError

SIZE = (120, 90)
# Grid boxes of 120 x 90, rows first as published.
LINES = "4 5 64 85 3.00\n11 15 71 95 4.14\n26 35 86 115 1.43\n4 5 64 115 -2.00\n"


@pytest.fixture
def src(tmp_path: Path) -> Callable[..., Path]:
    """Makes GAICD of a few photos per split, with true JPEGs."""

    def make(**splits: int) -> Path:
        folder = tmp_path / "src"
        for number, (split, count) in enumerate(splits.items()):
            for index in range(count):
                name = f"{number}{index}"
                photo, text = folder / "images" / split / f"{name}.jpg", folder / "annotations" / split / f"{name}.txt"
                for file in (photo, text):
                    file.parent.mkdir(parents=True, exist_ok=True)
                Image.new("RGB", SIZE, (index, 50 * number, 0)).save(photo, comment=name.encode())
                text.write_text(LINES)
        return folder

    return make


def run(src: Path, dst: Path, dataset: str = "gaicd", **settings):
    return convert(read_dataset(dataset, src), dst, **settings)


def content(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_data_set_becomes_a_manifest_that_passes_every_check(src, tmp_path):
    source, dst = src(train=3, test=2), tmp_path / "dst"
    done = run(source, dst)
    assert done.counts == {"photos": 5, "crops": 15, "pairs": 0, "persons": 0}
    assert (done.splits, done.left_out, done.changed, done.faults) == (
        {"train": 3, "test": 2},
        {},
        {"crop-unrated": 5, "lines-not-90": 5},
        0,
    )
    records = read_manifest(dst)
    assert [record.file_name for record in records] == [f"images/{name}.jpg" for name in ("00", "01", "02", "10", "11")]
    np.testing.assert_allclose(records[0].crops_xyxy[0] * [*SIZE, *SIZE], [5, 4, 85, 64], atol=1e-4)
    assert records[0].scores.tolist() == [3.0, 4.14, 1.43]
    assert (dst / "splits/test.txt").read_text() == "images/10.jpg\nimages/11.jpg\n"
    assert (dst / "images/00.jpg").samefile(source / "images/train/00.jpg")
    assert check_dataset(dst).findings == ()
    assert not (dst / PARTIAL).exists()
    report = json.loads((dst / "conversion.json").read_text())
    assert report["manifest_sha256"] == done.manifest_sha256 == check_dataset(dst).manifest_sha256
    assert report["dropped"] == {"crop-unrated": 5} and report["left_out_photos"] == []


def test_the_same_data_set_gives_the_same_bytes(src, tmp_path):
    source = src(train=4, val=1)
    (source / "images" / "train" / "00.jpg").unlink()
    run(source, tmp_path / "one", workers=1)
    run(source, tmp_path / "two", workers=8)
    assert content(tmp_path / "one") == content(tmp_path / "two")


def test_the_source_is_only_read(src, tmp_path):
    source = src(train=2)
    before = content(source)
    for mode in ("link", "copy", "none"):
        run(source, tmp_path / mode, photos=mode)
    assert content(source) == before
    assert not (tmp_path / "copy/images/00.jpg").samefile(source / "images/train/00.jpg")
    assert list((tmp_path / "none/images").iterdir()) == []


def test_bad_photos_and_annotations_are_told_and_the_others_go_on(src, tmp_path):
    source = src(train=6)
    images, texts = source / "images/train", source / "annotations/train"
    (images / "00.jpg").write_bytes(b"not a photo")
    (images / "01.jpg").write_bytes(b"")
    (images / "02.jpg").unlink()
    (texts / "03.txt").write_text("1 2 three 4 5\n")
    (texts / "04.txt").unlink()
    told: list[LeftOut] = []
    done = run(source, tmp_path / "dst", tell=told.append)
    assert [record.file.name for record in read_manifest(tmp_path / "dst")] == ["05.jpg"]
    assert done.left_out == {
        "unreadable-photo": 2,
        "missing-photo": 1,
        "malformed-annotation": 1,
        "photo-without-annotation": 1,
    }
    assert done.faults == len(told) == 4
    assert any("annotations/train/03.txt, line 1" in out.text for out in told)
    assert all("\n" not in out.text for out in told)
    assert {name for name, _ in done.listed} == {f"0{index}.jpg" for index in range(5)}


def test_a_name_that_comes_twice_is_converted_once(src, tmp_path):
    source = src(train=2)
    for kind, suffix in (("images", "jpg"), ("annotations", "txt")):
        (source / kind / "test").mkdir()
        (source / kind / "test" / f"00.{suffix}").write_bytes((source / kind / "train" / f"01.{suffix}").read_bytes())
    done = run(source, tmp_path / "dst")
    assert done.left_out == {"duplicate-name": 1} and done.faults == 1
    assert done.counts["photos"] == 2 and done.splits == {"train": 2}


def test_a_photo_of_another_name_in_its_place_is_kept(src, tmp_path):
    source, dst = src(train=2), tmp_path / "dst"
    (dst / "images").mkdir(parents=True)
    (dst / "images/00.jpg").write_bytes(b"mine")
    done = run(source, dst)
    assert done.left_out == {"blocked-photo": 1} and (dst / "images/00.jpg").read_bytes() == b"mine"


def test_an_interrupted_conversion_goes_on_where_it_stopped(src, tmp_path, monkeypatch):
    source = src(train=8, test=4)
    run(source, tmp_path / "whole")

    class StopError(Exception):
        pass

    def stop_after(count: int) -> Callable[[], None]:
        calls = iter(range(count))

        def advance() -> None:
            if next(calls, None) is None:
                raise StopError

        return advance

    looked: list[str] = []

    def watched(raw, photo):
        looked.append(raw.name)
        return place(raw, photo)

    monkeypatch.setattr(engine, "place", watched)
    monkeypatch.setattr(engine, "in_order", lambda function, items, workers: map(function, items))
    for count in (5, 3):
        with pytest.raises(StopError):
            run(source, tmp_path / "dst", advance=stop_after(count))
        assert not (tmp_path / "dst/metadata.jsonl").exists()
    with (tmp_path / "dst" / PARTIAL).open("ab") as handle:
        handle.write(b'{"fingerprint": "an interrupted li')
    run(source, tmp_path / "dst")
    assert content(tmp_path / "dst") == content(tmp_path / "whole")
    assert len(looked) == 12


@pytest.mark.parametrize("change", ["annotation", "photo", "gone", "journal", "line end", "other"])
def test_what_has_changed_since_an_interruption_is_done_again(src, tmp_path, change):
    source, dst = src(train=5), tmp_path / "dst"
    run(source, tmp_path / "first", photos="copy")

    def interrupt() -> None:
        raise KeyboardInterrupt

    calls: list[int] = []
    with pytest.raises(KeyboardInterrupt):
        run(source, dst, photos="copy", advance=lambda: calls.append(1) if len(calls) < 3 else interrupt())
    assert (dst / PARTIAL).exists()
    if change == "annotation":
        (source / "annotations/train/01.txt").write_text(LINES.replace("3.00", "2.00"))
    elif change == "photo":
        Image.new("RGB", SIZE).save(source / "images/train/01.jpg", exif=Image.Exif())
        (dst / "images/01.jpg").unlink()
    elif change == "gone":
        (dst / "images/01.jpg").unlink()
    elif change == "journal":
        lines = (dst / PARTIAL).read_bytes().splitlines(keepends=True)
        (dst / PARTIAL).write_bytes(b"".join([*lines[:2], b"\x00garbage\t{\n", *lines[3:]]))
    elif change == "line end":
        (dst / PARTIAL).write_bytes((dst / PARTIAL).read_bytes().removesuffix(b"\n"))
    else:
        lines = (dst / PARTIAL).read_bytes().splitlines(keepends=True)
        (dst / PARTIAL).write_bytes(b"".join([b'{"dataset":"cpc"}\n', *lines[1:]]))
    run(source, dst, photos="copy")
    run(source, tmp_path / "again", photos="copy")
    assert content(dst) == content(tmp_path / "again")
    assert (content(dst) == content(tmp_path / "first")) == (change not in ("annotation", "photo"))


def test_a_finished_data_set_is_replaced_only_when_allowed(src, tmp_path):
    source, dst = src(train=2), tmp_path / "dst"
    run(source, dst)
    (dst / "images/own.jpg").write_bytes(b"mine")
    (dst / "splits/own.txt").write_text("images/00.jpg\n")
    (source / "annotations/train/01.txt").unlink()
    before = content(dst)
    with pytest.raises(UsageError, match="--overwrite"):
        run(source, dst)
    assert content(dst) == before
    assert run(source, dst, overwrite=True).counts["photos"] == 1
    assert {"images/own.jpg", "splits/own.txt", "images/01.jpg"} <= {*content(dst)}


@pytest.mark.parametrize("inside", [".", "sub/dst", "images"])
def test_the_data_set_itself_is_no_place_to_write(src, inside):
    source = src(train=1)
    with pytest.raises(UsageError, match="only read"):
        run(source, source / inside)


def test_a_symbolic_link_into_the_data_set_is_seen_through(src, tmp_path):
    source = src(train=1)
    (tmp_path / "alias").symlink_to(source)
    with pytest.raises(UsageError, match="only read"):
        run(source, tmp_path / "alias" / "dst")


def test_a_file_is_no_folder(src, tmp_path):
    (tmp_path / "dst").write_text("")
    with pytest.raises(UsageError, match="is a file"):
        run(src(train=1), tmp_path / "dst")
    with pytest.raises(OutputError, match="cannot write to"):
        run(src(train=1), tmp_path / "dst" / "below")


def test_annotations_alone_are_converted_with_inferred_sizes(src, tmp_path):
    source, dst = src(train=3), tmp_path / "dst"
    for photo in (source / "images/train").iterdir():
        photo.unlink()
    with pytest.raises(UsageError, match=r"3 missing-photo.*--photos none"):
        run(source, dst)
    assert not dst.exists()
    done = run(source, dst, photos="none")
    assert done.changed["size-inferred"] == 3
    # 120 = 12 mod 24 nowhere, so one size fits.
    assert {record.size_wh for record in read_manifest(dst)} == {SIZE}
    assert all(record.source["size_inferred"] for record in read_manifest(dst))


def test_photos_that_were_resized_are_refused(src, tmp_path):
    source = src(train=4)
    for photo in (source / "images/train").iterdir():
        Image.new("RGB", (60, 45)).save(photo)
    with pytest.raises(UsageError, match=r"in 4 of 4 photos .* about 2 times as large"):
        run(source, tmp_path / "dst")
    assert not (tmp_path / "dst").exists()


def test_resized_photos_are_refused_where_sizes_follow_from_nothing_but_overhang(src, tmp_path):
    source, boxes = tmp_path / "flms", [[10, 10, 1000, 700], [0, 50, 900, 768], [300, 0, 1024, 600]]
    (source / "images").mkdir(parents=True)
    for name in "abc":
        Image.new("RGB", (512, 384)).save(source / "images" / f"{name}.jpg", comment=name.encode())
    (source / "image_crop.json").write_text(json.dumps({f"{name}.jpg": boxes for name in "abc"}))
    with pytest.raises(UsageError, match=r"in 3 of 3 photos .* about 2 times as large"):
        run(source, tmp_path / "dst", "flms")


@pytest.mark.parametrize("dataset", ["gaicd", "flms"])
def test_swapped_coordinates_are_refused(src, tmp_path, dataset):
    source = src(train=4)
    if dataset == "gaicd":
        for text in (source / "annotations/train").iterdir():
            rows = [line.split() for line in text.read_text().splitlines()]
            text.write_text("".join(f"{x1} {y1} {x2} {y2} {score}\n" for y1, x1, y2, x2, score in rows))
    else:
        boxes = [[4, 5, 64, 115], [10, 20, 90, 120]]
        (source / "image_crop.json").write_text(json.dumps({f"0{index}.jpg": boxes for index in range(4)}))
    with pytest.raises(UsageError, match=r"boxes look y-first .* 4 of 4 photos"):
        run(source, tmp_path / "dst", dataset)
    assert not (tmp_path / "dst/metadata.jsonl").exists()


def test_what_flickr_lost_is_counted_and_no_fault(tmp_path):
    source, photos = tmp_path / "src", {"1_a_b.jpg": b"1", "2_a_b.jpg": b"gone", "3_a_b.jpg": b"gone", "4_a_b.jpg": b""}
    (source / "data").mkdir(parents=True)
    for name, comment in photos.items():
        Image.new("RGB", SIZE).save(source / "data" / name, comment=comment)
    (source / "data/4_a_b.jpg").write_bytes(b"")
    Image.new("RGB", (10, 10)).save(source / "data/6_a_b.jpg")
    entries = [
        {"url": f"https://example.com/{index}_a_b.jpg", "flickr_photo_id": index, "crop": [10, 10, 100, 60]}
        for index in range(1, 7)
    ]
    (source / "cropping_training_set.json").write_text(json.dumps(entries))
    told: list[LeftOut] = []
    done = run(source, tmp_path / "dst", "fcdb", tell=told.append)
    assert done.left_out == {"placeholder": 2, "unreadable-photo": 1, "missing-photo": 1, "boxes-beyond-photo": 1}
    assert (done.faults, told, done.counts["photos"]) == (0, [], 1)
    (record,) = read_manifest(tmp_path / "dst")
    assert record.source == {
        "dataset": "fcdb",
        "flickr_photo_id": 1,
        "url": "https://example.com/1_a_b.jpg",
        "width": 120,
        "height": 90,
    }


def test_an_empty_list_is_told(tmp_path):
    (tmp_path / "src").mkdir()
    (tmp_path / "src/image_crop.json").write_text("{}")
    with pytest.raises(UsageError, match="it names none"):
        run(tmp_path / "src", tmp_path / "dst", "flms")


def test_memory_does_not_hold_the_boxes(src, tmp_path, monkeypatch):
    """Photos are handed on while others are still read: never more than a window of them is alive."""
    source = src(train=40)
    alive: list[int] = []
    reading = read_dataset("gaicd", source)
    seen, done = [], []

    def photos():
        for raw in reading:
            seen.append(raw.name)
            alive.append(len(seen) - len(done))
            yield raw

    real = engine.in_order
    monkeypatch.setattr(engine, "in_order", lambda function, items, workers: real(function, items, ahead=4))
    watched = type(reading)(reading.dataset, reading.folder, reading.total, photos(), reading.tolerated)
    convert(watched, tmp_path / "dst", advance=lambda: done.append(1))
    assert len(seen) == 40 and max(alive) <= 5
