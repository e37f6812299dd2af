import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

SCHEMA = json.loads((Path(__file__).parents[2] / "docs/schema/suggestions-1.0.json").read_text(encoding="utf-8"))


def files_in(folder: str) -> list[str]:
    return sorted(path.name for path in Path(folder).iterdir())


def test_crops_are_written_under_their_names_and_listed(cadrage, model, photos, load):
    ran = cadrage("crop", photos, "-o", "out", "--model", model, "--ratios", "1:1,4:5", "-n", 1)
    assert (ran.code, ran.err) == (0, "")
    assert [line["files"] for line in ran.lines] == [
        ["out/a_1x1_1.jpg", "out/a_4x5_1.jpg"],
        ["out/b_1x1_1.png", "out/b_4x5_1.png"],
        ["out/c_1x1_1.webp", "out/c_4x5_1.webp"],
    ]
    for line in ran.lines:
        for name, crop in zip(line["files"], line["crops"], strict=True):
            assert load(name).size == (crop["box"]["width"], crop["box"]["height"])


def test_the_line_is_that_of_suggest_plus_the_files(cadrage, model, photos):
    (crop,) = cadrage("crop", photos / "a.jpg", "-o", "out", "--model", model).lines
    (suggest,) = cadrage("suggest", photos / "a.jpg", "--model", model).lines
    assert len(crop.pop("files")) == len(crop["crops"])
    assert crop == suggest


def test_the_published_schema_knows_what_the_command_adds(cadrage, model, photos):
    (line,) = cadrage("crop", photos / "a.jpg", "-o", "out", "--model", model, "--timing").lines
    assert set(line) == set(SCHEMA["properties"])


def test_the_pixels_are_those_of_the_photo(cadrage, model, photos, load):
    (line,) = cadrage("crop", photos / "b.png", "-o", "out", "--model", model, "-n", 2).lines
    photo = load(photos / "b.png")
    for name, crop in zip(line["files"], line["crops"], strict=True):
        x, y, width, height = crop["box"].values()
        assert load(name).tobytes() == photo.crop((x, y, x + width, y + height)).tobytes()


@pytest.mark.parametrize(("form", "suffix"), [("jpeg", "jpg"), ("png", "png"), ("webp", "webp"), ("tiff", "tif")])
def test_another_format(cadrage, model, photos, form, suffix, load):
    assert cadrage("crop", photos / "a.jpg", "-o", "out", "--model", model, "-n", 1, "--format", form).code == 0
    assert files_in("out") == [f"a_free_1.{suffix}"]
    assert load(f"out/a_free_1.{suffix}").format.lower() == form


def test_quality_reaches_the_encoder(cadrage, model, photos):
    sizes = []
    for quality in (10, 95):
        cadrage("crop", photos / "a.jpg", "-o", f"out{quality}", "--model", model, "-n", 1, "--quality", quality)
        sizes.append(Path(f"out{quality}/a_free_1.jpg").stat().st_size)
    assert sizes[0] < sizes[1]


def test_size_gives_files_of_that_size_and_ratio(cadrage, model, photos, load):
    ran = cadrage("crop", photos / "a.jpg", "-o", "out", "--model", model, "-n", 2, "--size", "40x50")
    assert ran.code == 0
    assert files_in("out") == ["a_40x50_1.jpg", "a_40x50_2.jpg"]
    assert {load(f"out/{name}").size for name in files_in("out")} == {(40, 50)}


def test_a_photo_too_small_for_the_size_fails_unless_it_may_be_enlarged(cadrage, model, photos, load):
    arguments = ("crop", photos / "a.jpg", "-o", "out", "--model", model, "-n", 1, "--size", "400x500")
    ran = cadrage(*arguments)
    assert ran.code == 1
    assert "a.jpg" in ran.err
    assert files_in("out") == []
    assert cadrage(*arguments, "--enlarge").code == 0
    assert load("out/a_400x500_1.jpg").size == (400, 500)


def test_size_and_ratio_exclude_each_other(cadrage, model, photos):
    ran = cadrage("crop", photos / "a.jpg", "-o", "out", "--model", model, "--size", "40x50", "-r", "1:1")
    assert ran.code == 2
    assert not Path("out").exists()


def test_equal_names_from_different_folders_do_not_meet(cadrage, model, photos, picture):
    Path("more").mkdir()
    picture((64, 64)).save("more/a.jpg")
    ran = cadrage("crop", photos / "a.jpg", "more", "-o", "out", "--model", model, "-n", 1)
    assert [line["files"] for line in ran.lines] == [["out/a_free_1.jpg"], ["out/a-2_free_1.jpg"]]


def test_ratios_that_would_share_a_file_name_are_asked_once(cadrage, model, photos):
    ran = cadrage("crop", photos / "a.jpg", "-o", "out", "--model", model, "-n", 1, "--ratios", "4:5,4x5")
    assert files_in("out") == ["a_4x5_1.jpg"]
    assert ran.lines[0]["request"]["ratio"] == "4:5"


