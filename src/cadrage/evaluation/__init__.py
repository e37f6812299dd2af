"""Metrics, confidence intervals and reports."""
