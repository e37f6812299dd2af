import copy
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from cadrage.errors import UsageError
from cadrage.inference.request import Request
from cadrage.inference.results import ImageInfo, ModelInfo, Suggestions
from cadrage.inference.selection.crop import CROP_FLAGS, Crop, focal_points, object_position
from cadrage.inference.selection.heads import HeadInCrop
from cadrage.photo import Note, open_photo
from cadrage.photo.notes import FLAGS as PHOTO_FLAGS

SCHEMA = json.loads((Path(__file__).parents[2] / "docs/schema/suggestions-1.0.json").read_text(encoding="utf-8"))


BOX = {"x": 30, "y": 20, "width": 30, "height": 30}


def a_crop(**changes: Any) -> Crop:
    facts: dict[str, Any] = {
        "rank": 1,
        "ratio": "4:5",
        "box_px": (30, 0, 160, 200),
        "box_norm": (0.1, 0.0, 190 / 300, 1.0),
        "score": 0.712345,
        "area_fraction": 160 / 300,
        "importance_fraction": 0.83,
        "focal_point": (1 / 3, 0.5),
    }
    return Crop(**{**facts, **changes})


def some_suggestions(**changes: Any) -> Suggestions:
    facts: dict[str, Any] = {
        "image": ImageInfo("a.jpg", "0" * 64, 300, 200, 6),
        "model": ModelInfo("tiny", "test", "1", "f" * 64),
        "request": Request.of(ratio=["4:5", "free"], n=2, keep=[0.2, 0.2, 0.4, 0.9]),
        "crops": (
            a_crop(),
            a_crop(rank=2, flags=("cuts_kept",), reason="why"),
            a_crop(ratio="free", box_px=(0, 0, 300, 100), box_norm=(0, 0, 1, 0.5), focal_point=(0.5, 0.25)),
        ),
        "flags": ("cuts_kept",),
        "warnings": ("ratio 4:5: no crop can hold all that must be kept",),
        "heads": ({"label": "face", "box": BOX, "box_norm": [0.1, 0.1, 0.2, 0.25], "source": "own"},),
    }
    return Suggestions(**{**facts, **changes})


def an_image(path: str, sha256: str = "0" * 64) -> ImageInfo:
    return ImageInfo(path, sha256, 300, 200, 1)


def complaints(value: Any, schema: dict[str, Any], where: str = "$") -> list[str]:
    """The part of JSON Schema that the schema file uses."""
    if "$ref" in schema:
        return complaints(value, SCHEMA["$defs"][schema["$ref"].rpartition("/")[2]], where)
    if "oneOf" in schema:
        matches = sum(not complaints(value, option, where) for option in schema["oneOf"])
        return [] if matches == 1 else [f"{where} matches {matches} options"]
    if "const" in schema or "enum" in schema:
        allowed = schema.get("enum", [schema.get("const")])
        return [] if value in allowed else [f"{where} is not among {allowed}"]
    kinds = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None), "integer": int}
    kind = schema["type"]
    fits = isinstance(value, kinds.get(kind, (int, float))) and (kind == "boolean" or not isinstance(value, bool))
    if not fits:
        return [f"{where} is not {kind}"]
    found = []
    if kind == "object":
        properties = schema.get("properties", {})
        found += [f"{where} lacks {name}" for name in schema.get("required", []) if name not in value]
        if schema.get("additionalProperties") is False:
            found += [f"{where} has unknown {name}" for name in value if name not in properties]
        for name, part in properties.items():
            found += complaints(value[name], part, f"{where}.{name}") if name in value else []
    if kind == "array":
        if not schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value)):
            found.append(f"{where} has {len(value)} items")
        for index, item in enumerate(value):
            found += complaints(item, schema["items"], f"{where}[{index}]")
    if kind in ("integer", "number") and not schema.get("minimum", value) <= value <= schema.get("maximum", value):
        found.append(f"{where} is out of range")
    if kind == "string" and not re.search(schema.get("pattern", ""), value):
        found.append(f"{where} does not match")
    return found


