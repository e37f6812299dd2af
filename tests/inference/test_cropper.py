import io
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from cadrage.errors import CadrageError, ConstraintError, ModelError, PhotoError, UsageError
from cadrage.geometry import contains, intersects, iou_matrix, mirror
from cadrage.inference import session
from cadrage.inference.cropper import Cropper
from cadrage.inference.results import Suggestions

Painter = Callable[..., np.ndarray]


@pytest.fixture(scope="module")
def cropper(model_folder: Path) -> Cropper:
    return Cropper(model_folder, threads=1)


def similarities(suggestions: Suggestions) -> np.ndarray:
    boxes = suggestions.xyxy / np.tile(suggestions.size_wh, 2)
    return iou_matrix(boxes, boxes)[np.triu_indices(len(boxes), 1)]


def test_crops_follow_what_the_model_sees(cropper: Cropper, red_at: Painter) -> None:
    for fx, fy in ((0.2, 0.3), (0.8, 0.7)):
        best = cropper.suggest(red_at(fx, fy)).best
        x1, y1, x2, y2 = best.box_norm

        assert x1 < fx < x2
        assert y1 < fy < y2
        assert abs(best.focal_point[0] - fx) < 0.15
        assert abs(best.focal_point[1] - fy) < 0.15
        assert best.score > 0.7


def test_the_same_photo_gives_the_same_bytes(cropper: Cropper, model_folder: Path, photo_file: Path) -> None:
    line = cropper.suggest(photo_file, ["free", "4:5"], 4).to_json()

    assert cropper.suggest(photo_file, ["free", "4:5"], 4).to_json() == line
    assert Cropper(model_folder).suggest(photo_file, ["free", "4:5"], 4).to_json() == line


def test_every_way_to_hand_over_a_photo_gives_the_same_crops(cropper: Cropper, photo_file: Path) -> None:
    encoded = photo_file.read_bytes()
    with Image.open(photo_file) as opened:
        image = opened.convert("RGB")
    expected = cropper.suggest(photo_file)

    for photo in (str(photo_file), encoded, io.BytesIO(encoded), image, np.asarray(image)):
        np.testing.assert_array_equal(cropper.suggest(photo).xyxy, expected.xyxy)


def test_the_result_says_what_it_was_made_from(cropper: Cropper, photo_file: Path) -> None:
    content = json.loads(cropper.suggest(photo_file, "4:5", 2, keep=[0.2, 0.5, 0.4, 0.7]).to_json())

    assert content["image"]["path"] == str(photo_file)
    assert (content["image"]["width"], content["image"]["height"]) == (600, 400)
    assert (content["model"]["name"], content["model"]["tag"], content["model"]["version"]) == ("tiny", "test", "1")
    assert content["model"]["weights_sha256"] == cropper.model.card.weights_sha256
    assert content["request"]["ratio"] == "4:5"
    assert content["request"]["keep"] == [[0.2, 0.5, 0.4, 0.7]]
    assert content["flags"] == []


def test_the_box_is_the_box(cropper: Cropper, red_at: Painter) -> None:
    suggestions = cropper.suggest(red_at(0.3, 0.6, (613, 407)), ["free", "1:1"])

    np.testing.assert_allclose(suggestions.xyxyn * [613, 407, 613, 407], suggestions.xyxy, atol=1e-9)
    assert [crop.area_fraction for crop in suggestions] == pytest.approx(
        [crop.box_px[2] * crop.box_px[3] / (613 * 407) for crop in suggestions]
    )


