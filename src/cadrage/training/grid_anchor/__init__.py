"""Training of grid-anchor models (Zeng et al., TPAMI 2020): a score for any given box."""
