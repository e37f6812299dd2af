"""Fills the templates; producers hand over plain data and hold no HTML."""

import base64
from functools import cache
from typing import TYPE_CHECKING

from cadrage.errors import one_line

if TYPE_CHECKING:
    from jinja2 import Environment


def render(template: str, **context: object) -> str:
    """A page of ``templates/``, the same for the same context: no value is markup, and everything used must be given.

    Raises:
        jinja2.UndefinedError: the template uses what ``context`` does not hold.
    """
    return _environment().get_template(template).render(context)


@cache
def _environment() -> "Environment":
    # Most commands write no page and need not wait for the package.
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("cadrage.pages"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["data_uri"] = _data_uri
    return environment


def _shown(value: object) -> object:
    """What stands in the page: file names must neither break a line nor make text that cannot be encoded."""
    return value if hasattr(value, "__html__") else one_line(str(value))


def _data_uri(content: bytes, kind: str) -> str:
    """A picture as text inside the page."""
    return f"data:image/{kind};base64,{base64.b64encode(content).decode('ascii')}"
