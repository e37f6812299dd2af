"""Web pages that need nothing else: one set of templates for reports, previews, explanations and paper pages."""

from cadrage.pages.render import render

__all__ = ["render"]
