"""The templates: text stays text, what is not given is an error, and pages need nothing else."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from jinja2 import UndefinedError

import cadrage.pages
from cadrage.errors import one_line
from cadrage.pages import render

TEMPLATES = sorted((Path(cadrage.pages.__file__).parent / "templates").iterdir())
PAGES = [file for file in TEMPLATES if '{% extends "base.html" %}' in file.read_text()]
NASTY = "\"><script>alert(1)</script>&amp;'\n\x1b[31m\udc80"
SHOWN = "&#34;&gt;&lt;script&gt;alert(1)&lt;/script&gt;&amp;amp;&#39;\\n\\x1b[31m\\udc80"


def paper(**changes: object) -> str:
    empty = {"title": "", "summary": "", "before": {}, "tables": [], "figures": [], "after": {}, "notes": []}
    return render("paper.html", **(empty | changes))


def test_hostile_text_is_shown_as_it_is():
    for text in (paper(title=NASTY), paper(notes=[NASTY]), paper(before={NASTY: ([NASTY], [[NASTY]])})):
        assert SHOWN in text
        assert "<script" not in text and "\x1b" not in text
        assert text.encode("utf-8")


def test_hostile_text_does_not_leave_its_attribute():
    shot = {"wide": 1.5, "name": NASTY, "base_name": "", "jpeg": None, "theirs": [], "ours": [], "measured": {}}
    text = render("shot.html", shot=shot)
    assert f'title="{SHOWN}"' in text and f'aria-label="{SHOWN}: 0 crops' in " ".join(text.split())


@pytest.mark.parametrize("left_out", ["title", "summary", "before", "tables", "figures", "after", "notes"])
def test_what_is_not_given_is_an_error(left_out):
    given = {"title": "", "summary": "", "before": {}, "tables": [], "figures": [], "after": {}, "notes": []}
    with pytest.raises(UndefinedError, match=left_out):
        render("paper.html", **{name: value for name, value in given.items() if name != left_out})


def test_the_same_context_gives_the_same_page():
    assert paper(title="a", notes=["b"]) == paper(title="a", notes=["b"])


def test_other_values_than_text_are_shown_as_python_writes_them():
    assert "<li>3</li><li>(1, 2)</li><li>None</li>" in paper(notes=[3, (1, 2), None])


def test_pictures_travel_inside_the_page_with_a_name():
    figure = {"number": 1, "title": NASTY, "caption": "below", "png": b"\x89PNG"}
    assert f'<img alt="{SHOWN}" src="data:image/png;base64,iVBORw==">' in paper(figures=[figure])


@pytest.mark.parametrize("file", TEMPLATES, ids=lambda file: file.name)
def test_a_template_loads_and_runs_nothing(file):
    text = file.read_text()
    assert not re.search(r"https?:|<script|<link|<iframe|<object|\son\w+=|@import", text)
    assert all(url.startswith("{{") for url in re.findall(r"url\((.{2})", text))


@pytest.mark.parametrize("file", TEMPLATES, ids=lambda file: file.name)
def test_every_picture_has_a_name(file):
    text = file.read_text()
    assert all("alt=" in tag for tag in re.findall(r"<img .*", text))
    assert text.count('role="img"') == text.count("aria-label=")


def test_only_our_own_drawings_are_taken_as_markup():
    unescaped = [found for file in TEMPLATES for found in re.findall(r"{{ ([\w.]+) \| safe }}", file.read_text())]
    assert sorted(unescaped) == ["drawn", "icon", "metric.strip.svg"]
    everywhere = "".join(file.read_text() for file in TEMPLATES)
    assert len(re.findall(r"\| *safe|Markup|autoescape", everywhere)) == len(unescaped)


def test_every_page_says_what_it_is_and_what_it_may_load():
    text = paper(title="What it is")
    assert text.startswith("<!doctype html>\n") and text.endswith("</html>\n")
    assert '<html lang="en">' in text and "<title>What it is</title>" in text and "<h1>What it is</h1>" in text
    assert "default-src 'none'; img-src data:; style-src 'unsafe-inline'" in text
    assert text.count("</style>") == 1 and "prefers-color-scheme:dark" in text and "@media print" in text


@pytest.mark.parametrize("file", PAGES, ids=lambda file: file.name)
def test_headings_begin_below_that_of_the_page(file):
    levels = [int(level) for level in re.findall(r"<h(\d)", file.read_text())]
    assert levels[0] == 2 and 1 not in levels


def test_a_program_that_writes_no_page_does_not_load_the_template_engine():
    script = "import cadrage.pages, sys; sys.exit('jinja2' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_printable_text_stays_on_its_line():
    assert one_line("a\n\x1b[31mb\udc80é") == "a\\n\\x1b[31mb\\udc80é"


def test_escaped_text_is_no_markup():
    assert "<li>&lt;b a=&#34;1&#34;&gt;\\n&#39;</li>" in paper(notes=['<b a="1">\n\''])
