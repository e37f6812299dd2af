"""The face teacher: two views joined, kept on disk, and files that are none."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from cadrage.datasets.manifest import read_manifest
from cadrage.errors import UsageError
from cadrage.inference.subjects.detector import Subjects
from cadrage.training.systems.subjects.faces import keep_faces, load_face_teacher, read_faces, seen_in_both
from cadrage.training.systems.subjects.system import judged_faces


def red_face(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A teacher that takes what is red for a face, and is surer of one at the left."""
    rows, columns = np.nonzero(pixels[..., 0].astype(int) - pixels[..., 2] > 100)
    if not len(rows):
        return np.empty((0, 4)), np.empty(0)
    height, width = pixels.shape[:2]
    box = [columns.min() / width, rows.min() / height, (columns.max() + 1) / width, (rows.max() + 1) / height]
    return np.array([box]), np.array([0.9 if box[0] < 0.5 else 0.5])


def test_of_a_face_seen_in_both_views_the_certainty_is_the_mean() -> None:
    pixels = np.zeros((40, 80, 3), np.uint8)
    pixels[10:20, 8:16] = (255, 0, 0)
    boxes, sure = seen_in_both(red_face, pixels)
    assert boxes == pytest.approx(np.array([[0.1, 0.25, 0.2, 0.5]]))
    assert sure == pytest.approx([0.7])
    mirrored, same = seen_in_both(red_face, pixels[:, ::-1])
    assert mirrored == pytest.approx(np.array([[0.8, 0.25, 0.9, 0.5]])) and same == pytest.approx(sure)


def test_a_face_seen_in_one_view_is_half_as_sure() -> None:
    views = iter([(np.array([[0.1, 0.1, 0.2, 0.2]]), np.array([0.9])), (np.empty((0, 4)), np.empty(0))])
    assert seen_in_both(lambda _: next(views), np.zeros((4, 4, 3), np.uint8))[1] == pytest.approx([0.45])
    views = iter([(np.empty((0, 4)), np.empty(0)), (np.array([[0.1, 0.1, 0.2, 0.2]]), np.array([0.8]))])
    boxes, sure = seen_in_both(lambda _: next(views), np.zeros((4, 4, 3), np.uint8))
    assert boxes == pytest.approx(np.array([[0.8, 0.1, 0.9, 0.2]])) and sure == pytest.approx([0.4])


def test_faces_are_looked_for_once(data: Path, tmp_path: Path) -> None:
    records = read_manifest(data / "drawn")
    with pytest.raises(UsageError, match="no faces of"):
        read_faces(records[0], tmp_path)
    keep_faces(records, red_face, tmp_path)
    first = [read_faces(record, tmp_path) for record in records]
    keep_faces(records, lambda _: pytest.fail("asked again"), tmp_path)
    again = [read_faces(record, tmp_path) for record in records]
    assert sum(len(boxes) for boxes, _ in first) > 0
    for (boxes, sure), (kept, kept_sure) in zip(first, again, strict=True):
        np.testing.assert_array_equal(boxes, kept)
        np.testing.assert_array_equal(sure, kept_sure)


def drawn_network(file: Path, side: int = 8) -> Path:
    """A detector of one fixed face, whose certainty is the mean of the image."""
    nodes = [
        helper.make_node("ReduceMean", ["image"], ["mean"], keepdims=0),
        helper.make_node("Mul", ["mean", "ones"], ["scores"]),
        helper.make_node("Identity", ["box"], ["boxes"]),
    ]
    constants = [
        helper.make_tensor("ones", TensorProto.FLOAT, (1, 1, 2), [0.0, 1.0]),
        helper.make_tensor("box", TensorProto.FLOAT, (1, 1, 4), [0.25, 0.25, 0.5, 0.5]),
    ]
    graph = helper.make_graph(
        nodes,
        "faces",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, (1, 3, side, side))],
        [
            helper.make_tensor_value_info("scores", TensorProto.FLOAT, (1, 1, 2)),
            helper.make_tensor_value_info("boxes", TensorProto.FLOAT, (1, 1, 4)),
        ],
        constants,
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), file)
    return file


def test_the_teacher_mentions_faces_of_which_it_is_a_little_sure(tmp_path: Path) -> None:
    see = load_face_teacher(drawn_network(tmp_path / "faces.onnx"))
    boxes, sure = see(np.full((20, 30, 3), 255, np.uint8))
    assert boxes.tolist() == [[0.25, 0.25, 0.5, 0.5]] and sure == pytest.approx([1.0])
    assert len(see(np.full((20, 30, 3), 160, np.uint8))[0]) == 0


def test_what_is_no_face_detector_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot read the face teacher"):
        load_face_teacher(tmp_path / "none.onnx")
    (tmp_path / "text.onnx").write_text("nothing")
    with pytest.raises(UsageError, match="not a face detector"):
        load_face_teacher(tmp_path / "text.onnx")


def test_counting_found_and_false_faces() -> None:
    seen = (np.array([[0.1, 0.1, 0.2, 0.2], [0.5, 0.5, 0.55, 0.55], [0.7, 0.7, 0.8, 0.8]]), np.array([0.9, 0.85, 0.5]))
    found = np.array([[0.1, 0.1, 0.2, 0.21], [0.7, 0.7, 0.8, 0.82], [0.3, 0.8, 0.4, 0.9]])
    nobody = Subjects(np.empty((0, 4)), (), np.empty(0), "own")
    counts = judged_faces(
        [Subjects(found, ("face",) * 3, np.full(3, 0.9), "own"), nobody], [seen, (np.empty((0, 4)), np.empty(0))]
    )
    # The third box is one that the teacher never mentioned; the second is, though it is not sure of it.
    assert counts == {"all": [1, 0], "of_8_percent": [1], "largest": [1], "false_per_photo": [1, 0]}
