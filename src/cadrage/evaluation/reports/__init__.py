"""Results of evaluations as text and pages."""
