"""What the systems share that score any given box: grid-anchor, human-centric and global-attention models."""
