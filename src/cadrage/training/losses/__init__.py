"""Losses that several systems share or that any could use: small functions of tensors that know no recipe."""
