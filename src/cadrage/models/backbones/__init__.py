"""Backbones, each a feature pyramid at strides 8, 16 and 32."""
