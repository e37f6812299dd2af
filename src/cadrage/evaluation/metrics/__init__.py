"""The metrics of the field: pure functions on arrays."""