def test_the_photo_is_looked_at_once(cropper: Cropper, red_at: Painter, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = []
    real_run = session.Model.run

    def counted(self: session.Model, part: str, *arguments: Any) -> Any:
        runs.append(part)
        return real_run(self, part, *arguments)

    monkeypatch.setattr(session.Model, "run", counted)
    encoded = cropper.encode(red_at(0.5, 0.5))
    encoded.suggest(ratio=["free", "1:1", "16:9"], people_aware=False)
    encoded.suggest(ratio="story", people_aware=False)

    assert runs == ["trunk", "proposer"]


def test_asking_again_is_asking_at_once(cropper: Cropper, red_at: Painter) -> None:
    photo = red_at(0.4, 0.4)
    encoded = cropper.encode(photo)

    together = cropper.suggest(photo, ["free", "4:5"], 3)

    apart = [*encoded.suggest(ratio="free", n=3), *encoded.suggest(ratio="4:5", n=3)]
    assert list(together) == apart


def test_ratios_come_back_in_the_asked_order(cropper: Cropper, red_at: Painter) -> None:
    suggestions = cropper.suggest(red_at(0.4, 0.4), ["16:9", "free", "square"], 2)

    assert [(crop.ratio, crop.rank) for crop in suggestions] == [
        ("16:9", 1), ("16:9", 2), ("free", 1), ("free", 2), ("square", 1), ("square", 2)
    ]  # fmt: skip


def test_original_means_the_ratio_of_the_upright_photo(cropper: Cropper, tmp_path: Path) -> None:
    turned = Image.new("RGB", (600, 400))
    exif = turned.getexif()
    exif[0x0112] = 6
    turned.save(tmp_path / "turned.jpg", exif=exif)

    suggestions = cropper.suggest(tmp_path / "turned.jpg", "original", 3)

    assert suggestions.size_wh == (400, 600)
    assert suggestions.image.orientation_applied == 6
    for _, _, width, height in suggestions.xywh.tolist():
        assert abs(width - height * 400 / 600) <= 1


def test_a_mirrored_photo_gets_mirrored_crops(cropper: Cropper, red_at: Painter) -> None:
    photo = red_at(0.3, 0.6)

    straight = cropper.suggest(photo, "free", 1).xyxyn
    mirrored = cropper.suggest(np.ascontiguousarray(photo[:, ::-1]), "free", 1).xyxyn

    np.testing.assert_allclose(mirror(mirrored), straight, atol=2 / 400)


@given(
    size_wh=st.tuples(st.integers(1, 900), st.integers(1, 900)),
    ratio=st.sampled_from(["free", "1:1", "4:5", "16:9", "original", "300x200", "0.1"]),
    n=st.integers(1, 7),
    diversity=st.floats(0, 1),
    scale=st.sampled_from(["tight", "natural", "loose"]),
    limits=st.sampled_from([(None, None), (0.3, None), (None, 0.4), (0.2, 0.6)]),
    kept=st.sampled_from([(), (0.2, 0.3, 0.4, 0.5), ((0.0, 0.1, 0.1, 0.2), (0.8, 0.7, 1.0, 1.0))]),
    avoided=st.sampled_from([(), (0.0, 0.9, 0.3, 1.0)]),
)
def test_whatever_is_asked_the_contract_holds(
    cropper: Cropper,
    size_wh: tuple[int, int],
    ratio: str,
    n: int,
    diversity: float,
    scale: Any,
    limits: tuple[float | None, float | None],
    kept: Any,
    avoided: Any,
) -> None:
    photo = np.zeros((size_wh[1], size_wh[0], 3), np.uint8)
    suggestions = cropper.suggest(
        photo,
        ratio,
        n,
        keep=kept,
        avoid=avoided,
        min_area=limits[0],
        max_area=limits[1],
        diversity=diversity,
        scale=scale,
    )
    flags, boxes_px = suggestions.flags, suggestions.xyxy
    boxes = boxes_px / np.tile(size_wh, 2)

    assert 1 <= len(suggestions) <= n
    assert (len(suggestions) < n) == ("fewer_than_asked" in flags)
    assert len(suggestions.warnings) == len(flags)
    assert boxes_px.min() >= 0
    assert (boxes_px[:, 2:] <= size_wh).all()
    assert (boxes_px[:, :2] < boxes_px[:, 2:]).all()
    assert (similarities(suggestions) <= diversity).all()
    for box in np.reshape(kept, (-1, 4)):
        assert "cuts_kept" in flags or contains(boxes, box).all()
    for box in np.reshape(avoided, (-1, 4)):
        assert "overlaps_avoided" in flags or not intersects(boxes, box).any()
    if "area_out_of_range" not in flags:
        assert (suggestions.area_fractions >= (limits[0] or 0) - 1e-9).all()
        assert (suggestions.area_fractions <= (limits[1] or 1) + 1e-9).all()
    if ratio == "300x200" and "smaller_than_asked" not in flags:
        assert (suggestions.xywh[:, 2:] >= (300, 200)).all()


def test_a_free_set_spans_scales_unless_an_area_is_asked(cropper: Cropper, red_at: Painter) -> None:
    photo = red_at(0.3, 0.6)

    areas = cropper.suggest(photo, "free", 5).area_fractions
    assert areas.min() < 0.60
    assert areas.max() > 0.75

    bounded = cropper.suggest(photo, "free", 5, max_area=0.5).area_fractions
    assert bounded.max() <= 0.5


def test_what_does_not_fit_the_ratio_is_centred_and_flagged(cropper: Cropper, red_at: Painter) -> None:
    band = (0.1, 0.4, 0.9, 0.6)

    suggestions = cropper.suggest(red_at(0.9, 0.5), "9:16", 1, keep=band)
    x, _, width, height = suggestions.best.box_px

    assert suggestions.flags == ("cuts_kept",)
    assert suggestions.best.flags == ("cuts_kept",)
    assert height == 400
    assert abs(x + width / 2 - 300) <= 0.02 * 600


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"ratio": "9:16", "keep": (0.1, 0.4, 0.9, 0.6)}, "no crop can hold all that must be kept"),
        ({"ratio": "1080x1350"}, "no crop can have 1080x1350 pixels"),
        ({"ratio": "1:1", "min_area": 0.9}, "no crop can have the asked area"),
        ({"avoid": (0, 0, 1, 1)}, "no crop can stay clear of all that must be avoided"),
        ({"ratio": "3:2", "min_area": 0.99}, "only 1 of 5 crops differ enough"),
    ],
)
def test_strict_raises_where_others_relax(
    cropper: Cropper, photo_file: Path, options: dict[str, Any], reason: str
) -> None:
    relaxed = cropper.suggest(photo_file, **options)
    assert len(relaxed.flags) >= 1

    with pytest.raises(ConstraintError, match=reason) as caught:
        cropper.suggest(photo_file, **options, strict=True)
    assert "spot.png" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_strict_is_silent_when_all_is_well(cropper: Cropper, photo_file: Path) -> None:
    assert cropper.suggest(photo_file, "4:5", strict=True).flags == ()


