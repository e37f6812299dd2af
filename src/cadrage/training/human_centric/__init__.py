"""Training of human-centric models (Zhang et al., ECCV 2022): a score for any box on a photo with a main person."""
