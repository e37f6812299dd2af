"""Torch modules: backbones, align operators and the models built from them."""
