"""A reproduction as one web page that needs nothing else: figures and style are inside, and there are no scripts."""

import base64
from collections.abc import Mapping, Sequence

from cadrage.evaluation.reports.escape import escaped
from cadrage.evaluation.reports.style import STYLE
from cadrage.papers.figure import Figure
from cadrage.papers.tables import Table, lines

PlainTable = tuple[Sequence[str], Sequence[Sequence[str]]]
"""Heads and rows."""

_MORE_STYLE = """
.paper td,.paper th{font-size:14px;padding:6px 12px}
.paper td{text-align:right;white-space:normal;min-width:120px}
.paper thead th{white-space:normal;text-align:right}
.paper thead th:first-child{text-align:left}
.paper tbody th{min-width:230px}
.paper tr.difference th,.paper tr.difference td{color:var(--soft);border-top:0;padding-top:0}
.paper tr.difference th{text-align:right;font-weight:400}
.runs td,.runs th{font-size:14px;padding:6px 12px}
.runs thead th{white-space:normal}
figure{margin:0 0 18px;padding:14px;background:#fff;border:1px solid var(--line);border-radius:8px}
figure img{display:block;max-width:100%;height:auto;margin:0 auto}
figure figcaption{color:#41474d;max-width:90ch}
"""

_HEAD = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="generator" content="cadrage">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<header><h1>{title}</h1><p>{about}</p></header>
<main>
"""


def page(
    title: str,
    about: str,
    before: Mapping[str, PlainTable],
    tables: Sequence[Table],
    figures: Sequence[Figure],
    after: Mapping[str, PlainTable],
    notes: Sequence[str],
) -> str:
    """The page as text.

    Args:
        title, about: the paper.
        before, after: what stands before the tables of the paper and after its figures, by its heading.
        tables, figures: of the paper.
        notes: how to read the numbers.
    """
    parts = [_HEAD.format(title=escaped(title), about=escaped(about), style=STYLE + _MORE_STYLE)]
    parts += [f"<h2>{escaped(heading)}</h2>\n{_plain(*content)}" for heading, content in before.items()]
    parts += ["<h2>Tables</h2>\n", *(_table(table) for table in tables)]
    if figures:
        parts += ["<h2>Figures</h2>\n", *(_figure(figure) for figure in figures)]
    parts += [f"<h2>{escaped(heading)}</h2>\n{_plain(*content)}" for heading, content in after.items()]
    items = "".join(f"<li>{escaped(note)}</li>" for note in notes)
    return "".join([*parts, f'<ul class="notes">{items}</ul>\n', "</main>\n</body>\n</html>\n"])


def _plain(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f"<th>{escaped(text)}</th>" for text in heads)
    body = "".join("<tr>" + "".join(f"<td>{escaped(text)}</td>" for text in row) + "</tr>\n" for row in rows)
    return (
        '<div class="sheet wide"><table class="runs">'
        f"<thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody></table></div>\n"
    )


def _table(table: Table) -> str:
    head = "".join(f"<th>{escaped(column)}</th>" for column in table.columns)
    body = "".join(
        f'<tr class="{"own" if line.kind == "ours" else line.kind}"><th>{escaped(line.label)}</th>'
        + "".join(f"<td>{escaped(text)}</td>" for text in line.texts)
        + "</tr>\n"
        for line in lines(table)
    )
    return (
        f'<h3>Table {escaped(table.number)}: {escaped(table.title)}</h3>\n<p class="soft">{escaped(table.about)}</p>\n'
        f'<div class="sheet wide"><table class="paper"><thead><tr><th></th>{head}</tr></thead>\n<tbody>{body}</tbody>'
        "</table></div>\n"
    )


def _figure(figure: Figure) -> str:
    heading = f"<h3>Figure {escaped(figure.number)}: {escaped(figure.title)}</h3>\n"
    if figure.png is None:
        return f'{heading}<p class="soft">not drawn: {escaped(figure.missing)}</p>\n'
    source = base64.b64encode(figure.png).decode("ascii")
    return (
        f'{heading}<figure><img alt="{escaped(figure.title)}" src="data:image/png;base64,{source}">'
        f"<figcaption>{escaped(figure.caption)}</figcaption></figure>\n"
    )
