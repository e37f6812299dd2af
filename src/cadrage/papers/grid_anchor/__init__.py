"""Zeng et al., "Grid Anchor based Image Cropping", TPAMI 2020: its trainings and tables."""
