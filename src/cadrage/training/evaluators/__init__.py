"""What the training of every evaluator has in common: grid-anchor, human-centric and global-attention models."""
