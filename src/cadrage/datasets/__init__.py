"""Readers of data sets and how they are split."""
