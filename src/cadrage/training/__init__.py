"""Targets, losses, the training module and export to ONNX."""