@pytest.mark.parametrize("size_wh", [(1, 1), (1, 40), (3000, 1), (2, 3)])
def test_tiny_photos_work(cropper: Cropper, size_wh: tuple[int, int]) -> None:
    suggestions = cropper.suggest(np.zeros((size_wh[1], size_wh[0], 3), np.uint8), ["free", "1:1", "original"])

    assert {crop.ratio for crop in suggestions} == {"free", "1:1", "original"}
    assert suggestions.css


def test_scores_are_the_models(cropper: Cropper) -> None:
    photo = np.zeros((200, 400, 3), np.uint8)
    photo[..., 1] = 255

    scores = cropper.score(photo, [[0.2, 0, 0.6, 1], [0, 0, 1, 1]])

    np.testing.assert_allclose(scores, np.array([0.3, 0.0]) + 0.25 * math.log(2), atol=1e-6)
    assert cropper.encode(photo).score([]).shape == (0,)


def test_boxes_outside_the_photo_have_no_score(cropper: Cropper, photo_file: Path) -> None:
    with pytest.raises(UsageError, match="boxes: box 1"):
        cropper.score(photo_file, [[0, 0, 1, 1], [0, 0, 2, 1]])


def test_the_card_tunes_the_selection(make_model: Callable[..., Path]) -> None:
    photo = np.zeros((200, 400, 3), np.uint8)
    photo[..., 1] = 255  # green makes the evaluator prefer narrow boxes

    plain = Cropper(make_model()).suggest(photo, n=1).best
    tuned = Cropper(make_model(evaluator_weight=5.0)).suggest(photo, n=1).best

    assert tuned.box_px[2] < plain.box_px[2]


def test_a_card_with_unknown_settings_is_refused(make_model: Callable[..., Path]) -> None:
    with pytest.raises(ModelError, match="unknown selection setting 'tempratur'"):
        Cropper(make_model(tempratur=1.0))


def test_many_photos_come_back_lazily_in_order(cropper: Cropper, red_at: Painter) -> None:
    photos = [red_at(0.2, 0.2), red_at(0.8, 0.8), "missing.jpg"]

    results = cropper.suggest_many(photos, n=1)

    assert next(results).best.box_norm[0] < next(results).best.box_norm[0]
    with pytest.raises(PhotoError, match=r"missing\.jpg"):
        next(results)


@pytest.mark.parametrize(
    "photo", [b"", b"not a photo", "missing.jpg", 7, np.zeros((4, 4)), np.zeros((0, 0, 3), np.uint8)]
)
def test_what_is_no_photo_is_refused(cropper: Cropper, photo: Any) -> None:
    with pytest.raises(CadrageError):
        cropper.suggest(photo)


def test_wrong_arguments_are_found_before_the_photo_is_touched(cropper: Cropper) -> None:
    with pytest.raises(UsageError, match="n: expected"):
        cropper.suggest("missing.jpg", n=0)


