"""Training of global-attention models (Yang et al., GAFIC): a score for any box, and which parts of a photo matter."""