def test_json_follows_the_published_schema() -> None:
    assert complaints(json.loads(some_suggestions().to_json()), SCHEMA) == []


def test_json_lists_the_heads_and_counts_them_for_each_crop() -> None:
    fates = tuple(HeadInCrop((0.1, 0.1, 0.2, 0.25), fate) for fate in ("whole", "left_out", "whole"))
    told = some_suggestions(crops=(a_crop(heads=fates), a_crop(rank=2))).to_dict()
    assert told["heads"][0]["label"] == "face"
    assert [crop["heads"] for crop in told["crops"]] == [
        {"whole": 2, "cut": 0, "left_out": 1},
        {"whole": 0, "cut": 0, "left_out": 0},
    ]


def test_the_schema_knows_every_flag() -> None:
    assert SCHEMA["$defs"]["flag"]["enum"] == list(CROP_FLAGS)
    assert SCHEMA["$defs"]["any_flag"]["enum"] == [*CROP_FLAGS, *PHOTO_FLAGS]


def test_notes_become_flags_and_warnings_behind_those_of_the_rules() -> None:
    noted = some_suggestions().with_notes([Note("depth_reduced", "less"), Note("depth_reduced", "again")])
    assert noted.flags == ("cuts_kept", "depth_reduced")
    assert noted.warnings[-2:] == ("less", "again")
    assert noted.crops == some_suggestions().crops
    assert complaints(json.loads(noted.to_json()), SCHEMA) == []


@pytest.mark.parametrize(
    ("edit", "complaint"),
    [
        (lambda json_: json_.pop("crops"), "$ lacks crops"),
        (lambda json_: json_.update(more=1), "$ has unknown more"),
        (lambda json_: json_["crops"][0].update(rank=0), "$.crops[0].rank is out of range"),
        (lambda json_: json_["crops"][0]["box"].update(x=1.5), "$.crops[0].box.x is not integer"),
        (lambda json_: json_["crops"][0]["box_norm"].append(1), "$.crops[0].box_norm has 5 items"),
        (lambda json_: json_["image"].update(sha256="x"), "$.image.sha256 does not match"),
        (lambda json_: json_["request"].update(ratio=["free"]), "$.request.ratio matches 0 options"),
    ],
)
def test_the_check_above_is_able_to_fail(edit: Any, complaint: str) -> None:
    content = copy.deepcopy(some_suggestions().to_dict())
    edit(content)

    assert complaint in complaints(content, SCHEMA)


def test_json_is_one_line_with_rounded_floats() -> None:
    line = some_suggestions().to_json()

    assert "\n" not in line
    first = json.loads(line)["crops"][0]
    assert first["box"] == {"x": 30, "y": 0, "width": 160, "height": 200}
    assert first["box_norm"] == [0.1, 0.0, 0.633333, 1.0]
    assert first["score"] == 0.7123
    assert first["focal_point"] == [0.333333, 0.5]


def test_one_ratio_is_written_as_text_and_several_as_a_list() -> None:
    one = some_suggestions(request=Request.of(ratio="4:5"), crops=(a_crop(),))

    assert one.to_dict()["request"]["ratio"] == "4:5"
    assert some_suggestions().to_dict()["request"]["ratio"] == ["4:5", "free"]


def test_file_names_of_any_kind_can_be_written() -> None:
    umlaut = some_suggestions(image=ImageInfo("Brücke.jpg", "0" * 64, 300, 200, 1))
    broken = some_suggestions(image=ImageInfo("a\udcff.jpg", "0" * 64, 300, 200, 1))

    assert "Brücke.jpg" in umlaut.to_json()
    assert json.loads(broken.to_json().encode())["image"]["path"] == "a\udcff.jpg"