def test_a_name_is_looked_up_and_a_folder_is_not(model_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def resolve(name: str, *, offline: bool) -> Path:
        asked.append((name, offline))
        return model_folder

    monkeypatch.setattr("cadrage.inference.store.registry.resolve", resolve)

    assert Cropper("tiny.test", offline=True).model.card.name == "tiny"
    assert Cropper(model_folder).model.card.name == "tiny"
    assert asked == [("tiny.test", True)]


def test_a_set_of_proposals_is_for_models_that_know_validities(cropper: Cropper, red_at: Painter) -> None:
    encoded = cropper.encode(red_at(0.5, 0.5))
    assert encoded.proposals.weights.sum() == pytest.approx(1)
    with pytest.raises(ModelError, match="'tiny' predicts one distribution"):
        _ = encoded.predicted_set


def test_the_set_of_a_photo_is_not_joined_with_that_of_its_mirror_image(make_model: Callable[..., Path]) -> None:
    folder = make_model()
    card = json.loads((folder / "card.json").read_text()) | {"proposals": "validity"}
    (folder / "card.json").write_text(json.dumps(card))
    # Without red every log validity is 0.
    encoded = Cropper(folder).encode(np.zeros((40, 60, 3), np.uint8))
    assert encoded.predicted_set.validities.tolist() == [1.0] * 49
    assert encoded.proposals.weights.shape == (98,)


def test_boxes_in_pixels_mean_what_the_same_boxes_as_fractions_do(cropper: Cropper, red_at: Painter) -> None:
    photo = red_at(0.6, 0.4)
    height, width = photo.shape[:2]
    kept_px, avoided_px = (0.1 * width, 0.2 * height, 0.5 * width, 0.7 * height), (0.8 * width, 0, width, height)
    kept, avoided = (0.1, 0.2, 0.5, 0.7), (0.8, 0, 1, 1)
    expected = cropper.suggest(photo, "4:5", 2, keep=[kept], avoid=avoided).to_dict()
    assert cropper.suggest(photo, "4:5", 2, keep=[kept_px], avoid=avoided_px, unit="px").to_dict() == expected
    encoded = cropper.encode(photo)
    assert encoded.suggest(ratio="4:5", n=2, keep=kept_px, avoid=avoided_px, unit="px").to_dict() == expected
    (one,) = cropper.suggest_many([photo], ratio="4:5", n=2, keep=kept_px, avoid=avoided_px, unit="px")
    assert one.to_dict() == expected


def test_words_stand_beside_boxes_in_pixels(cropper: Cropper, red_at: Painter) -> None:
    kept = cropper.suggest(red_at(0.6, 0.4), keep=["people", (10, 10, 20, 20)], unit="px").request.keep
    assert kept[0] == "people" and len(kept) == 2 and max(kept[1]) < 1


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"keep": (1, 2, 30, 40)}, "keep: box 0 .* for boxes in pixels say unit='px'"),
        ({"keep": (1, 2, 3000, 40), "unit": "px"}, r"keep: .* reaches outside the photo of \d+x\d+ px"),
        ({"avoid": (-1, 2, 30, 40), "unit": "px"}, "avoid: .* reaches outside the photo"),
        ({"person": (1, 2, 3000, 40), "unit": "px"}, "person: .* reaches outside the photo"),
        ({"keep": (1, 2, 30), "unit": "px"}, "keep: "),
        ({"keep": "people", "unit": "pixels"}, "unit: expected one of fraction, px, got 'pixels'"),
        ({"keep": {"x": 1}, "unit": "px"}, "keep: expected boxes of four numbers"),
    ],
)
def test_boxes_in_the_wrong_unit_are_told(
    cropper: Cropper, red_at: Painter, options: dict[str, Any], told: str
) -> None:
    with pytest.raises(UsageError, match=told):
        cropper.suggest(red_at(0.6, 0.4), **options)


def test_a_cropper_says_what_it_is(cropper: Cropper) -> None:
    assert repr(cropper) == f"<Cropper {cropper.model.card.name}.{cropper.model.card.tag}, detector own>"


@pytest.mark.parametrize("value", [1e308, -1e308, 1e17, 100, -100, 5e-324, 0, -5, 5])
@pytest.mark.parametrize(
    "name", ["ratio_temperature", "scale_tilt", "natural_tilt", "evaluator_weight", "alternative_value", "small_area"]
)
def test_settings_far_from_sense_are_refused_and_others_never_overflow(
    make_model: Callable[..., Path], name: str, value: float
) -> None:
    folder = make_model(**{name: value})
    if abs(value) > 5 or (name == "ratio_temperature" and value < 1e-3):
        with pytest.raises(ModelError, match=rf"selection\.{name}|a number is too large"):
            Cropper(folder)
        return
    photo = np.random.default_rng(2).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    for options in ({"n": 3}, {"ratio": "1:1", "scale": "tight"}, {"scale": "loose", "max_area": 0.3}):
        assert Cropper(folder).suggest(photo, **options).crops
