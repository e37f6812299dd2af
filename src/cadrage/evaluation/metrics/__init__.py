"""One metric per file, pure functions on arrays."""
