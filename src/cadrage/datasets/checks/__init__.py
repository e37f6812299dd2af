"""The single checks of ``cadrage data check``: rows, box formats, photos and splits."""