def test_dry_run_says_what_would_be_written_and_writes_nothing(cadrage, model, photos):
    ran = cadrage("crop", photos / "a.jpg", "-o", "out", "--model", model, "--dry-run", "-n", 1)
    assert ran.lines[0]["files"] == ["out/a_free_1.jpg"]
    assert not Path("out").exists()


def test_text_and_csv_name_the_files(cadrage, model, photos):
    arguments = ("crop", photos / "a.jpg", "-o", "out", "--model", model, "-n", 1, "--overwrite", "--report")
    assert cadrage(*arguments, "text").out.rstrip().endswith("-> out/a_free_1.jpg")
    header, row = cadrage(*arguments, "csv").out.splitlines()
    assert header.endswith(",flags,file")
    assert row.endswith(",out/a_free_1.jpg")


def test_existing_files_stop_their_photo_only_and_nothing_of_it_is_written(cadrage, model, photos, load):
    Path("out").mkdir()
    Path("out/a_free_2.jpg").write_text("mine")
    ran = cadrage("crop", photos, "-o", "out", "--model", model, "-n", 2)
    assert ran.code == 1
    assert ran.lines[0]["error"]["code"] == "output"
    assert "a_free_2.jpg" in ran.err
    assert Path("out/a_free_2.jpg").read_text() == "mine"
    assert files_in("out") == ["a_free_2.jpg", "b_free_1.png", "b_free_2.png", "c_free_1.webp", "c_free_2.webp"]
    assert cadrage("crop", photos, "-o", "out", "--model", model, "-n", 2, "--overwrite").code == 0
    assert load("out/a_free_2.jpg").format == "JPEG"


def test_a_photo_of_the_run_is_never_replaced(cadrage, model, photos, picture):
    picture((50, 50)).save(photos / "a_free_1.jpg")
    before = (photos / "a_free_1.jpg").read_bytes()
    ran = cadrage("crop", *photos.iterdir(), "-o", photos, "--model", model, "-n", 1, "--overwrite")
    assert ran.code == 1
    assert "a_free_1.jpg" in ran.err
    assert (photos / "a_free_1.jpg").read_bytes() == before
    assert (photos / "b_free_1.png").exists()


def test_a_link_to_a_photo_is_not_written_through(cadrage, model, photos):
    Path("out").mkdir()
    os.link(photos / "a.jpg", "out/a_free_1.jpg")
    before = (photos / "a.jpg").read_bytes()
    assert cadrage("crop", photos / "a.jpg", "-o", "out", "--model", model, "-n", 1, "--overwrite").code == 1
    assert (photos / "a.jpg").read_bytes() == before


def test_a_full_disk_leaves_nothing_behind(cadrage, model, photos, monkeypatch):
    import cadrage.photo.files as files

    written = []

    def full_from_the_second_file(descriptor: int) -> None:
        written.append(descriptor)
        if len(written) == 2:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full_from_the_second_file)
    ran = cadrage("crop", photos, "-o", "out", "--model", model, "-n", 2)
    assert ran.code == 1
    assert "no space left on device" in ran.err.lower()
    assert files_in("out") == ["b_free_1.png", "b_free_2.png", "c_free_1.webp", "c_free_2.webp"]
    assert ["error" in line for line in ran.lines] == [True, False, False]


def test_an_interruption_leaves_no_half_photo(cadrage, model, photos, monkeypatch):
    import cadrage.photo as photo_room

    real = photo_room.save_crop
    written = []

    def interrupted(*arguments, **settings):
        written.append(arguments)
        if len(written) == 4:
            raise KeyboardInterrupt
        return real(*arguments, **settings)

    monkeypatch.setattr(photo_room, "save_crop", interrupted)
    ran = cadrage("crop", photos, "-o", "out", "--model", model, "-n", 2)
    assert ran.code == 130
    assert len(ran.lines) == 1
    assert files_in("out") == ["a_free_1.jpg", "a_free_2.jpg"]


def test_an_output_folder_that_is_a_file(cadrage, model, photos):
    Path("out").write_text("mine")
    ran = cadrage("crop", photos / "a.jpg", "-o", "out", "--model", model)
    assert ran.code == 1
    assert len(ran.err.splitlines()) == 1
    assert "out" in ran.err


def test_an_output_folder_that_cannot_be_made(cadrage, model, photos, monkeypatch):
    def refused(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "mkdir", refused)
    ran = cadrage("crop", photos / "a.jpg", "-o", "deep/out", "--model", model)
    assert ran.code == 1
    assert "deep/out" in ran.err
    assert "Permission denied" in ran.err


