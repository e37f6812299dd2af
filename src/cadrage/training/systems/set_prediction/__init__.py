"""How a set predictor learns: targets, one-to-one matching, losses and the two ways to soften them."""
