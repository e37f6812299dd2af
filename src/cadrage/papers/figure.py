"""A figure of a report: a drawing or the reason why there is none, and what it shows."""

from dataclasses import dataclass

OURS, PUBLISHED = "#0072b2", "#d55e00"


@dataclass(frozen=True, slots=True)
class Figure:
    """``png`` is None where there is nothing to draw; then ``missing`` says why."""

    number: str
    title: str
    caption: str
    png: bytes | None = None
    missing: str = ""

    @property
    def file_name(self) -> str:
        """Name of its file."""
        return f"figure-{self.number}.png"
