"""Training of the subject head: a small network on the default model's features that learns from a large one."""
