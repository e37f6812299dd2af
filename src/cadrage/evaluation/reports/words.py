"""Plain tables of text, in colour only where a person looks."""

import io
import os
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TextIO

from cadrage.errors import one_line

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

WIDTH = 100
_NARROWEST = 60


@dataclass(frozen=True, slots=True)
class TextStyle:
    """Width in characters and whether the text may be coloured."""

    width: int = WIDTH
    color: bool = False

    @classmethod
    def of(cls, stream: TextIO) -> "TextStyle":
        """What suits a stream: plain text unless it is a terminal; NO_COLOR is honoured."""
        if not stream.isatty():
            return cls()
        width = max(_NARROWEST, min(WIDTH, shutil.get_terminal_size().columns))
        return cls(width, color=not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb")


PLAIN = TextStyle()


def text_table() -> "Table":
    """An empty table, its columns two spaces apart."""
    from rich.box import Box
    from rich.table import Table

    # Nothing but a line of ASCII under the headings, so that the table survives any file, pipe and encoding.
    rule = Box("    \n    \n -- \n    \n    \n    \n    \n    \n", ascii=True)
    return Table(box=rule, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")


def text(words: str, style: str = "") -> "RenderableType":
    """Words that are shown as they are, whatever a file name put into them."""
    return text_block([words], style)


def text_block(lines: Iterable[str], style: str = "") -> "RenderableType":
    """Lines of such words."""
    from rich.text import Text

    # A Text, because in a plain string brackets would be markup.
    return Text("\n".join(map(one_line, lines)), style=style)


def rendered(parts: "Sequence[RenderableType]", style: TextStyle) -> str:
    """The parts one below the other, without spaces at the ends of lines."""
    from rich.console import Console

    console = Console(
        file=io.StringIO(),
        width=style.width,
        force_terminal=style.color,
        color_system="standard" if style.color else None,
        legacy_windows=False,
        highlight=False,
        emoji=False,
        markup=False,
    )
    with console.capture() as capture:
        for part in parts:
            console.print(part)
    return "\n".join(line.rstrip() for line in capture.get().splitlines())
