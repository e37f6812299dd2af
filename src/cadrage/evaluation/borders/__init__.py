"""The border probe: how a model's score changes as a crop's border moves."""
