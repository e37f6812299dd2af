"""Crops and explanations drawn for people: sheets and pages."""
