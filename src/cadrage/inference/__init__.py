"""From a photo to its crops: ONNX sessions, models by name, rules, selection and results. Never imports torch."""