def test_arrays_agree_with_each_other() -> None:
    suggestions = some_suggestions()

    assert suggestions.xywh.tolist() == [[30, 0, 160, 200], [30, 0, 160, 200], [0, 0, 300, 100]]
    assert suggestions.xyxy.tolist() == [[30, 0, 190, 200], [30, 0, 190, 200], [0, 0, 300, 100]]
    np.testing.assert_allclose(suggestions.xyxyn * [300, 200, 300, 200], suggestions.xyxy)
    np.testing.assert_allclose(suggestions.xywhn * [300, 200, 300, 200], suggestions.xywh)
    assert suggestions.scores.tolist() == [0.712345] * 3
    assert suggestions.area_fractions.shape == (3,)


def test_it_behaves_like_a_sequence_of_crops() -> None:
    suggestions = some_suggestions()

    assert len(suggestions) == 3
    assert suggestions.best is suggestions[0]
    assert [crop.ratio for crop in suggestions] == ["4:5", "4:5", "free"]
    assert [crop.rank for crop in suggestions.for_ratio(" FREE")] == [1]


def test_crops_of_a_ratio_that_was_not_asked_for_are_an_error() -> None:
    with pytest.raises(UsageError, match=r"a\.jpg: no crops of ratio 1:1; there are some of 4:5, free"):
        some_suggestions().for_ratio("1:1")
    with pytest.raises(UsageError, match="did you mean square"):
        some_suggestions().for_ratio("sqare")


def test_what_they_are_fits_on_a_line() -> None:
    text = repr(some_suggestions(image=an_image("trip\n/beach.jpg")))
    assert text.startswith("<Suggestions trip\\n/beach.jpg 300x200: 3 crops (4:5, free), best <Crop 4:5 #1: 160x200 ")
    assert "\n" not in text and "cuts_kept" in text
    assert repr(a_crop(rank=2, flags=("cuts_kept",))).endswith("score 0.71 cuts_kept>")


def test_a_notebook_shows_a_table_and_the_photo_if_it_is_still_there(tmp_path: Path) -> None:
    Image.new("RGB", (300, 200), "teal").save(tmp_path / "<b>.png")
    path = str(tmp_path / "<b>.png")
    shown = some_suggestions(image=an_image(path, open_photo(path).sha256))._repr_html_()
    assert "data:image/jpeg;base64," in shown
    assert "<b>" not in shown and "&lt;b&gt;.png" in shown
    assert shown.count("<tr>") == 4
    Image.new("RGB", (300, 200), "red").save(path)
    assert "data:image" not in some_suggestions(image=an_image(path))._repr_html_()
    assert "data:image" not in some_suggestions(image=an_image("gone.jpg"))._repr_html_()


def test_pixels_are_cut_as_the_boxes_say() -> None:
    photo = np.random.default_rng(0).integers(0, 256, (200, 300, 3), np.uint8)

    images = some_suggestions().crop(photo)

    assert [image.size for image in images] == [(160, 200), (160, 200), (300, 100)]
    np.testing.assert_array_equal(np.asarray(images[0]), photo[0:200, 30:190])


def test_pixels_of_another_photo_are_refused() -> None:
    with pytest.raises(UsageError, match=r"expected the photo of these crops, .*\(300, 200\).*got \(200, 300\)"):
        some_suggestions().crop(np.zeros((300, 200, 3), np.uint8))


def test_the_plot_is_a_picture() -> None:
    assert isinstance(some_suggestions().plot(np.zeros((200, 300, 3), np.uint8)), Image.Image)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"rank": 0}, "expected a rank of at least 1, got 0"),
        ({"box_px": (0, 0, 0, 5)}, "expected a pixel box"),
        ({"box_norm": (0.5, 0, 0.5, 1)}, "expected a normalised box"),
        ({"box_norm": (0, 0, 1, float("nan"))}, "expected a normalised box"),
        ({"area_fraction": 1.1}, r"expected area_fraction in \[0, 1\], got 1.1"),
        ({"score": float("nan")}, "expected a finite score"),
        ({"score": float("inf")}, "expected a finite score"),
        ({"focal_point": (0.9, 0.5)}, "expected a focal point inside"),
        ({"flags": ("odd",)}, "expected flags among"),
    ],
)
def test_crops_are_checked_on_creation(changes: dict[str, Any], complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint):
        a_crop(**changes)


