"""Training: one engine, one file per system, and the losses; ``run`` holds the doors."""
