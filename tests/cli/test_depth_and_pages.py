"""What a photo has more of than a crop keeps is told once, on stderr and in the line."""

import numpy as np
import pytest
from PIL import Image


def write_grey16(path) -> None:
    Image.fromarray(np.arange(6400, dtype=np.uint16).reshape(80, 80) * 9).save(path)


def test_lost_depth_is_told_by_crop_and_not_by_suggest(cadrage, model, photos):
    write_grey16(photos / "deep.png")
    arguments = (photos / "deep.png", "--model", model, "-n", 1)
    assert cadrage("suggest", *arguments).err == ""
    ran = cadrage("crop", *arguments, "-o", "out", "--format", "jpeg")
    says = "16 bits per channel become 8 in JPEG; PNG and TIFF keep them"
    assert (ran.code, ran.message) == (0, f"cadrage: warning: photos/deep.png: {says}")
    assert "depth_reduced" in ran.lines[0]["flags"]
    kept = cadrage("crop", *arguments, "-o", "kept")
    assert (kept.code, kept.err, kept.lines[0]["flags"]) == (0, "", [])


@pytest.mark.parametrize("verb", ["suggest", "crop"])
def test_pages_left_out_are_told(cadrage, model, photos, picture, verb):
    pages = [picture((90, 60), seed=seed) for seed in (1, 2, 3)]
    pages[0].save(photos / "scan.tif", save_all=True, append_images=pages[1:])
    out = ("-o", "out") if verb == "crop" else ()
    ran = cadrage(verb, photos / "scan.tif", "--model", model, "-n", 1, *out)
    says = "the first of 3 pages is used; left out: 2 pages"
    assert (ran.code, ran.message) == (0, f"cadrage: warning: photos/scan.tif: {says}")
    assert "several_pictures" in ran.lines[0]["flags"]


def test_ordinary_tiffs_print_nothing(cadrage, model, photos, picture):
    picture((90, 60), seed=1).save(photos / "plain.tif", compression="tiff_lzw")
    ran = cadrage("crop", photos / "plain.tif", "--model", model, "-o", "out")
    assert (ran.code, ran.err, ran.lines[0]["flags"]) == (0, "", [])
