"""Models on disk: cards, the index of models, fetching with checksums, the cache, names."""
