"""Boxes of one's own in place of those that the product makes."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from cadrage import Cropper
from cadrage.errors import UsageError
from cadrage.geometry import from_pixels, grid_anchors, iou_matrix, mirror, to_pixels
from cadrage.inference.candidate_lists import NAMES, CandidateList, candidate_list
from cadrage.inference.request import Request
from cadrage.photo import photo_from_image

BOXES = np.array([[0.1, 0.1, 0.9, 0.9], [0, 0, 0.5, 1], [0.5, 0, 1, 1], [0.25, 0.25, 0.7, 0.7]])
TEXTS = {
    "list.json": json.dumps(BOXES.tolist()),
    "list.csv": "# left, top, right, bottom\n" + "\n".join(",".join(map(str, box)) for box in BOXES.tolist()),
    "list.txt": "\n\n".join("  ".join(map(str, box)) for box in BOXES.tolist()) + "\n",
}


@pytest.mark.parametrize("name", TEXTS)
def test_a_file_holds_boxes_as_json_or_line_by_line(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(TEXTS[name])
    found = candidate_list(tmp_path / name)
    np.testing.assert_array_equal(found.on((300, 200)), BOXES)
    assert found.to_dict() == {"name": name, "sha256": candidate_list(BOXES).sha256, "boxes": 4}
    assert candidate_list(str(tmp_path / name)) == found


def test_names_stand_for_known_lists() -> None:
    sizes = {name: candidate_list(name).on((1000, 667)).shape for name in NAMES}
    assert sizes["gaic"] == (83, 4) and sizes["hcic-1745"] == (1745, 4) and sizes["lattice"][0] > 500
    assert candidate_list("gaic").to_dict() == {"name": "gaic"}


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("0.1 0.1 0.9", r"list.txt, line 1: expected four numbers"),
        ("0.1 0.1 0.9 0.9\n0.1,0.1,0.9,much", r"list.txt, line 2: expected four numbers"),
        ("[[0.1, 0.1, 0.9", "no JSON list of boxes"),
        ('[["a", 0, 1, 1]]', "expected boxes of four numbers"),
        ("[]", r"expected 1 to 100000 boxes"),
        ("# nothing\n", r"expected 1 to 100000 boxes"),
        ("[[0.1, 0.1, 0.9, 0.9], [0, 0, 1]]", "expected boxes of four numbers"),
        ("[[0.9, 0.1, 0.1, 0.9]]", "box 0"),
        ("10 10 200 200", "box 0"),
        ("nan 0 1 1", "box 0"),
    ],
)
def test_what_is_no_list_is_refused_in_one_line(text: str, complaint: str, tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text(text)
    with pytest.raises(UsageError, match=complaint) as caught:
        candidate_list(tmp_path / "list.txt", "--candidates")
    assert "\n" not in str(caught.value) and str(caught.value).startswith("--candidates")


def test_an_unknown_name_says_what_there_is(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no such file, nor one of gaic, lattice, hcic-1745"):
        candidate_list("giac")


def test_a_ratio_has_boxes_of_its_own() -> None:
    assert Request.of(candidates="gaic", ratio="free").candidates == CandidateList("gaic")
    with pytest.raises(UsageError, match=r"candidates: .* any shape, and 4:5 makes its own"):
        Request.of(candidates="gaic", ratio=["free", "4:5"])


@pytest.fixture(params=["proposer", "scorer"])
def cropper(request: pytest.FixtureRequest, model_folder: Path, scorer_folder: Path) -> Cropper:
    return Cropper(model_folder if request.param == "proposer" else scorer_folder, threads=1, detector="none")


def listed(boxes: np.ndarray, size_wh: tuple[int, int]) -> set[tuple[int, ...]]:
    return {tuple(box) for box in to_pixels(boxes, size_wh).tolist()}


@pytest.mark.parametrize("candidates", [*NAMES, BOXES])
def test_every_crop_is_one_of_the_list(cropper: Cropper, candidates: object, red_at: Callable) -> None:
    photo = photo_from_image(red_at(0.7, 0.4))
    found = cropper.suggest(photo, n=3, candidates=candidates)  # type: ignore[arg-type]
    boxes = candidate_list(candidates).on(photo.size_wh)  # type: ignore[arg-type]
    assert {tuple(box) for box in found.xyxy.tolist()} <= listed(boxes, photo.size_wh)
    overlaps = iou_matrix(found.xyxyn, found.xyxyn)[np.triu_indices(len(found), 1)]
    assert overlaps.max(initial=0) <= 0.85 + 1e-6
    assert (np.diff(found.scores) <= 1e-9).all()


def test_rules_hold_among_them(cropper: Cropper, red_at: Callable) -> None:
    photo = photo_from_image(red_at(0.7, 0.4))
    kept = (0.05, 0.3, 0.4, 0.6)
    found = cropper.suggest(photo, n=2, candidates="gaic", keep=kept, max_area=0.75)
    boxes = found.xyxyn
    assert (boxes[:, 0] <= kept[0] + 0.01).all() and (boxes[:, 2] >= kept[2] - 0.01).all()
    assert not found.flags or set(found.flags) <= {"more_alike", "fewer_than_asked"}
    # Where no box of the list can hold it, that is said.
    alone = cropper.suggest(photo, n=1, candidates=[[0.5, 0.5, 1, 1]], keep=kept)
    assert "cuts_kept" in alone.flags or "keep_relaxed" in alone.flags


def test_the_result_says_which_list_it_was_and_nothing_without_one(cropper: Cropper, red_at: Callable) -> None:
    photo = photo_from_image(red_at(0.7, 0.4))
    assert "candidates" not in cropper.suggest(photo, n=1).to_dict()["request"]
    asked = cropper.suggest(photo, n=1, candidates=BOXES).to_dict()["request"]["candidates"]
    assert asked == {"name": "given", "sha256": candidate_list(BOXES).sha256, "boxes": 4}
    assert cropper.suggest(photo, n=1, candidates="gaic").to_dict()["request"]["candidates"] == {"name": "gaic"}


def test_boxes_are_taken_on_the_nearest_pixels() -> None:
    boxes = from_pixels(to_pixels(grid_anchors((301, 199)), (301, 199)), (301, 199))
    assert np.abs(boxes - grid_anchors((301, 199))).max() <= 0.5 / 199
    assert len(mirror(boxes)) == len(boxes)