def test_the_preview_may_go_into_the_new_folder(cadrage, model, photos):
    assert cadrage("crop", photos, "-o", "out", "--model", model, "-n", 1, "--preview", "out/look.png").code == 0
    assert "look.png" in files_in("out")


def test_stripping(cadrage, model, photos, picture, load):
    exif = Image.Exif()
    exif[0x010E] = "a description"
    exif.get_ifd(0x8825)[1] = "N"
    picture((80, 80)).save("tagged.jpg", exif=exif)
    for strip, described, located in ((None, True, True), ("gps", True, False), ("all", False, False)):
        settings = ("--strip", strip) if strip else ()
        cadrage("crop", "tagged.jpg", "-o", "out", "--model", model, "-n", 1, "--overwrite", *settings)
        found = load("out/tagged_free_1.jpg").getexif()
        assert (0x010E in found, bool(found.get_ifd(0x8825))) == (described, located)


def test_a_photo_from_stdin_is_called_stdin(cadrage, model, photos, stdin):
    data = (photos / "b.png").read_bytes()
    stdin(data)
    assert cadrage("crop", "-", "-o", "out", "--model", model, "-n", 1).code == 0
    assert files_in("out") == ["stdin_free_1.png"]


def test_only_what_this_run_wrote_is_taken_back(cadrage, model, photos, monkeypatch):
    import cadrage.photo as photo_room

    real = photo_room.save_crop

    def meanwhile(photo, box, path, **settings):
        if path.name == "a_free_3.jpg":
            # Another run is faster, and the user has a link of their own there.
            Path("out/a_free_3.jpg").write_text("theirs")
            Path("out/a_free_4.jpg").symlink_to("nowhere")
            Path("out/a_free_1.jpg").unlink()
            Path("out/a_free_1.jpg").write_text("theirs too")
        return real(photo, box, path, **settings)

    monkeypatch.setattr(photo_room, "save_crop", meanwhile)
    ran = cadrage("crop", photos / "a.jpg", "-o", "out", "--model", model, "-n", 4)
    assert ran.code == 1
    assert files_in("out") == ["a_free_1.jpg", "a_free_3.jpg", "a_free_4.jpg"]
    assert Path("out/a_free_1.jpg").read_text() == "theirs too"
    assert Path("out/a_free_3.jpg").read_text() == "theirs"
    assert str(Path("out/a_free_4.jpg").readlink()) == "nowhere"


def test_a_link_to_nowhere_is_neither_written_through_nor_removed(cadrage, model, photos):
    Path("out").mkdir()
    Path("out/a_free_2.jpg").symlink_to("nowhere")
    assert cadrage("crop", photos / "a.jpg", "-o", "out", "--model", model, "-n", 2).code == 1
    assert files_in("out") == ["a_free_2.jpg"]
    assert not Path("out/nowhere").exists()


def test_two_runs_into_one_folder_lose_nothing(model, photos, tmp_path):
    command = [sys.executable, "-m", "cadrage.cli", "crop", "photos", "-o", "both", "--model", str(model), "-n", "3"]
    runs = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    answers = [run.communicate()[0] for run in runs]
    said = [file for answer in answers for line in answer.splitlines() for file in json.loads(line).get("files", [])]
    assert said
    assert all(Path(file).is_file() for file in said)
    assert not [name for name in files_in("both") if ".tmp-" in name]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_run_that_is_asked_to_end_leaves_whole_photos(number, model, photos, picture):
    picture((90, 70)).save(photos / "more.png")
    # More lines than a pipe holds: it cannot be done before it is asked to end.
    for index in range(250):
        os.link(photos / "more.png", photos / f"more{index:03}.png")
    command = [sys.executable, "-m", "cadrage.cli", "crop", "photos", "-o", "out", "--model", str(model), "-n", "3"]
    # What started these tests may ignore the signal, which a program inherits.
    ready = {"preexec_fn": lambda: signal.signal(number, signal.SIG_DFL)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **ready) as run:
        first = run.stdout.readline()
        run.send_signal(number)
        out, err = run.communicate()
    assert run.returncode == (130 if number == signal.SIGINT else 128 + number)
    assert len(err.splitlines()) == 1 and "every file and line written so far is complete" in err
    lines = [json.loads(line) for line in (first + out).splitlines()]
    # The line of the photo that was just done may be missing, never a file of it.
    assert {Path(file).name for line in lines for file in line["files"]} <= set(files_in("out"))
    assert len(files_in("out")) % 3 == 0 and not [name for name in files_in("out") if ".tmp-" in name]


def test_a_hang_up_that_is_ignored_stays_ignored(model, photos):
    script = (
        "import os, signal, sys; signal.signal(signal.SIGHUP, signal.SIG_IGN); from cadrage.cli.signals import *\n"
        "with ending_signals(): os.kill(os.getpid(), signal.SIGHUP)"
    )
    assert subprocess.run([sys.executable, "-c", script]).returncode == 0
