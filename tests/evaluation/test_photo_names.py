import pytest

from cadrage.errors import UsageError
from cadrage.evaluation.photo_names import PhotoNames

NAMES = PhotoNames(
    [
        "images/train/1.jpg",
        "images/test/1.jpg",
        "images/2.jpg",
        "images/2.png",
        "images/a.b.jpeg",
        "x/c",
        "d.jpg",
        "images/d.jpg",
    ]
)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("images/test/1.jpg", "images/test/1.jpg"),
        ("./images//test/1.jpg", "images/test/1.jpg"),
        ("/data/gaicd/images/train/1.jpg", "images/train/1.jpg"),
        (r"C:\data\images\train\1.jpg", "images/train/1.jpg"),
        ("test/1.jpg", "images/test/1.jpg"),
        ("/other/test/1", "images/test/1.jpg"),
        ("2.jpg", "images/2.jpg"),
        ("/data/d.jpg", "d.jpg"),
        ("images/d.jpg", "images/d.jpg"),
        ("elsewhere/2.png", "images/2.png"),
        ("a.b", "images/a.b.jpeg"),
        ("a.b.webp", "images/a.b.jpeg"),
        ("c", "x/c"),
        ("c.tif", "x/c"),
        ("3.jpg", None),
        ("ages/2.gif/nothing", None),
        ("/", None),
        ("", None),
    ],
)
def test_what_a_name_means(name, meant):
    assert NAMES.find(name) == meant


@pytest.mark.parametrize("name", ["1.jpg", "1", "2.gif", "images/val/1.jpg"])
def test_a_name_that_could_mean_several_photos_is_refused(name):
    with pytest.raises(UsageError, match=r"could mean 2 photos \(images/.*, images/.*\); name it as the manifest does"):
        NAMES.find(name)


def test_the_own_name_of_a_photo_is_never_in_doubt():
    names = PhotoNames(["a/b.jpg", r"a\b.jpg"])
    assert [names.find(name) for name in ("a/b.jpg", r"a\b.jpg")] == ["a/b.jpg", r"a\b.jpg"]
    with pytest.raises(UsageError, match="could mean 2 photos"):
        names.find("b.jpg")


def test_no_photos_no_meaning():
    assert PhotoNames([]).find("a.jpg") is None
