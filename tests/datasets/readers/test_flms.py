import builtins

import numpy as np
import pytest

from cadrage.datasets.conversion.convert import convert
from cadrage.datasets.readers.flms import TABLE, read_flms
from cadrage.datasets.splits import read_split
from cadrage.errors import CadrageError, UsageError

# Rows first; one row fills the table up, one has swapped corners.
ROWS = np.array([[1, 2, 30, 50], [0, 0, 40, 60], [-1, -1, -1, -1], [30, 20, 10, 50]], np.int16)


def save_table(folder, rows):
    """A table as MATLAB writes it: a column of structures with file name and boxes."""
    from scipy.io import savemat

    table = np.empty((len(rows), 1), dtype=[("filename", "O"), ("bbox", "O")])
    for index, row in enumerate(rows):
        table[index, 0] = row
    savemat(folder / TABLE, {"img_gt": table})


@pytest.mark.parametrize("folder", ["image", "images"])
def test_the_table_is_rows_first_and_negative_rows_are_padding(tmp_path, picture, folder):
    picture(f"{folder}/a_Large.jpg")
    save_table(tmp_path, [("a_Large.jpg", ROWS), ("b.jpg", ROWS[:1])])
    a, b = read_flms(tmp_path)
    np.testing.assert_array_equal(a.boxes_xyxy_px, [[2, 1, 50, 30], [0, 0, 60, 40], [20, 30, 50, 10]])
    assert a.scores.tolist() == [1.0] * 3 and a.counts == {"crop-padding": 1}
    assert a.file.parent.name == folder and b.file is None


def test_table_and_json_say_the_same(tmp_path, picture, write):
    (tmp_path / "other").mkdir()
    picture("a.jpg")
    picture("other/a.jpg")
    save_table(tmp_path, [("a.jpg", ROWS)])
    write("other/image_crop.json", {"a.jpg": ROWS[:, [1, 0, 3, 2]].tolist()})
    write("other/human_bboxes.json", {"a.jpg": [1, 2, 3, 4]})
    (table,), (json_form,) = read_flms(tmp_path), read_flms(tmp_path / "other")
    np.testing.assert_array_equal(table.boxes_xyxy_px, json_form.boxes_xyxy_px)
    assert table.counts == json_form.counts
    np.testing.assert_array_equal(json_form.persons_xyxy_px, [[1, 2, 3, 4]])


def test_every_photo_is_a_test_photo(tmp_path, tmp_path_factory, picture):
    """The benchmark has no other split; the conversion writes what the reader says."""
    picture("image/a.jpg")
    picture("image/b.jpg", seed=1)
    save_table(tmp_path, [("a.jpg", ROWS), ("b.jpg", ROWS)])
    converted = tmp_path_factory.mktemp("flms")
    assert convert(read_flms(tmp_path), converted).splits == {"test": 2}
    assert read_split(converted, "test").file_names == ("images/a.jpg", "images/b.jpg")


@pytest.mark.parametrize("bad", [("a.jpg", np.ones((2, 3))), ("a.jpg", np.full((1, 4), np.nan)), ("", ROWS), (3, ROWS)])
def test_a_malformed_row_is_numbered(tmp_path, picture, bad):
    picture("image/good.jpg")
    save_table(tmp_path, [("good.jpg", ROWS), bad])
    good, wrong = read_flms(tmp_path)
    assert good.left_out is None
    assert wrong.left_out.reason == "malformed-annotation"
    assert wrong.left_out.text.startswith(f"{TABLE}, row 2: ")


def test_a_damaged_table_is_one_line(tmp_path, write):
    write(TABLE, b"MATLAB 5.0 MAT-file" + bytes(200))
    with pytest.raises(UsageError, match="not a MATLAB table") as caught:
        read_flms(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_table_of_something_else_is_told(tmp_path):
    from scipy.io import savemat

    savemat(tmp_path / TABLE, {"other": np.ones(3)})
    with pytest.raises(UsageError, match="no variable img_gt"):
        read_flms(tmp_path)
    (tmp_path / TABLE).unlink()
    with pytest.raises(UsageError, match="neither"):
        read_flms(tmp_path)


def test_without_the_extra_the_message_says_what_to_install(tmp_path, write, monkeypatch):
    write(TABLE, b"")
    real = builtins.__import__

    def without_scipy(name, *arguments, **settings):
        if name.partition(".")[0] == "scipy":
            raise ModuleNotFoundError("No module named 'scipy'", name="scipy")
        return real(name, *arguments, **settings)

    monkeypatch.setattr(builtins, "__import__", without_scipy)
    with pytest.raises(CadrageError, match=r"pip install 'cadrage\[eval\]'"):
        read_flms(tmp_path)
