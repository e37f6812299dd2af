"""Collects what explains the crops of a run for ``--explain`` and writes it once at its end."""

from typing import TYPE_CHECKING

from cadrage.cli.previews import Pictures

if TYPE_CHECKING:
    from cadrage.inference.encoded_photo import EncodedPhoto
    from cadrage.inference.results import Suggestions


class Explanations(Pictures):
    """The explanations of one run; does nothing when none are asked for."""

    option = "--explain"

    def add(self, encoded: "EncodedPhoto", suggestions: "Suggestions") -> None:
        """Keep a photo, its crops and what explains them.

        Raises:
            ModelError: the model cannot explain its crops.
        """
        if self.wanted and self.has_room():
            self.keep((encoded.photo.thumbnail(self.side_px), suggestions, encoded.explain(suggestions)))

    def write_file(self) -> None:
        """Write the explaining page, picture or contact sheet."""
        from cadrage.inference.pictures import explain_page as explain_html
        from cadrage.inference.pictures import explain_picture

        if self.is_page:
            explain_html.write_html(self.path, self.items, overwrite=self.overwrite)
        else:
            drawn = [(image, found.crops, found.caption, explained) for image, found, explained in self.items]
            explain_picture.write_png(self.path, drawn, overwrite=self.overwrite)