def test_suggestions_are_checked_on_creation() -> None:
    with pytest.raises(UsageError, match="at least one crop"):
        some_suggestions(crops=())
    with pytest.raises(UsageError, match="inside 300x200 pixels"):
        some_suggestions(crops=(a_crop(box_px=(200, 0, 160, 200)),))
    with pytest.raises(UsageError, match=r"ranks 1, 2, \.\.\. for 4:5"):
        some_suggestions(crops=(a_crop(), a_crop()))


def shown_by_browser(position: str, box_px: tuple[int, int, int, int], size_wh: tuple[int, int]) -> np.ndarray:
    """Pixels x1 y1 x2 y2 that ``object-fit: cover`` shows in an element with the aspect of the box."""
    scale = min(size_wh[0] / box_px[2], size_wh[1] / box_px[3])
    shown = np.array(box_px[2:]) * scale
    share = np.array([float(part.rstrip("%")) for part in position.split()]) / 100
    start = share * (np.array(size_wh) - shown)
    return np.concatenate([start, start + shown])


@given(st.data())
def test_css_shows_the_whole_crop(data: st.DataObject) -> None:
    size_wh = (data.draw(st.integers(1, 4000)), data.draw(st.integers(1, 4000)))
    width, height = data.draw(st.integers(1, size_wh[0])), data.draw(st.integers(1, size_wh[1]))
    x, y = data.draw(st.integers(0, size_wh[0] - width)), data.draw(st.integers(0, size_wh[1] - height))

    x1, y1, x2, y2 = shown_by_browser(object_position((x, y, width, height), size_wh), (x, y, width, height), size_wh)

    # Two decimals of a percentage are at most 0.2 pixels here.
    assert x1 <= x + 0.3
    assert y1 <= y + 0.3
    assert x2 >= x + width - 0.3
    assert y2 >= y + height - 0.3


@pytest.mark.parametrize(
    ("box_px", "position"),
    [
        ((0, 0, 100, 100), "0% 50%"),
        ((200, 0, 100, 100), "100% 50%"),
        ((100, 20, 100, 100), "50% 50%"),
        ((0, 0, 300, 200), "50% 50%"),
        ((0, 100, 300, 100), "50% 100%"),
        ((125, 0, 100, 200), "62.5% 50%"),
    ],
)
def test_css_worked_examples(box_px: tuple[int, int, int, int], position: str) -> None:
    assert object_position(box_px, (300, 200)) == position


def test_suggestions_give_one_position_per_crop() -> None:
    assert some_suggestions().css == ("21.43% 50%", "21.43% 50%", "50% 0%")


def test_the_focal_point_is_the_centre_of_what_people_keep() -> None:
    people = np.array([[0.0, 0.0, 0.5, 1.0], [0.5, 0.0, 1.0, 1.0]])
    crops = np.array([[0.0, 0.0, 1.0, 1.0], [0.25, 0.0, 0.75, 0.5]])

    points, share = focal_points(crops, people, np.array([0.8, 0.2]))

    np.testing.assert_allclose(points, [[0.25 * 0.8 + 0.75 * 0.2, 0.5], [0.375 * 0.8 + 0.625 * 0.2, 0.25]])
    np.testing.assert_allclose(share, [1.0, 0.25])


def test_a_crop_that_nobody_keeps_has_its_focal_point_in_the_middle() -> None:
    points, share = focal_points(np.array([[0.6, 0.6, 1.0, 1.0]]), np.array([[0.0, 0.0, 0.5, 0.5]]), np.ones(1))

    np.testing.assert_allclose(points, [[0.8, 0.8]])
    assert share.tolist() == [0.0]
